"""What feeds and the sitemap are made of, a batch at a time: each begins where the last ended."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from shop.catalogue.models import Collection, Photo, Product, Status
from shop.preferences.models import PageText

ON_SALE = Product.status == Status.PUBLISHED
EVERYTHING = (
    selectinload(Product.texts),
    selectinload(Product.variants),
    selectinload(Product.photos).selectinload(Photo.texts),
)


class Address(NamedTuple):
    """Where a product is, and its photos."""

    product_id: int
    slug: str
    hashes: list[str]


def products_after(db: Session, product_id: int, most: int) -> Sequence[Product]:
    """Return the next *most* products on the shelf, with all that is told of them."""
    return db.scalars(
        select(Product)
        .options(*EVERYTHING)
        .where(ON_SALE, Product.id > product_id)
        .order_by(Product.id)
        .limit(most)
    ).all()


def newest_products(db: Session, most: int) -> Sequence[Product]:
    return db.scalars(
        select(Product)
        .options(*EVERYTHING)
        .where(ON_SALE)
        .order_by(Product.published_at.desc(), Product.id.desc())
        .limit(most)
    ).all()


def addresses_after(
    db: Session, product_id: int, most: int, up_to: int | None = None
) -> list[Address]:
    """Return where the next *most* products on the shelf are, up to the id *up_to* if given."""
    query = select(Product.id, Product.slug).where(ON_SALE, Product.id > product_id)
    if up_to is not None:
        query = query.where(Product.id <= up_to)
    rows = db.execute(query.order_by(Product.id).limit(most)).all()
    hashes: dict[int, list[str]] = {}
    for owner, photo_hash in db.execute(
        select(Photo.product_id, Photo.hash)
        .where(Photo.product_id.in_([row.id for row in rows]))
        .order_by(Photo.product_id, Photo.position, Photo.id)
    ):
        hashes.setdefault(owner, []).append(photo_hash)
    return [Address(row.id, row.slug, hashes.get(row.id, [])) for row in rows]


def how_many(db: Session) -> int:
    return db.scalar(select(func.count()).select_from(Product).where(ON_SALE)) or 0


def last_id(db: Session) -> int:
    return db.scalar(select(func.max(Product.id)).where(ON_SALE)) or 0


def collection_slugs(db: Session) -> Sequence[str]:
    return db.scalars(select(Collection.slug).order_by(Collection.position, Collection.id)).all()


def page_slugs(db: Session) -> set[str]:
    """Return which text pages are written, in whichever language."""
    return set(db.scalars(select(PageText.slug).distinct()))
