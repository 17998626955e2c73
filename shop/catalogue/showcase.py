"""One product as its page shows it, in two statements that load rows and no objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalogue.models import Photo, PhotoText, Product, ProductText, Status


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
    alts: Mapping[str, str]  # by language

    def alt(self, locale: str) -> str:
        return self.alts.get(locale) or next(iter(self.alts.values()), "")


@dataclass(frozen=True)
class ShownProduct:
    """What a visitor may know of a product; not a draft."""

    id: int
    slug: str
    kind: str
    status: str
    weight_g: int
    thickness_mm: int
    lead_time_days: int | None
    edition_size: int | None
    takes_personal_text: bool
    published_at: datetime | None
    texts: Mapping[str, ShownText]
    photos: Sequence[ShownPhoto]

    def text(self, locale: str) -> ShownText:
        """Return the texts in *locale*, or in the language that there is."""
        return self.texts.get(locale) or next(iter(self.texts.values()))


PRODUCT = (
    Product.id,
    Product.slug,
    Product.kind,
    Product.status,
    Product.weight_g,
    Product.thickness_mm,
    Product.lead_time_days,
    Product.edition_size,
    Product.takes_personal_text,
    Product.published_at,
)
TEXT = (
    ProductText.locale,
    ProductText.name,
    ProductText.story,
    ProductText.materials,
    ProductText.size,
    ProductText.care,
    ProductText.warning,
)
ITS_OWN = len(PRODUCT)


def shown_product(db: Session, slug: str) -> ShownProduct | None:
    """Return the product at *slug* with its words and photos, unless it is a draft."""
    rows: Sequence[Any] = db.execute(
        select(*PRODUCT, *TEXT)
        .join(ProductText, ProductText.product_id == Product.id)
        .where(Product.slug == slug, Product.status != Status.DRAFT)
        .order_by(ProductText.locale)
    ).all()
    if not rows:
        return None
    texts = {row.locale: ShownText(*row[ITS_OWN:]) for row in rows}
    facts = (*rows[0][:ITS_OWN], texts, _photos(db, rows[0].id))
    return ShownProduct(*facts)


def _photos(db: Session, product_id: int) -> list[ShownPhoto]:
    rows = db.execute(
        select(Photo.id, Photo.hash, Photo.in_scale, PhotoText.locale, PhotoText.alt)
        .outerjoin(PhotoText, PhotoText.photo_id == Photo.id)
        .where(Photo.product_id == product_id)
        .order_by(Photo.position, Photo.id, PhotoText.locale)
    )
    of_each: dict[int, list[Any]] = {}
    for row in rows:
        of_each.setdefault(row.id, []).append(row)
    return [
        ShownPhoto(
            first.hash, first.in_scale, {row.locale: row.alt for row in (first, *more) if row.alt}
        )
        for first, *more in of_each.values()
    ]
