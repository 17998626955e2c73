from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from shop.catalogue.models import Collection, PriceChange, Product, Status
from shop.catalogue.queries import products_in
from shop.config import Config
from shop.kit.db import Sessions, write_sessions
from shop.kit.media import MediaFolder
from shop.preferences.forms import swedish_number_is_odd, swedish_vat_number_is_odd
from shop.preferences.queries import page_text, preferences
from shop.sandbox.demo import load_demo
from shop.shipping.queries import Parcel, delivery_options
from shop.stock.queries import stock_levels
from shop.tax.queries import vat_rate_bp
from tests.support import NOON, product_by_slug

THREE = ("raven-ragnar", "bjornen-bodil", "tomten-torsten")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a media folder in which a photo is made by the first test that needs it."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture
def demo(config: Config, drawn: Path) -> Config:
    loaded = replace(config, media=drawn)
    load_demo(loaded, only=THREE, clock=lambda: NOON)
    return loaded


def test_the_demo_has_dolls_of_every_kind_on_sale(demo: Config, reads: Sessions) -> None:
    with reads.begin() as db:
        shelf = products_in(db, Status.PUBLISHED)
        assert [product.slug for product in shelf] == list(THREE)  # the first is the newest
        fox, bear, gnome = shelf
        assert [product.kind for product in shelf] == ["unique", "made_to_order", "batch"]
        assert (gnome.edition_size, bear.lead_time_days) == (12, 14)
        assert [product.height_mm for product in shelf] == [90, 70, 100]
        levels = stock_levels(db, [product.variants[0].id for product in shelf])
        assert [level.on_hand for level in levels.values()] == [1, 3]
        assert (fox.text("sv").name, fox.text("en").name) == ("Räven Ragnar", "Ragnar the Fox")
        assert [photo.in_scale for photo in fox.photos] == [False, True, False, False]
        assert all(photo.alt(code) for photo in fox.photos for code in ("sv", "en"))
        assert db.scalar(select(func.count()).select_from(PriceChange)) == 3
        assert db.scalar(select(func.count()).select_from(Collection)) == 4
        media = MediaFolder(demo.media)
        assert all(media.has(photo.hash) for product in shelf for photo in product.photos)


def test_the_demo_is_a_whole_shop(demo: Config, reads: Sessions) -> None:
    with reads.begin() as db:
        shop = preferences(db)
        assert shop.identity_complete
        assert shop.languages == ("sv", "en")
        assert not swedish_number_is_odd(shop.org_number)
        assert not swedish_vat_number_is_odd(shop.vat_number, shop.org_number)
        media = MediaFolder(demo.media)
        assert media.has(shop.portrait_hash)
        assert media.has(shop.workshop_hash)
        today = date(2026, 11, 23)
        assert vat_rate_bp(db, "SE", today) == 2500
        fox = Parcel(19, 26, 34500)
        letter, parcel = delivery_options(db, "SE", fox, today)
        assert (letter.amount, parcel.amount) == (3600, 7900)
        assert [option.amount for option in delivery_options(db, "FI", fox, today)] == [7900]
        home = page_text(db, "home", "sv")
        assert home is not None
        assert home.title == "Så blir dockorna till"  # the demo's own, not the one to start from
        assert page_text(db, "terms", "en") is not None


def test_a_second_start_changes_nothing(demo: Config, reads: Sessions) -> None:
    sessions = write_sessions(demo.database_url)
    with sessions.begin() as db:
        fox = product_by_slug(db, "raven-ragnar")
        assert fox is not None
        fox.text("sv").name = "Min egen räv"
    sessions.engine.dispose()
    load_demo(demo, clock=lambda: NOON)
    with reads.begin() as db:
        fox = product_by_slug(db, "raven-ragnar")
        assert fox is not None
        assert fox.text("sv").name == "Min egen räv"
        assert db.scalar(select(func.count()).select_from(Product)) == 3
