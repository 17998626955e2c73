from collections.abc import Callable

import httpx2
import pytest
from sqlalchemy import select

from shop.app import routes
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.routing import OWNER
from shop.owner.models import Owner, OwnerSession, RecoveryCode
from shop.owner.passwords import password_matches
from tests.owner.keys import PASSWORD, Keys, come_in, recovery_codes_in, secret_in
from tests.support import FixedClock

NewBrowser = Callable[[Config], httpx2.Client]
Invite = Callable[..., str]


@pytest.fixture
def browser(production: Config, new_browser: NewBrowser) -> httpx2.Client:
    return new_browser(production)


def test_the_link_leads_through_password_app_and_codes(
    browser: httpx2.Client, invite: Invite, clock: FixedClock, sessions: Sessions
) -> None:
    browser.post(invite())
    half_in = browser.cookies["owner"]
    assert 'autocomplete="new-password"' in browser.get("/admin/welcome").text
    browser.post("/admin/welcome/password", data={"password": PASSWORD})
    page = browser.get("/admin/welcome")
    keys = Keys(secret_in(page), [], clock)
    assert '<svg viewBox="0 0 ' in page.text
    assert "style=" not in page.text
    assert " ".join(keys.secret[i : i + 4] for i in range(0, 32, 4)) in page.text
    assert keys.secret == secret_in(browser.get("/admin/welcome"))  # looking changes nothing
    codes = recovery_codes_in(browser.post("/admin/welcome/totp", data={"code": keys.code()}))
    assert len(set(codes)) == 10
    assert recovery_codes_in(browser.get("/admin/welcome")) == []  # shown once
    assert browser.get("/admin").headers["location"] == "/admin/welcome"
    assert browser.post("/admin/welcome/done").headers["location"] == "/admin?note=ready"
    assert browser.get("/admin").status_code == 200
    assert browser.get("/admin/welcome").headers["location"] == "/admin"
    assert browser.cookies["owner"] != half_in
    with sessions.begin() as db:
        owner = db.scalars(select(Owner)).one()
        assert owner.password_hash is not None
        assert owner.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert owner.totp_secret == keys.secret
        ended = [row.ended_at is not None for row in db.scalars(select(OwnerSession))]
        assert ended == [True, False]
    browser.cookies.clear()
    browser.cookies.set("owner", half_in)
    assert browser.get("/admin").headers["location"] == "/admin/sign-in"


def test_no_step_can_be_skipped(
    browser: httpx2.Client, invite: Invite, clock: FixedClock, sessions: Sessions
) -> None:
    paths = {r.path.replace("{number}", "1") for r in routes() if r.access is OWNER}
    assert len(paths) > 20
    later = ["/admin/welcome/totp", "/admin/welcome/codes", "/admin/welcome/done"]

    def nothing_opens(path: str) -> None:
        answer = browser.post(path, data={"code": "123456"})
        assert (answer.status_code, answer.headers.get("location")) == (303, "/admin/welcome")
        for method, owners in [(m, p) for p in paths for m in ("GET", "POST")]:
            answer = browser.request(method, owners)
            assert answer.headers.get("location") == "/admin/welcome" or answer.status_code in (
                404,
                405,
            ), (method, owners)

    browser.post(invite())
    for path in later:
        nothing_opens(path)
    browser.post("/admin/welcome/password", data={"password": PASSWORD})
    for path in later[1:]:
        nothing_opens(path)
    keys = Keys(secret_in(browser.get("/admin/welcome")), [], clock)
    # the password's step cannot be taken twice
    browser.post("/admin/welcome/password", data={"password": "another long password"})
    browser.post("/admin/welcome/totp", data={"code": keys.code()})
    with sessions.begin() as db:
        kept = db.scalars(select(Owner.password_hash)).one()
    assert password_matches(kept, PASSWORD)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "elva tecken",
        "x" * 201,
        "password1234",
        "Password!2345",
        "lösenord2026!",
        "123456789012",
        "aaaaaaaaaaaaaa",
        "abababababab",
        "qwertyuiop12",
        "Provbutiken1",
        "PROVBUTIKEN 2026",
        "agare1234567",
    ],
)
def test_a_password_that_is_guessed_first_is_refused(
    browser: httpx2.Client, invite: Invite, sessions: Sessions, password: str
) -> None:
    browser.post(invite())
    answer = browser.post("/admin/welcome/password", data={"password": password})
    assert answer.status_code == 422
    assert 'class="error"' in answer.text
    assert not password or password not in answer.text
    with sessions.begin() as db:
        assert db.scalars(select(Owner.password_hash)).one() is None


@pytest.mark.parametrize(
    "password",
    [
        "tolv tecken!",
        "xyz ä" * 40,
        "åäö åäö åäö 1",
        "🦊🦉🐇🦔🦊🦉🐇🦔🦊🦉🐇🦔",
        "a\tb\x00c d e f g h",
    ],
    ids=["twelve", "two hundred", "letters beyond a to z", "pictures", "control characters"],
)
def test_any_long_password_will_do(
    browser: httpx2.Client, invite: Invite, sessions: Sessions, password: str
) -> None:
    browser.post(invite())
    answer = browser.post("/admin/welcome/password", data={"password": password})
    assert answer.status_code == 303, answer.text
    with sessions.begin() as db:
        kept = db.scalars(select(Owner.password_hash)).one()
    assert password_matches(kept, password)
    assert not password_matches(kept, password + "x")


@pytest.mark.parametrize("code", ["", "000000", "12345", "1234567", "abcdef", "\x00", "1" * 5000])
def test_the_app_must_show_its_code_first(
    browser: httpx2.Client, invite: Invite, sessions: Sessions, code: str
) -> None:
    browser.post(invite())
    browser.post("/admin/welcome/password", data={"password": PASSWORD})
    secret = secret_in(browser.get("/admin/welcome"))
    answer = browser.post("/admin/welcome/totp", data={"code": code})
    assert answer.status_code == 422
    assert secret_in(answer) == secret  # what was scanned still holds
    with sessions.begin() as db:
        assert db.scalars(select(Owner.totp_secret)).one() is None
        assert db.scalars(select(RecoveryCode)).all() == []


def test_codes_that_were_not_kept_are_made_anew(
    browser: httpx2.Client, invite: Invite, clock: FixedClock, sessions: Sessions
) -> None:
    browser.post(invite())
    browser.post("/admin/welcome/password", data={"password": PASSWORD})
    keys = Keys(secret_in(browser.get("/admin/welcome")), [], clock)
    lost = recovery_codes_in(browser.post("/admin/welcome/totp", data={"code": keys.code()}))
    kept = recovery_codes_in(browser.post("/admin/welcome/codes"))
    assert len(kept) == 10
    assert not set(kept) & set(lost)
    with sessions.begin() as db:
        assert len(db.scalars(select(RecoveryCode)).all()) == 10


def test_a_new_link_is_the_way_back_in(
    production: Config, new_browser: NewBrowser, invite: Invite, clock: FixedClock
) -> None:
    """Phone and password are gone; whoever has them finds the door closed afterwards."""
    lost, found = new_browser(production), new_browser(production)
    old = come_in(lost, invite(), clock)
    new = come_in(found, invite(), clock)
    assert new.secret != old.secret
    assert lost.get("/admin").status_code == 303
    assert old.sign_in(new_browser(production)).status_code == 422
    stale = old.sign_in(new_browser(production), code="", recovery_code=old.recovery_codes[0])
    assert stale.status_code == 422
    assert new.sign_in(new_browser(production)).status_code == 303
