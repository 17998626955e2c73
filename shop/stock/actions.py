"""Every change of stock. Check and change are one guarded UPDATE, whose row count says who won."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, delete, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from shop.catalogue.models import Kind, Product
from shop.catalogue.shelf import FEW
from shop.kit.db import changed, table_of
from shop.kit.public_version import raise_public_version
from shop.stock.errors import MoreThanOne, OutOfStock, PromisedAlready
from shop.stock.models import Reason, StockLevel, StockMovement
from shop.stock.queries import stock_levels

Quantities = Mapping[int, int]  # variant id: pieces


_LEVELS = table_of(StockLevel)
_ON_HAND, _RESERVED = _LEVELS.c.on_hand, _LEVELS.c.reserved
_FREE = _ON_HAND - _RESERVED
_N = bindparam("n", type_=Integer)
_SEEN, _COUNTED = bindparam("seen", type_=Integer), bindparam("counted", type_=Integer)


def _guarded(guard: ColumnElement[bool], **values: ColumnElement[int]) -> ReturningUpdate[Any]:
    """Return a change of one level, by a number of pieces, that is made if *guard* holds."""
    this = _LEVELS.c.variant_id == bindparam("variant")
    return update(_LEVELS).where(this, guard).values(**values).returning(_FREE)


_RESERVE = _guarded(_FREE >= _N, reserved=_RESERVED + _N)
_RELEASE = _guarded(_RESERVED >= _N, reserved=_RESERVED - _N)
_CONSUME = _guarded(_RESERVED >= _N, reserved=_RESERVED - _N, on_hand=_ON_HAND - _N)
_PUT_BACK = _guarded(_ON_HAND >= 0, on_hand=_ON_HAND + _N)
_TAKE_AGAIN = _guarded(_FREE >= _N, on_hand=_ON_HAND - _N)
_COUNT = _guarded((_ON_HAND == _SEEN) & (_RESERVED <= _COUNTED), on_hand=_COUNTED)


def reserve(db: Session, quantities: Quantities) -> None:
    """Promise *quantities* to an order: all of them, or OutOfStock.

    Rows are taken in id order, so two carts cannot wait for each other.
    """
    taken: dict[int, int] = {}
    short: list[int] = []
    for variant_id, n in sorted(quantities.items()):
        if _change(db, _RESERVE, variant_id, n):
            taken[variant_id] = n
        else:
            short.append(variant_id)
    if short:
        release(db, taken)
        raise OutOfStock(short)


def release(db: Session, quantities: Quantities) -> None:
    """Give back what an order held; only once Stripe says that it cannot be paid any more."""
    for variant_id, n in sorted(quantities.items()):
        _must(_change(db, _RELEASE, variant_id, n), variant_id)


def consume(db: Session, quantities: Quantities, *, order_id: int, now: datetime) -> None:
    """Take what an order held off the shelf: it is sold."""
    for variant_id, n in sorted(quantities.items()):
        _must(_change(db, _CONSUME, variant_id, n), variant_id)
        _write_down(db, variant_id, -n, Reason.SOLD, by="shop", now=now, order_id=order_id)


def put_back(db: Session, quantities: Quantities, *, order_id: int, by: str, now: datetime) -> None:
    """Lay pieces of an order on the shelf again. What is no longer counted needs no place there."""
    for variant_id, n in sorted(quantities.items()):
        if _change(db, _PUT_BACK, variant_id, n):
            _write_down(db, variant_id, n, Reason.RETURNED, by=by, now=now, order_id=order_id)


def take_again(
    db: Session, variant_id: int, n: int, *, order_id: int, by: str, now: datetime
) -> bool:
    """Take pieces of an order off the shelf that had been put back, unless others have them now."""
    taken = _change(db, _TAKE_AGAIN, variant_id, n)
    if taken:
        _write_down(db, variant_id, -n, Reason.RETURNED, by=by, now=now, order_id=order_id)
    return taken


def put_on_shelf(db: Session, variant_id: int, on_hand: int, *, by: str, now: datetime) -> None:
    """Give a new variant its stock level."""
    db.add(StockLevel(variant_id=variant_id, on_hand=on_hand))
    if on_hand:
        _write_down(db, variant_id, on_hand, Reason.COUNTED, by=by, now=now)


def count(db: Session, variant_id: int, *, seen: int, counted: int, by: str, now: datetime) -> bool:
    """Set what lies on the shelf to *counted*, if it still is what the owner saw.

    Returns False when a sale came between: nothing is changed and the owner looks again. Raises
    PromisedAlready when fewer are counted than buyers are paying for at this moment.
    """
    if counted == seen:
        return True
    if _change(db, _COUNT, variant_id, abs(counted - seen), seen=seen, counted=counted):
        _write_down(db, variant_id, counted - seen, Reason.COUNTED, by=by, now=now)
        return True
    level = db.scalars(select(StockLevel).where(StockLevel.variant_id == variant_id)).one_or_none()
    if level is not None and level.on_hand == seen and level.reserved > counted:
        raise PromisedAlready(level.reserved)
    return False


def follow_kind(db: Session, product: Product, *, pieces: int = 0, by: str, now: datetime) -> None:
    """Begin or stop counting the pieces of *product*, as its kind asks.

    *pieces* lie on the shelf of what is counted from now on. What is made to order is not counted:
    what lay on the shelf is counted off. Raises PromisedAlready while somebody is paying for one
    of the pieces, MoreThanOne if a piece that there is only one of lies there more than once.
    """
    levels = stock_levels(db, [variant.id for variant in product.variants])
    for variant in product.variants:
        level = levels.get(variant.id)
        if level is None and product.kind != Kind.MADE_TO_ORDER:
            put_on_shelf(db, variant.id, pieces, by=by, now=now)
        elif level is not None and product.kind == Kind.MADE_TO_ORDER:
            _take_down(db, level, by=by, now=now)
        elif level is not None and product.kind == Kind.UNIQUE and level.on_hand > 1:
            raise MoreThanOne(level.on_hand)


def _take_down(db: Session, level: StockLevel, *, by: str, now: datetime) -> None:
    """Count a level down to nothing and forget it, unless some of it is promised."""
    if not _change(db, _COUNT, level.variant_id, level.on_hand, seen=level.on_hand, counted=0):
        raise PromisedAlready(level.reserved)
    if level.on_hand:
        _write_down(db, level.variant_id, -level.on_hand, Reason.COUNTED, by=by, now=now)
    changed(db, delete(StockLevel).where(StockLevel.variant_id == level.variant_id))
    db.expunge(level)


def _change(
    db: Session, change: ReturningUpdate[Any], variant_id: int, n: int, **values: int
) -> bool:
    """Change a level by *n* pieces, up or down, if its guard holds; say whether it did."""
    left = db.scalar(change, {"variant": variant_id, "n": n, **values})
    if left is None:
        return False
    if left - n <= FEW:  # of many, buyers read only that there are some
        raise_public_version(db)
    return True


def _must(done: bool, variant_id: int) -> None:  # noqa: FBT001 - the answer of _change
    if not done:
        raise RuntimeError(f"stock of variant {variant_id} does not hold what the order says")


def _write_down(
    db: Session,
    variant_id: int,
    delta: int,
    reason: Reason,
    *,
    by: str,
    now: datetime,
    order_id: int | None = None,
) -> None:
    db.add(
        StockMovement(
            variant_id=variant_id, delta=delta, reason=reason, by=by, at=now, order_id=order_id
        )
    )
