"""The demo shop: invented dolls and an invented maker, put in an empty shop once."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalogue.actions import (
    Details,
    Words,
    create_collection,
    create_product,
    describe_photo,
    publish,
)
from shop.catalogue.models import Kind, Product
from shop.catalogue.photos import store_picture
from shop.config import Config
from shop.kit.clock import Clock, local_day, system_clock
from shop.kit.db import read_sessions, write_sessions
from shop.kit.media import MediaFolder
from shop.preferences.actions import set_preferences, write_page, write_starting_texts
from shop.shipping.actions import start_with_swedish_postage
from shop.stock.actions import follow_kind
from shop.tax.actions import start_with_swedish_vat

FOLDER = Path(__file__).parent / "catalogue"
LANGUAGES = ("sv", "en")
BETWEEN_DOLLS = timedelta(days=4)  # so long the maker needs for the next one

# The number of a company that does not exist yet, and a telephone number reserved for fiction.
SHOP = {
    "shop_name": "Fingerdockor från Hallstavik",
    "tagline": {
        "sv": "Små dockor för stora och små fingrar, sydda för hand vid havet",
        "en": "Small dolls for fingers large and small, sewn by hand beside the sea",
    },
    "languages": LANGUAGES,
    "legal_name": "Demoverkstaden",
    "org_number": "559999-9991",
    "vat_number": "SE559999999101",
    "street": "Exempelvägen 1",
    "postal_code": "763 40",
    "city": "Hallstavik",
    "country": "SE",
    "email": "hej@fingerdockor.example",
    "phone": "070-174 06 05",
    "pickup_offered": True,
    "pickup": {
        "sv": "Demoverkstaden, Exempelvägen 1 i Hallstavik.\nLördagar klockan 10–14.",
        "en": "Demoverkstaden, Exempelvägen 1 in Hallstavik.\nSaturdays from 10 to 2.",
    },
}


def load_demo(
    config: Config, only: Collection[str] | None = None, clock: Clock = system_clock
) -> None:
    """Fill the shop of *config* with the demo, or with the dolls that *only* names by slug.

    A shop that has a product already is left as it is. Photos come first, everything else in one
    transaction: a start that is broken off is simply made again.
    """
    reads, sessions = read_sessions(config.database_url), write_sessions(config.database_url)
    try:
        with reads.begin() as db:
            if _is_filled(db):
                return
        catalogue = json.loads((FOLDER / "catalogue.json").read_text(encoding="utf-8"))
        dolls = [doll for doll in catalogue["products"] if only is None or doll["slug"] in only]
        media = MediaFolder(config.media)
        hashes = {name: _store(media, name) for doll in dolls for name in _files(doll)}
        pictures = {
            "portrait_hash": _store(media, "photos/portrait.webp"),
            "workshop_hash": _store(media, "photos/workshop.webp"),
        }
        with sessions.begin() as db:
            if not _is_filled(db):  # another start was faster
                set_preferences(db, **SHOP, **pictures)
                _fill(db, catalogue["collections"], dolls, hashes, now=clock())
    finally:
        reads.engine.dispose()
        sessions.engine.dispose()


def _is_filled(db: Session) -> bool:
    return db.scalar(select(Product.id).limit(1)) is not None


def _store(media: MediaFolder, name: str) -> str:
    return store_picture(media, (FOLDER / name).read_bytes())


def _files(doll: Mapping[str, Any]) -> list[str]:
    return [photo["file"] for photo in doll["photos"]]


def _fill(
    db: Session,
    collections: list[dict[str, Any]],
    dolls: list[dict[str, Any]],
    hashes: Mapping[str, str],
    *,
    now: datetime,
) -> None:
    start_with_swedish_vat(db)
    start_with_swedish_postage(db, local_day(now))
    for language in LANGUAGES:
        text = (FOLDER / "texts" / f"home.{language}.md").read_text(encoding="utf-8")
        title, _newline, body = text.partition("\n")
        write_page(db, "home", language, title=title.removeprefix("# "), body=body.strip())
    write_starting_texts(db)
    ids = {one["slug"]: create_collection(db, one["name"], one["text"]).id for one in collections}
    for i, doll in enumerate(dolls):  # the first is the newest
        _add(db, doll, ids, hashes, now=now - i * BETWEEN_DOLLS)


def _add(
    db: Session,
    doll: Mapping[str, Any],
    collection_ids: Mapping[str, int],
    hashes: Mapping[str, str],
    *,
    now: datetime,
) -> None:
    parts = ("name", "story", "materials", "size", "care", "warning")
    details = Details(
        words={code: Words(**{part: doll[part][code] for part in parts}) for code in LANGUAGES},
        kind=Kind(doll["kind"]),
        price_amount=doll["price_amount"],
        weight_g=doll["weight_g"],
        thickness_mm=doll["thickness_mm"],
        height_mm=doll["height_mm"],
        lead_time_days=doll["lead_time_days"],
        takes_personal_text=doll["kind"] == Kind.MADE_TO_ORDER,
        edition_size=doll["edition_size"],
        collection_ids=[collection_ids[slug] for slug in doll["collections"]],
    )
    product = create_product(db, details, [hashes[name] for name in _files(doll)], now=now)
    for photo, said in zip(product.photos, doll["photos"], strict=True):
        describe_photo(photo, said["alt"], in_scale=said["in_scale"])
    follow_kind(db, product, pieces=doll["on_hand"] or 0, by="owner", now=now)
    if doll["published"]:
        publish(db, product, now=now)
