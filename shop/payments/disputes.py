"""Disputes: the buyer's bank has questioned a payment. Nothing here talks to Stripe.

While one is open the order is not packed, and nothing is paid back: the bank may take the money.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.mail.actions import queue
from shop.orders.actions import flag_for_review, write_entry
from shop.orders.models import Order
from shop.payments.models import Dispute, PaymentAttempt
from shop.payments.provider import StripeDispute
from shop.payments.refunds import locked_order
from shop.preferences.queries import preferences

OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
DASHBOARD = "https://dashboard.stripe.com/disputes/"
ENTRIES = {"won": "dispute_won", "lost": "dispute_lost"}  # any other end is "dispute_closed"


def apply_dispute(
    db: Session, found: StripeDispute, attempt: PaymentAttempt | None, *, now: datetime
) -> None:
    """Let the shop follow what Stripe says of a dispute. One that has ended is not opened again
    by an answer that comes late. *attempt* is the payment in question, if it is one of ours.
    """
    order = locked_order(db, attempt.order_id) if attempt is not None else None
    dispute = db.scalar(
        select(Dispute)
        .where(Dispute.stripe_id == found.id)
        .execution_options(populate_existing=True)
    )
    before = dispute.status if dispute is not None else ""
    is_news = dispute is None or (dispute.order_id is None and order is not None)
    if dispute is None:
        dispute = _write_down(db, found)
    if order is not None:
        dispute.order_id = order.id
    if found.status not in OPEN or not before or before in OPEN:
        dispute.status, dispute.amount = found.status, found.amount
        dispute.respond_by = found.respond_by
    dispute.checked_at = now
    db.flush()  # its mail names its id, and the order's flag is asked of the database
    if order is None:
        return
    if is_news:
        write_entry(db, order.id, "dispute_opened", by="stripe", now=now, note=str(dispute.amount))
        if dispute.status in OPEN:
            _tell_owner(db, dispute, now)
    if dispute.status not in OPEN and (is_news or dispute.status != before):
        _end(db, order, dispute, now)
    _flag(db, order)


def open_disputes(db: Session) -> Sequence[Dispute]:
    """Return the disputes that are not decided, the first to be answered first."""
    return db.scalars(
        select(Dispute).where(Dispute.status.in_(OPEN)).order_by(Dispute.respond_by, Dispute.id)
    ).all()


def _write_down(db: Session, found: StripeDispute) -> Dispute:
    """Write down what stays the same of a dispute."""
    dispute = Dispute(
        stripe_id=found.id,
        payment_intent_id=found.payment_intent_id,
        reason=found.reason,
        currency=found.currency,
        opened_at=found.opened_at,
    )
    db.add(dispute)
    return dispute


def _tell_owner(db: Session, dispute: Dispute, now: datetime) -> None:
    wishes = preferences(db)
    if wishes.email:
        queue(
            db,
            "dispute_notice",
            dispute.id,
            recipient=wishes.email,
            locale=wishes.owner_language,
            now=now,
        )


def _end(db: Session, order: Order, dispute: Dispute, now: datetime) -> None:
    kind = ENTRIES.get(dispute.status, "dispute_closed")
    write_entry(db, order.id, kind, by="stripe", now=now, note=str(dispute.amount))
    if dispute.status == "lost":
        flag_for_review(db, order.id, "dispute_lost", now=now)


def _flag(db: Session, order: Order) -> None:
    still_open = select(Dispute.id).where(Dispute.order_id == order.id, Dispute.status.in_(OPEN))
    db.execute(
        update(Order)
        .where(Order.id == order.id)
        .values(disputed=db.scalar(still_open.limit(1)) is not None)
        .execution_options(synchronize_session=False)
    )
