"""A few dolls with words, made as the owner makes them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from shop.catalogue.actions import Details, Words, create_collection, create_product, publish
from shop.catalogue.models import Kind, Product
from shop.stock.actions import put_on_shelf
from tests.support import NOON


def make(
    db: Session,
    sv: str,
    en: str = "",
    *,
    story: Mapping[str, str] | None = None,
    materials: Mapping[str, str] | None = None,
    on_hand: int = 1,
    published: bool = True,
    days: int = 0,
    **facts: Any,
) -> Product:
    """Make a doll that came to the shelf so many days after noon."""
    names = {"sv": sv, "en": en}
    words = {
        code: Words(name, (story or {}).get(code, ""), (materials or {}).get(code, ""))
        for code, name in names.items()
    }
    values = {"price_amount": 24500, "weight_g": 20, "thickness_mm": 25} | facts
    kind = values.pop("kind", Kind.UNIQUE)
    details = Details(words=words, kind=kind, **values)
    at = NOON + timedelta(days=days)
    product = create_product(db, details, ["0123456789abcdef"], now=at)
    if kind != Kind.MADE_TO_ORDER:
        put_on_shelf(db, product.variants[0].id, on_hand, by="owner", now=at)
    if published:
        publish(db, product, now=at)
    return product


def details_of(product: Product, words: Mapping[str, Words], ids: Sequence[int] = ()) -> Details:
    """Return *product* as it is, but for its words and its collections."""
    return Details(
        words=words,
        kind=Kind(product.kind),
        price_amount=product.variants[0].price_amount,
        weight_g=product.weight_g,
        thickness_mm=product.thickness_mm,
        collection_ids=ids,
    )


def shelf_of_dolls(db: Session) -> None:
    """Put the shelf up that the tests of finding look at, the oldest first."""
    forest = create_collection(db, {"sv": "Skogen", "en": "The forest"}, {})
    sea = create_collection(db, {"sv": "Havet", "en": "The sea"}, {})
    make(
        db,
        "Räven Ragnar",
        "Ragnar the Fox",
        materials={"sv": "Ullfilt och halsduk av merinoull", "en": "Wool felt, merino scarf"},
        collection_ids=[forest.id],
        height_mm=90,
        days=1,
    )
    make(
        db,
        "Räven Rut",
        "Rut the Fox",
        collection_ids=[forest.id],
        on_hand=0,
        price_amount=30000,
        height_mm=80,
        days=2,
    )
    make(
        db,
        "Igelkotten Ivar",
        "Ivar the Hedgehog",
        story={"sv": "Han är rädd för rävar.", "en": "He is afraid of foxes."},
        collection_ids=[forest.id],
        price_amount=19900,
        on_hand=5,
        kind=Kind.BATCH,
        days=3,
    )
    make(
        db,
        "Sälen Selma",
        "Selma the Seal",
        collection_ids=[sea.id],
        kind=Kind.MADE_TO_ORDER,
        lead_time_days=14,
        price_amount=40000,
        height_mm=70,
        days=4,
    )
    make(db, "Åskan Östen", price_amount=9900, height_mm=95, days=5)  # in Swedish alone
    make(db, "Räven i lådan", "The Fox in the drawer", published=False, days=6)
