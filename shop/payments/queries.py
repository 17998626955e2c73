from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, selectinload

from shop.kit.money import Money
from shop.orders.models import BOUGHT, Order, OrderLine
from shop.payments.models import (
    GIVEN_BACK,
    LIVE,
    Origin,
    PaymentAttempt,
    ProviderEvent,
    Refund,
    RefundLine,
    RefundStatus,
    Status,
)


def attempt_of_session(db: Session, session_id: str) -> PaymentAttempt | None:
    return db.scalar(select(PaymentAttempt).where(PaymentAttempt.session_id == session_id))


def attempt_of_payment(db: Session, payment_intent_id: str) -> PaymentAttempt | None:
    return db.scalar(
        select(PaymentAttempt).where(PaymentAttempt.payment_intent_id == payment_intent_id)
    )


def refunds_to_send(db: Session, now: datetime) -> Sequence[int]:
    """Return the refunds that Stripe has not answered for, those just tried aside."""
    return db.scalars(
        select(Refund.id)
        .where(
            Refund.status == RefundStatus.REQUESTED,
            or_(Refund.checked_at.is_(None), Refund.checked_at < now - timedelta(seconds=30)),
        )
        # as with the attempts below: those that were tried longest ago first
        .order_by(Refund.checked_at.asc().nulls_first(), Refund.id)
        .limit(100)
    ).all()


def refund_in_full(db: Session, refund_id: int) -> Refund:
    """Return the refund with what it is for."""
    return db.scalars(
        select(Refund).options(selectinload(Refund.lines)).where(Refund.id == refund_id)
    ).one()


def refunds_of_order(db: Session, order_id: int) -> Sequence[Refund]:
    """Return the refunds of an order with what they are for, oldest first."""
    return db.scalars(
        select(Refund)
        .options(selectinload(Refund.lines))
        .where(Refund.order_id == order_id)
        .order_by(Refund.id)
    ).all()


def pieces_left(db: Session, lines: Sequence[OrderLine]) -> dict[int, int]:
    """Return how many pieces of each order line have not been paid back: line id, pieces."""
    rows = db.execute(
        select(RefundLine.order_line_id, func.sum(RefundLine.quantity))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(
            RefundLine.order_line_id.in_([line.id for line in lines]),
            Refund.status.in_(GIVEN_BACK),
        )
        .group_by(RefundLine.order_line_id)
    )
    gone = {line_id: int(pieces) for line_id, pieces in rows}
    return {line.id: line.quantity - gone.get(line.id, 0) for line in lines}


@dataclass(frozen=True)
class SentBack:
    """Money that came when there was nothing any more for it, and goes back by itself."""

    number: int  # of the order
    reason: str
    amount: Money


def sent_back_since(db: Session, since: datetime) -> Sequence[SentBack]:
    rows = db.execute(
        select(Order.number, Refund.reason, Refund.amount, Refund.currency)
        .join(Order, Order.id == Refund.order_id)
        .where(
            Refund.origin == Origin.AUTO,
            Refund.requested_at >= since,
            Refund.status.in_(GIVEN_BACK),
        )
        .order_by(Refund.id.desc())
    )
    return [
        SentBack(number, reason, Money(amount, currency))
        for number, reason, amount, currency in rows
    ]


def earned_since(db: Session, since: datetime, currency: str) -> Money:
    """Return what buyers have paid from *since* on, less what has gone back to them of it."""
    orders = select(Order.id).where(
        Order.status.in_(BOUGHT), Order.paid_at >= since, Order.currency == currency
    )
    paid = select(func.coalesce(func.sum(Order.total_amount), 0)).where(Order.id.in_(orders))
    gone = (
        select(func.coalesce(func.sum(Refund.amount), 0))
        .join(PaymentAttempt, PaymentAttempt.id == Refund.attempt_id)
        .where(
            PaymentAttempt.order_id.in_(orders),
            PaymentAttempt.status == Status.PAID,
            Refund.status.in_(GIVEN_BACK),
        )
    )
    return Money(int(db.scalar(paid) or 0) - int(db.scalar(gone) or 0), currency)


def paid_attempt(db: Session, order_id: int) -> PaymentAttempt | None:
    return db.scalar(
        select(PaymentAttempt).where(
            PaymentAttempt.order_id == order_id, PaymentAttempt.status == Status.PAID
        )
    )


def latest_attempt(db: Session, order_id: int) -> PaymentAttempt | None:
    return db.scalar(
        select(PaymentAttempt)
        .where(PaymentAttempt.order_id == order_id)
        .order_by(PaymentAttempt.created_at.desc(), PaymentAttempt.id.desc())
        .limit(1)
    )


def attempts_to_release(db: Session) -> Sequence[str]:
    return db.scalars(
        select(PaymentAttempt.id).where(
            PaymentAttempt.release_asked_at.is_not(None),
            PaymentAttempt.status.in_((Status.CREATING, Status.OPEN)),
        )
    ).all()


def attempts_to_check(db: Session, now: datetime) -> Sequence[PaymentAttempt]:
    """Return the attempts that nobody has heard of for a while: left half made, open too long,
    or processing.
    """
    return db.scalars(
        select(PaymentAttempt)
        .where(
            or_(
                (PaymentAttempt.status == Status.CREATING)
                & (PaymentAttempt.created_at < now - timedelta(seconds=30)),
                (PaymentAttempt.status == Status.OPEN)
                & (PaymentAttempt.created_at < now - timedelta(minutes=2))
                & _unchecked_for(now, timedelta(minutes=2)),
                (PaymentAttempt.status == Status.OPEN) & (PaymentAttempt.expires_at < now),
                (PaymentAttempt.status == Status.PROCESSING)
                & _unchecked_for(now, timedelta(hours=1)),
            )
        )
        # those that were asked about longest ago first: a hundred stuck ones starve no other
        .order_by(PaymentAttempt.checked_at.asc().nulls_first(), PaymentAttempt.created_at)
        .limit(100)
    ).all()


def _unchecked_for(now: datetime, age: timedelta) -> ColumnElement[bool]:
    return or_(PaymentAttempt.checked_at.is_(None), PaymentAttempt.checked_at < now - age)


def unprocessed_events(db: Session) -> Sequence[ProviderEvent]:
    return db.scalars(
        select(ProviderEvent)
        .where(ProviderEvent.processed_at.is_(None), ProviderEvent.tries < 20)  # noqa: PLR2004
        .order_by(ProviderEvent.tries, ProviderEvent.received_at)
        .limit(100)
    ).all()


def live_attempt(db: Session, order_id: int) -> PaymentAttempt | None:
    return db.scalar(
        select(PaymentAttempt).where(
            PaymentAttempt.order_id == order_id, PaymentAttempt.status.in_(LIVE)
        )
    )


def payment_method_of(db: Session, order_id: int) -> str:
    """Return how the order was paid, in Stripe's word (card, swish, klarna …); "" if unknown."""
    return (
        db.scalar(
            select(PaymentAttempt.payment_method).where(
                PaymentAttempt.order_id == order_id, PaymentAttempt.status == Status.PAID
            )
        )
        or ""
    )
