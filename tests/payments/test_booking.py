"""The books: which entries a movement at Stripe becomes, and what their sums are."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.payments.conversations import ask_about_refunds
from shop.payments.ledger import book, latest_entries, ledger_balance, ledger_balances
from shop.payments.models import Cursor, Finding, LedgerEntry, PaymentAttempt
from shop.payments.provider import BalanceTransaction
from shop.payments.reconciler import Outcome, compare_everything, everything, keep_ledger
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.test_disputes import charge_of
from tests.payments.tools import paid, placed
from tests.support import NOON, FixedClock, Shelf, on_both_databases

FAILS_LATER = "4000000000005126"
MOVED = BalanceTransaction(
    id="txn_1",
    category="charge",
    amount=28100,
    fee=602,
    currency="SEK",
    source_id="ch_1",
    payment_intent_id="",
    at=NOON,
    available_at=NOON + timedelta(days=3),
)


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


def entries(db: Session) -> list[tuple[str, str, int]]:
    rows = db.scalars(select(LedgerEntry).order_by(LedgerEntry.id))
    return [(row.transaction_id, row.kind, row.amount) for row in rows]


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("charge", "charge"),
        ("payment", "charge"),
        ("refund", "refund"),
        ("payment_refund", "refund"),
        ("refund_failure", "refund_failure"),
        ("dispute", "dispute"),
        ("dispute_reversal", "dispute_reversal"),
        ("payout", "payout"),
        ("payout_failure", "payout_failure"),
        ("payout_reversal", "payout_failure"),
        ("other", "other"),
        ("fee", "other"),  # a fee of Stripe's own is no part of another movement
        ("something_of_the_future", "other"),
        ("", "other"),
    ],
)
def test_each_category_is_of_a_kind(category: str, kind: str, db: Session) -> None:
    moved = replace(MOVED, category=category, amount=-7, fee=3)
    assert book(db, [moved]) == 2
    assert entries(db) == [("txn_1", kind, -7), ("txn_1", "fee", -3)]


@pytest.mark.parametrize(("fee", "made"), [(0, 1), (1, 2), (-1, 2)])
def test_a_fee_is_an_entry_of_its_own_and_none_is_none(fee: int, made: int, db: Session) -> None:
    assert book(db, [replace(MOVED, fee=fee)]) == made
    assert entries(db) == [("txn_1", "charge", 28100), ("txn_1", "fee", -fee)][:made]
    assert ledger_balance(db, "SEK") == 28100 - fee


def test_an_entry_says_what_moved_when_and_for_which_order(
    shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    attempt_id = placed(sessions, till, shelf.add()).id
    with sessions.begin() as db:
        db.get_one(PaymentAttempt, attempt_id).payment_intent_id = "pi_1"
    with sessions.begin() as db:
        assert book(db, [replace(MOVED, payment_intent_id="pi_1")]) == 2
        assert book(db, [replace(MOVED, id="txn_2", payment_intent_id="pi_2", fee=0)]) == 1
        assert book(db, [replace(MOVED, id="txn_3", fee=0)]) == 1
        rows = list(db.scalars(select(LedgerEntry).order_by(LedgerEntry.id)))
    for row in rows:
        assert (row.currency, row.source_id) == ("SEK", "ch_1")
        assert (row.at, row.available_at) == (NOON, NOON + timedelta(days=3))
    assert [row.order_id for row in rows] == [1, 1, None, None]


@on_both_databases
def test_what_is_booked_is_not_booked_again(db: Session) -> None:
    assert book(db, [MOVED, MOVED]) == 2
    assert book(db, [replace(MOVED, amount=1, fee=1)]) == 0
    assert book(db, [replace(MOVED, category="refund", fee=0)]) == 1  # another part of the same
    assert entries(db) == [
        ("txn_1", "charge", 28100),
        ("txn_1", "fee", -602),
        ("txn_1", "refund", 28100),
    ]
    assert book(db, []) == 0


def test_each_currency_has_its_sum(db: Session) -> None:
    assert ledger_balances(db) == {}
    assert ledger_balance(db, "SEK") == 0
    book(db, [MOVED, replace(MOVED, id="txn_2", currency="EUR", amount=100, fee=0)])
    assert ledger_balances(db) == {"SEK": 27498, "EUR": 100}
    assert ledger_balance(db, "SEK") == 27498
    assert ledger_balance(db, "NOK") == 0


def test_the_latest_come_first_and_no_more_than_asked_for(db: Session) -> None:
    for n, minutes in enumerate([5, 9, 5, 1]):
        at = NOON + timedelta(minutes=minutes)
        book(db, [replace(MOVED, id=f"txn_{n}", fee=0, at=at)])
    found = [entry.transaction_id for entry in latest_entries(db, 9)]
    assert found == ["txn_1", "txn_2", "txn_0", "txn_3"]
    assert [entry.transaction_id for entry in latest_entries(db, 2)] == ["txn_1", "txn_2"]


# --- from Stripe ----------------------------------------------------------------------------------


def asked_from(till: Till, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    asked: list[datetime] = []
    listed = till.gateway.balance_transactions_since

    def since(at: datetime) -> list[BalanceTransaction]:
        asked.append(at)
        return listed(at)

    monkeypatch.setattr(till.gateway, "balance_transactions_since", since)
    return asked


def test_the_first_time_all_is_read_and_then_from_a_day_before(
    sessions: Sessions, till: Till, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_from(till, monkeypatch)
    assert keep_ledger(till) == Outcome()
    first = clock()
    clock.advance(hours=5)
    assert keep_ledger(till) == Outcome()
    assert asked == [datetime(1970, 1, 1, tzinfo=UTC), first - timedelta(days=1)]
    with sessions.begin() as db:
        assert db.get_one(Cursor, "ledger").at == clock()


def test_a_silent_stripe_is_asked_from_the_same_moment_again(
    sessions: Sessions, till: Till, stand_in: StandInServer, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.control("faults", kind="500", path="/v1/balance_transactions", times=3)
    assert keep_ledger(till) == Outcome(failed=1)
    assert caplog.records[-1].getMessage().startswith("the ledger wait: Request req_")
    with sessions.begin() as db:
        assert db.get(Cursor, "ledger") is None


@on_both_databases
def test_a_refund_that_fails_later_has_its_rows_and_the_balance_agrees(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    stand_in.control("settlement", after=0)
    attempt = paid(sessions, till, stand_in, shelf.add(), card=FAILS_LATER)
    charge = charge_of(stand_in, str(attempt.payment_intent_id))
    stand_in.control(f"charges/{charge}/refund", amount=10000)
    stand_in.control("clock", advance=3600)
    ask_about_refunds(till, attempt.id)
    everything(till, sleep=lambda _: None)
    with sessions.begin() as db:
        rows = list(db.scalars(select(LedgerEntry).order_by(LedgerEntry.at, LedgerEntry.id)))
        booked = {row.kind: row.amount for row in rows}
        assert len(rows) == 4
        assert booked["charge"] == 28100
        assert (booked["refund"], booked["refund_failure"]) == (-10000, 10000)
        assert booked["fee"] < 0
        assert {row.order_id for row in rows} == {attempt.order_id}
        assert ledger_balances(db) == {"SEK": 28100 + booked["fee"]}
        here = ledger_balances(db)
        assert db.scalars(select(Finding).where(Finding.settled_at.is_(None))).all() == []
    assert till.gateway.balance() == here


def test_what_differs_is_found_for_each_currency_and_settled_when_it_agrees(
    sessions: Sessions, till: Till
) -> None:
    def compare() -> list[tuple[str, str, bool]]:
        compare_everything(till, always=True, sleep=lambda _: None)
        with sessions.begin() as db:
            rows = list(db.scalars(select(Finding).order_by(Finding.subject)))
            assert {row.kind for row in rows} <= {"ledger_differs"}
            return [(row.subject, row.detail, row.settled_at is not None) for row in rows]

    assert compare() == []
    with sessions.begin() as db:
        book(db, [replace(MOVED, fee=0), replace(MOVED, id="2", currency="EUR", fee=0, amount=5)])
    assert compare() == [("EUR", "0 5", False), ("SEK", "0 28100", False)]
    with sessions.begin() as db:
        book(db, [replace(MOVED, id="3", fee=0, amount=-28100)])
    assert compare() == [("EUR", "0 5", False), ("SEK", "", True)]


def test_a_balance_that_stripe_does_not_tell_is_no_difference(
    sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    with sessions.begin() as db:
        book(db, [MOVED])
    for path in ("/v1/balance", "/v1/balance_transactions"):
        stand_in.control("faults", clear=True, kind="500", path=path, times=9)
        done = compare_everything(till, always=True, sleep=lambda _: None)
        assert done["balance"] == Outcome(failed=1)
    with sessions.begin() as db:
        assert db.scalars(select(Finding)).all() == []
