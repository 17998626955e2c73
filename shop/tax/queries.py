from datetime import date

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from shop.kit.db import inlined, rows_of
from shop.preferences.values import Preferences
from shop.tax.models import VatRate

_RATE = (
    select(VatRate.rate_bp)
    .where(VatRate.country == bindparam("country"), VatRate.valid_from <= bindparam("day"))
    .order_by(VatRate.valid_from.desc())
    .limit(inlined(1))
)


def vat_rate_bp(db: Session, country: str, day: date) -> int:
    """Return the rate in force in *country* on *day*, in hundredths of a percent; 0 if unknown."""
    found = rows_of(db, _RATE, {"country": country, "day": day})
    return found[0].rate_bp if found else 0


def sellers_rate_bp(db: Session, preferences: Preferences, day: date) -> int:
    """Return the rate that the seller charges on *day*: none who is not registered."""
    return vat_rate_bp(db, preferences.country, day) if preferences.vat_registered else 0
