"""The comparison with all that Stripe has: lost news, and a database brought back from a backup."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments.models import Cursor, Finding, PaymentAttempt, ProviderEvent
from shop.payments.reconciler import Outcome, catch_up, compare_everything, keep_ledger
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.tools import order_one, state, the_attempt
from tests.support import NOON, Buyer, FixedClock, Shelf, on_both_databases


def found(sessions: Sessions, kind: str) -> list[tuple[str, str, bool]]:
    """Return each finding's subject, its detail, and whether it is settled."""
    with sessions.begin() as db:
        rows = db.scalars(select(Finding).where(Finding.kind == kind).order_by(Finding.id))
        return [(row.subject, row.detail, row.settled_at is not None) for row in rows]


def test_news_that_was_lost_is_fetched_once_it_is_late(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    stand_in: StandInServer,
) -> None:
    raven = shelf.add("raven")
    order_one(buyer, raven)
    stand_in.control(f"sessions/{the_attempt(sessions).session_id}/pay")
    catch_up(till)  # it may still be on its way
    assert state(sessions, raven)[0] == "pending"
    clock.advance(minutes=1)
    catch_up(till)
    assert state(sessions, raven) == ("paid", "paid", 0, 0)
    (missed,) = found(sessions, "missed_event")
    assert missed[1:] == ("checkout.session.completed", True)
    clock.advance(minutes=1)
    catch_up(till)
    with sessions.begin() as db:
        assert db.scalars(select(ProviderEvent.tries)).all() == [1]


@on_both_databases
def test_two_may_note_at_once_how_far_they_have_read(till: Till, sessions: Sessions) -> None:
    with ThreadPoolExecutor() as pool:
        with sessions.begin() as db:
            db.add(Cursor(name="ledger", at=NOON - timedelta(days=1)))
            db.flush()
            other = pool.submit(keep_ledger, till)
            time.sleep(0.3)  # until it waits for us: that is when it must not fail
        assert other.result(timeout=30) == Outcome()
    with sessions.begin() as db:
        assert db.scalars(select(Cursor.name)).all() == ["ledger"]
    keep_ledger(till)
    with sessions.begin() as db:
        assert db.get_one(Cursor, "ledger").at == till.now()


def forget(sessions: Sessions) -> None:
    """Do to the attempt what a backup does that is older than it."""
    with sessions.begin() as db:
        db.execute(delete(PaymentAttempt))
        db.execute(update(Order).values(status="expired"))


@pytest.mark.parametrize("paid", [True, False])
def test_a_session_that_the_backup_does_not_know_is_closed_or_shown(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    paid: bool,
) -> None:
    order_one(buyer, shelf.add("raven"))
    session_id = str(the_attempt(sessions).session_id)
    if paid:
        stand_in.control(f"sessions/{session_id}/pay")
    forget(sessions)
    pauses: list[float] = []
    compare_everything(till, always=True, sleep=pauses.append)
    compare_everything(till, always=True, sleep=pauses.append)
    expected = [(session_id, "28100 SEK", False)] if paid else []
    assert found(sessions, "unknown_payment") == expected
    assert till.gateway.retrieve_session(session_id).status == ("complete" if paid else "expired")
    assert set(pauses) == {0.2}


def test_a_payment_that_the_backup_has_as_open_is_taken(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    raven = shelf.add("raven")
    order_one(buyer, raven)
    stand_in.control(f"sessions/{the_attempt(sessions).session_id}/pay")
    compare_everything(till, always=True, sleep=lambda _: None)
    assert state(sessions, raven) == ("paid", "paid", 0, 0)


def test_everything_is_compared_once_a_night(till: Till, clock: FixedClock) -> None:
    parts = {"sessions", "refunds", "disputes", "balance"}
    assert set(compare_everything(till)) == parts
    clock.advance(hours=20, seconds=-1)
    assert compare_everything(till) == {}
    clock.advance(seconds=1)
    assert set(compare_everything(till)) == parts


def test_a_night_without_answers_is_tried_again_in_an_hour(
    till: Till, clock: FixedClock, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="500", when="before", times=500, path="/v1/disputes")
    done = compare_everything(till)
    assert [(name, outcome.failed) for name, outcome in done.items()] == [
        ("sessions", 0),
        ("refunds", 0),
        ("disputes", 1),
        ("balance", 0),
    ]
    stand_in.control("faults", clear=True)
    clock.advance(minutes=59)
    assert compare_everything(till) == {}
    clock.advance(minutes=1)
    assert [outcome.failed for outcome in compare_everything(till).values()] == [0, 0, 0, 0]
    clock.advance(hours=19)
    assert compare_everything(till) == {}
