"""What the shop makes of each thing that Stripe says of a dispute, early, late and twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.payments.disputes import apply_dispute, open_disputes
from shop.payments.models import Dispute, PaymentAttempt
from shop.payments.provider import StripeDispute
from shop.payments.till import Till
from shop.preferences.actions import set_preferences
from tests.payments.test_attempts import tell
from tests.payments.tools import placed
from tests.support import NOON, FixedClock, Shelf, on_both_databases

LATER = NOON + timedelta(hours=7)
DUE = NOON + timedelta(days=7)
OPEN = ["needs_response", "under_review", "warning_needs_response", "warning_under_review"]
FOUND = StripeDispute(
    id="du_1",
    status="needs_response",
    reason="fraudulent",
    amount=28100,
    currency="SEK",
    payment_intent_id="pi_1",
    respond_by=DUE,
    opened_at=NOON - timedelta(hours=1),
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def attempt(shelf: Shelf, sessions: Sessions, till: Till) -> PaymentAttempt:
    return placed(sessions, till, shelf.add())


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


@pytest.fixture
def bought(attempt: PaymentAttempt, db: Session) -> PaymentAttempt:
    tell(db, attempt, now=NOON)
    return db.get_one(PaymentAttempt, attempt.id, populate_existing=True)


def hear(
    db: Session, bought: PaymentAttempt | None, *, now: datetime = LATER, **changes: Any
) -> Dispute:
    found = replace(FOUND, **changes)
    apply_dispute(db, found, bought, now=now)
    db.flush()
    return db.scalars(select(Dispute).where(Dispute.stripe_id == found.id)).one()


def order(db: Session) -> tuple[str, bool, str | None]:
    found = db.scalars(select(Order).execution_options(populate_existing=True)).one()
    return found.status, found.disputed, found.review


def entries(db: Session) -> list[tuple[str, str, str, datetime]]:
    """Return what happened since it was paid."""
    rows = db.scalars(select(OrderEntry).order_by(OrderEntry.id).offset(2))
    return [(row.kind, row.by, row.note, row.at) for row in rows]


def notices(db: Session) -> list[tuple[int, str, str, datetime]]:
    rows = db.scalars(select(Message).where(Message.kind == "dispute_notice"))
    return [(row.subject_id, row.recipient, row.locale, row.due_at) for row in rows]


OPENED = ("dispute_opened", "stripe", "28100", LATER)


@on_both_databases
@pytest.mark.parametrize("status", OPEN)
def test_while_it_is_open_the_order_is_held_and_the_owner_was_told(
    status: str, bought: PaymentAttempt, db: Session
) -> None:
    hear(db, bought, status=status)
    dispute = hear(db, bought, status=status)
    db.expire(dispute)
    assert (dispute.order_id, dispute.payment_intent_id) == (bought.order_id, "pi_1")
    assert (dispute.status, dispute.reason) == (status, "fraudulent")
    assert (dispute.amount, dispute.currency) == (28100, "SEK")
    assert (dispute.respond_by, dispute.opened_at) == (DUE, NOON - timedelta(hours=1))
    assert dispute.checked_at == LATER
    assert order(db) == ("paid", True, None)
    assert entries(db) == [OPENED]
    assert notices(db) == [(dispute.id, "butik@example.se", "sv", LATER)]


@on_both_databases
@pytest.mark.parametrize(
    ("end", "kind", "review"),
    [
        ("won", "dispute_won", None),
        ("lost", "dispute_lost", "dispute_lost"),
        ("warning_closed", "dispute_closed", None),
        ("charge_refunded", "dispute_closed", None),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_when_it_has_ended_the_order_goes_on(
    known: bool, end: str, kind: str, review: str | None, bought: PaymentAttempt, db: Session
) -> None:
    if known:
        hear(db, bought)
    at = LATER + timedelta(days=9)
    hear(db, bought, status=end, respond_by=None, now=at)
    dispute = hear(db, bought, status=end, respond_by=None, now=at + timedelta(days=1))
    assert (dispute.status, dispute.respond_by) == (end, None)
    assert dispute.checked_at == LATER + timedelta(days=10)
    assert order(db) == ("paid", False, review)
    told = [
        ("dispute_opened", "stripe", "28100", LATER if known else at),
        (kind, "stripe", "28100", at),
    ]
    if review:
        told.append(("review", "shop", review, at))
    assert entries(db) == told
    assert len(notices(db)) == known  # nothing is left to answer of one that is over


@pytest.mark.parametrize("end", ["won", "lost", "warning_closed"])
@pytest.mark.parametrize("late", OPEN)
def test_what_was_said_before_it_ended_opens_it_no_more(
    late: str, end: str, bought: PaymentAttempt, db: Session
) -> None:
    hear(db, bought)
    hear(db, bought, status=end, amount=28000, respond_by=None)
    before = entries(db)
    dispute = hear(db, bought, status=late, now=LATER + timedelta(days=1))
    assert (dispute.status, dispute.amount, dispute.respond_by) == (end, 28000, None)
    assert dispute.checked_at == LATER + timedelta(days=1)
    assert order(db)[1] is False
    assert (entries(db), len(notices(db))) == (before, 1)


def test_while_it_is_open_its_facts_follow(bought: PaymentAttempt, db: Session) -> None:
    hear(db, bought)
    dispute = hear(db, bought, status="under_review", amount=100, respond_by=None)
    assert (dispute.status, dispute.amount, dispute.respond_by) == ("under_review", 100, None)
    assert entries(db) == [OPENED]
    assert order(db)[1] is True


def test_one_that_is_decided_otherwise_after_all_is_told_again(
    bought: PaymentAttempt, db: Session
) -> None:
    hear(db, bought, status="lost")
    hear(db, bought, status="won", now=LATER + timedelta(days=1))
    assert [entry[0] for entry in entries(db)] == [
        "dispute_opened",
        "dispute_lost",
        "review",
        "dispute_won",
    ]


@on_both_databases
@pytest.mark.parametrize("status", ["needs_response", "lost"])
def test_of_a_payment_that_is_not_ours_it_is_only_written_down(
    status: str, bought: PaymentAttempt, db: Session
) -> None:
    dispute = hear(db, None, status=status)
    assert (dispute.order_id, dispute.status) == (None, status)
    assert order(db) == ("paid", False, None)
    assert (entries(db), notices(db)) == ([], [])
    assert bought.status == "paid"


@pytest.mark.parametrize(
    ("first", "then", "kinds", "held", "told"),
    [
        ("needs_response", "needs_response", ["dispute_opened"], True, 1),
        ("needs_response", "won", ["dispute_opened", "dispute_won"], False, 0),
        ("won", "won", ["dispute_opened", "dispute_won"], False, 0),
        ("lost", "needs_response", ["dispute_opened", "dispute_lost", "review"], False, 0),
    ],
)
def test_whose_payment_it_is_may_be_known_later(
    first: str,
    then: str,
    kinds: list[str],
    held: bool,
    told: int,
    bought: PaymentAttempt,
    db: Session,
) -> None:
    hear(db, None, status=first)
    dispute = hear(db, bought, status=then, now=LATER + timedelta(days=1))
    assert dispute.order_id == bought.order_id
    assert [entry[0] for entry in entries(db)] == kinds
    assert order(db)[1] is held
    assert len(notices(db)) == told
    hear(db, None, status=then)  # and it stays known
    assert dispute.order_id == bought.order_id
    assert [entry[0] for entry in entries(db)] == kinds


def test_the_order_is_held_until_the_last_of_two_has_ended(
    bought: PaymentAttempt, db: Session
) -> None:
    hear(db, bought)
    hear(db, bought, id="du_2")
    hear(db, bought, status="won")
    assert order(db)[1] is True
    hear(db, bought, id="du_2", status="won")
    assert order(db)[1] is False
    assert len(notices(db)) == 2


def test_a_dispute_of_one_order_holds_no_other(bought: PaymentAttempt, db: Session) -> None:
    hear(db, bought)
    first = db.scalars(select(Order)).one()
    values = {c.key: getattr(first, c.key) for c in Order.__table__.columns}
    own = {"id": 2, "number": 1002, "cart_id": "another", "disputed": False}
    db.execute(insert(Order).values(values | own))
    payment = {c.key: getattr(bought, c.key) for c in PaymentAttempt.__table__.columns}
    theirs = {"id": "b", "order_id": 2, "payment_intent_id": "pi_2"}
    db.execute(insert(PaymentAttempt).values(payment | theirs))
    hear(db, db.get_one(PaymentAttempt, "b"), id="du_2", payment_intent_id="pi_2", status="won")
    held = select(Order.disputed).order_by(Order.id)
    assert db.scalars(held).all() == [True, False]


def test_what_another_has_written_meanwhile_is_read_anew(
    bought: PaymentAttempt, db: Session
) -> None:
    """It was lost since this transaction looked at it the first time."""
    dispute = hear(db, bought)
    lost = update(Dispute).values(status="lost").execution_options(synchronize_session=False)
    db.execute(lost)
    assert dispute.status == "needs_response"
    assert hear(db, bought).status == "lost"


@pytest.mark.parametrize(
    ("wishes", "told"),
    [({"email": ""}, []), ({"owner_language": "en"}, [("butik@example.se", "en")])],
)
def test_the_owner_is_told_in_the_owners_language_where_there_is_an_address(
    wishes: dict[str, str], told: list[tuple[str, str]], bought: PaymentAttempt, db: Session
) -> None:
    set_preferences(db, **wishes)
    hear(db, bought)
    assert [notice[1:3] for notice in notices(db)] == told
    assert order(db)[1] is True


def test_the_first_to_be_answered_is_shown_first(bought: PaymentAttempt, db: Session) -> None:
    for n, (status, days) in enumerate(
        [("needs_response", 9), ("under_review", 3), ("lost", 1), ("warning_under_review", 3)]
    ):
        hear(db, bought, id=f"du_{n}", status=status, respond_by=NOON + timedelta(days=days))
    assert [found.stripe_id for found in open_disputes(db)] == ["du_1", "du_3", "du_0"]
    db.execute(update(Dispute).values(status="won"))
    assert open_disputes(db) == []
