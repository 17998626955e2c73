from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, one_of, reference


class Reason(StrEnum):
    COUNTED = "counted"  # the owner said how many there are
    SOLD = "sold"
    RETURNED = "returned"


class StockLevel(Base):
    """How many pieces lie on the shelf, and how many of those are promised to unpaid orders.

    A variant that is made to order has no row: there is nothing to run out of.
    """

    __tablename__ = "stock_levels"
    __table_args__ = (
        CheckConstraint("reserved >= 0", name="reserved_not_negative"),
        CheckConstraint("reserved <= on_hand", name="reserved_on_hand"),
    )

    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id"), primary_key=True)
    on_hand: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)


class StockMovement(Base):
    """The ledger: every change of ``on_hand``, who made it and why. Only ever added to."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        CheckConstraint("delta <> 0", name="delta_not_zero"),
        CheckConstraint(one_of("reason", list(Reason)), name="reason_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    variant_id: Mapped[int] = reference("variants.id")
    delta: Mapped[int]
    reason: Mapped[str]
    order_id: Mapped[int | None] = reference("orders.id")
    by: Mapped[str]
    at: Mapped[datetime]


class StockAlert(Base):
    """Somebody who waits for a sold-out variant: gets one mail, and is then forgotten."""

    __tablename__ = "stock_alerts"
    __table_args__ = (UniqueConstraint("variant_id", "email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    variant_id: Mapped[int] = reference("variants.id")
    email: Mapped[str]
    locale: Mapped[str]
    asked_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
