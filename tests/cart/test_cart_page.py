"""The buyer's cart over HTTP: what it takes, what it shows, and what it never lets through."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from shop.cart.cookie import MAX_LINES, read_cart
from shop.catalogue.models import Product, Variant
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.orders.models import Order
from shop.payments.models import PaymentAttempt
from shop.stock.models import StockLevel
from tests.support import Buyer, Shelf, on_both_databases

BAD_QUANTITIES = [
    *(
        "-1",
        "-5",
        "-0",
        "1.5",
        "1,5",
        "1e3",
        "2147483648",
        "9223372036854775808",
        "NaN",
        "Infinity",
    ),
    *("ett", "١", "1_0", "0x1", "1\0", "\0", "100", "9" * 5000, "", "+1", "[1]", "1;2"),
]
BAD_VARIANTS = ["0", "-1", "1.0", "x", "", "2147483648", "9" * 40, "١", "\0", "1 OR 1=1", "'"]


def cart_of(buyer: Buyer, shop: Config) -> dict[int, int]:
    """Return what the buyer's cookie holds."""
    return read_cart(buyer.http.cookies.get("cart") or "", Signer(shop.secret_keys)).quantities


def stock(sessions: Sessions) -> list[tuple[int, int, int]]:
    with sessions.begin() as db:
        levels = db.scalars(select(StockLevel).order_by(StockLevel.variant_id))
        return [(level.variant_id, level.on_hand, level.reserved) for level in levels]


def shown_quantities(html: str) -> dict[str, tuple[str, str]]:
    """Return each quantity field's value and its max, by the variant's id."""
    found = {}
    for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
        variant = re.search(r'name="variant" value="(\d+)"', form)
        field = re.search(r'<input[^>]*name="quantity"[^>]*>', form)
        if variant and field:
            attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', field[0]))
            found[variant[1]] = (attributes["value"], attributes.get("max", ""))
    return found


def struck_through(name: str, html: str) -> bool:
    return any(name in struck for struck in re.findall(r"<s\b.*?</s>", html, re.DOTALL))


def test_no_bad_quantity_gets_in(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions
) -> None:
    there = shelf.add("raven", on_hand=5)
    wanted = shelf.add("igelkotten", on_hand=5)
    buyer.add(there, 2)
    before = stock(sessions)
    for quantity in [*BAD_QUANTITIES, "0"]:
        answer = buyer.post("/cart", variant=str(wanted), quantity=quantity)
        assert answer.status_code == 422, quantity
        assert 'role="alert"' in answer.text
    for quantity in BAD_QUANTITIES:
        answer = buyer.post("/cart/lines", variant=str(there), quantity=quantity)
        assert answer.status_code == 422, quantity
        assert 'role="alert"' in answer.text
    assert cart_of(buyer, shop) == {there: 2}
    assert stock(sessions) == before


def test_the_first_of_several_quantities_counts_for_nothing_but_itself(
    buyer: Buyer, shop: Config, shelf: Shelf
) -> None:
    variant_id = shelf.add("raven", on_hand=5)
    body = f"variant={variant_id}&quantity=1&quantity=999&quantity[]=7"
    buyer.http.post(
        "/cart",
        content=body,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert cart_of(buyer, shop) in ({}, {variant_id: 1})


def test_a_file_is_no_quantity(buyer: Buyer, shop: Config, shelf: Shelf) -> None:
    variant_id = shelf.add("raven", on_hand=5)
    for files in ({"quantity": ("1", b"1")}, {"variant": (str(variant_id), b"1")}):
        data = {"variant": str(variant_id), "quantity": "1"}
        for name in files:
            data.pop(name)
        answer = buyer.http.post("/cart", data=data, files=files)
        assert answer.status_code == 400
    assert cart_of(buyer, shop) == {}


def test_what_there_is_not_cannot_be_had(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions
) -> None:
    draft = shelf.add("utkast", status="draft")
    archived = shelf.add("gammal", status="archived")
    sold = shelf.add("sald", on_hand=0, kind="unique")
    for variant_id in (draft, archived, sold, 4711, 999_999_999):
        answer = buyer.add(variant_id)
        assert answer.status_code == 409, variant_id
        assert 'role="alert"' in answer.text
    for text in BAD_VARIANTS:
        assert buyer.post("/cart", variant=text, quantity="1").status_code == 422, text
        assert buyer.post("/cart/lines", variant=text, quantity="1").status_code == 422, text
    assert buyer.post("/cart").status_code == 422
    assert cart_of(buyer, shop) == {}


def test_a_line_can_be_changed_only_if_it_is_there(
    buyer: Buyer, shop: Config, shelf: Shelf
) -> None:
    mine, other = shelf.add("raven", on_hand=5), shelf.add("ugglan", on_hand=5)
    buyer.add(mine)
    assert buyer.post("/cart/lines", variant=str(other), quantity="1").status_code == 422
    assert buyer.post("/cart/lines", variant=str(mine), quantity="4").status_code == 303
    assert cart_of(buyer, shop) == {mine: 4}
    assert buyer.post("/cart/lines", variant=str(mine), quantity="0").status_code == 303
    assert cart_of(buyer, shop) == {}


def test_there_is_one_of_a_unique_piece_and_never_more_than_lie_there(
    buyer: Buyer, shop: Config, shelf: Shelf
) -> None:
    unique, batch = shelf.add("raven", on_hand=1), shelf.add("moss", on_hand=3)
    for _ in range(3):
        buyer.add(unique)
        buyer.add(batch, 2)
    assert cart_of(buyer, shop) == {unique: 1, batch: 3}
    shown = shown_quantities(buyer.get("/cart").text)
    assert shown[str(batch)] == ("3", "3")
    assert shown.get(str(unique), ("1", "1")) == ("1", "1")


def test_the_twenty_first_thing_does_not_fit(buyer: Buyer, shop: Config, shelf: Shelf) -> None:
    ids = [shelf.add(f"p{n}", on_hand=2) for n in range(MAX_LINES + 1)]
    for variant_id in ids[:-1]:
        assert buyer.add(variant_id).status_code == 303
    full = buyer.add(ids[-1])
    assert full.status_code == 409
    assert 'role="alert"' in full.text
    assert cart_of(buyer, shop) == dict.fromkeys(ids[:-1], 1)
    assert buyer.add(ids[0]).status_code == 303  # more of what is there still goes in
    assert cart_of(buyer, shop)[ids[0]] == 2


def test_no_cookie_is_an_error(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    for cookie in (
        *("cart=", "cart=.", "cart=a.b", "cart=" + "A" * 4000, 'cart="', "cart=%00", "cart=å"),
        *("cart=eyJ.x; cart=eyK.y", "=; ;;=", "cart", "\x80\xff", "cart=" + "é.è" * 50),
    ):
        headers = {b"cookie": cookie.encode("latin-1")}
        for method, path, status in (
            ("GET", "/cart", 200),
            ("GET", "/products/raven", 200),
            ("GET", "/checkout", 303),
            ("POST", "/cart/lines", 422),
            ("POST", "/checkout", 422),
        ):
            answer = buyer.http.request(method, path, headers=headers)
            assert answer.status_code == status, (cookie, method, path)


@pytest.mark.parametrize("how", ["sold", "archived", "counted off"])
def test_what_is_gone_stays_in_the_cart_struck_through_and_cannot_be_ordered(
    how: str,
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
) -> None:
    variant_id = shelf.add("raven")
    slow, quick = new_buyer(), new_buyer()
    slow.add(variant_id)
    fields = slow.checkout_fields()
    if how == "sold":
        quick.buy(variant_id)
    elif how == "archived":
        with sessions.begin() as db:
            db.execute(update(Product).values(status="archived"))
    else:
        with sessions.begin() as db:
            db.execute(update(StockLevel).values(on_hand=0))
    page = slow.get("/cart")
    assert page.status_code == 200
    assert struck_through("Raven", page.text)
    assert shown_quantities(page.text).get(str(variant_id), ("", "0"))[1] in {"", "0"}
    assert "/checkout" not in page.text
    answer = slow.post("/checkout", **(fields | anna()))
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert slow.post("/cart/lines", variant=str(variant_id), quantity="0").status_code == 303


def anna() -> dict[str, str]:
    return {
        "name": "Anna Ek",
        "email": "anna@example.se",
        "address": "Strandvägen 1",
        "postal_code": "763 40",
        "city": "Hallstavik",
        "country": "SE",
    }


@on_both_databases
def test_a_bought_cart_is_empty_and_its_old_cookie_buys_nothing(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("moss", on_hand=5)
    buyer.add(variant_id)
    old, form = buyer.http.cookies.get("cart"), buyer.checkout_fields() | anna()
    placed = buyer.post("/checkout", **form)
    buyer.pay(placed.headers["location"])
    assert cart_of(buyer, shop) == {}

    buyer.http.cookies.set("cart", old or "", domain="127.0.0.1", path="/")
    assert shown_quantities(buyer.get("/cart").text) == {}
    again = buyer.post("/checkout", **form)
    assert (again.status_code, again.headers["location"]) == (303, "/cart")
    with sessions.begin() as db:
        assert [order.status for order in db.scalars(select(Order))] == ["paid"]
    assert stock(sessions) == [(variant_id, 4, 0)]

    buyer.add(variant_id)  # a new cart with a new id, which can be bought
    before = read_cart(old or "", Signer(shop.secret_keys)).id
    now = read_cart(buyer.http.cookies.get("cart") or "", Signer(shop.secret_keys))
    assert (now.quantities, now.id != before) == ({variant_id: 1}, True)
    assert buyer.place().status_code == 303


@on_both_databases
def test_ones_own_hold_is_not_sold_to_oneself(
    new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("raven")
    holder, other = new_buyer(), new_buyer()
    holder.prefix = other.prefix = "/en"
    holder.add(variant_id)
    other.add(variant_id)
    placed = holder.place()
    assert placed.status_code == 303
    assert stock(sessions) == [(variant_id, 1, 1)]

    assert 'id="add-to-cart"' in holder.get("/products/raven").text
    assert not struck_through("Raven", holder.get("/cart").text)
    assert holder.place().headers["location"] == placed.headers["location"]

    product = other.get("/products/raven")
    assert 'id="add-to-cart"' not in product.text
    assert "Someone is paying" in product.text
    assert struck_through("Raven", other.get("/cart").text)
    assert other.add(variant_id).status_code == 409


def test_what_was_taken_out_while_it_is_held_can_be_put_in_again(
    buyer: Buyer, shelf: Shelf
) -> None:
    variant_id = shelf.add()
    buyer.add(variant_id)
    assert buyer.place().status_code == 303
    assert buyer.post("/cart/lines", variant=str(variant_id), quantity="0").status_code == 303
    assert buyer.add(variant_id).status_code == 303
    assert f'value="{variant_id}"' in buyer.get("/cart").text
    assert buyer.get("/checkout").status_code == 200


@on_both_databases
def test_the_price_is_the_databases_and_a_new_one_is_shown_before_it_is_paid(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("raven", price_amount=24500)
    buyer.add(variant_id)
    form = buyer.checkout_fields() | anna()
    with sessions.begin() as db:
        db.execute(update(Variant).values(price_amount=26000))
    answer = buyer.post("/checkout", **form)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert 'data-total="29600"' in answer.text  # 260 kr and a letter for 36 kr
    for typed in anna().values():
        assert f'value="{typed}"' in answer.text
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []
    confirmed = buyer.post("/checkout", **(buyer.checkout_fields() | anna()))
    assert confirmed.status_code == 303
    with sessions.begin() as db:
        assert db.scalars(select(PaymentAttempt.amount)).all() == [29600]


def test_forty_fields_too_many_change_nothing(buyer: Buyer, shop: Config, shelf: Shelf) -> None:
    raven = shelf.add("raven", on_hand=5)
    noise = {f"field{n}": "x" * 200 for n in range(40)} | {"text": "🦊", "price": "1"}
    assert buyer.post("/cart", variant=str(raven), quantity="2", **noise).status_code == 303
    assert cart_of(buyer, shop) == {raven: 2}
    changed = buyer.post("/cart/lines", variant=str(raven), quantity="3", **noise | {"text": ""})
    assert (changed.status_code, cart_of(buyer, shop)) == (303, {raven: 3})
    assert buyer.get("/cart?" + "&".join(f"country=S{n}" for n in range(40))).status_code == 200
    assert buyer.place(**noise).status_code == 303


def test_words_of_every_kind_are_no_error(buyer: Buyer, shelf: Shelf) -> None:
    bear = shelf.add("bjornen", on_hand=99, takes_personal_text=True)
    for text in (
        "\0",
        "\ud7ff",
        "\u202eabc",
        "%00",
        "'; --",
        "<script>",
        "🦊" * 60,
        "\r\n" * 99,
        "𝕏" * 61,
    ):
        answer = buyer.post("/cart", variant=str(bear), quantity="1", text=text)
        assert answer.status_code == (422 if text.startswith("𝕏") else 303), text
        assert "<script>" not in buyer.get("/cart").text
    note = "<b>\0\u202e🦊</b>" * 20
    assert buyer.place(gift_note=note, recipient="\0<i>\u202e").status_code == 303
