"""What waits for a payment: how many holds somebody has, and when a piece may come free."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.orders.models import Order, OrderLine
from shop.orders.models import Status as OrderStatus
from shop.payments.models import LIVE, PaymentAttempt, Status

TIME_TO_RELEASE = timedelta(minutes=2)  # from a page's end until the reconciler has given it back


@dataclass(frozen=True)
class Hold:
    """An order that somebody is paying, or has left at the payment page."""

    email: str
    placed_from: str
    expires_at: datetime


def holds_of_others(db: Session, cart_id: str) -> list[Hold]:
    """Return the unpaid orders of all carts but this one."""
    rows = db.execute(
        select(Order.email, Order.placed_from, PaymentAttempt.expires_at)
        .join(PaymentAttempt, PaymentAttempt.order_id == Order.id)
        .where(
            Order.status == OrderStatus.PENDING,
            Order.cart_id != cart_id,
            PaymentAttempt.status.in_(LIVE),
        )
    )
    return [Hold(email, placed_from, expires_at) for email, placed_from, expires_at in rows]


def held_until(db: Session, variant_ids: Collection[int], *, now: datetime) -> dict[int, datetime]:
    """Return when the first piece of each variant is free again if its buyer does not pay.

    Not of what is paid by a method that takes days: nobody knows when that ends. Nothing held, no
    query.
    """
    if not variant_ids:
        return {}
    rows = db.execute(
        select(OrderLine.variant_id, func.min(PaymentAttempt.expires_at))
        .join(Order, Order.id == OrderLine.order_id)
        .join(PaymentAttempt, PaymentAttempt.order_id == Order.id)
        .where(
            OrderLine.variant_id.in_(variant_ids),
            OrderLine.from_stock.is_(True),
            Order.status == OrderStatus.PENDING,
            PaymentAttempt.status.in_((Status.CREATING, Status.OPEN)),
        )
        .group_by(OrderLine.variant_id)
    )
    return {variant_id: free_again(ends, now=now) for variant_id, ends in rows}


def free_again(ends: datetime, *, now: datetime) -> datetime:
    """Return the whole minute by which a hold is given back whose payment page ends at *ends*."""
    at = max(ends, now) + TIME_TO_RELEASE
    started = at.replace(second=0, microsecond=0)
    return started if started == at else started + timedelta(minutes=1)
