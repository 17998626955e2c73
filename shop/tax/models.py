from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base
from shop.kit.public_version import read_by_buyers


@read_by_buyers
class VatRate(Base):
    """The standard rate of a country from a day on, in hundredths of a percent (2500 is 25 %)."""

    __tablename__ = "vat_rates"
    __table_args__ = (CheckConstraint("rate_bp >= 0 AND rate_bp < 10000", name="rate_sane"),)

    country: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    rate_bp: Mapped[int]

    @property
    def percent(self) -> Decimal:
        return Decimal(self.rate_bp) / 100
