"""What machines are told of a page is what its readers see, and can be understood by them."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest
from sqlalchemy import update

from shop.catalogue.models import Photo, ProductText, Variant
from shop.config import Config
from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences
from shop.shipping.models import ShippingZone
from shop.stock.models import StockLevel
from tests.support import Buyer, Shelf

PICTURE = "/media/0123456789abcdef/1200.jpeg"
Thing = dict[str, Any]


class Head(HTMLParser):
    """Reads a page as a browser does: the text of its data blocks, and its properties."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self.properties: list[tuple[str, str]] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._inside = tag == "script" and given.get("type") == "application/ld+json"
        if self._inside:
            self.blocks.append("")
        of_its_own = "name" if (given.get("name") or "").startswith("twitter:") else "property"
        if tag == "meta" and of_its_own in given:
            self.properties.append((given[of_its_own] or "", given["content"] or ""))

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.blocks[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"


def things(html: str) -> dict[str, Thing]:
    """Return what a page tells of, by its kind."""
    found = [json.loads(block) for block in Head(html).blocks]
    assert all(thing["@context"] == "https://schema.org" for thing in found)
    return {thing["@type"]: thing for thing in found}


def properties(html: str) -> dict[str, str]:
    return dict(Head(html).properties)


def short(address: str) -> str:
    """Return a term of schema.org without its address."""
    assert address.startswith("https://schema.org/")
    return address.removeprefix("https://schema.org/")


# --- a product ------------------------------------------------------------------------------------


def test_a_product_is_told_of_in_full(
    shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven", names={"sv": "Räven </script><script>alert(1)</script> & Ragnar"})
    with sessions.begin() as db:
        db.execute(
            update(ProductText).values(story="En räv.", materials="Ullfilt", size="9 cm hög")
        )
    page = buyer.get("/products/raven").text
    product = things(page)["Product"]
    offer = product.pop("offers")
    assert product == {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": "Räven </script><script>alert(1)</script> & Ragnar",
        "description": "En räv.",
        "image": [f"{shop.base_url}{PICTURE}"],
        "url": f"{shop.base_url}/products/raven",
        "brand": {"@type": "Brand", "name": "Provbutiken"},
        "material": "Ullfilt",
        "size": "9 cm hög",
        "weight": {"@type": "QuantitativeValue", "value": 20, "unitCode": "GRM"},
        "sku": "SKU-1-raven",
    }
    shipping, returns = offer.pop("shippingDetails"), offer.pop("hasMerchantReturnPolicy")
    assert offer == {
        "@type": "Offer",
        "url": f"{shop.base_url}/products/raven",
        "price": "245.00",
        "priceCurrency": "SEK",
        "availability": "https://schema.org/InStock",
        "itemCondition": "https://schema.org/NewCondition",
        "seller": {
            "@type": "OnlineStore",
            "@id": f"{shop.base_url}/#shop",
            "name": "Provbutiken",
        },
    }
    assert returns == {
        "@type": "MerchantReturnPolicy",
        "applicableCountry": "SE",
        "returnPolicyCountry": "SE",
        "returnPolicyCategory": "https://schema.org/MerchantReturnFiniteReturnWindow",
        "merchantReturnDays": 14,
        "returnMethod": "https://schema.org/ReturnByMail",
        "returnFees": "https://schema.org/ReturnFeesCustomerResponsibility",
        "refundType": "https://schema.org/FullRefund",
        "merchantReturnLink": f"{shop.base_url}/pages/terms",
    }
    assert [one["shippingRate"]["value"] for one in shipping] == ["36.00", "79.00"]
    assert shipping[0]["shippingRate"]["currency"] == "SEK"
    assert shipping[0]["shippingDestination"]["addressCountry"] == "SE"
    days = shipping[0]["deliveryTime"]
    assert [(days[part]["minValue"], days[part]["maxValue"]) for part in PARTS] == [(0, 2), (1, 3)]
    assert {days[part]["unitCode"] for part in PARTS} == {"DAY"}


PARTS = ("handlingTime", "transitTime")


@pytest.mark.parametrize(
    ("facts", "level", "told", "shared"),
    [
        ({"on_hand": 1}, {}, "InStock", "in stock"),
        ({"on_hand": 5}, {"reserved": 4}, "InStock", "in stock"),
        ({"kind": "made_to_order", "lead_time_days": 14}, {}, "MadeToOrder", "in stock"),
        ({"on_hand": 1}, {"reserved": 1}, "OutOfStock", "out of stock"),  # somebody is paying
        ({"on_hand": 1}, {"on_hand": 0}, "SoldOut", "out of stock"),
        ({"on_hand": 5}, {"on_hand": 0}, "OutOfStock", "out of stock"),  # more may be made
        ({"on_hand": 5, "status": "archived"}, {}, "Discontinued", "out of stock"),
    ],
)
def test_what_can_be_had_is_told_truly(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    facts: dict[str, object],
    level: dict[str, int],
    told: str,
    shared: str,
) -> None:
    shelf.add("raven", **facts)  # type: ignore[arg-type] # the product's own facts
    if level:
        with sessions.begin() as db:
            db.execute(update(StockLevel).values(**level))
    page = buyer.get("/products/raven").text
    offer = things(page)["Product"]["offers"]
    assert short(offer["availability"]) == told
    assert ("shippingDetails" in offer) is (shared == "in stock")
    assert properties(page)["product:availability"] == shared


def test_what_is_made_to_order_takes_its_time(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", kind="made_to_order", lead_time_days=14)
    offer = things(buyer.get("/products/raven").text)["Product"]["offers"]
    assert [
        one["deliveryTime"]["handlingTime"]["maxValue"] for one in offer["shippingDetails"]
    ] == [12, 12]  # two weeks of five days, and two to send it


def test_postage_is_that_of_the_country_that_is_asked_for(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    offer = things(buyer.get("/products/raven?country=FI").text)["Product"]["offers"]
    (shipping,) = offer["shippingDetails"]
    assert shipping["shippingDestination"]["addressCountry"] == "FI"
    assert shipping["shippingRate"]["value"] == "79.00"


def test_nothing_is_said_of_postage_where_nothing_is_sent(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        db.execute(update(ShippingZone).values(countries="NO"))
    offer = things(buyer.get("/products/raven").text)["Product"]["offers"]
    assert "shippingDetails" not in offer


def test_nothing_is_promised_of_returning_what_is_made_personal(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", takes_personal_text=True)
    offer = things(buyer.get("/products/raven").text)["Product"]["offers"]
    assert "hasMerchantReturnPolicy" not in offer


def test_variants_are_told_of_one_by_one(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    first = shelf.add("raven", on_hand=2)
    with sessions.begin() as db:
        product_id = db.get_one(Variant, first).product_id
        small = Variant(product_id=product_id, position=1, sku="S", options="Liten", price_amount=1)
        db.add(small)
    page = buyer.get("/products/raven").text
    group = things(page)["ProductGroup"]
    assert (group["productGroupID"], group["name"]) == ("raven", "Raven")
    assert [
        (
            one["@type"],
            one["name"],
            one["sku"],
            one["offers"]["price"],
            short(one["offers"]["availability"]),
        )
        for one in group["hasVariant"]
    ] == [
        ("Product", "Raven", "SKU-1-raven", "245.00", "InStock"),
        ("Product", "Raven, Liten", "S", "0.01", "OutOfStock"),
    ]
    assert properties(page)["product:price:amount"] == "0.01"  # "from", as the page says


def test_the_way_to_a_page_is_told_in_its_language(
    shop: Config, buyer: Buyer, shelf: Shelf
) -> None:
    shelf.add("raven")
    way = things(buyer.get("/en/products/raven").text)["BreadcrumbList"]["itemListElement"]
    assert [(step["position"], step["name"], step["item"]) for step in way] == [
        (1, "Provbutiken", f"{shop.base_url}/en"),
        (2, "Items", f"{shop.base_url}/en/products"),
        (3, "Raven (en)", f"{shop.base_url}/en/products/raven"),
    ]


# --- home, lists, and links that are shared -------------------------------------------------------


def test_home_tells_who_keeps_the_shop(
    start_shop: Callable[..., Config], sessions: Sessions
) -> None:
    with sessions.begin() as db:
        set_preferences(db, tagline={"sv": "Små dockor"}, phone="070-174 06 05")
    shop = start_shop()
    told = things(httpx2.get(shop.base_url).text)
    store = told["OnlineStore"]
    assert store.pop("hasMerchantReturnPolicy")["merchantReturnDays"] == 14
    assert store == {
        "@context": "https://schema.org",
        "@type": "OnlineStore",
        "@id": f"{shop.base_url}/#shop",
        "name": "Provbutiken",
        "legalName": "Provbutiken Ek",
        "description": "Små dockor",
        "url": f"{shop.base_url}/",
        "email": "butik@example.se",
        "telephone": "070-174 06 05",
        "address": {
            "@type": "PostalAddress",
            "streetAddress": "Storgatan 1",
            "postalCode": "763 40",
            "addressLocality": "Hallstavik",
            "addressCountry": "SE",
        },
    }
    assert told["WebSite"]["name"] == "Provbutiken"


def test_a_shared_link_shows_photo_name_and_price(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    assert properties(buyer.get("/en/products/raven").text) == {
        "og:type": "product",
        "og:site_name": "Provbutiken",
        "og:title": "Raven (en)",
        "og:url": f"{shop.base_url}/en/products/raven",
        "og:locale": "en_GB",
        "og:locale:alternate": "sv_SE",
        "twitter:card": "summary_large_image",
        "og:image": f"{shop.base_url}{PICTURE}",
        "og:image:type": "image/jpeg",
        "og:image:width": "1200",
        "og:image:height": "1200",
        "og:image:alt": "Raven (en)",
        "product:price:amount": "245.00",
        "product:price:currency": "SEK",
        "product:availability": "in stock",
        "product:condition": "new",
    }


@pytest.mark.parametrize(("path", "title"), [("/", "Provbutiken"), ("/products", "Allt på hyllan")])
def test_home_and_lists_can_be_shared_too(
    shop: Config, buyer: Buyer, shelf: Shelf, path: str, title: str
) -> None:
    shelf.add("raven")
    told = properties(buyer.get(path).text)
    assert (told["og:type"], told["og:title"]) == ("website", title)
    assert told["og:url"] == f"{shop.base_url}{path}"
    assert told["og:image"] == f"{shop.base_url}{PICTURE}"
    assert told["og:locale"] == "sv_SE"


@pytest.mark.parametrize("path", ["/", "/products", "/sold"])
def test_an_empty_shelf_has_no_picture_to_share(buyer: Buyer, path: str) -> None:
    assert "og:image" not in properties(buyer.get(path).text)


def test_what_has_no_photo_can_be_shared_and_found(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        db.query(Photo).delete()
    page = buyer.get("/products/raven").text
    assert "og:image" not in properties(page)
    assert "image" not in things(page)["Product"]


@pytest.mark.parametrize(
    ("story", "shown"),
    [
        ("Kort.\n\nOch   två rader.", "Kort. Och två rader."),
        ("orden är många " * 40, ("orden är många " * 13).strip() + "…"),
        ("o" * 300, "o" * 199 + "…"),
    ],
)
def test_a_long_story_is_cut_between_words(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, story: str, shown: str
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        db.execute(update(ProductText).values(story=story))
    assert properties(buyer.get("/products/raven").text)["og:description"] == shown
