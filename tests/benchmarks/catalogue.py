"""A shop with as many products as asked for: made up from a seed, written in bulk."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from shop.catalogue.models import (
    Collection,
    CollectionProduct,
    CollectionText,
    Photo,
    PhotoText,
    PriceChange,
    Product,
    ProductText,
    Variant,
)
from shop.catalogue.search import index_everything
from shop.catalogue.words import sort_key
from shop.kit.db import Base, Sessions
from shop.kit.public_version import raise_public_version
from shop.stock.models import StockLevel, StockMovement
from tests.support import NOON, open_shop

COLLECTIONS = 8
AT_A_TIME = 2000  # products that are written together
PIECES = 1_000_000  # of each: what is measured is not to run out
MANNERS = [("Glada", "happy"), ("Lugna", "calm"), ("Modiga", "brave"), ("Trötta", "tired")]
ANIMALS = [
    ("räven", "fox"),
    ("haren", "hare"),
    ("grävlingen", "badger"),
    ("ugglan", "owl"),
    ("älgen", "moose"),
    ("björnen", "bear"),
    ("igelkotten", "hedgehog"),
    ("sälen", "seal"),
    ("ekorren", "squirrel"),
    ("lodjuret", "lynx"),
]
NAMES = ["Ragnar", "Selma", "Ivar", "Tyra", "Sten", "Alva", "Folke", "Maj", "Örjan", "Åsa"]


def fill(
    sessions: Sessions, products: int, *, collections: int = COLLECTIONS, seed: int = 1
) -> None:
    """Fill a migrated, empty database."""
    chance = random.Random(seed)
    with sessions.begin() as db:
        open_shop(db)
        _collections(db, collections)
    for first in range(1, products + 1, AT_A_TIME):
        with sessions.begin() as db:
            rows = [
                _rows(n, collections, chance)
                for n in range(first, min(first + AT_A_TIME, products + 1))
            ]
            for model in rows[0]:
                db.execute(insert(model.__table__), [row for one in rows for row in one[model]])  # type: ignore[arg-type] # a Table, which each of these has
    with sessions.begin() as db:
        index_everything(db)
        raise_public_version(db)


def slug(n: int) -> str:
    return f"docka-{n}"


def _collections(db: Session, collections: int) -> None:
    numbers = range(1, collections + 1)
    rows = [{"id": n, "slug": f"samling-{n}", "position": n} for n in numbers]
    db.execute(insert(Collection), rows)
    texts = [
        {"collection_id": n, "locale": locale, "name": f"{name} {n}", "text": ""}
        for n in numbers
        for locale, name in (("sv", "Samling"), ("en", "Collection"))
    ]
    db.execute(insert(CollectionText), texts)


def _rows(
    n: int, collections: int, chance: random.Random
) -> dict[type[Base], list[dict[str, Any]]]:
    """Return one product's rows, in the order of references."""
    price, photos = chance.randrange(120, 480) * 100, range(1, chance.choice([2, 3, 4]))
    at = NOON - timedelta(days=365) + timedelta(minutes=n)
    return {
        Product: [
            {
                "id": n,
                "slug": slug(n),
                "kind": "batch",
                "status": "published",
                "weight_g": chance.randrange(10, 60),
                "thickness_mm": 25,
                "height_mm": chance.randrange(60, 130),
                "created_at": at,
                "published_at": at,
            }
        ],
        ProductText: list(_texts(n, chance)),
        Variant: [{"id": n, "product_id": n, "sku": f"SKU-{n}", "price_amount": price}],
        PriceChange: [{"variant_id": n, "amount": price, "at": at}],
        Photo: [
            {
                "id": n * 10 + i,
                "product_id": n,
                "position": i,
                "hash": f"{n * 10 + i:016x}",
                "in_scale": i == 2,
            }
            for i in photos
        ],
        PhotoText: [
            {"photo_id": n * 10 + i, "locale": locale, "alt": alt}
            for i in photos
            for locale, alt in (("sv", "En docka på ett finger"), ("en", "A doll on a finger"))
        ],
        StockLevel: [{"variant_id": n, "on_hand": PIECES}],
        StockMovement: [
            {"variant_id": n, "delta": PIECES, "reason": "counted", "by": "owner", "at": at}
        ],
        CollectionProduct: [{"collection_id": n % collections + 1, "product_id": n}],
    }


def _texts(n: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    manner, animal, name = chance.choice(MANNERS), ANIMALS[n % len(ANIMALS)], chance.choice(NAMES)
    for i, locale in enumerate(("sv", "en")):
        story = (
            f"Sydd för hand av ull och lin, den {n}:e i ordningen. Tål kramar."
            if locale == "sv"
            else f"Sewn by hand of wool and linen, number {n}. Takes hugs."
        )
        named = f"{manner[i]} {animal[i]} {name} {n}"
        yield {
            "product_id": n,
            "locale": locale,
            "name": named,
            "sort_key": sort_key(named, locale),
            "story": f"{story}\n\n{story}",
            "materials": ("Ull, lin", "Wool, linen")[i],
            "size": ("9 cm hög", "9 cm tall")[i],
            "care": ("Tvättas för hand", "Wash by hand")[i],
            "warning": ("Inte för barn under 3 år", "Not for children under 3")[i],
        }
