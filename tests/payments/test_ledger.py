"""The ledger: whatever moves at Stripe, its sum is Stripe's balance."""

import pytest
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.payments.ledger import book, ledger_balance
from shop.payments.models import Finding, LedgerEntry
from shop.payments.reconciler import compare_everything, everything, keep_ledger
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.test_disputes import charge_of
from tests.payments.tools import attempts
from tests.support import Buyer, FixedClock, Shelf, on_both_databases


@pytest.fixture(autouse=True)
def _settles_at_once(stand_in: StandInServer) -> None:
    stand_in.control("settlement", after=0)


def charges(sessions: Sessions, stand_in: StandInServer) -> list[str]:
    return [charge_of(stand_in, str(a.payment_intent_id)) for a in attempts(sessions)]


def kinds(sessions: Sessions) -> dict[str, list[int]]:
    booked: dict[str, list[int]] = {}
    with sessions.begin() as db:
        for entry in db.scalars(select(LedgerEntry).order_by(LedgerEntry.id)):
            booked.setdefault(entry.kind, []).append(entry.amount)
    return booked


@on_both_databases
def test_the_ledger_is_stripes_balance_whatever_happens(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    stand_in: StandInServer,
) -> None:
    raven = shelf.add("raven", on_hand=4)
    for _ in range(4):
        buyer.buy(raven)
    first, second, third, fourth = charges(sessions, stand_in)
    stand_in.control(f"charges/{first}/refund", amount=1000)
    won = stand_in.control(f"charges/{second}/dispute")
    lost = stand_in.control(f"charges/{third}/dispute")
    stand_in.control(f"disputes/{won['id']}/close", outcome="won")
    stand_in.control(f"disputes/{lost['id']}/close", outcome="lost")
    stand_in.control(f"charges/{fourth}/refund")
    everything(till, sleep=lambda _: None)
    booked = kinds(sessions)
    assert booked["charge"] == [28100] * 4
    assert sorted(booked["refund"]) == [-28100, -1000]
    assert booked["dispute"] == [-28100, -28100]
    assert booked["dispute_reversal"] == [28100]
    at_stripe = till.gateway.balance()
    with sessions.begin() as db:
        assert {"SEK": ledger_balance(db, "SEK")} == at_stripe
        assert set(db.scalars(select(LedgerEntry.order_id))) == {1, 2, 3, 4}

    stand_in.control("clock", advance=4 * 86400)
    clock.advance(days=4)
    stand_in.control("payouts/run", outcome="paid")
    everything(till, sleep=lambda _: None)
    assert kinds(sessions)["payout"][0] < 0
    at_stripe = till.gateway.balance()
    with sessions.begin() as db:
        assert {"SEK": ledger_balance(db, "SEK")} == at_stripe
        assert db.scalars(select(Finding).where(Finding.kind == "ledger_differs")).all() == []


def test_a_movement_is_booked_once_however_often_it_is_told(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    buyer.buy(shelf.add("raven"))
    assert keep_ledger(till).done == 2
    before = kinds(sessions)
    assert set(before) == {"charge", "fee"}
    moved = till.gateway.balance_transactions_since(clock.at.replace(year=2020))
    with sessions.begin() as db:
        assert book(db, moved) == 0
        assert book(db, moved * 2) == 0
    assert kinds(sessions) == before


def test_a_difference_is_found_and_settled_when_it_is_gone(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    buyer.buy(shelf.add("raven"))
    keep_ledger(till)
    with sessions.begin() as db:
        entry = db.scalars(select(LedgerEntry).where(LedgerEntry.kind == "charge")).one()
        entry.amount += 7
    (theirs,) = till.gateway.balance().values()
    compare_everything(till, always=True, sleep=lambda _: None)
    with sessions.begin() as db:
        found = db.scalars(select(Finding).where(Finding.kind == "ledger_differs")).one()
        assert (found.subject, found.detail, found.settled_at) == (
            "SEK",
            f"{theirs} {theirs + 7}",
            None,
        )
        db.get_one(LedgerEntry, entry.id).amount -= 7
    compare_everything(till, always=True, sleep=lambda _: None)
    with sessions.begin() as db:
        assert db.scalars(select(Finding.settled_at)).one() is not None
