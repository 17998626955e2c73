from datetime import date

from sqlalchemy.orm import Session

from shop.tax.models import VatRate


def start_with_swedish_vat(db: Session) -> None:
    """Write down Sweden's standard rate, 25 % since July 1990."""
    db.merge(VatRate(country="SE", valid_from=date(1990, 7, 1), rate_bp=2500))
