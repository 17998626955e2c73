import re
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.i18n import speaking
from shop.owner.actions import end_session, invite_owner, start_session, write_audit
from shop.owner.deeds import DEEDS, deed
from shop.owner.devices import device_words
from shop.owner.models import AuditEntry, Owner, OwnerSession, Step
from tests.owner.keys import PASSWORD, Keys, come_in, recovery_codes_in, secret_in
from tests.support import NOON, FixedClock

NewBrowser = Callable[[Config], httpx2.Client]
Invite = Callable[..., str]
NEW = "fyra unga björkar"


@pytest.fixture
def browser(production: Config, new_browser: NewBrowser) -> httpx2.Client:
    return new_browser(production)


@pytest.fixture
def keys(browser: httpx2.Client, invite: Invite, clock: FixedClock) -> Keys:
    """Return the keys of the owner, who is in by *browser*."""
    return come_in(browser, invite(), clock)


def test_changing_the_password_asks_for_the_present_one(
    keys: Keys, browser: httpx2.Client, production: Config, new_browser: NewBrowser
) -> None:
    for current in ("", "wrong", NEW, "x" * 300):
        form = {"current": current, "password": NEW}
        answer = browser.post("/admin/security/password", data=form)
        assert answer.status_code == 422
        assert NEW not in answer.text
    weak = {"current": PASSWORD, "password": "short"}
    assert browser.post("/admin/security/password", data=weak).status_code == 422
    other = new_browser(production)
    assert keys.sign_in(other).status_code == 303

    answer = browser.post("/admin/security/password", data={"current": PASSWORD, "password": NEW})

    assert answer.headers["location"] == "/admin/security?note=password-set"
    assert browser.get("/admin").status_code == 200
    assert other.get("/admin").headers["location"] == "/admin/sign-in"
    keys.clock.advance(seconds=30)
    assert keys.sign_in(other).status_code == 422
    assert keys.sign_in(other, password=NEW).status_code == 303


def test_guessing_the_password_from_inside_is_stopped_too(
    keys: Keys, browser: httpx2.Client, sessions: Sessions
) -> None:
    for _ in range(10):
        browser.post("/admin/security/password", data={"current": "wrong", "password": NEW})
    answer = browser.post("/admin/security/password", data={"current": PASSWORD, "password": NEW})
    assert answer.status_code == 422
    assert "12:16" in answer.text  # when to try again
    keys.clock.advance(minutes=15)
    form = {"current": PASSWORD, "password": NEW}
    assert browser.post("/admin/security/password", data=form).status_code == 303


def test_a_new_app_counts_once_it_has_shown_its_code(
    keys: Keys, browser: httpx2.Client, production: Config, new_browser: NewBrowser
) -> None:
    assert browser.post("/admin/security/totp/new", data={"current": "wrong"}).status_code == 422
    assert "<svg" not in browser.get("/admin/security/totp").text.partition("<main")[2]
    started = browser.post("/admin/security/totp/new", data={"current": PASSWORD})
    assert started.headers["location"] == "/admin/security/totp"
    new = Keys(secret_in(browser.get("/admin/security/totp")), [], keys.clock)
    assert keys.sign_in(new_browser(production)).status_code == 303  # the old one still counts
    assert browser.post("/admin/security/totp", data={"code": keys.code()}).status_code == 422
    shown = browser.post("/admin/security/totp", data={"code": new.code()})
    assert len(recovery_codes_in(shown)) == 10
    keys.clock.advance(seconds=60)
    assert keys.sign_in(new_browser(production)).status_code == 422
    spent = keys.sign_in(new_browser(production), code="", recovery_code=keys.recovery_codes[0])
    assert spent.status_code == 422
    assert new.sign_in(new_browser(production)).status_code == 303
    again = browser.post("/admin/security/totp", data={"code": new.code()})
    assert again.headers["location"] == "/admin/security/totp"  # nothing is on offer any more


def test_new_recovery_codes_replace_the_old(
    keys: Keys, browser: httpx2.Client, production: Config, new_browser: NewBrowser
) -> None:
    assert browser.post("/admin/security/codes", data={"current": "wrong"}).status_code == 422
    made = recovery_codes_in(browser.post("/admin/security/codes", data={"current": PASSWORD}))
    assert len(set(made)) == 10
    old = keys.sign_in(new_browser(production), code="", recovery_code=keys.recovery_codes[0])
    new = keys.sign_in(new_browser(production), code="", recovery_code=made[0])
    assert (old.status_code, new.status_code) == (422, 303)
    assert recovery_codes_in(browser.get("/admin/security/codes")) == []


def test_in_the_demo_an_app_comes_after_a_password(
    shop: Config, new_browser: NewBrowser, invite: Invite
) -> None:
    browser = new_browser(shop)
    browser.post(invite())
    assert browser.get("/admin/security").status_code == 200
    first = "/admin/security/password"
    assert browser.get("/admin/security/totp").headers["location"] == first
    assert browser.post("/admin/security/totp/new").headers["location"] == first
    assert browser.post("/admin/security/codes").headers["location"] == "/admin/security/totp"
    assert browser.post(first, data={"password": NEW}).status_code == 303
    assert browser.get("/admin/security/totp").status_code == 200


# --- devices --------------------------------------------------------------------------------------


def test_one_device_or_every_other_can_be_signed_out(
    keys: Keys, browser: httpx2.Client, production: Config, new_browser: NewBrowser
) -> None:
    others = [new_browser(production) for _ in range(3)]
    for other in others:
        keys.sign_in(other)
        keys.clock.advance(seconds=30)
    page = browser.get("/admin/security")
    ids = re.findall(r'name="session" value="(\d+)"', page.text)
    assert len(ids) == 3  # the present device has another button
    assert page.text.count("Safari") == 4

    browser.post("/admin/security/devices/end", data={"session": ids[0]})
    inside = [other.get("/admin").status_code == 200 for other in others]
    assert inside == [True, True, False]  # the latest seen is the first of the list
    browser.post("/admin/security/devices/end-others")
    assert [other.get("/admin").status_code for other in others] == [303] * 3
    assert browser.get("/admin").status_code == 200


@pytest.mark.parametrize("session", ["", "0", "-1", "1 OR 1=1", "9" * 40, "1.0", "\x00"])
def test_a_device_that_is_none_is_not_found(
    keys: Keys, browser: httpx2.Client, session: str
) -> None:
    answer = browser.post("/admin/security/devices/end", data={"session": session})
    assert answer.status_code == 404


def test_nobody_ends_the_session_of_another_owner(sessions: Sessions) -> None:
    with sessions.begin() as db:
        for email in ("a@example.se", "b@example.se"):
            invite_owner(db, email, now=NOON)
        a, b = db.scalars(select(Owner).order_by(Owner.id))
        start_session(db, a.id, step=Step.FULL, user_agent="", now=NOON)
        start_session(db, b.id, step=Step.FULL, user_agent="", now=NOON)
        db.flush()  # the sessions' ids are asked for
        of_b = db.scalars(select(OwnerSession.id).where(OwnerSession.owner_id == b.id)).one()
        assert not end_session(db, a, of_b, now=NOON)
        assert end_session(db, b, of_b, now=NOON)
        assert not end_session(db, b, of_b, now=NOON)


APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAMSUNG = f"{WEBKIT} SamsungBrowser/26.0 Chrome/122.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {APPLE} CriOS/1 Safari/6",
            "Chrome on iPhone",
        ),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/1 Safari/5 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/131.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-S911B) {SAMSUNG}", "Samsung Internet on Android"),
        ("curl/8.5", "Unknown device"),
        ("", "Unknown device"),
        ("<script>Safari</script>", "Safari"),
    ],
    ids=["chrome", "edge", "firefox", "samsung", "curl", "nothing", "script"],
)
def test_a_device_in_plain_words(user_agent: str, words: str) -> None:
    with speaking("en"):
        assert device_words(user_agent) == words


# --- the audit trail ------------------------------------------------------------------------------


def test_what_was_done_is_told_in_words(
    keys: Keys, browser: httpx2.Client, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        write_audit(db, "agare@example.se", "something-new", "<b>Räven</b>", NOON)
        actions = set(db.scalars(select(AuditEntry.action)))
    page = browser.get("/admin/security/history").text
    assert actions == {
        *("invited", "signed-in-by-link", "password-set", "totp-set", "recovery-codes-made"),
        "something-new",
    }
    with speaking("sv"):
        for action in actions:
            assert deed(action) in page
    assert "&lt;b&gt;Räven&lt;/b&gt;" in page
    assert set(DEEDS) >= actions - {"something-new"}


def test_the_trail_shows_the_last_hundred(
    keys: Keys, browser: httpx2.Client, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        for n in range(150):
            write_audit(db, "shop", f"thing-{n:03}", "", NOON + timedelta(minutes=n))
    page = browser.get("/admin/security/history").text
    assert re.findall(r"thing-(\d+)", page) == [f"{n:03}" for n in range(149, 49, -1)]
