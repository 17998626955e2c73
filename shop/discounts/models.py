from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, one_of, reference


class Kind(StrEnum):
    PERCENT = "percent"
    AMOUNT = "amount"


class Discount(Base):
    """A code that takes something off. ``uses`` is the guard of its last use: it is raised by one
    UPDATE that asks whether there is a use left, in the transaction that makes the order.
    """

    __tablename__ = "discounts"
    __table_args__ = (
        CheckConstraint(one_of("kind", list(Kind)), name="kind_known"),
        CheckConstraint(
            "value > 0 AND (kind <> 'percent' OR value <= 100)",
            name="value_sane",
        ),
        CheckConstraint("minimum_amount >= 0", name="minimum_not_negative"),
        CheckConstraint("most_uses IS NULL OR most_uses > 0", name="most_uses_positive"),
        CheckConstraint(
            "uses >= 0 AND (most_uses IS NULL OR uses <= most_uses)", name="uses_within"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # as it is compared: upper case, no spaces
    kind: Mapped[str]
    value: Mapped[int]  # whole percent, or minor units of the shop's currency
    minimum_amount: Mapped[int] = mapped_column(default=0)  # of the goods, without postage
    starts_on: Mapped[date | None]  # the first and the last day, in the shop's own time
    ends_on: Mapped[date | None]
    most_uses: Mapped[int | None]
    uses: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # the owner has ended it before its time


class Redemption(Base):
    """An order's use of a discount; taken out again when the order comes to nothing."""

    __tablename__ = "redemptions"
    __table_args__ = (CheckConstraint("amount > 0", name="amount_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    discount_id: Mapped[int] = reference("discounts.id")
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    amount: Mapped[int]
    at: Mapped[datetime]
