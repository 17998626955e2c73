"""The basket and the checkout: the whole price before the first field, a reason for every no."""

import re

import pytest
from sqlalchemy import update

from shop.kit.db import Sessions
from shop.stock.models import StockLevel
from tests.support import ANNA, Buyer, Shelf, fields_of


@pytest.fixture
def english(buyer: Buyer) -> Buyer:
    buyer.prefix = "/en"
    return buyer


def stock(sessions: Sessions, variant_id: int, **values: int) -> None:
    with sessions.begin() as db:
        db.execute(update(StockLevel).where(StockLevel.variant_id == variant_id).values(**values))


def quantity(html: str) -> dict[str, str]:
    found = re.search(r'<input[^>]*name="quantity"[^>]*>', html)
    assert found is not None
    return dict(re.findall(r'([\w-]+)="([^"]*)"', found[0])) | (
        {"readonly": "readonly"} if " readonly" in found[0] else {}
    )


def totals(html: str) -> list[int]:
    return [int(amount) for amount in re.findall(r'data-total="(\d+)"', html)]


def test_the_basket_shows_the_whole_price(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("haren", on_hand=5), 2)
    page = english.get("/cart").text
    assert totals(page) == [2 * 24500 + 3600]
    assert 'data-vat="10520"' in page
    assert "Of which VAT SEK\u00a0105.20." in page
    assert 'aria-label="Basket, 2 items"' in page
    assert (quantity(page)["max"], quantity(page)["value"]) == ("5", "2")


def test_a_unique_piece_has_no_stepper(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    there = quantity(english.get("/cart").text)
    assert (there["max"], there["value"], "readonly" in there) == ("1", "1", True)


@pytest.mark.parametrize(
    ("kind", "level", "reason"),
    [
        ("unique", {"on_hand": 0}, "Someone else has bought it, and there was only one."),
        ("batch", {"on_hand": 0}, "It has sold out."),
        ("unique", {"reserved": 1}, "Someone is paying for it right now."),
    ],
)
def test_what_is_gone_is_struck_through_with_the_reason(
    english: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    kind: str,
    level: dict[str, int],
    reason: str,
) -> None:
    variant_id = shelf.add("raven", kind=kind)
    english.add(variant_id)
    stock(sessions, variant_id, **level)
    page = english.get("/cart").text
    assert re.search(r"<s><a[^>]*>Raven \(en\)</a></s>", page)
    assert reason in page
    assert "/en/checkout" not in page
    english.post("/cart/lines", variant=str(variant_id), quantity="0")
    assert "The basket is empty." in english.get("/cart").text


def test_too_many_are_brought_down_with_one_tap(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("haren", on_hand=5)
    english.add(variant_id, 4)
    stock(sessions, variant_id, on_hand=2)
    page = english.get("/cart").text
    assert "Only 2 are left now." in page
    assert quantity(page)["value"] == "4"  # what was wished for is not changed behind one's back
    assert re.search(r'<button name="quantity" value="2"[^>]*>Take the 2 that are left<', page)
    assert "/en/checkout" not in page


@pytest.mark.parametrize(
    ("path", "form", "status", "words"),
    [
        ("/cart", {"variant": "x"}, 422, "That quantity cannot be read."),
        ("/cart", {"variant": "99"}, 409, "That item is no longer available"),
    ],
)
def test_a_refused_basket_says_so_aloud(
    english: Buyer, path: str, form: dict[str, str], status: int, words: str
) -> None:
    answer = english.post(path, **form)
    assert answer.status_code == status
    assert re.search(rf'role="alert"[^>]*>{re.escape(words)}', answer.text)


def test_the_checkout_asks_for_little_and_fills_itself_in(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    page = english.get("/checkout").text
    form = re.search(r'<form id="checkout".*?</form>', page, re.DOTALL)
    assert form is not None
    seen = re.sub(r"<details(?![^>]* open).*?</details>", "", form[0], flags=re.DOTALL)
    tokens = re.findall(r'autocomplete="([^"]+)"', seen)
    assert sorted(tokens) == [
        "address-level2",
        "address-line1",
        "country",
        "email",
        "name",
        "postal-code",
        "tel",
    ]
    visible = re.findall(r'<input(?![^>]*type="(?:hidden|radio)")|<select', seen)
    assert len(visible) == 7
    labelled = set(re.findall(r'<label for="([^"]+)"', form[0]))
    assert set(re.findall(r'<(?:input|select|textarea) id="([^"-]+)"', form[0])) == labelled


def test_every_delivery_has_its_own_total(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    page = english.get("/checkout").text
    assert re.findall(r'data-total="(\d+)" data-method="(\w+)"', page) == [
        ("28100", "letter"),
        ("32400", "tracked_parcel"),
    ]
    assert "Order and pay SEK" in page
    hidden = fields_of(page, "checkout")
    assert (hidden["subtotal"], hidden["price_letter"]) == ("24500", "3600")
    assert hidden["price_tracked_parcel"] == "7900"


def test_a_changed_country_shows_its_postage_and_keeps_what_was_typed(
    english: Buyer, shelf: Shelf
) -> None:
    english.add(shelf.add("raven"))
    answer = english.post("/checkout", **(ANNA | {"country": "FI", "update": "1"}))
    assert answer.status_code == 200
    assert totals(answer.text) == [24500 + 7900]
    assert fields_of(answer.text, "checkout")["name"] == "Anna Ek"
    assert 'role="alert"' not in answer.text


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    english: Buyer, shelf: Shelf
) -> None:
    english.add(shelf.add("raven"))
    answer = english.place(postal_code="12", email="anna", city="")
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 3
    for name in ("postal_code", "email", "city"):
        assert f'<li><a href="#{name}">' in answer.text
        assert f'id="{name}-error"' in answer.text
        assert re.search(rf'name="{name}"[^>]*aria-describedby="{name}-error', answer.text)
    kept = fields_of(answer.text, "checkout")
    assert (kept["name"], kept["postal_code"], kept["email"]) == ("Anna Ek", "12", "anna")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subtotal": "1"}, "A price has changed since you opened this page."),
        ({"delivery": "drone"}, "That delivery is not available to the country you chose."),
    ],
)
def test_a_changed_offer_is_asked_about_again(
    english: Buyer, shelf: Shelf, changes: dict[str, str], words: str
) -> None:
    english.add(shelf.add("raven"))
    answer = english.place(**changes)
    assert answer.status_code == 409
    assert words in answer.text
    assert "Nothing has been charged" in answer.text
    again = fields_of(answer.text, "checkout")
    assert (again["name"], again["subtotal"]) == ("Anna Ek", "24500")
    assert english.post("/checkout", **again).status_code == 303


def test_the_checkout_does_not_take_money_for_what_is_gone(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("raven")
    english.add(variant_id)
    fields = english.checkout_fields() | ANNA
    stock(sessions, variant_id, on_hand=0)
    answer = english.post("/checkout", **fields)
    assert answer.status_code == 409
    assert (
        "Something in your basket is no longer available. Nothing has been charged." in answer.text
    )
    assert 'class="buy"' not in answer.text


def test_a_basket_that_cannot_be_sent_says_so(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven", thickness_mm=200))
    answer = english.post("/checkout", **(ANNA | {"country": "FI", "update": "1"}))
    assert "This basket cannot be sent to that country." in answer.text
    assert 'class="buy"' not in answer.text
