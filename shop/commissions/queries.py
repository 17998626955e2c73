from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalogue.models import ProductText
from shop.commissions.models import Commission


@dataclass(frozen=True)
class Asked:
    """A wish as the owner sees it."""

    commission: Commission
    product: str  # its name


def asked(db: Session, locale: str, *, answered: bool, limit: int = 200) -> Sequence[Asked]:
    """Return the wishes that the owner has answered, or has not; the newest first."""
    done = Commission.answered_at.is_not(None) if answered else Commission.answered_at.is_(None)
    found = db.scalars(select(Commission).where(done).order_by(Commission.id.desc()).limit(limit))
    commissions = found.all()
    names = _names(db, {one.product_id for one in commissions}, locale)
    return [Asked(one, names[one.product_id]) for one in commissions]


def _names(db: Session, product_ids: set[int], locale: str) -> dict[int, str]:
    """Return what each product is called, in *locale* where it has a name in it."""
    texts = select(ProductText.product_id, ProductText.locale, ProductText.name)
    rows = db.execute(texts.where(ProductText.product_id.in_(product_ids))).all()
    last_counts = sorted(rows, key=lambda row: row.locale == locale)
    return {row.product_id: row.name for row in last_counts}


def unanswered(db: Session) -> int:
    """Return how many wishes wait for the owner's answer."""
    waiting = select(func.count()).select_from(Commission).where(Commission.answered_at.is_(None))
    return db.scalar(waiting) or 0
