import threading
import time
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import fingerprint
from shop.owner.actions import invite_owner, use_link
from shop.owner.errors import LinkExpired, LinkUnknown, LinkUsed, NotAnAddress
from shop.owner.models import AuditEntry, Owner, OwnerSession, SignInLink, Step
from shop.preferences.actions import set_preferences
from tests.support import NOON, FixedClock, on_both_databases

Invite = Callable[..., str]
NewBrowser = Callable[[Config], httpx2.Client]


def test_looking_at_the_link_changes_nothing(
    shop: Config, sessions: Sessions, new_browser: NewBrowser, invite: Invite
) -> None:
    browser, link = new_browser(shop), invite()
    for _ in range(3):
        shown = browser.get(link)
        assert shown.status_code == 200
        assert shown.text.count("<button") == 1
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert shown.headers["cache-control"] == "no-store"
        assert "set-cookie" not in shown.headers
    assert browser.head(link).status_code == 200
    with sessions.begin() as db:
        assert db.scalar(select(SignInLink.used_at)) is None
        assert db.scalar(select(OwnerSession)) is None


def test_in_the_demo_the_button_signs_in(
    shop: Config, new_browser: NewBrowser, invite: Invite
) -> None:
    browser = new_browser(shop)
    answer = browser.post(invite())
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    assert browser.get("/admin").status_code == 200


@pytest.mark.parametrize(
    ("spoil", "status", "sentence"),
    [
        ("used", 410, "This link has been used"),
        ("expired", 410, "This link is too old"),
        ("superseded", 410, "This link is too old"),
        ("unknown", 404, "This link does not work"),
    ],
)
def test_a_link_that_does_not_work_says_why_and_what_to_do(  # noqa: PLR0917 - fixtures
    shop: Config,
    sessions: Sessions,
    new_browser: NewBrowser,
    invite: Invite,
    clock: FixedClock,
    spoil: str,
    status: int,
    sentence: str,
) -> None:
    _speak_english(sessions, shop)
    browser, link = new_browser(shop), invite()
    if spoil == "used":
        new_browser(shop).post(link)
    elif spoil == "expired":
        clock.advance(hours=1)
    elif spoil == "superseded":
        invite()
    else:
        link = link[:-1] + ("a" if link[-1] != "a" else "b")
    for answer in (browser.get(link), browser.post(link)):
        assert answer.status_code == status
        assert f"<h1>{sentence}</h1>" in answer.text
        assert "shop invite-owner" in answer.text
        assert "set-cookie" not in answer.headers
    assert browser.get("/admin").status_code == 303


def _speak_english(sessions: Sessions, shop: Config) -> None:
    """The sentences are compared in the language that they are written in."""
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
    for _ in range(40):
        if 'lang="en"' in httpx2.get(f"{shop.base_url}/admin/sign-in").text:
            return
        time.sleep(0.1)
    raise AssertionError("the shop does not notice the owner's language")


def test_who_is_in_already_need_not_care_about_an_old_link(
    shop: Config, new_browser: NewBrowser, invite: Invite
) -> None:
    browser, link = new_browser(shop), invite()
    browser.post(link)
    for answer in (browser.get(link), browser.post(link)):
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
        assert "set-cookie" not in answer.headers


def test_a_link_lives_as_long_as_it_is_told(sessions: Sessions) -> None:
    with sessions.begin() as db:
        invite_owner(db, "a@example.se", now=NOON)
        invite_owner(db, "b@example.se", now=NOON, valid_for=timedelta(hours=24))
        expiries = db.scalars(select(SignInLink.expires_at).order_by(SignInLink.owner_id)).all()
    assert expiries == [NOON + timedelta(hours=1), NOON + timedelta(hours=24)]


def test_an_owner_is_made_once_however_the_address_is_written(sessions: Sessions) -> None:
    with sessions.begin() as db:
        first = invite_owner(db, "Agare@Example.se", now=NOON)
        second = invite_owner(db, " agare@example.SE ", now=NOON)
        assert db.scalars(select(Owner.email)).all() == ["agare@example.se"]
        kept = set(db.scalars(select(SignInLink.fingerprint)))
    assert kept == {fingerprint(first), fingerprint(second)}  # and never the tokens themselves
    assert len(first) == 26


@pytest.mark.parametrize("email", ["", "agare", "@", "  "])
def test_an_owner_needs_an_address(sessions: Sessions, email: str) -> None:
    with pytest.raises(NotAnAddress), sessions.begin() as db:
        invite_owner(db, email, now=NOON)


@on_both_databases
def test_of_two_who_press_at_once_one_comes_in(sessions: Sessions) -> None:
    with sessions.begin() as db:
        token = invite_owner(db, "agare@example.se", now=NOON)
    ready, outcomes = threading.Barrier(8), []

    def press() -> None:
        ready.wait()
        try:
            with sessions.begin() as db:
                use_link(db, token, step=Step.FULL, user_agent="", now=NOON)
        except LinkUsed:
            outcomes.append("used")
        else:
            outcomes.append("in")

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in"] + ["used"] * 7
    with sessions.begin() as db:
        assert len(db.scalars(select(OwnerSession)).all()) == 1


def test_a_refused_link_leaves_no_trace(sessions: Sessions) -> None:
    with sessions.begin() as db:
        token = invite_owner(db, "agare@example.se", now=NOON)
    with pytest.raises(LinkExpired), sessions.begin() as db:
        use_link(db, token, step=Step.FULL, user_agent="", now=NOON + timedelta(hours=1))
    with pytest.raises(LinkUnknown), sessions.begin() as db:
        use_link(db, token + "x", step=Step.FULL, user_agent="", now=NOON)
    with sessions.begin() as db:
        assert db.scalars(select(OwnerSession)).all() == []
        assert db.scalars(select(AuditEntry.action)).all() == ["invited"]


def test_a_session_that_was_there_before_is_not_the_new_one(
    shop: Config, new_browser: NewBrowser, invite: Invite
) -> None:
    browser = new_browser(shop)
    browser.cookies.set("owner", "planted-by-somebody-else-00")
    browser.post(invite())
    assert browser.get("/admin").status_code == 200
    thief = new_browser(shop)
    thief.cookies.set("owner", "planted-by-somebody-else-00")
    assert thief.get("/admin").status_code == 303
