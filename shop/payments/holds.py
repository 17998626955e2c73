"""What waits for a payment: how many holds somebody has, and when a piece may come free."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from shop.kit.db import rows_of
from shop.orders.models import Order, OrderLine
from shop.orders.models import Status as OrderStatus
from shop.payments.models import LIVE, PaymentAttempt, Status

TIME_TO_RELEASE = timedelta(minutes=2)  # from a page's end until the reconciler has given it back


@dataclass(frozen=True)
class Hold:
    """An order that somebody is paying, or has left at the payment page: what it has in common
    with who asks, and until when.
    """

    same_email: bool
    same_network: bool
    expires_at: datetime


_SAME_EMAIL = func.lower(Order.email) == bindparam("email")
_SAME_NETWORK = and_(Order.placed_from == bindparam("placed_from"), Order.placed_from != "")
_HOLDS = (
    select(_SAME_EMAIL, _SAME_NETWORK, PaymentAttempt.expires_at)
    .join(PaymentAttempt, PaymentAttempt.order_id == Order.id)
    .where(
        Order.status == OrderStatus.PENDING,
        Order.cart_id != bindparam("cart_id"),
        PaymentAttempt.status.in_(LIVE),
        or_(_SAME_EMAIL, _SAME_NETWORK),
    )
)


def holds_of_others(db: Session, cart_id: str, *, email: str, placed_from: str) -> list[Hold]:
    """Return the unpaid orders of all carts but this one with this e-mail address or from this
    network, "" being none.
    """
    asked = {"cart_id": cart_id, "email": email.lower(), "placed_from": placed_from}
    return [
        Hold(bool(by_email), bool(by_net), ends)
        for by_email, by_net, ends in rows_of(db, _HOLDS, asked)
    ]


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
