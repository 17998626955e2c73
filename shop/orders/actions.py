"""What happens to an order. Every move of its state is one guarded UPDATE and one entry."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from shop.kit.db import changed, table_of
from shop.mail.actions import queue, withdraw
from shop.orders.errors import WrongState
from shop.orders.models import NEXT, NumberSeries, Order, OrderEntry, Shipment, Status

TIME_TO_UNDO = timedelta(seconds=30)  # until the buyer is told that it was sent

_SERIES = table_of(NumberSeries)
_THIS_SERIES = _SERIES.c.name == bindparam("series")
_TURN = select(_SERIES.c.last).where(_THIS_SERIES).with_for_update()
_NEXT_NUMBER = (
    update(_SERIES).where(_THIS_SERIES).values(last=_SERIES.c.last + 1).returning(_SERIES.c.last)
)


def take_turn(db: Session, series: str = "orders") -> None:
    """Wait until no other transaction is placing an order: a second click then sees the first."""
    db.execute(_TURN, {"series": series})


def next_number(db: Session, series: str = "orders") -> int:
    """Return the next number of *series*; its row stays locked until the transaction ends."""
    number = db.scalar(_NEXT_NUMBER, {"series": series})
    if number is None:
        raise LookupError(f"no number series {series!r}")
    return int(number)


def move(db: Session, order_id: int, since: Status, to: Status, **values: object) -> bool:
    """Move the order from *since* to *to*; the row count says whether it was us.

    From where it was placed matters while it is unpaid, and is forgotten with the first move.
    ValueError for a way that no order goes.
    """
    if to not in NEXT[since]:
        raise ValueError(f"no order goes from {since} to {to}")
    moved = changed(
        db,
        update(Order)
        .where(Order.id == order_id, Order.status == since)
        .values(status=to, placed_from="", **values),
    )
    return moved == 1


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
    # Asked under the row's lock: what was read before may have been held since.
    held, disputed = db.execute(
        select(Order.review, Order.disputed).where(Order.id == order.id).with_for_update()
    ).one()
    if held is not None or disputed or not move(db, order.id, Status.PAID, Status.SHIPPED):
        raise WrongState
    db.add(Shipment(order_id=order.id, sent_at=now, tracking=tracking))
    write_entry(db, order.id, "shipped", by="owner", now=now, note=tracking)
    queue(
        db,
        "dispatch",
        order.id,
        recipient=order.email,
        locale=order.locale,
        now=now,
        due_at=now + TIME_TO_UNDO,
    )


def take_back_shipment(db: Session, order: Order, *, now: datetime) -> None:
    """Undo "sent" as long as the buyer has not been told; WrongState after that."""
    if not withdraw(db, "dispatch", order.id) or not move(
        db, order.id, Status.SHIPPED, Status.PAID
    ):
        raise WrongState
    db.execute(delete(Shipment).where(Shipment.order_id == order.id))
    write_entry(db, order.id, "sending_taken_back", by="owner", now=now)


def end_review(db: Session, order_id: int, reason: str) -> None:
    """What the order was held for is over by itself."""
    db.execute(
        update(Order)
        .where(Order.id == order_id, Order.review == reason)
        .values(review=None)
        .execution_options(synchronize_session=False)
    )


def clear_review(db: Session, order_id: int, *, now: datetime) -> None:
    """The owner has looked at what the order was held for."""
    db.execute(
        update(Order)
        .where(Order.id == order_id, Order.review.is_not(None))
        .values(review=None)
        .execution_options(synchronize_session=False)
    )
    write_entry(db, order_id, "reviewed", by="owner", now=now)
