"""Where a refund can go, and how its order and its payment follow: never back, never twice."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shop.discounts.actions import add_discount
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry, OrderLine
from shop.payments.models import Origin, PaymentAttempt, Refund, RefundStatus, Status
from shop.payments.provider import StripeRefund
from shop.payments.refunds import (
    Wish,
    apply_refunds,
    follow_money,
    given_back,
    locked_order,
    record_refund_trouble,
    refund_by_itself,
    refuse_refund,
    request_refund,
)
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.stock.models import StockLevel
from tests.discounts.tools import new_discount
from tests.payments.test_attempts import tell
from tests.payments.tools import placed
from tests.support import NOON, FixedClock, Shelf, on_both_databases

LATER = NOON + timedelta(minutes=7)
WHOLE = 28100
FINAL = {"failed", "canceled"}


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


def ask(db: Session, attempt: PaymentAttempt, amount: int = 5000) -> Refund:
    wish, seen = Wish({}, other_amount=amount), given_back(db, attempt.id)
    return request_refund(db, attempt.order_id, wish, seen=seen, now=NOON)


def at_stripe(status: str, amount: int = 5000, **facts: Any) -> StripeRefund:
    usual: dict[str, Any] = {"id": "re_1", "currency": "SEK", "token": "", "failure": ""}
    return StripeRefund(status=status, amount=amount, created_at=NOON, **(usual | facts))


def hear(
    db: Session, attempt: PaymentAttempt, *found: StripeRefund, now: datetime = LATER, **how: Any
) -> None:
    apply_refunds(db, attempt, found, now=now, **how)
    db.flush()


def order(db: Session) -> tuple[str, str | None]:
    found = db.scalars(select(Order).execution_options(populate_existing=True)).one()
    return found.status, found.review


def entries(db: Session) -> list[tuple[str, str, str, datetime]]:
    """Return what happened since it was paid."""
    rows = db.scalars(select(OrderEntry).order_by(OrderEntry.id).offset(2))
    return [(row.kind, row.by, row.note, row.at) for row in rows]


def mails(db: Session) -> list[tuple[str, int, str, str, datetime]]:
    rows = db.scalars(select(Message).where(Message.kind == "refund").order_by(Message.id))
    return [(m.kind, m.subject_id, m.recipient, m.locale, m.due_at) for m in rows]


def status_of(db: Session, attempt: PaymentAttempt) -> str:
    return db.get_one(PaymentAttempt, attempt.id, populate_existing=True).status


def change(db: Session, table: type[Any], **values: Any) -> None:
    db.execute(update(table).values(**values).execution_options(synchronize_session=False))


# --- one refund -----------------------------------------------------------------------------------


def test_it_is_written_down_in_full_before_stripe_is_asked(
    bought: PaymentAttempt, db: Session
) -> None:
    made = ask(db, bought)
    db.expire(made)
    assert (made.order_id, made.attempt_id, made.origin) == (bought.order_id, bought.id, "owner")
    assert (made.status, made.amount, made.currency) == ("requested", 5000, "SEK")
    assert (made.reason, made.requested_at) == ("", NOON)
    assert (made.stripe_id, made.checked_at, made.last_error) == (None, None, None)
    assert len(made.token) == 26
    assert (entries(db), mails(db)) == ([], [])


RANKS = {"requested": 0, "pending": 1, "succeeded": 2, "failed": 3, "canceled": 3}


@pytest.mark.parametrize("before", RefundStatus)
@pytest.mark.parametrize("told", ["pending", "requires_action", "succeeded", "failed", "canceled"])
def test_it_only_ever_moves_on(
    before: RefundStatus, told: str, bought: PaymentAttempt, db: Session
) -> None:
    refund = ask(db, bought)
    change(db, Refund, status=before)
    for minutes in (0, 5):
        news = at_stripe(told, token=refund.token, failure="lost_or_stolen_card")
        hear(db, bought, news, now=LATER + timedelta(minutes=minutes))
    db.refresh(refund)
    meant = "pending" if told == "requires_action" else told
    moves = RANKS[meant] > RANKS[before]
    assert refund.status == (meant if moves else before)
    assert (refund.stripe_id, refund.checked_at) == ("re_1", LATER + timedelta(minutes=5))
    fails = moves and meant in FINAL
    assert refund.last_error == ("lost_or_stolen_card" if fails else None)
    told_buyer = moves and not fails and before == RefundStatus.REQUESTED
    if told_buyer:
        assert entries(db) == [("money_back", "owner", "5000", LATER)]
        assert mails(db) == [("refund", refund.id, "anna@example.se", "sv", LATER)]
    elif fails:
        assert entries(db) == [
            ("refund_failed", "stripe", "5000", LATER),
            ("review", "shop", "refund_failed", LATER),
        ]
        assert mails(db) == []
    else:
        assert (entries(db), mails(db)) == ([], [])
    assert order(db) == ("paid", "refund_failed" if fails else None)


def test_what_another_has_written_meanwhile_is_read_anew(
    bought: PaymentAttempt, db: Session
) -> None:
    """The refund has failed, and the order was sent, since this transaction read them first."""
    refund, found = ask(db, bought), db.get_one(Order, bought.order_id, populate_existing=True)
    change(db, Refund, status="failed")
    change(db, Order, status="shipped")
    assert (refund.status, found.status) == ("requested", "paid")
    hear(db, bought, at_stripe("succeeded", token=refund.token))
    assert (refund.status, found.status) == ("failed", "shipped")
    change(db, Order, status="delivered")
    assert locked_order(db, bought.order_id).status == "delivered"


def test_a_refusal_does_not_trust_what_was_read_before(bought: PaymentAttempt, db: Session) -> None:
    refund = ask(db, bought)
    change(db, Refund, status="succeeded")
    assert refund.status == "requested"
    refuse_refund(db, refund.id, "never", now=LATER)
    db.flush()
    assert (refund.status, refund.last_error, entries(db)) == ("succeeded", None, [])


def test_it_is_known_by_stripes_id_when_its_token_is_not_told(
    bought: PaymentAttempt, db: Session
) -> None:
    refund = ask(db, bought)
    hear(db, bought, at_stripe("pending", token=refund.token))
    hear(db, bought, at_stripe("succeeded", token=""))
    assert [(r.id, r.status) for r in db.scalars(select(Refund))] == [(refund.id, "succeeded")]
    assert len(mails(db)) == 1


@on_both_databases
def test_what_was_made_at_stripe_is_written_down_as_that(
    bought: PaymentAttempt, db: Session
) -> None:
    for _ in range(2):
        hear(db, bought, at_stripe("succeeded", 1000), at_stripe("pending", 2000, id="re_2"))
    rows = list(db.scalars(select(Refund).order_by(Refund.id)))
    assert [(r.stripe_id, r.amount, r.status, r.origin) for r in rows] == [
        ("re_1", 1000, "succeeded", "dashboard"),
        ("re_2", 2000, "pending", "dashboard"),
    ]
    for row in rows:
        assert (row.order_id, row.attempt_id, row.currency) == (bought.order_id, bought.id, "SEK")
        assert (row.reason, row.requested_at, row.checked_at) == ("", LATER, LATER)
        assert row.last_error is None
    assert len({row.token for row in rows}) == 2
    assert entries(db) == [
        ("money_back", "dashboard", "1000", LATER),
        ("money_back", "dashboard", "2000", LATER),
    ]
    assert [mail[1] for mail in mails(db)] == [rows[0].id, rows[1].id]


def test_trouble_is_noted_with_its_moment(bought: PaymentAttempt, db: Session) -> None:
    refund = ask(db, bought)
    record_refund_trouble(db, refund.id, "no answer", now=LATER)
    db.flush()
    db.expire(refund)
    assert (refund.last_error, refund.checked_at) == ("no answer", LATER)
    assert refund.status == "requested"


@pytest.mark.parametrize("status", RefundStatus)
def test_only_what_nobody_has_answered_for_is_refused(
    status: RefundStatus, bought: PaymentAttempt, db: Session
) -> None:
    refund = ask(db, bought)
    change(db, Refund, status=status)
    refuse_refund(db, refund.id, "never", now=LATER)
    db.flush()
    db.expire(refund)
    if status == RefundStatus.REQUESTED:
        assert (refund.status, refund.last_error) == ("failed", "never")
        assert [entry[0] for entry in entries(db)] == ["refund_failed", "review"]
    else:
        assert (refund.status, refund.last_error) == (status, None)
        assert entries(db) == []


def test_what_goes_back_by_itself_goes_back_whole_and_says_why(
    bought: PaymentAttempt, db: Session
) -> None:
    refund = refund_by_itself(db, bought, "sold", now=LATER)
    assert (refund.amount, refund.origin, refund.reason) == (WHOLE, "auto", "sold")
    assert (refund.requested_at, refund.currency) == (LATER, "SEK")
    assert refund.origin == Origin.AUTO


@pytest.mark.parametrize(
    ("status", "counts"),
    [("requested", 1), ("pending", 1), ("succeeded", 1), ("failed", 0), ("canceled", 0)],
)
def test_what_has_gone_back(status: str, counts: int, bought: PaymentAttempt, db: Session) -> None:
    assert given_back(db, bought.id) == 0
    ask(db, bought, 5000)
    change(db, Refund, status=status)
    assert given_back(db, bought.id) == 5000 * counts
    assert given_back(db, "another") == 0


# --- the order follows ----------------------------------------------------------------------------


@on_both_databases
@pytest.mark.parametrize("since", ["paid", "shipped", "delivered"])
def test_the_order_is_refunded_when_all_has_gone_back_and_not_an_ore_before(
    since: str, bought: PaymentAttempt, db: Session
) -> None:
    change(db, Order, status=since)
    hear(db, bought, at_stripe("succeeded", WHOLE - 1))
    assert order(db)[0] == since
    for _ in range(2):
        hear(db, bought, at_stripe("succeeded", 1, id="re_2"))
    assert order(db)[0] == "refunded"
    assert entries(db)[-2:] == [
        ("money_back", "dashboard", "1", LATER),
        ("refunded", "shop", "", LATER),
    ]


@pytest.mark.parametrize("review", ["withdrawal", "mismatch_amount", None])
def test_a_full_refund_ends_the_hold_of_a_withdrawal_and_no_other(
    review: str | None, bought: PaymentAttempt, db: Session
) -> None:
    change(db, Order, review=review)
    hear(db, bought, at_stripe("succeeded", WHOLE - 1))
    assert order(db)[1] == review
    hear(db, bought, at_stripe("succeeded", 1, id="re_2"))
    assert order(db) == ("refunded", None if review == "withdrawal" else review)


@pytest.mark.parametrize(
    ("life", "back"),
    [
        ([], "paid"),
        (["shipped"], "shipped"),
        (["shipped", "sending_taken_back"], "paid"),
        (["shipped", "sending_taken_back", "shipped"], "shipped"),
        (["shipped", "delivered"], "delivered"),
    ],
)
def test_a_refund_that_fails_brings_the_order_back_to_where_it_was(
    life: list[str], back: str, bought: PaymentAttempt, db: Session
) -> None:
    for kind in life:
        db.add(OrderEntry(order_id=bought.order_id, at=NOON, by="owner", kind=kind))
    change(db, Order, status=back)
    hear(db, bought, at_stripe("succeeded", WHOLE))
    assert order(db)[0] == "refunded"
    for _ in range(2):
        hear(db, bought, at_stripe("failed", WHOLE), now=LATER + timedelta(days=1))
    assert order(db) == (back, "refund_failed")
    at = LATER + timedelta(days=1)
    assert entries(db)[len(life) :] == [
        ("money_back", "dashboard", "28100", LATER),
        ("refunded", "shop", "", LATER),
        ("refund_failed", "stripe", "28100", at),
        ("review", "shop", "refund_failed", at),
        ("refund_taken_back", "shop", back, at),
    ]


def test_an_order_that_is_not_what_was_read_of_it_is_not_moved(
    bought: PaymentAttempt, db: Session
) -> None:
    """The count of the changed rows has the last word."""
    refund = ask(db, bought)
    found = db.get_one(Order, bought.order_id, populate_existing=True)
    change(db, Refund, amount=WHOLE)
    change(db, Order, status="shipped")
    follow_money(db, found, bought, now=LATER)
    assert (found.status, entries(db)) == ("paid", [])
    change(db, Order, status="refunded")
    db.refresh(found)
    change(db, Order, status="paid")
    change(db, Refund, amount=1)
    follow_money(db, found, bought, now=LATER)
    assert (found.status, entries(db)) == ("refunded", [])
    assert refund.id


def test_money_of_an_unpaid_order_moves_nothing(attempt: PaymentAttempt, db: Session) -> None:
    change(db, PaymentAttempt, status="open")
    found = db.get_one(PaymentAttempt, attempt.id, populate_existing=True)
    hear(db, found, at_stripe("succeeded", WHOLE))
    assert (order(db), status_of(db, attempt)) == (("pending", None), "open")


# --- money that came too late ---------------------------------------------------------------------


@on_both_databases
def test_late_money_is_refunded_once_stripe_has_taken_it(
    attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status="late")
    late = db.get_one(PaymentAttempt, attempt.id, populate_existing=True)
    refund = refund_by_itself(db, late, "sold", now=NOON)
    found = db.get_one(Order, attempt.order_id)
    follow_money(db, found, late, now=LATER)
    assert status_of(db, attempt) == "late"  # asked for, and nobody has answered
    hear(db, late, at_stripe("pending", WHOLE, token=refund.token))
    assert status_of(db, attempt) == "refunded"
    hear(db, late, at_stripe("failed", WHOLE, token=refund.token))
    assert status_of(db, attempt) == "late"
    assert order(db) == ("pending", "refund_failed")
    assert db.scalars(select(StockLevel.reserved)).one() == 1


@pytest.mark.parametrize(("amount", "status"), [(WHOLE - 1, "late"), (WHOLE, "refunded")])
def test_late_money_is_refunded_when_all_of_it_has_gone(
    amount: int, status: str, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status="late")
    late = db.get_one(PaymentAttempt, attempt.id, populate_existing=True)
    hear(db, late, at_stripe("succeeded", amount))
    assert status_of(db, attempt) == status


def test_late_money_of_another_payment_is_another_matter(
    attempt: PaymentAttempt, db: Session
) -> None:
    """Of two that came too late the one has gone back, and the other is asked for."""
    change(db, PaymentAttempt, status="late")
    late = db.get_one(PaymentAttempt, attempt.id, populate_existing=True)
    values = {c.key: getattr(late, c.key) for c in PaymentAttempt.__table__.columns}
    db.execute(insert(PaymentAttempt).values(values | {"id": "beside"}))
    beside = db.get_one(PaymentAttempt, "beside")
    refund_by_itself(db, beside, "paid_twice", now=NOON)
    hear(db, late, at_stripe("succeeded", WHOLE))
    assert (status_of(db, late), status_of(db, beside)) == ("refunded", "late")
    change(db, PaymentAttempt, status="refunded")
    hear(db, late, at_stripe("failed", WHOLE))
    assert (status_of(db, late), status_of(db, beside)) == ("late", "refunded")


# --- money that does not fit ----------------------------------------------------------------------


@on_both_databases
@pytest.mark.parametrize(
    ("captured", "amount", "closes"),
    [
        (None, WHOLE, False),  # nobody knows yet what was paid
        (WHOLE, WHOLE - 1, False),
        (WHOLE, WHOLE, True),
        (30000, WHOLE, False),  # more was paid than was asked for
        (30000, 30000, True),
        (100, 100, True),
    ],
)
def test_what_was_held_closes_when_all_that_was_paid_has_gone(
    captured: int | None, amount: int, closes: bool, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status="review")
    change(db, Order, review="mismatch_amount")
    held = db.get_one(PaymentAttempt, attempt.id, populate_existing=True)
    for _ in range(2):
        hear(db, held, at_stripe("succeeded", amount), captured=captured)
    assert status_of(db, attempt) == ("refunded" if closes else "review")
    assert order(db) == ("cancelled" if closes else "pending", "mismatch_amount")
    assert db.scalars(select(StockLevel.reserved)).one() == (0 if closes else 1)
    kinds = [entry.kind for entry in db.scalars(select(OrderEntry).order_by(OrderEntry.id))]
    assert kinds == ["placed", "money_back", *(["cancelled"] if closes else [])]


def test_an_order_that_was_over_before_is_not_closed_again(
    attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status="review")
    change(db, Order, status="expired")
    change(db, StockLevel, reserved=0)
    held = db.get_one(PaymentAttempt, attempt.id, populate_existing=True)
    hear(db, held, at_stripe("succeeded", WHOLE), captured=WHOLE)
    assert (status_of(db, attempt), order(db)[0]) == ("refunded", "expired")
    assert db.scalars(select(StockLevel.reserved)).one() == 0


@on_both_databases
def test_an_order_that_is_closed_so_gives_its_code_back(
    shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000))
    attempt = placed(sessions, till, shelf.add(), code="JUL25", discount=5000)
    with sessions.begin() as db:
        tell(db, attempt, currency="EUR")
        held = db.get_one(PaymentAttempt, attempt.id)
        hear(db, held, at_stripe("succeeded", attempt.amount), captured=attempt.amount)
    with sessions.begin() as db:
        assert order(db)[0] == "cancelled"
        assert db.scalars(select(Discount.uses)).one() == 0
        assert db.scalars(select(Redemption)).all() == []
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


# --- the shelf ------------------------------------------------------------------------------------


def test_a_restocked_piece_lies_on_the_shelf_again(bought: PaymentAttempt, db: Session) -> None:
    line = db.scalars(select(OrderLine)).one()
    wish = Wish({line.id: 1}, restock=frozenset({line.id}))
    request_refund(db, bought.order_id, wish, seen=0, now=LATER)
    level = db.scalars(select(StockLevel).execution_options(populate_existing=True)).one()
    assert (level.on_hand, level.reserved) == (1, 0)
    assert status_of(db, bought) == Status.PAID
