from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from shop.payments.models import (
    LIVE,
    PaymentAttempt,
    ProviderEvent,
    Refund,
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
        .order_by(Refund.id)
        .limit(100)
    ).all()


def refunds_of_order(db: Session, order_id: int) -> Sequence[Refund]:
    """Return the refunds of an order with what they are for, oldest first."""
    return db.scalars(
        select(Refund)
        .options(selectinload(Refund.lines))
        .where(Refund.order_id == order_id)
        .order_by(Refund.id)
    ).all()


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
        .order_by(PaymentAttempt.created_at)
        .limit(100)
    ).all()


def _unchecked_for(now: datetime, age: timedelta) -> ColumnElement[bool]:
    return or_(PaymentAttempt.checked_at.is_(None), PaymentAttempt.checked_at < now - age)


def unprocessed_events(db: Session) -> Sequence[ProviderEvent]:
    return db.scalars(
        select(ProviderEvent)
        .where(ProviderEvent.processed_at.is_(None), ProviderEvent.tries < 20)  # noqa: PLR2004
        .order_by(ProviderEvent.received_at)
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
