"""What the cart says that it costs, by each way and to each country, before anybody is asked who
they are; and when it is empty.
"""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import delete

from shop.config import Config
from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences
from shop.shipping.models import ShippingRate, ShippingZone
from tests.support import NOON, Buyer, FixedClock, Shelf, words_of


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def english(buyer: Buyer) -> Buyer:
    buyer.prefix = "/en"
    return buyer


def seen(buyer: Buyer, path: str = "/cart") -> str:
    """Return the cart's page as it is read, with plain spaces."""
    return words_of(buyer.get(path))


def total(html: str) -> int:
    [amount] = re.findall(r'data-total="(\d+)"', html)
    return int(amount)


def vat(html: str) -> list[str]:
    return re.findall(r'data-vat="(\d+)"', html)


def test_each_way_says_what_it_costs_and_when_it_comes(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    text = seen(english)
    assert (
        "Letter SEK 36 With you by Monday 30 November at the latest. SEK 281 in all. "
        "Tracked parcel SEK 79 With you by Monday 30 November at the latest. SEK 324 in all."
    ) in text
    assert "Subtotal SEK 245 Postage: Letter SEK 36 Total SEK 281 Of which VAT SEK 56.20." in text
    page = english.get("/cart").text
    assert (total(page), vat(page)) == (28100, ["5620"])
    assert 'href="/en/checkout"' in page


def test_another_country_is_a_link_away(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    page = english.get("/cart").text
    form = re.search(r'<form[^>]*method="get"[^>]*action="/en/cart".*?</form>', page, re.DOTALL)
    assert form is not None
    names = re.findall(r'<option value="(\w\w)"( selected)?>([^<]*)', form[0])
    assert names == [
        ("SE", " selected", "Sweden"),
        ("DK", "", "Denmark"),
        ("FI", "", "Finland"),
        ("DE", "", "Germany"),
    ]
    assert "Show postage" in form[0]
    there = english.get("/cart?country=DE").text
    assert '<option value="DE" selected>' in there
    assert (total(there), vat(there)) == (32400, ["6480"])
    assert "With you by Monday 7 December at the latest. Subtotal" in seen(
        english, "/cart?country=DE"
    )
    assert 'href="/en/checkout?country=DE"' in there
    assert '<option value="DE" selected>' in english.get("/checkout?country=DE").text


def test_the_country_stays_when_a_quantity_changes(english: Buyer, shelf: Shelf) -> None:
    moss = shelf.add("moss", on_hand=5)
    english.add(moss)
    assert '<input type="hidden" name="country" value="DE">' in english.get("/cart?country=DE").text
    answer = english.post("/cart/lines", variant=str(moss), quantity="2", country="DE")
    assert answer.headers["location"] == "/en/cart?country=DE"
    refused = english.post("/cart/lines", variant=str(moss), quantity="x", country="DE")
    assert refused.status_code == 422
    assert '<option value="DE" selected>' in refused.text


@pytest.mark.parametrize("country", ["XX", "", "de", "<b>x", "SE&country=DE", "Å" * 3000])
def test_a_country_that_is_none_is_home(country: str, english: Buyer, shelf: Shelf) -> None:
    moss = shelf.add("moss", on_hand=5)
    english.add(moss)
    for path in ("/cart", "/checkout"):
        page = english.http.get(f"/en{path}", params={"country": country})
        assert page.status_code == 200
        assert "<b>x" not in page.text
        assert '<option value="SE" selected>' in page.text
    answer = english.post("/cart/lines", variant=str(moss), quantity="2", country=country)
    kept = "/en/cart?country=XX" if country == "XX" else "/en/cart"
    assert (answer.status_code, answer.headers["location"]) == (303, kept)


def test_where_it_does_not_go_the_cart_says_so(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    english.add(shelf.add("raven", weight_g=9000))
    page = english.get("/cart")
    assert "This basket cannot be sent to that country." in words_of(page)
    assert "Total before postage SEK 245" in words_of(page)
    assert vat(page.text) == []
    with sessions.begin() as db:
        db.execute(delete(ShippingRate))
        db.execute(delete(ShippingZone))
    assert english.get("/cart").status_code == 200
    assert "<select" not in english.get("/cart").text


def test_one_country_is_not_asked_for(english: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.execute(delete(ShippingRate).where(ShippingRate.zone_id == 2))
        db.execute(delete(ShippingZone).where(ShippingZone.id == 2))
    english.add(shelf.add("raven"))
    assert "<select" not in english.get("/cart").text
    page = english.get("/checkout").text
    assert "<select" not in page
    assert '<input type="hidden" name="country" value="SE">' in page
    assert english.place().status_code == 303


def test_who_is_not_registered_shows_no_vat(
    start_shop: Callable[..., Config], shelf: Shelf, sessions: Sessions
) -> None:
    import httpx2

    with sessions.begin() as db:
        set_preferences(db, vat_registered=False)
    variant_id = shelf.add()
    with httpx2.Client(base_url=start_shop().base_url, timeout=30) as http:
        buyer = Buyer(http)
        buyer.add(variant_id)
        for path in ("/cart", "/checkout"):
            assert vat(buyer.get(path).text) == []


def test_free_postage_is_in_the_total(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("moss", on_hand=5, price_amount=30000), 2)
    assert "Postage: Letter Free Total SEK 600" in seen(english)
    assert "in all." not in seen(english)  # it is the same whichever way


# --- what was just done ---------------------------------------------------------------------------


def test_what_was_put_in_is_said(english: Buyer, shelf: Shelf) -> None:
    raven = shelf.add("raven")
    answer = english.add(raven)
    assert answer.headers["location"] == f"/en/cart?added={raven}"
    page = english.follow(answer).text
    assert '<p class="said" data-said>Raven (en) is in the basket.' in page
    assert "<title>Raven (en) is in the basket. · Provbutiken</title>" in page
    assert '<p class="visually-hidden" role="status" id="told"></p>' in page
    for other in ("/cart", "/cart?added=99", "/cart?added=x", "/cart?added=%C3%A5"):
        assert "is in the basket." not in english.get(other).text
