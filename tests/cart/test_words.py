"""A few words that a buyer has put on a thing: in the cookie, in the cart, in the order."""

import base64
import json
import re

import pytest
from sqlalchemy import select, update

from shop.cart.cookie import MAX_BYTES, MAX_LINES, Cart, CartLine, cart_text, read_cart
from shop.cart.errors import CartFull, TextTooLong
from shop.cart.forms import LONGEST_TEXT, one_line, personal_text, without_commands
from shop.catalogue.models import Product
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.orders.models import Order, OrderLine
from shop.stock.models import StockLevel
from tests.support import Buyer, Shelf, fields_of

SIGNER = Signer(("a key of the tests that is long enough",))


def cart_of(buyer: Buyer, shop: Config) -> list[tuple[int, int, str]]:
    cart = read_cart(buyer.http.cookies.get("cart") or "", Signer(shop.secret_keys))
    return [(line.variant_id, line.quantity, line.text) for line in cart.lines]


def put(buyer: Buyer, variant_id: int, text: str, quantity: int = 1) -> int:
    form = {"variant": str(variant_id), "quantity": str(quantity), "text": text}
    return buyer.post("/cart", **form).status_code


# --- one line of what can be written --------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Till Ida", "Till Ida"),
        ("  Till\t\r\n Ida  ", "Till Ida"),
        ("Till\x00\x07 Ida\x7f", "Till Ida"),
        ("Ida\u2028Ada\u2029", "Ida Ada"),
        ("\u202eadI\u202c \u2066x\u2069\u200e\u200f", "adI x"),
        ("I\u00adda\ufeff\ue000", "Ida"),
        ("e\u0301", "é"),
        ("👩\u200d👧 ❤\ufe0f", "👩\u200d👧 ❤\ufe0f"),
        ("\u200d \u200c", ""),
        ("<b>&amp;</b> '\"", "<b>&amp;</b> '\""),
        ("عائشة", "عائشة"),
        ("", ""),
        (None, ""),
        (b"bytes", ""),
    ],
)
def test_what_is_kept_of_what_is_typed(typed: object, kept: str) -> None:
    assert one_line(typed) == kept


def test_a_text_of_several_lines_keeps_them() -> None:
    assert without_commands("Grattis!\nMormor\u202e\x07") == "Grattis!\nMormor"


def test_the_length_is_counted_in_characters() -> None:
    assert LONGEST_TEXT == 60
    for sign in ("x", "å", "🦊"):
        assert personal_text(sign * 60) == sign * 60
        with pytest.raises(TextTooLong):
            personal_text(sign * 61)
    assert personal_text(" " * 99 + "e\u0301" * 60) == "é" * 60


# --- the cookie -----------------------------------------------------------------------------------


def test_lines_with_other_words_are_other_lines() -> None:
    cart = Cart("a").with_quantity(7, 2, "Ida").with_quantity(7, 1, "Ada").with_quantity(7, 3)
    assert cart.lines == (CartLine(7, 2, "Ida"), CartLine(7, 1, "Ada"), CartLine(7, 3))
    assert (cart.quantities, cart.count) == ({7: 6}, 6)
    assert [cart.quantity(7, text) for text in ("Ida", "Ada", "", "Eva")] == [2, 1, 3, 0]
    assert cart.with_quantity(7, 0, "Ada").lines == (CartLine(7, 2, "Ida"), CartLine(7, 3))
    assert read_cart(cart_text(cart, SIGNER), SIGNER) == cart


def test_a_cookie_from_before_there_were_words_is_read() -> None:
    body = json.dumps(["abc", [[1, 2], [7, 1]]], separators=(",", ":")).encode()
    encoded = base64.urlsafe_b64encode(body).decode().rstrip("=")
    text = f"{encoded}.{SIGNER.sign('cart', encoded)}"
    assert read_cart(text, SIGNER) == Cart("abc", (CartLine(1, 2), CartLine(7, 1)))
    assert cart_text(read_cart(text, SIGNER), SIGNER) == text


def test_words_that_outgrow_the_cookie_are_refused_whole() -> None:
    def cart(sign: str, lines: int) -> Cart:
        return Cart("a" * 26, tuple(CartLine(2**31 - n, 99, sign * 60) for n in range(lines)))

    assert len(cart_text(cart("x", MAX_LINES), SIGNER)) < MAX_BYTES
    assert len(cart_text(cart("🦊", 9), SIGNER)) < MAX_BYTES
    with pytest.raises(CartFull):
        cart_text(cart("🦊", 11), SIGNER)


# --- the cart -------------------------------------------------------------------------------------


def test_two_texts_are_two_lines_of_one_stock(buyer: Buyer, shop: Config, shelf: Shelf) -> None:
    buyer.prefix = "/en"
    bear = shelf.add("bjornen", on_hand=3, takes_personal_text=True)
    assert put(buyer, bear, " Ida ") == 303
    assert put(buyer, bear, "Ada", 9) == 303
    assert cart_of(buyer, shop) == [(bear, 1, "Ida"), (bear, 2, "Ada")]
    page = buyer.get("/cart").text
    assert re.findall(r'name="quantity" min="0" max="(\d)" value="(\d)"', page) == [
        ("1", "1"),
        ("2", "2"),
    ]
    assert "With the words “<bdi>Ida</bdi>”" in page
    assert page.count("Made for you, so the right of withdrawal does not apply to it.") == 2
    full = buyer.post("/cart", variant=str(bear), text="Eva")
    assert full.status_code == 409
    assert "All there are of it lie in your basket already." in full.text
    assert put(buyer, bear, "Ada") == 303  # no more of it, and no harm
    assert cart_of(buyer, shop) == [(bear, 1, "Ida"), (bear, 2, "Ada")]


def test_a_line_is_changed_by_its_words(buyer: Buyer, shop: Config, shelf: Shelf) -> None:
    bear = shelf.add("bjornen", on_hand=5, takes_personal_text=True)
    put(buyer, bear, "Ida")
    put(buyer, bear, "<i>Ada</i>")
    forms = re.findall(r"<form[^>]*/cart/lines.*?</form>", buyer.get("/cart").text, re.DOTALL)
    fields = fields_of(forms[1].replace("<form", '<form id="line"', 1), "line")
    assert fields["text"] == "<i>Ada</i>"
    assert buyer.post("/cart/lines", **fields | {"quantity": "3"}).status_code == 303
    assert cart_of(buyer, shop) == [(bear, 1, "Ida"), (bear, 3, "<i>Ada</i>")]
    assert buyer.post("/cart/lines", variant=str(bear), quantity="1").status_code == 422
    assert buyer.post("/cart/lines", variant=str(bear), quantity="0", text="Ida").is_redirect
    assert cart_of(buyer, shop) == [(bear, 3, "<i>Ada</i>")]


def test_when_fewer_are_left_the_first_lines_have_them(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.prefix = "/en"
    bear = shelf.add("bjornen", on_hand=5, takes_personal_text=True)
    for text in ("Ida", "Ada", "Eva"):
        put(buyer, bear, text, 2 if text == "Ada" else 1)
    with sessions.begin() as db:
        db.execute(update(StockLevel).values(on_hand=2))
    page = buyer.get("/cart").text
    assert page.count("Only 1 is left now.") == 1
    assert page.count("There are no more than those above.") == 1
    assert re.findall(r'max="(\d)" value="(\d)"', page) == [("1", "1"), ("1", "2")]


def test_new_words_on_a_single_piece_take_the_place_of_the_old(
    buyer: Buyer, shop: Config, shelf: Shelf
) -> None:
    raven, fox = shelf.add("raven", takes_personal_text=True), shelf.add("mickel")
    put(buyer, raven, "Ida")
    put(buyer, fox, "")
    put(buyer, raven, "Ada")
    assert cart_of(buyer, shop) == [(raven, 1, "Ada"), (fox, 1, "")]
    put(buyer, raven, "")
    assert cart_of(buyer, shop) == [(raven, 1, "Ada"), (fox, 1, "")]


def test_too_many_words_are_shown_again_and_nothing_is_added(
    buyer: Buyer, shop: Config, shelf: Shelf
) -> None:
    buyer.prefix = "/en"
    bear = shelf.add("bjornen", on_hand=3, takes_personal_text=True)
    typed = '"><script>' + "x" * 60
    answer = buyer.post("/cart", variant=str(bear), quantity="2", text=typed)
    assert answer.status_code == 422
    assert (
        "Those words do not fit: there is room for 60 characters, and you wrote 70. "
        "Nothing has been added yet."
    ) in answer.text
    assert "<script>x" not in answer.text
    again = fields_of(
        re.sub(r'<form class="problem"', '<form id="again" class="problem"', answer.text), "again"
    )
    assert again == {"variant": str(bear), "quantity": "2", "text": typed}
    assert cart_of(buyer, shop) == []
    assert buyer.post("/cart", **again | {"text": "Ida"}).status_code == 303
    assert cart_of(buyer, shop) == [(bear, 2, "Ida")]


@pytest.mark.parametrize("typed", ["Ida", "x" * 9000])
def test_words_for_what_takes_none_are_let_be(
    typed: str, buyer: Buyer, shop: Config, shelf: Shelf
) -> None:
    raven = shelf.add("raven")
    assert put(buyer, raven, typed) == 303
    assert cart_of(buyer, shop) == [(raven, 1, "")]


def test_what_takes_words_no_more_is_sold_without(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    bear = shelf.add("bjornen", on_hand=3, takes_personal_text=True)
    put(buyer, bear, "Ida")
    with sessions.begin() as db:
        db.execute(update(Product).values(takes_personal_text=False))
    assert "Ida" not in re.sub(r"<input[^>]*>", "", buyer.get("/cart").text)
    assert buyer.place().status_code == 303
    with sessions.begin() as db:
        assert db.scalars(select(OrderLine.personal_text)).all() == [""]


def test_a_full_cart_says_why(buyer: Buyer, shop: Config, shelf: Shelf) -> None:
    buyer.prefix = "/en"
    bears = [shelf.add(f"bear{n}", on_hand=9, takes_personal_text=True) for n in range(11)]
    answers = [buyer.post("/cart", variant=str(bear), text="🦊" * 60) for bear in bears]
    assert [answer.status_code for answer in answers] == [303] * 10 + [409]
    assert "The basket is full: it holds twenty different items, or fewer" in answers[-1].text
    assert [line[0] for line in cart_of(buyer, shop)] == bears[:10]


# --- the order ------------------------------------------------------------------------------------


def test_the_words_stand_in_the_order_and_on_its_page(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.prefix = "/en"
    bear = shelf.add("bjornen", on_hand=3, takes_personal_text=True)
    put(buyer, bear, "Ida & <Ada>")
    put(buyer, bear, "")
    put(buyer, bear, "")
    checkout = buyer.get("/checkout").text
    assert "With the words “<bdi>Ida &amp; &lt;Ada&gt;</bdi>”" in checkout
    assert "That does not apply to what has your own words on it" in checkout
    placed = buyer.place()
    with sessions.begin() as db:
        lines = db.execute(
            select(OrderLine.quantity, OrderLine.personal_text).order_by(OrderLine.id)
        )
        assert [tuple(line) for line in lines] == [(1, "Ida & <Ada>"), (2, "")]
        assert db.get_one(StockLevel, bear).reserved == 3
    page = buyer.pay(placed.headers["location"]).text
    assert "With the words “<bdi>Ida &amp; &lt;Ada&gt;</bdi>”" in page
    assert "What has your own words on it was made for you alone" in page
    with sessions.begin() as db:
        level = db.get_one(StockLevel, bear)
        assert (level.on_hand, level.reserved) == (0, 0)


def test_other_words_are_another_order(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    """The page for the words that were is closed, and one for the words that are is opened."""
    raven = shelf.add("raven", takes_personal_text=True)
    put(buyer, raven, "Ida")
    first = buyer.place().headers["location"]
    assert buyer.place().headers["location"] == first
    put(buyer, raven, "Ada")
    assert buyer.place().headers["location"] != first
    with sessions.begin() as db:
        rows = db.execute(
            select(Order.status, OrderLine.personal_text).join(OrderLine).order_by(Order.id)
        )
        assert [tuple(row) for row in rows] == [("cancelled", "Ida"), ("pending", "Ada")]
