"""Every use of a discount: check and change are one guarded UPDATE; its row count decides."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from shop.discounts.errors import CodeTaken, UsedUp
from shop.discounts.models import Discount, Redemption
from shop.discounts.queries import normalised
from shop.kit.db import changed


def redeem(db: Session, discount_id: int, *, order_id: int, amount: int, now: datetime) -> None:
    """Let an order use the discount; UsedUp if somebody else had the last use."""
    left = or_(Discount.most_uses.is_(None), Discount.uses < Discount.most_uses)
    if not _change(db, discount_id, left, uses=Discount.uses + 1):
        raise UsedUp
    db.add(Redemption(discount_id=discount_id, order_id=order_id, amount=amount, at=now))
    db.flush()  # a second use by the same order must fail here and not later


def redeem_again(db: Session, order_id: int, *, code: str, amount: int, now: datetime) -> None:
    """Let an order that gave its use back have it once more: its money came late.

    What it was promised holds, also when the code is over by now; only its uses are counted.
    Raises UsedUp.
    """
    discount_id = db.scalar(select(Discount.id).where(Discount.code == code))
    if discount_id is None:
        raise UsedUp
    redeem(db, discount_id, order_id=order_id, amount=amount, now=now)


def give_back(db: Session, order_id: int) -> None:
    """Free the use that an order had; nothing if it had none, or gave it back before."""
    discount_id = db.scalar(
        delete(Redemption)
        .where(Redemption.order_id == order_id)
        .returning(Redemption.discount_id)
        .execution_options(synchronize_session=False)
    )
    if discount_id is not None and not _change(
        db, discount_id, Discount.uses > 0, uses=Discount.uses - 1
    ):
        raise RuntimeError(f"discount {discount_id} counts fewer uses than it has")


def add_discount(db: Session, discount: Discount) -> None:
    """Put a new discount into force; CodeTaken if there is its code already."""
    discount.code = normalised(discount.code)
    if db.scalar(select(Discount.id).where(Discount.code == discount.code)) is not None:
        raise CodeTaken
    db.add(discount)
    db.flush()  # its id is needed for its page


def end_discount(db: Session, discount_id: int, *, now: datetime) -> bool:
    """Take a discount out of force; orders that have it keep it. False if it was before."""
    return _change(db, discount_id, Discount.ended_at.is_(None), ended_at=now)


def _change(db: Session, discount_id: int, guard: ColumnElement[bool], **values: object) -> bool:
    this = Discount.id == discount_id
    return changed(db, update(Discount).where(this, guard).values(**values)) == 1
