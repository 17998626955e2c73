import threading
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Literal

import httpx2
import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from shop.config import Config
from shop.kit.db import Base, Sessions
from shop.owner import passwords
from shop.owner.actions import Proof, sign_in, take_attempt
from shop.owner.errors import TooManyAttempts, WrongSignIn
from shop.owner.models import AuditEntry, Owner, OwnerSession, SignInAttempt
from shop.owner.totp import new_secret
from tests.owner.keys import EMAIL, PASSWORD, Keys, come_in
from tests.support import NOON, FixedClock, on_both_databases

NewBrowser = Callable[[Config], httpx2.Client]


@pytest.fixture
def keys(
    production: Config, new_browser: NewBrowser, invite: Callable[[], str], clock: FixedClock
) -> Keys:
    """Return the keys of an owner who has come in once, in a browser of their own."""
    return come_in(new_browser(production), invite(), clock)


@pytest.fixture
def browser(production: Config, new_browser: NewBrowser) -> httpx2.Client:
    """Return a browser that the owner has never used."""
    return new_browser(production)


def test_password_and_code_sign_in(keys: Keys, browser: httpx2.Client) -> None:
    answer = keys.sign_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    assert browser.get("/admin").status_code == 200


def test_the_page_that_was_wanted_follows(keys: Keys, browser: httpx2.Client) -> None:
    form = {"email": EMAIL, "password": PASSWORD, "code": keys.code()}
    answer = browser.post("/admin/sign-in?next=/admin/security", data=form)
    assert answer.headers["location"] == "/admin/security"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody@example.se"),
        ("email", ""),
        ("email", "a\x00gare@example.se"),
        ("password", "tre gamla aska"),
        ("password", ""),
        ("password", "x" * 50_000),
        ("password", f"{PASSWORD}\x00"),
        ("password", f" {PASSWORD}"),
        ("code", ""),
        ("code", "000000"),
        ("code", "12345"),
        ("code", "١٢٣٤٥٦"),
        ("code", "9" * 20_000),
        ("recovery_code", "aaaaa-aaaaa"),
        ("recovery_code", "-"),
    ],
    ids=[str(n) for n in range(15)],
)
def test_a_wrong_key_opens_nothing_and_is_not_repeated(
    keys: Keys, browser: httpx2.Client, field: str, value: str
) -> None:
    answer = keys.sign_in(browser, **{field: value})
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    for secret in (PASSWORD, "tre gamla aska", "x" * 100, keys.code(), "aaaaa-aaaaa"):
        assert secret not in answer.text
    assert browser.get("/admin").status_code == 303


def test_nobody_learns_which_key_was_wrong(keys: Keys, browser: httpx2.Client) -> None:
    address = keys.sign_in(browser, email="xgare@example.se")
    password = keys.sign_in(browser, password="tre gamla aska")
    code = keys.sign_in(browser, code="000000")
    assert _without_ids(address).replace("xgare", "agare") == _without_ids(password)
    assert _without_ids(code) == _without_ids(password)
    assert [*address.headers] == [*password.headers] == [*code.headers]


def _without_ids(answer: httpx2.Response) -> str:
    return answer.text.replace(answer.headers["x-request-id"], "")


class CountingHasher(PasswordHasher):
    compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        CountingHasher.compared += 1
        return super().verify(hash, password)


def test_an_unknown_address_takes_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", CountingHasher(2, 19 * 1024, 1))
    kept = passwords.hash_password(PASSWORD)
    passwords.password_matches(None, "the hash of nobody is made once")
    CountingHasher.compared = 0
    times: dict[str | None, list[float]] = {kept: [], None: []}
    for _ in range(7):
        for of_whom in (kept, None):
            began = perf_counter()
            assert not passwords.password_matches(of_whom, "not the password")
            times[of_whom].append(perf_counter() - began)
    assert CountingHasher.compared == 14
    assert 0.1 < median(times[kept]) / median(times[None]) < 10
    nobodys = "the password of nobody, so that an unknown address takes as long"
    assert not passwords.password_matches(None, nobodys)


def test_a_code_counts_once(keys: Keys, production: Config, new_browser: NewBrowser) -> None:
    code = keys.code()
    assert keys.sign_in(new_browser(production), code=code).status_code == 303
    for _ in range(5):
        assert keys.sign_in(new_browser(production), code=code).status_code == 422
    keys.clock.advance(seconds=30)
    assert keys.sign_in(new_browser(production)).status_code == 303


@pytest.mark.parametrize(
    ("seconds", "status"), [(-60, 422), (-30, 303), (0, 303), (30, 303), (60, 422)]
)
def test_a_clock_may_be_half_a_minute_off(
    keys: Keys, browser: httpx2.Client, seconds: int, status: int
) -> None:
    keys.clock.advance(seconds=90)
    assert keys.sign_in(browser, code=keys.code(seconds)).status_code == status


def test_an_older_code_no_longer_counts_after_a_newer_one(
    keys: Keys, browser: httpx2.Client
) -> None:
    keys.clock.advance(seconds=90)
    assert keys.sign_in(browser, code=keys.code(30)).status_code == 303
    assert keys.sign_in(browser, code=keys.code(0)).status_code == 422


def test_a_code_may_be_typed_in_two_groups(keys: Keys, browser: httpx2.Client) -> None:
    code = keys.code()
    assert keys.sign_in(browser, code=f" {code[:3]} {code[3:]} ").status_code == 303


def test_each_recovery_code_signs_in_once(keys: Keys, browser: httpx2.Client) -> None:
    first, second = keys.recovery_codes[:2]
    assert keys.sign_in(browser, code="", recovery_code=first).status_code == 303
    assert keys.sign_in(browser, code="", recovery_code=first).status_code == 422
    as_written = second.replace("-", " ").upper()
    assert keys.sign_in(browser, code="", recovery_code=as_written).status_code == 303
    assert (
        keys.sign_in(browser, recovery_code=keys.recovery_codes[2], password="x").status_code == 422
    )
    assert keys.sign_in(browser, code="", recovery_code=keys.recovery_codes[2]).status_code == 303


@on_both_databases
def test_of_many_at_once_with_one_code_one_comes_in(sessions: Sessions) -> None:
    keys = Keys(new_secret(), [], FixedClock(NOON))
    with sessions.begin() as db:
        db.add(Owner(email=EMAIL, password_hash="kept", totp_secret=keys.secret, created_at=NOON))
    proof = Proof("kept", None, keys.code(), "")
    ready, outcomes = threading.Barrier(8), []

    def knock() -> None:
        ready.wait()
        try:
            with sessions.begin() as db:
                sign_in(db, 1, proof, code_needed=True, user_agent="", now=NOON)
        except WrongSignIn:
            outcomes.append("refused")
        else:
            outcomes.append("in")

    threads = [threading.Thread(target=knock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in"] + ["refused"] * 7


def test_a_password_changed_meanwhile_does_not_sign_in(sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.add(Owner(email=EMAIL, password_hash="new", created_at=NOON))
    proof = Proof("old", None, "", "")
    with pytest.raises(WrongSignIn), sessions.begin() as db:
        sign_in(db, 1, proof, code_needed=False, user_agent="", now=NOON)


def test_outside_the_demo_a_password_alone_does_not_sign_in(
    production: Config, browser: httpx2.Client, invite: Callable[[], str]
) -> None:
    browser.post(invite())
    browser.post("/admin/welcome/password", data={"password": PASSWORD})  # and no further
    with httpx2.Client(base_url=production.base_url) as other:
        answer = other.post("/admin/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 422


def test_in_the_demo_a_password_alone_signs_in(
    shop: Config, new_browser: NewBrowser, invite: Callable[[], str]
) -> None:
    browser = new_browser(shop)
    browser.post(invite())
    browser.post("/admin/security/password", data={"password": PASSWORD})
    answer = new_browser(shop).post(
        "/admin/sign-in", data={"email": EMAIL.upper(), "password": PASSWORD}
    )
    assert answer.status_code == 303


def test_a_hash_of_weaker_parameters_is_renewed(
    shop: Config, sessions: Sessions, new_browser: NewBrowser
) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with sessions.begin() as db:
        db.add(Owner(email=EMAIL, password_hash=weaker, created_at=NOON))
    form = {"email": EMAIL, "password": PASSWORD}
    assert new_browser(shop).post("/admin/sign-in", data=form).status_code == 303
    with sessions.begin() as db:
        kept = db.scalar(select(Owner.password_hash))
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert new_browser(shop).post("/admin/sign-in", data=form).status_code == 303


# --- too many tries -------------------------------------------------------------------------------


def test_after_ten_wrong_tries_the_door_waits(
    keys: Keys, browser: httpx2.Client, sessions: Sessions, clock: FixedClock
) -> None:
    began = clock()
    for _ in range(10):
        assert keys.sign_in(browser, password="wrong").status_code == 422
        clock.advance(seconds=10)
    refused = keys.sign_in(browser)  # even with the right keys
    assert refused.status_code == 429
    wait = 15 * 60 - int((clock() - began).total_seconds())
    assert refused.headers["retry-after"] == str(wait)
    assert "13:16" not in refused.text  # UTC is nobody's clock …
    assert "12:16" in refused.text  # … in Hallstavik
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(SignInAttempt)) == 10
    clock.advance(seconds=wait)
    assert keys.sign_in(browser).status_code == 303


def test_coming_in_forgives_what_went_wrong_before(keys: Keys, browser: httpx2.Client) -> None:
    for _ in range(9):
        keys.sign_in(browser, password="wrong")
    assert keys.sign_in(browser).status_code == 303
    keys.clock.advance(seconds=30)
    browser.cookies.clear()
    for _ in range(9):
        assert keys.sign_in(browser, password="wrong").status_code == 422


def test_strangers_cannot_lock_the_owner_out(
    production: Config,
    new_browser: NewBrowser,
    invite: Callable[[], str],
    clock: FixedClock,
) -> None:
    own = new_browser(production)
    keys = come_in(own, invite(), clock)
    stranger = new_browser(production)
    for _ in range(10):
        keys.sign_in(stranger, password="wrong")
    assert keys.sign_in(stranger).status_code == 429
    assert own.get("/admin").status_code == 200  # who is in stays in
    own.post("/admin/sign-out")
    assert keys.sign_in(own).status_code == 303  # a device that has been in comes in again


def test_a_made_up_device_is_a_stranger(keys: Keys, browser: httpx2.Client) -> None:
    statuses = []
    for n in range(12):
        browser.cookies.set("owner-device", f"{'a' * 25}{n}.{'b' * 26}")
        statuses.append(keys.sign_in(browser, password="wrong").status_code)
        browser.cookies.clear()
    assert statuses == [422] * 10 + [429] * 2


@on_both_databases
def test_a_hundred_addresses_get_twenty_tries_between_them(sessions: Sessions) -> None:
    taken = 0
    for n in range(100):
        try:
            with sessions.begin() as db:
                take_attempt(db, f"198.51.100.{n}", known_device=False, now=NOON)
        except TooManyAttempts:
            continue
        taken += 1
    assert taken == 20
    with sessions.begin() as db:
        take_attempt(db, "device a", known_device=True, now=NOON)


def test_old_tries_are_forgotten(sessions: Sessions) -> None:
    clock = FixedClock(NOON)
    for _ in range(30):
        with sessions.begin() as db:
            take_attempt(db, "198.51.100.1", known_device=False, now=clock())
        clock.advance(hours=1)
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(SignInAttempt)) == 25


# --- what is kept ---------------------------------------------------------------------------------


def test_nothing_that_opens_the_door_can_be_read_from_the_database(
    keys: Keys, browser: httpx2.Client, sessions: Sessions
) -> None:
    keys.sign_in(browser)
    token = browser.cookies["owner"]
    with sessions.begin() as db:
        rows = [row for table in Base.metadata.sorted_tables for row in db.execute(select(table))]
        deeds = db.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc())).first()
        last = db.scalars(select(OwnerSession).order_by(OwnerSession.id.desc())).first()
    assert deeds == "signed-in"
    assert last is not None
    dump = repr(rows)
    assert EMAIL in dump
    assert len(token) == 26  # 128 bits and 2
    for secret in (token, PASSWORD, *keys.recovery_codes):
        assert secret not in dump
        assert secret.replace("-", "") not in dump
