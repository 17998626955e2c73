"""`shop reconcile`: what it says it did, and by which code a script learns that work is left."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shop import cli
from shop.kit.db import Sessions
from shop.payments.findings import note_finding
from shop.payments.models import PaymentAttempt
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.conftest import STRIPE_KEY
from tests.payments.test_disputes import charge_of
from tests.payments.tools import opened, read
from tests.support import NOON, Shelf

NOTHING = {
    "changed carts": "0 done, 0 failed",
    "half done": "0 done, 0 failed",
    "refunds sent": "0 done, 0 failed",
    "events": "0 done, 0 failed",
    "sessions": "0 done, 0 failed",
    "refunds": "0 done, 0 failed",
    "disputes": "0 done, 0 failed",
    "balance": "0 done, 0 failed",
}


@pytest.fixture
def run(
    db_url: str, tmp_path: Path, stand_in: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Result]:
    environ = {
        "SHOP_ENV": "production",
        "SHOP_DATA": str(tmp_path),
        "SHOP_DATABASE_URL": db_url,
        "SHOP_BASE_URL": "https://shop.example",
        "SHOP_SECRET_KEY": "a-secret-key-of-the-tests-that-is-long-enough",
        "SHOP_STRIPE_SECRET_KEY": STRIPE_KEY,
        "SHOP_STRIPE_WEBHOOK_SECRET": "whsec_of_the_tests",
        "SHOP_STRIPE_API_BASE": stand_in.url,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return lambda: CliRunner().invoke(cli.app, ["reconcile"])


def lines(done: dict[str, str]) -> str:
    return "".join(f"{name:14} {what}\n" for name, what in done.items())


@pytest.mark.usefixtures("sessions")
def test_nothing_to_do(run: Callable[[], Result]) -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (0, lines(NOTHING))


def test_what_was_done_is_counted_and_a_script_goes_on(
    run: Callable[[], Result],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    stand_in.control("settlement", after=0)
    attempt = opened(sessions, till, shelf.add())
    payment = stand_in.control(f"sessions/{attempt.session_id}/pay")["payment_intent"]
    charge = charge_of(stand_in, payment)
    stand_in.control(f"charges/{charge}/refund", amount=1000)
    stand_in.control(f"charges/{charge}/dispute")
    result = run()
    assert result.exit_code == 0
    did = dict(re.findall(r"^([a-z ]+?) +(\d+ done, \d+ failed)$", result.stdout, re.MULTILINE))
    assert did == NOTHING | {
        "events": "4 done, 0 failed",  # paid, refunded, said twice, and disputed
        "refunds": "1 done, 0 failed",
        "disputes": "1 done, 0 failed",
        "balance": "5 done, 0 failed",  # both payments, with their fees, and the refund
    }
    assert read(sessions, attempt.id).status == "paid"


@pytest.mark.usefixtures("sessions")
def test_a_silent_stripe_is_an_exit_of_1(
    run: Callable[[], Result],
    stand_in: StandInServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shop.payments.gateway.TRIES", 1)
    stand_in.control("faults", kind="500", path="/v1/.*", times=99)
    result = run()
    failed = dict.fromkeys(
        ["events", "sessions", "refunds", "disputes", "balance"], "0 done, 1 failed"
    )
    assert (result.exit_code, result.stdout) == (1, lines(NOTHING | failed))


def test_one_part_that_failed_is_enough(
    run: Callable[[], Result],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shop.payments.gateway.TRIES", 1)
    attempt = opened(sessions, till, shelf.add())
    with sessions.begin() as db:
        db.get_one(PaymentAttempt, attempt.id).release_asked_at = NOON
    stand_in.control("faults", kind="500", path="/v1/checkout/sessions/.*/expire", times=99)
    result = run()
    assert (result.exit_code, result.stdout) == (
        1,
        lines(NOTHING | {"changed carts": "0 done, 1 failed"}),
    )
    stand_in.control("faults", clear=True)
    result = run()
    assert (result.exit_code, result.stdout) == (
        0,
        lines(NOTHING | {"changed carts": "1 done, 0 failed", "events": "1 done, 0 failed"}),
    )


def test_what_a_person_must_see_to_is_named(run: Callable[[], Result], sessions: Sessions) -> None:
    with sessions.begin() as db:
        note_finding(db, "unknown_payment", "cs_test_1", "28100 SEK", now=NOON)
        note_finding(db, "missed_event", "evt_1", "x", now=NOON, quiet=True)
    result = run()
    assert result.exit_code == 1
    assert result.stdout == lines(NOTHING) + "FOUND unknown_payment cs_test_1 28100 SEK\n"
