"""What a card in a blog post shows: of one product, or of the shelf."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from shop.catalogue.listing import newest_cards
from shop.catalogue.models import Photo, Product, ProductText, Status
from shop.catalogue.shelf import Card, living_siblings
from shop.kit.db import inlined

NOBODYS: Mapping[int, int] = {}  # what a visitor's own order holds; a card does not know visitors
OTHERS = 3
NEWEST = 24  # among so many it is looked for what can be had


@dataclass(frozen=True)
class Told:
    """A product's name, as far as a blog may know it. What was never public has none."""

    locale: str
    name: str  # "" for what was never public
    photo_hash: str | None  # None for what is not public now


def told_of(db: Session, slug: str, locale: str) -> Told | None:
    """Return what may be told of the product at *slug*; None if there is none.

    A post may be written before its doll is published, and lives on when the doll is taken back:
    so a draft is answered for, but nothing that the maker has not shown yet is given away.
    """
    rows = db.execute(TOLD, {"slug": slug}).all()
    if not rows:
        return None
    row = next((row for row in rows if row.locale == locale), rows[0])
    draft = row.status == Status.DRAFT
    name = "" if draft and row.published_at is None else row.name
    return Told(row.locale, name, None if draft else row.photo_hash)


def _told() -> Select[Any]:
    product, text, photo = Product.__table__.c, ProductText.__table__.c, Photo.__table__.c
    first = (
        select(photo.hash)
        .where(photo.product_id == product.id)
        .order_by(photo.position, photo.id)
        .limit(inlined(1))
        .scalar_subquery()
    )
    return (
        select(
            product.status, product.published_at, text.locale, text.name, first.label("photo_hash")
        )
        .join_from(Product.__table__, ProductText.__table__)
        .where(product.slug == bindparam("slug"))
        .order_by(text.locale)
    )


TOLD = _told()


def others_to_be_had(db: Session, product_id: int | None, locale: str) -> list[Card]:
    """Return what somebody may like instead: siblings, or else what is newest."""
    siblings = living_siblings(db, product_id, locale, OTHERS) if product_id else []
    return siblings or [card for card in _newest(db, locale) if card.buyable][:OTHERS]


def shelf_cards(db: Session, locale: str, most: int) -> list[Card]:
    """Return the newest that can be had; where all are sold, the newest all the same."""
    newest = _newest(db, locale)
    return ([card for card in newest if card.buyable] or newest)[:most]


def _newest(db: Session, locale: str) -> list[Card]:
    return newest_cards(db, locale, NEWEST, NOBODYS)
