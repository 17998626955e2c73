"""What waits to be asked about: from which second on, in which order, and so that none starves."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments import reconciler
from shop.payments.errors import PaymentUnknown
from shop.payments.models import PaymentAttempt, ProviderEvent, Refund, RefundStatus, Status
from shop.payments.queries import (
    attempt_of_payment,
    attempt_of_session,
    attempts_to_check,
    attempts_to_release,
    live_attempt,
    paid_attempt,
    payment_method_of,
    refunds_to_send,
    unprocessed_events,
)
from shop.payments.reconciler import Outcome, reconcile, send_refunds
from shop.payments.till import Till
from tests.payments.tools import placed
from tests.support import NOON, FixedClock, Shelf, on_both_databases

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def first(shelf: Shelf, sessions: Sessions, till: Till) -> PaymentAttempt:
    """Return the attempt of an order that was just placed."""
    return placed(sessions, till, shelf.add())


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


def row_of(found: Any) -> dict[str, Any]:
    return {column.key: getattr(found, column.key) for column in found.__table__.columns}


def attempts_like(
    sessions: Sessions, first: PaymentAttempt, names: list[str], **facts: Any
) -> None:
    """Write down attempts like the first, each for an order of its own."""
    with sessions.begin() as db:
        order = row_of(db.get_one(Order, first.order_id))
        base = row_of(first) | facts
        for n, name in enumerate(names, start=first.order_id + 1):
            own = {"id": n, "number": 1000 + n, "cart_id": name}
            db.execute(insert(Order).values(order | own))
            db.execute(insert(PaymentAttempt).values(base | {"id": name, "order_id": n}))


def change(db: Session, attempt: PaymentAttempt, **values: Any) -> None:
    db.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.id == attempt.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


# --- attempts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "waits"),
    [
        ({"status": "creating", "created_at": NOON - 29 * SECOND}, False),
        ({"status": "creating", "created_at": NOON - 30 * SECOND}, False),
        ({"status": "creating", "created_at": NOON - 31 * SECOND}, True),
        ({"status": "open", "created_at": NOON - 120 * SECOND}, False),
        ({"status": "open", "created_at": NOON - 121 * SECOND}, True),
        ({"status": "open", "created_at": NOON - 121 * SECOND, "checked_at": NOON}, False),
        (
            {
                "status": "open",
                "created_at": NOON - 300 * SECOND,
                "checked_at": NOON - 120 * SECOND,
            },
            False,
        ),
        (
            {
                "status": "open",
                "created_at": NOON - 300 * SECOND,
                "checked_at": NOON - 121 * SECOND,
            },
            True,
        ),
        ({"status": "open", "checked_at": NOON, "expires_at": NOON + SECOND}, False),
        ({"status": "open", "checked_at": NOON, "expires_at": NOON}, False),
        ({"status": "open", "checked_at": NOON, "expires_at": NOON - SECOND}, True),
        ({"status": "processing"}, True),
        ({"status": "processing", "checked_at": NOON - 3599 * SECOND}, False),
        ({"status": "processing", "checked_at": NOON - 3600 * SECOND}, False),
        ({"status": "processing", "checked_at": NOON - 3601 * SECOND}, True),
        *[
            (
                {
                    "status": status,
                    "created_at": NOON - timedelta(days=2),
                    "expires_at": NOON - SECOND,
                },
                False,
            )
            for status in ("paid", "expired", "failed", "review", "late", "refunded")
        ],
    ],
)
def test_an_attempt_is_asked_about_once_nobody_has_heard_of_it_for_a_while(
    facts: dict[str, Any], waits: bool, first: PaymentAttempt, db: Session
) -> None:
    change(db, first, **facts)
    found = [attempt.id for attempt in attempts_to_check(db, NOON)]
    assert found == ([first.id] if waits else [])


def test_those_that_were_never_asked_about_come_first_and_then_the_longest_ago(
    first: PaymentAttempt, sessions: Sessions
) -> None:
    old = NOON - timedelta(hours=1)
    attempts_like(sessions, first, ["a", "b", "c", "d"], status="open", created_at=old)
    with sessions.begin() as db:
        change(db, first, status="paid")
        for name, facts in {
            "a": {"checked_at": old + 2 * SECOND},
            "b": {"checked_at": old + SECOND},
            "c": {"created_at": old + SECOND},
            "d": {},
        }.items():
            db.execute(
                update(PaymentAttempt).where(PaymentAttempt.id == name).values(**facts)
                if facts
                else select(1)
            )
        assert [attempt.id for attempt in attempts_to_check(db, NOON)] == ["d", "c", "b", "a"]


@on_both_databases
def test_a_hundred_that_fail_keep_no_other_from_its_turn(
    first: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred and fifty, of which the first hundred fail whenever they are asked about."""
    bad, good = [f"bad-{n}" for n in range(100)], [f"good-{n}" for n in range(50)]
    attempts_like(sessions, first, bad + good, status="open", created_at=NOON - timedelta(hours=1))
    with sessions.begin() as db:
        change(db, first, status="paid")
    asked: list[str] = []

    def ask(_till: Till, attempt_id: str) -> None:
        asked.append(attempt_id)
        if attempt_id in bad:
            raise PaymentUnknown

    monkeypatch.setattr(reconciler, "settle", ask)
    assert reconcile(till) == Outcome(done=0, failed=100)
    clock.advance(minutes=1)
    assert reconcile(till) == Outcome(done=50, failed=0)
    clock.advance(minutes=2)
    assert reconcile(till) == Outcome(done=0, failed=100)
    assert asked == bad + good + bad
    with sessions.begin() as db:
        asked_at = db.scalars(select(PaymentAttempt.checked_at).where(PaymentAttempt.id == "bad-7"))
        assert asked_at.one() == clock()


@pytest.mark.parametrize(
    ("status", "asked", "waits"),
    [
        ("creating", True, True),
        ("open", True, True),
        ("open", False, False),
        ("processing", True, False),
        ("paid", True, False),
        ("expired", True, False),
    ],
)
def test_a_page_is_closed_when_its_cart_was_changed(
    status: str, asked: bool, waits: bool, first: PaymentAttempt, db: Session
) -> None:
    change(db, first, status=status, release_asked_at=NOON if asked else None)
    assert attempts_to_release(db) == ([first.id] if waits else [])


def test_which_attempt_is_meant(first: PaymentAttempt, db: Session) -> None:
    change(db, first, session_id="cs_1", payment_intent_id="pi_1", payment_method="swish")
    found = attempt_of_session(db, "cs_1")
    assert found is not None
    assert found.id == first.id
    assert attempt_of_session(db, "cs_2") is None
    assert attempt_of_payment(db, "pi_1") is found
    assert attempt_of_payment(db, "pi_2") is None
    for status in Status:
        change(db, first, status=status)
        alive = status in {Status.CREATING, Status.OPEN, Status.PROCESSING}
        assert (live_attempt(db, first.order_id) is found) is alive
        assert live_attempt(db, first.order_id + 1) is None
        assert (paid_attempt(db, first.order_id) is found) is (status == Status.PAID)
        method = "swish" if status == Status.PAID else ""
        assert payment_method_of(db, first.order_id) == method
    change(db, first, status="paid")
    assert paid_attempt(db, 2) is None
    assert payment_method_of(db, 2) == ""


# --- refunds --------------------------------------------------------------------------------------


def refunds(db: Session, first: PaymentAttempt, names: list[str], **facts: Any) -> list[int]:
    rows = [
        Refund(
            token=name,
            order_id=first.order_id,
            attempt_id=first.id,
            origin="owner",
            amount=1,
            currency="SEK",
            requested_at=NOON,
            **facts,
        )
        for name in names
    ]
    db.add_all(rows)
    db.flush()
    return [row.id for row in rows]


@pytest.mark.parametrize(
    ("facts", "waits"),
    [
        ({}, True),
        ({"checked_at": NOON - 29 * SECOND}, False),
        ({"checked_at": NOON - 30 * SECOND}, False),
        ({"checked_at": NOON - 31 * SECOND}, True),
        *[({"status": s}, False) for s in RefundStatus if s != RefundStatus.REQUESTED],
    ],
)
def test_a_refund_is_sent_until_stripe_has_answered(
    facts: dict[str, Any], waits: bool, first: PaymentAttempt, db: Session
) -> None:
    made = refunds(db, first, ["a"], **facts)
    assert refunds_to_send(db, NOON) == (made if waits else [])


@on_both_databases
def test_a_hundred_refunds_that_fail_keep_no_other_from_being_sent(
    first: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Although asking about them takes so long that the first is due again at the end."""
    with sessions.begin() as db:
        bad = refunds(db, first, [f"bad-{n}" for n in range(100)])
        good = refunds(db, first, [f"good-{n}" for n in range(50)])
    sent: list[int] = []

    def send(till: Till, refund_id: int) -> None:
        sent.append(refund_id)
        clock.advance(seconds=1)
        with sessions.begin() as db:
            db.get_one(Refund, refund_id).checked_at = till.now()
        if refund_id in bad:
            raise PaymentUnknown

    monkeypatch.setattr(reconciler, "send_refund", send)
    assert send_refunds(till) == Outcome(failed=100)
    assert send_refunds(till) == Outcome(done=50, failed=50)
    assert sent == bad + good + bad[:50]


# --- events ---------------------------------------------------------------------------------------


def news(db: Session, name: str, **facts: Any) -> None:
    usual = {"type": "x", "object_id": "y", "payload": "{}", "received_at": NOON, "tries": 0}
    db.add(ProviderEvent(id=name, **(usual | facts)))


def test_events_wait_in_the_order_in_which_they_came_those_that_failed_last(db: Session) -> None:
    news(db, "tried", tries=19)
    news(db, "later", received_at=NOON + 2 * SECOND)
    news(db, "first", received_at=NOON + SECOND)
    news(db, "done", processed_at=NOON)
    news(db, "given up", tries=20)
    assert [event.id for event in unprocessed_events(db)] == ["first", "later", "tried"]


def test_a_hundred_events_are_enough_at_a_time(db: Session) -> None:
    for n in range(101):
        news(db, f"{n}", received_at=NOON + n * SECOND)
    assert [event.id for event in unprocessed_events(db)] == [str(n) for n in range(100)]
