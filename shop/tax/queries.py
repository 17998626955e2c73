from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.tax.models import VatRate


def vat_rate_bp(db: Session, country: str, day: date) -> int:
    """Return the rate in force in *country* on *day*, in hundredths of a percent; 0 if unknown."""
    return (
        db.scalar(
            select(VatRate.rate_bp)
            .where(VatRate.country == country, VatRate.valid_from <= day)
            .order_by(VatRate.valid_from.desc())
        )
        or 0
    )
