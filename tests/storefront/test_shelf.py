"""What a buyer reads on the shelf is true, whoever looks."""

import gzip
import re
from collections.abc import Callable

import pytest
from sqlalchemy import update

from shop.catalogue.models import Product, Variant
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.static import FOLDER, StaticFiles
from shop.stock.models import StockLevel
from tests.support import Buyer, Shelf

BUDGET = 13_000  # bytes of HTML and CSS, compressed: one round trip


@pytest.fixture
def english(buyer: Buyer) -> Buyer:
    buyer.prefix = "/en"
    return buyer


def state(html: str) -> str:
    """Return what a page says can be had of its item."""
    found = re.search(r'<p class="state[^"]*">([^<]*)</p>', html)
    assert found is not None
    return found[1].strip()


def can_be_bought(html: str) -> bool:
    return 'id="add-to-cart"' in html


@pytest.mark.parametrize(
    ("product", "words"),
    [
        ({"on_hand": 1}, "One of a kind"),
        ({"on_hand": 1, "kind": "batch"}, "1 left"),
        ({"on_hand": 5}, "5 left"),
        ({"on_hand": 3, "edition_size": 12}, "3 of 12 left"),
        ({"kind": "made_to_order", "lead_time_days": 14}, "Made to order"),
    ],
)
def test_what_there_is_can_be_bought(
    english: Buyer, shelf: Shelf, product: dict[str, object], words: str
) -> None:
    shelf.add("raven", **product)  # type: ignore[arg-type] # the product's own facts
    page = english.get("/products/raven").text
    assert state(page) == words
    assert can_be_bought(page)


def test_what_is_made_to_order_says_how_long_it_takes(english: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", kind="made_to_order", lead_time_days=14)
    assert "Made for you: it takes 14 days." in english.get("/products/raven").text


@pytest.mark.parametrize(
    ("kind", "level", "status", "words"),
    [
        ("unique", {"on_hand": 0}, "published", "Sold"),
        ("batch", {"on_hand": 0}, "published", "Sold out"),
        ("unique", {"on_hand": 1, "reserved": 1}, "published", "Someone is paying"),
        ("unique", {"on_hand": 1}, "archived", "No longer for sale"),
    ],
)
def test_what_is_gone_says_why_and_cannot_be_bought(
    english: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    kind: str,
    level: dict[str, int],
    status: str,
    words: str,
) -> None:
    variant_id = shelf.add("raven", kind=kind)
    with sessions.begin() as db:
        db.execute(update(StockLevel).where(StockLevel.variant_id == variant_id).values(**level))
        db.execute(update(Product).values(status=status))
    page = english.get("/products/raven").text
    assert state(page) == words
    assert not can_be_bought(page)


def test_the_own_hold_is_never_somebody_else_s(
    english: Buyer, new_buyer: Callable[[], Buyer], shelf: Shelf
) -> None:
    english.add(shelf.add("raven"))
    assert english.place().status_code == 303  # on the payment page, with the only piece
    assert can_be_bought(english.get("/products/raven").text)
    stranger = new_buyer()
    stranger.prefix = "/en"
    assert state(stranger.get("/products/raven").text) == "Someone is paying"


def test_a_choice_of_variants_is_offered_with_what_can_be_had(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    first = shelf.add("raven", on_hand=0, kind="batch")
    with sessions.begin() as db:
        product_id = db.get_one(Variant, first).product_id
        small = Variant(product_id=product_id, position=1, sku="S", options="Small", price_amount=1)
        db.add(small)
        db.flush()  # its id is needed for its stock
        db.add(StockLevel(variant_id=small.id, on_hand=2, reserved=0))
        second = small.id
    page = english.get("/products/raven").text
    assert re.search(rf'value="{first}"[^>]* disabled', page)
    assert re.search(rf'value="{second}" checked', page)
    assert "2 left" in page
    assert "From SEK" in page


def test_home_shows_first_what_can_be_had(english: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    shelf.add("raven")
    sold = shelf.add("ugglan")  # the newest
    with sessions.begin() as db:
        db.execute(update(StockLevel).where(StockLevel.variant_id == sold).values(on_hand=0))
    page = english.get("").text
    featured = re.search(r'<figure class="first">.*?</figure>', page, re.DOTALL)
    assert featured is not None
    assert "/en/products/raven" in featured[0]
    assert page.count("/en/products/ugglan") == 1  # in the shelf below


def test_an_empty_shop_is_a_page_too(english: Buyer) -> None:
    assert english.get("").status_code == 200
    assert "There is nothing on this shelf right now." in english.get("/products").text


def test_a_page_says_where_it_lives_in_each_language(
    shop: Config, buyer: Buyer, shelf: Shelf
) -> None:
    shelf.add("raven")
    page = buyer.get("/products/raven").text
    assert '<html lang="sv">' in page
    assert f'<link rel="canonical" href="{shop.base_url}/products/raven">' in page
    assert f'hreflang="en" href="{shop.base_url}/en/products/raven"' in page
    assert '<a href="/en/products/raven" lang="en" hreflang="en">English</a>' in page
    assert '<meta name="robots" content="noindex">' in page  # the demo is not for search engines


def test_a_text_in_another_language_says_so(english: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", names={"sv": "Räven"})
    page = english.get("/products/raven").text
    assert '<h1 lang="sv">Räven</h1>' in page


def test_pages_stay_small(english: Buyer, shelf: Shelf) -> None:
    for number in range(24):
        shelf.add(f"doll-{number}", on_hand=2)
    static = StaticFiles(FOLDER)
    sheet = static.get(static.url("css/app.css").removeprefix("/static/"))
    assert sheet is not None
    styles = len(gzip.compress(sheet.body))
    assert styles < 10_000
    for path in ("", "/products", "/products/doll-1"):
        html = len(gzip.compress(english.get(path).content))
        assert html + styles < BUDGET, path


def test_nothing_is_inline_and_nobody_else_is_asked(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven", on_hand=3))
    for path in ("", "/products", "/products/raven", "/cart", "/checkout", "/nope"):
        page = english.get(path).text
        inline = r"\sstyle=|\son\w+=|<style|<script(?![^>]*(?:\ssrc=|application/ld\+json))"
        assert not re.search(inline, page), path
        sources = re.findall(r'(?:src|srcset|href)="(https?://[^"]*)"', page)
        assert all(source.startswith(str(english.http.base_url)[:-1]) for source in sources), path
