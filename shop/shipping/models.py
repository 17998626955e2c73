from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, one_of, reference
from shop.kit.public_version import read_by_buyers


class Method(StrEnum):
    LETTER = "letter"
    TRACKED_PARCEL = "tracked_parcel"


PICKUP = "pickup"  # fetched at the seller's: of all ways of delivery the one without postage


@read_by_buyers
class ShippingZone(Base):
    """Countries that share their postage. ``countries`` is a comma-separated list of ISO codes."""

    __tablename__ = "shipping_zones"
    __table_args__ = (CheckConstraint("free_from_amount > 0", name="free_from_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    countries: Mapped[str]
    free_from_amount: Mapped[int | None]
    days_least: Mapped[int]  # working days on the way
    days_most: Mapped[int]

    @property
    def country_codes(self) -> list[str]:
        return self.countries.split(",")


@read_by_buyers
class ShippingRate(Base):
    """What one method costs up to a weight and a thickness, from a day on. Only ever added to.

    The newest ``valid_from`` that has come is the one in force for its method and weight, and
    of one day the last that was written. A row that is not ``offered`` ends the step.
    """

    __tablename__ = "shipping_rates"
    __table_args__ = (
        CheckConstraint(one_of("method", list(Method)), name="method_known"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("max_g > 0 AND max_mm > 0", name="bounds_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    zone_id: Mapped[int] = reference("shipping_zones.id")
    method: Mapped[str]
    valid_from: Mapped[date]
    max_g: Mapped[int]
    max_mm: Mapped[int]
    amount: Mapped[int]
    offered: Mapped[bool] = mapped_column(default=True)
