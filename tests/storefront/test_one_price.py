"""Every doll has one price: on its page, in the lists, for search engines, in feeds, in shared
links and in the cards of posts; in both languages, and after it has changed.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from html import unescape
from xml.etree import ElementTree as ET

import httpx2
import pytest

from shop.catalogue.actions import set_price
from shop.catalogue.models import Status
from shop.config import Config
from shop.kit.db import Sessions, write_sessions
from tests.demo_shelf import fill_with_the_demo
from tests.storefront.test_structured_data import properties, things
from tests.support import all_products

G = "{http://base.google.com/ns/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"
Prices = dict[str, Decimal]  # by slug
SHOWN = re.compile(r'<(?:p|span) class="price">([^<]*)<')
CARD = re.compile(r'<li class="card.*?</li>', re.DOTALL)


@pytest.fixture
def sessions(db_url: str, clock: Callable[[], datetime]) -> Iterator[Sessions]:
    """Yield write sessions on a shop with the demo's dolls."""
    opened = write_sessions(db_url)
    fill_with_the_demo(opened, clock())
    yield opened
    opened.engine.dispose()


def as_number(shown: str) -> Decimal:
    """Return a price as a person reads it: "1 245,50 kr" and "SEK 1,245.50" are 1245.50."""
    digits = re.sub(r"[^\d.,]", "", unescape(shown))
    return Decimal(re.sub(r"[.,](?=\d{3})", "", digits).replace(",", "."))


def slug_in(html: str) -> str:
    found = re.search(r'/products/([\w-]+)"', html)
    assert found is not None
    return found[1]


def on_the_lists(get: Callable[[str], str]) -> Prices:
    cards = CARD.findall(get("/products"))
    return {slug_in(card): as_number(SHOWN.findall(card)[0]) for card in cards}


def in_the_merchant_feed(get: Callable[[str], str]) -> Prices:
    items = ET.fromstring(get("/feeds/google.xml")).findall("channel/item")  # noqa: S314 - ours
    prices = {}
    for item in items:
        amount, currency = (item.findtext(f"{G}price") or "").split()
        assert currency == "SEK"
        prices[(item.findtext("link") or "").rpartition("/")[2]] = Decimal(amount)
    return prices


def in_the_feed_of_news(get: Callable[[str], str]) -> Prices:
    entries = ET.fromstring(get("/feeds/new.atom")).findall(f"{ATOM}entry")  # noqa: S314 - ours
    prices = {}
    for entry in entries:
        content = entry.findtext(f"{ATOM}content") or ""
        shown = re.findall(r"<p>([^<]*\d[^<]*)</p>", content)[0]
        prices[(entry.findtext(f"{ATOM}id") or "").rpartition("/")[2]] = as_number(shown)
    return prices


def on_their_pages(get: Callable[[str], str], slugs: set[str]) -> dict[str, Prices]:
    """Return what each product's own page says: to people, to search engines, to who shares it."""
    told: dict[str, Prices] = {"shown": {}, "JSON-LD": {}, "Open Graph": {}}
    for slug in slugs:
        page = get(f"/products/{slug}")
        offer = things(page)["Product"]["offers"]
        assert offer["priceCurrency"] == properties(page)["product:price:currency"] == "SEK"
        told["shown"][slug] = as_number(SHOWN.findall(page)[0])
        told["JSON-LD"][slug] = Decimal(offer["price"])
        told["Open Graph"][slug] = Decimal(properties(page)["product:price:amount"])
    return told


def on_their_cards(get: Callable[[str], str], slugs: set[str]) -> Prices:
    return {
        slug: as_number(SHOWN.findall(get(f"/products/{slug}/card"))[0]) for slug in sorted(slugs)
    }


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_every_doll_has_one_price_wherever_it_is_told(
    shop: Config, sessions: Sessions, clock: Callable[[], datetime], prefix: str
) -> None:
    with httpx2.Client(base_url=shop.base_url, timeout=30) as http:

        def get(path: str) -> str:
            answer = http.get(prefix + path)
            assert answer.status_code == 200, path
            return answer.text

        for amount_added in (0, 1050):  # after a change it has öre in it, too
            with sessions.begin() as db:
                for product in all_products(db):
                    if amount_added:
                        new = (product.variants[0].price_amount or 0) + amount_added
                        set_price(db, product, new, now=clock())
            with sessions.begin() as db:
                true = {
                    product.slug: Decimal(product.variants[0].price_amount or 0) / 100
                    for product in all_products(db)
                    if product.status == Status.PUBLISHED
                }
            assert len(true) >= 12
            told = on_their_pages(get, set(true)) | {
                "lists": on_the_lists(get),
                "cards in posts": on_their_cards(get, set(true)),
                "merchant feed": in_the_merchant_feed(get),
                "feed of news": in_the_feed_of_news(get),
            }
            assert told == dict.fromkeys(told, true)


def test_a_price_is_read_as_people_write_it() -> None:
    assert as_number("245\u00a0kr") == Decimal(245)
    assert as_number("Från 1\u00a0245,50\u00a0kr") == Decimal("1245.50")
    assert as_number("SEK\u00a01,245.50") == Decimal("1245.50")
    assert as_number("SEK\u00a01,245") == Decimal(1245)
