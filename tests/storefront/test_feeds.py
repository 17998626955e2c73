"""The sitemap and the feeds: read by a real parser, complete, and made a piece at a time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import httpx2
import pytest
from sqlalchemy import select, update

from shop.catalogue.actions import set_price
from shop.catalogue.models import Photo, Product, ProductText, Variant
from shop.config import Config
from shop.kit.db import Sessions
from shop.listings import feeds, sitemap
from shop.listings import pages as listings_pages
from shop.listings.storefront import Storefront
from shop.preferences.actions import set_preferences, write_page
from shop.stock.models import StockLevel
from tests.support import Buyer, Shelf, on_both_databases, product_by_slug

G = "{http://base.google.com/ns/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
IMAGE = "{http://www.google.com/schemas/sitemap-image/1.1}"
XHTML = "{http://www.w3.org/1999/xhtml}"
PICTURE = "/media/0123456789abcdef/1200.jpeg"


def parsed(answer: httpx2.Response) -> ET.Element:
    assert answer.status_code == 200
    return ET.fromstring(answer.content)  # noqa: S314 - our own


def words(element: ET.Element, name: str) -> list[str]:
    return [found.text or "" for found in element.findall(name)]


def items(answer: httpx2.Response) -> dict[str, ET.Element]:
    """Return the items of the feed by their ids."""
    found = parsed(answer).findall("channel/item")
    return {words(item, f"{G}id")[0]: item for item in found}


# --- shopping search engines ----------------------------------------------------------------------


@on_both_databases
def test_an_item_has_all_that_is_asked_for(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", names={"sv": "Räven & <Ragnar>", "en": "Ragnar"})
    answer = buyer.get("/feeds/google.xml")
    assert answer.headers["content-type"] == "application/xml"
    (item,) = items(answer).values()
    assert {child.tag.removeprefix(G): child.text for child in item if not len(child)} == {
        "id": "SKU-1-raven",
        "title": "Räven & <Ragnar>",
        "description": "Räven & <Ragnar>",
        "link": f"{shop.base_url}/products/raven",
        "image_link": f"{shop.base_url}{PICTURE}",
        "price": "245.00 SEK",
        "availability": "in_stock",
        "condition": "new",
        "brand": "Provbutiken",
        "identifier_exists": "no",
        "shipping_weight": "20 g",
    }
    assert [
        {child.tag.removeprefix(G): child.text for child in shipping}
        for shipping in item.findall(f"{G}shipping")
    ] == [
        {
            "country": "SE",
            "service": service,
            "price": price,
            "min_handling_time": "0",
            "max_handling_time": "2",
            "min_transit_time": "1",
            "max_transit_time": "3",
        }
        for service, price in (("Brev", "36.00 SEK"), ("Spårbart paket", "79.00 SEK"))
    ]


def test_each_language_has_its_feed(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    shelf.add("ugglan", names={"sv": "Ugglan"})
    assert set(items(buyer.get("/feeds/google.xml"))) == {"SKU-1-raven", "SKU-2-ugglan"}
    english = items(buyer.get("/en/feeds/google.xml"))
    assert set(english) == {"SKU-1-raven"}  # the owl is not described in English
    assert words(english["SKU-1-raven"], "title") == ["Raven (en)"]
    assert words(english["SKU-1-raven"], "link") == [f"{shop.base_url}/en/products/raven"]


@pytest.mark.parametrize(
    ("facts", "level", "told"),
    [
        ({"on_hand": 1}, {"on_hand": 0}, "out_of_stock"),
        ({"on_hand": 5}, {"on_hand": 0}, "out_of_stock"),
        ({"on_hand": 1}, {"reserved": 1}, "out_of_stock"),
        ({"on_hand": 5}, {"reserved": 4}, "in_stock"),
        ({"kind": "made_to_order", "lead_time_days": 14}, {"on_hand": 0}, "in_stock"),
    ],
)
def test_what_can_be_had_is_told(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    facts: dict[str, object],
    level: dict[str, int],
    told: str,
) -> None:
    shelf.add("raven", **facts)  # type: ignore[arg-type] # the product's own facts
    with sessions.begin() as db:
        db.execute(update(StockLevel).values(**level))
    (item,) = items(buyer.get("/feeds/google.xml")).values()
    assert words(item, f"{G}availability") == [told]


def test_what_is_made_to_order_takes_its_time(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", kind="made_to_order", lead_time_days=14)
    (item,) = items(buyer.get("/feeds/google.xml")).values()
    days = [words(one, f"{G}max_handling_time") for one in item.findall(f"{G}shipping")]
    assert days == [["12"], ["12"]]  # two weeks of five days, and two to send it


def test_each_variant_is_an_item_of_one_group(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    first = shelf.add("raven", on_hand=2)
    with sessions.begin() as db:
        product_id = db.get_one(Variant, first).product_id
        db.add(Variant(product_id=product_id, position=1, sku="S", options="Liten", price_amount=1))
    small, large = sorted(items(buyer.get("/feeds/google.xml")).items())
    assert [words(item, f"{G}item_group_id") for _, item in (small, large)] == [["raven"]] * 2
    assert (small[0], words(small[1], "title")) == ("S", ["Raven, Liten"])
    assert words(small[1], f"{G}price") == ["0.01 SEK"]
    assert words(small[1], f"{G}availability") == ["out_of_stock"]


def test_drafts_what_is_put_away_and_what_has_no_photo_are_left_out(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven", status="draft")
    shelf.add("ugglan", status="archived")
    bare = shelf.add("haren")
    with sessions.begin() as db:
        product_id = db.get_one(Variant, bare).product_id
        db.delete(db.scalars(select(Photo).where(Photo.product_id == product_id)).one())
    assert items(buyer.get("/feeds/google.xml")) == {}
    assert words(parsed(buyer.get("/feeds/google.xml")), "channel/title") == ["Provbutiken"]


@on_both_databases
def test_a_long_feed_is_made_in_batches_and_leaves_nothing_out(
    buyer: Buyer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings_pages, "AT_A_TIME", 3)
    for number in range(7):
        shelf.add(f"doll-{number}")
    assert len(items(buyer.get("/feeds/google.xml"))) == 7
    urls = words(parsed(buyer.get("/sitemap.xml")), f"{SITEMAP}url/{SITEMAP}loc")
    assert len([url for url in urls if "/products/doll-" in url]) == 14


def test_what_no_xml_may_have_is_left_out(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", names={"sv": "Rä\x0bven\x00 ]]> 🦊"})
    (item,) = items(buyer.get("/feeds/google.xml")).values()
    assert words(item, "title") == ["Räven ]]> 🦊"]


# --- asked again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/feeds/google.xml", "/feeds/new.atom", "/sitemap.xml"])
def test_who_has_it_is_told_so_until_it_changes(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, path: str
) -> None:
    shelf.add("raven")
    first = buyer.get(path)
    tag = {"If-None-Match": first.headers["etag"]}
    again = buyer.http.get(path, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    with sessions.begin() as db:
        set_preferences(db, shop_name="Omdöpt")
    changed = buyer.http.get(path, headers=tag)
    assert changed.status_code == 200


def test_asking_for_the_head_alone_makes_nothing(
    buyer: Buyer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.add("raven")
    made = list[object]()
    begin = feeds.google_begin

    def noted(front: Storefront) -> str:
        made.append(front)
        return begin(front)

    monkeypatch.setattr(feeds, "google_begin", noted)
    answer = buyer.http.head("/feeds/google.xml")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/xml"
    assert (answer.content, made) == (b"", [])


# --- whoever follows the shop ---------------------------------------------------------------------


@on_both_databases
def test_the_newest_are_told_of_with_photo_and_price(
    shop: Config, buyer: Buyer, shelf: Shelf
) -> None:
    shelf.add("raven")
    answer = buyer.get("/en/feeds/new.atom")
    assert answer.headers["content-type"] == "application/atom+xml"
    feed = parsed(answer)
    assert feed.tag == f"{ATOM}feed"
    assert words(feed, f"{ATOM}title") == ["Provbutiken: new items"]
    assert words(feed, f"{ATOM}id") == [f"{shop.base_url}/en"]
    assert words(feed, f"{ATOM}updated") == ["2026-11-23T11:00:00+00:00"]
    assert words(feed, f"{ATOM}author/{ATOM}name") == ["Provbutiken Ek"]
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links == {
        "self": f"{shop.base_url}/en/feeds/new.atom",
        "alternate": f"{shop.base_url}/en",
    }
    (entry,) = feed.findall(f"{ATOM}entry")
    assert words(entry, f"{ATOM}id") == [f"{shop.base_url}/en/products/raven"]
    assert words(entry, f"{ATOM}title") == ["Raven (en)"]
    assert words(entry, f"{ATOM}updated") == ["2026-11-23T11:00:00+00:00"]
    (content,) = words(entry, f"{ATOM}content")
    assert f'<img src="{shop.base_url}{PICTURE}" alt="">' in content
    assert "<p>SEK\u00a0245</p>" in content


def test_words_stay_apart_where_a_blog_takes_only_the_words(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    """As the RSS block of WordPress does."""
    shelf.add("raven")
    with sessions.begin() as db:
        db.execute(update(ProductText).values(story="Sydd under ett strömavbrott."))
    (content,) = words(parsed(buyer.get("/feeds/new.atom")), f"{ATOM}entry/{ATOM}content")
    assert re.sub("<[^>]+>", "", content).split("\n") == [
        "",
        "245\u00a0kr",
        "Sydd under ett strömavbrott.",
    ]


def test_what_is_sold_is_told_of_as_sold(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", on_hand=0, kind="unique")
    shelf.add("moss", on_hand=0, kind="batch")
    shelf.add("fox")
    contents = words(parsed(buyer.get("/feeds/new.atom")), f"{ATOM}entry/{ATOM}content")
    assert [re.findall("<p>([^<]+)</p>", content) for content in contents] == [
        ["245\u00a0kr"],
        ["245\u00a0kr", "Slut"],
        ["245\u00a0kr", "Såld"],
    ]


def test_fifty_are_told_of_the_newest_first(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    for number in range(52):
        shelf.add(f"doll-{number}")
    with sessions.begin() as db:
        newest = datetime(2026, 11, 24, tzinfo=UTC)
        db.execute(update(Product).where(Product.slug == "doll-7").values(published_at=newest))
    titles = words(parsed(buyer.get("/feeds/new.atom")), f"{ATOM}entry/{ATOM}title")
    assert (len(titles), titles[0], titles[1], titles[-1]) == (50, "Doll-7", "Doll-51", "Doll-2")


def test_an_empty_shop_has_feeds_too(buyer: Buyer) -> None:
    assert words(parsed(buyer.get("/feeds/new.atom")), f"{ATOM}updated") == [
        "1970-01-01T00:00:00+00:00"
    ]
    assert items(buyer.get("/feeds/google.xml")) == {}


def test_a_text_in_another_language_says_so(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", names={"sv": "Räven"})
    (entry,) = parsed(buyer.get("/en/feeds/new.atom")).findall(f"{ATOM}entry")
    assert entry.get("{http://www.w3.org/XML/1998/namespace}lang") == "sv"


def test_pages_lead_to_the_feed_of_their_language(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    for path, feed in (("/", "/feeds/new.atom"), ("/en/products/raven", "/en/feeds/new.atom")):
        link = f'<link rel="alternate" type="application/atom+xml" href="{feed}"'
        assert link in buyer.get(path).text, path


# --- the sitemap ----------------------------------------------------------------------------------


@on_both_databases
def test_every_page_is_listed_in_every_language(
    shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    shelf.add("draft", status="draft")
    with sessions.begin() as db:
        write_page(db, "terms", "sv", title="Villkor", body="…")
    site = parsed(buyer.get("/sitemap.xml"))
    base = shop.base_url
    assert words(site, f"{SITEMAP}url/{SITEMAP}loc") == [
        *(f"{base}/", f"{base}/en"),
        *(f"{base}/products", f"{base}/en/products"),
        *(f"{base}/sold", f"{base}/en/sold"),
        *(f"{base}/pages/terms", f"{base}/en/pages/terms"),
        *(f"{base}/products/raven", f"{base}/en/products/raven"),
    ]
    for url in site.findall(f"{SITEMAP}url")[-2:]:
        others = {link.get("hreflang"): link.get("href") for link in url.findall(f"{XHTML}link")}
        assert others == {"sv": f"{base}/products/raven", "en": f"{base}/en/products/raven"}
        assert words(url, f"{IMAGE}image/{IMAGE}loc") == [f"{base}{PICTURE}"]


def test_every_listed_page_is_there(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        write_page(db, "terms", "sv", title="Villkor", body="…")
    for address in words(parsed(buyer.get("/sitemap.xml")), f"{SITEMAP}url/{SITEMAP}loc"):
        page = buyer.http.get(address)
        assert page.status_code == 200, address
        assert f'<link rel="canonical" href="{address}">' in page.text


@on_both_databases
def test_a_long_list_is_an_index_of_parts_that_together_are_all(
    shop: Config, buyer: Buyer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemap, "MOST_ADDRESSES", 6)  # three products in two languages
    for number in range(7):
        shelf.add(f"doll-{number}")
    index = parsed(buyer.get("/sitemap.xml"))
    assert index.tag == f"{SITEMAP}sitemapindex"
    parts = words(index, f"{SITEMAP}sitemap/{SITEMAP}loc")
    assert parts == [f"{shop.base_url}/sitemaps/{part}.xml" for part in ("pages", "1", "2", "3")]
    listed = [words(parsed(buyer.http.get(part)), f"{SITEMAP}url/{SITEMAP}loc") for part in parts]
    assert [len(part) for part in listed] == [6, 6, 6, 2]
    slugs = re.findall(r"/en/products/(doll-\d)", str(listed))
    assert sorted(slugs) == [f"doll-{number}" for number in range(7)]


@pytest.mark.parametrize("part", ["0", "2", "x", "1e3", "99999999999", "-1"])
def test_a_part_that_is_none_is_not_found(buyer: Buyer, shelf: Shelf, part: str) -> None:
    shelf.add("raven")
    assert buyer.get(f"/sitemaps/{part}.xml").status_code == 404


def test_a_new_price_is_told_at_once(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, clock: Callable[[], datetime]
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        raven = product_by_slug(db, "raven")
        assert raven is not None
        set_price(db, raven, 9900, now=clock())
    (item,) = items(buyer.get("/feeds/google.xml")).values()
    assert words(item, f"{G}price") == ["99.00 SEK"]
