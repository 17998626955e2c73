import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shop.discounts.errors import BelowMinimum, NotYet, Over, UnknownCode, UsedUp
from shop.discounts.models import Discount, Kind
from shop.kit.money import round_half_up


def normalised(code: str) -> str:
    """Return *code* as it is compared: however it was typed on a phone, it is the same code."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", code).upper())
    return "".join(folded.split())


def discount_by_code(db: Session, code: str) -> Discount:
    """Return the discount of a code as it was typed; UnknownCode if there is none in force."""
    found = db.scalar(
        select(Discount).where(Discount.code == normalised(code), Discount.ended_at.is_(None))
    )
    if found is None:
        raise UnknownCode
    return found


def worth(
    discount: Discount, subtotal_amount: int, today: date, *, its_own_use: bool = False
) -> int:
    """Return what *discount* takes off goods of *subtotal_amount*, never more than all of it.

    With *its_own_use* an order that has its use already asks again. Raises NotYet, Over,
    BelowMinimum or UsedUp. Whether there is a use left is only a hint here: ``redeem`` decides.
    """
    if discount.starts_on is not None and today < discount.starts_on:
        raise NotYet(discount.starts_on)
    if discount.ends_on is not None and today > discount.ends_on:
        raise Over
    if subtotal_amount < discount.minimum_amount:
        raise BelowMinimum(discount.minimum_amount)
    used_up = discount.most_uses is not None and discount.uses >= discount.most_uses
    if used_up and not its_own_use:
        raise UsedUp
    if discount.kind == Kind.PERCENT:
        return round_half_up(Decimal(subtotal_amount) * discount.value / 100)
    return min(discount.value, subtotal_amount)


def any_in_force(db: Session) -> bool:
    """Say whether there is a code at all that a buyer could type."""
    return bool(db.scalar(select(exists().where(Discount.ended_at.is_(None)))))


def discounts(db: Session) -> Sequence[Discount]:
    """Return every discount, the newest first."""
    return db.scalars(select(Discount).order_by(Discount.id.desc())).all()
