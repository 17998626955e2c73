"""What happens to an order. Every move of its state is one guarded UPDATE and one entry."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from shop.mail.actions import queue
from shop.orders.errors import WrongState
from shop.orders.models import NEXT, NumberSeries, Order, OrderEntry, Shipment, Status

FIRST_NUMBER = 1001


def next_number(db: Session, series: str = "orders") -> int:
    """Return the next number of *series*; its row stays locked until the transaction ends."""
    number = db.scalar(
        update(NumberSeries)
        .where(NumberSeries.name == series)
        .values(last=NumberSeries.last + 1)
        .returning(NumberSeries.last)
    )
    if number is None:
        raise LookupError(f"no number series {series!r}")
    return int(number)


def move(db: Session, order_id: int, to: Status, **values: object) -> bool:
    """Move the order to *to* if its state allows it; the row count says whether it was us."""
    allowed = [status for status, following in NEXT.items() if to in following]
    result = db.execute(
        update(Order)
        .where(Order.id == order_id, Order.status.in_(allowed))
        .values(status=to, **values)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - an UPDATE has a row count
    return result.rowcount == 1


def write_entry(
    db: Session, order_id: int, kind: str, *, by: str, now: datetime, note: str = ""
) -> None:
    db.add(OrderEntry(order_id=order_id, at=now, by=by, kind=kind, note=note))


def flag_for_review(db: Session, order_id: int, reason: str, *, now: datetime) -> None:
    """Stop packing until the owner has looked."""
    db.execute(
        update(Order)
        .where(Order.id == order_id)
        .values(review=reason)
        .execution_options(synchronize_session=False)
    )
    write_entry(db, order_id, "review", by="shop", now=now, note=reason)


def ship(db: Session, order: Order, *, tracking: str, now: datetime) -> None:
    """Say that a paid order is on its way, and tell the buyer; WrongState if it cannot be."""
    if order.review is not None or not move(db, order.id, Status.SHIPPED):
        raise WrongState
    db.add(Shipment(order_id=order.id, sent_at=now, tracking=tracking))
    write_entry(db, order.id, "shipped", by="owner", now=now, note=tracking)
    queue(db, "dispatch", order.id, recipient=order.email, locale=order.locale, now=now)
