"""One product as its page shows it, in two statements that load rows and no objects.

The statements are made once: building one takes as long as the database takes to answer it.
"""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from shop.catalogue.models import Photo, PhotoText, Product, ProductText, Status
from shop.kit.db import rows_of


@dataclass(frozen=True)
class ShownText:
    locale: str
    name: str
    story: str
    materials: str
    size: str
    care: str
    warning: str


@dataclass(frozen=True)
class ShownPhoto:
    hash: str
    in_scale: bool
    alts: tuple[tuple[str, str], ...]  # with their languages

    def alt(self, locale: str) -> str:
        alts = dict(self.alts)
        return alts.get(locale) or next(iter(alts.values()), "")


@dataclass(frozen=True)
class ShownProduct:
    """What a visitor may know of a product; not a draft. To be compared by its values."""

    id: int
    slug: str
    kind: str
    status: str
    weight_g: int
    thickness_mm: int
    lead_time_days: int | None
    edition_size: int | None
    takes_personal_text: bool
    texts: tuple[ShownText, ...]
    photos: tuple[ShownPhoto, ...]

    def text(self, locale: str) -> ShownText:
        """Return the texts in *locale*, or in the language that there is."""
        return next((text for text in self.texts if text.locale == locale), self.texts[0])


def _products_by_slug() -> Select[Any]:
    product, text = Product.__table__.c, ProductText.__table__.c
    return (
        select(*(product[name] for name in FACTS), *(text[name] for name in WORDS))
        .join_from(Product.__table__, ProductText.__table__)
        .where(product.slug == bindparam("slug"), product.status != Status.DRAFT)
        .order_by(text.locale)
    )


def _photos_of_product() -> Select[Any]:
    photo, text = Photo.__table__.c, PhotoText.__table__.c
    return (
        select(photo.id, photo.hash, photo.in_scale, text.locale, text.alt)
        .join_from(Photo.__table__, PhotoText.__table__, isouter=True)
        .where(photo.product_id == bindparam("product_id"))
        .order_by(photo.position, photo.id, text.locale)
    )


WORDS = [field.name for field in fields(ShownText)]
FACTS = [field.name for field in fields(ShownProduct) if field.name not in ("texts", "photos")]
PRODUCTS_BY_SLUG, PHOTOS_OF_PRODUCT = _products_by_slug(), _photos_of_product()


def shown_product(db: Session, slug: str) -> ShownProduct | None:
    """Return the product at *slug* with its words and photos, unless it is a draft."""
    rows = rows_of(db, PRODUCTS_BY_SLUG, {"slug": slug})
    if not rows:
        return None
    texts = tuple(ShownText(*row[len(FACTS) :]) for row in rows)
    facts = (*rows[0][: len(FACTS)], texts, _photos(db, rows[0].id))
    return ShownProduct(*facts)


def _photos(db: Session, product_id: int) -> tuple[ShownPhoto, ...]:
    photos: dict[int, ShownPhoto] = {}
    for row in rows_of(db, PHOTOS_OF_PRODUCT, {"product_id": product_id}):
        photo_id, photo_hash, in_scale, locale, alt = row
        before = photos[photo_id].alts if photo_id in photos else ()
        alts = (*before, (locale, alt)) if alt else before
        photos[photo_id] = ShownPhoto(photo_hash, in_scale, alts)
    return tuple(photos.values())
