from datetime import date

from sqlalchemy.orm import Session

from shop.tax.models import VatRate
from shop.tax.queries import vat_rate_bp


def start_with_swedish_vat(db: Session) -> None:
    """Write down Sweden's standard rate, 25 % since July 1990."""
    db.merge(VatRate(country="SE", valid_from=date(1990, 7, 1), rate_bp=2500))


def set_vat_rate(db: Session, country: str, rate_bp: int, today: date) -> None:
    """Let *country*'s standard rate be *rate_bp*, hundredths of a percent, from *today* on."""
    if vat_rate_bp(db, country, today) != rate_bp:
        db.merge(VatRate(country=country, valid_from=today, rate_bp=rate_bp))
