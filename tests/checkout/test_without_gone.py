"""Going on with what there is, when something in the basket is gone: over HTTP, to the cookie."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from shop.cart.cookie import Cart, read_cart
from shop.catalogue.models import Product
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.orders.models import Order
from shop.stock.models import StockLevel
from tests.support import ANNA, Buyer, Shelf, fields_of

GONE = "Something in your basket is no longer available. Nothing has been charged."


def basket(buyer: Buyer, config: Config) -> dict[int, int]:
    cart: Cart = read_cart(buyer.http.cookies.get("cart") or "", Signer(config.secret_keys))
    return cart.quantities


def sell(sessions: Sessions, variant_id: int, left: int = 0) -> None:
    """Let others have bought it, but for *left* pieces."""
    with sessions.begin() as db:
        db.execute(
            update(StockLevel).where(StockLevel.variant_id == variant_id).values(on_hand=left)
        )


def typed(buyer: Buyer) -> dict[str, str]:
    return buyer.checkout_fields() | ANNA | {"name": "Anna Öberg"}


@pytest.fixture
def basket_of_two(buyer: Buyer, shelf: Shelf) -> tuple[dict[str, str], int, int]:
    """Return a filled-in form for the raven and four mosses, and both of them."""
    raven, moss = shelf.add("raven"), shelf.add("moss", on_hand=5)
    buyer.prefix = "/en"
    buyer.add(raven)
    buyer.add(moss, 4)
    return typed(buyer), raven, moss


def test_what_is_left_is_kept_and_what_was_typed(
    basket_of_two: tuple[dict[str, str], int, int],
    buyer: Buyer,
    sessions: Sessions,
    config: Config,
) -> None:
    form, raven, moss = basket_of_two
    sell(sessions, raven)
    refused = buyer.post("/checkout", **form)
    assert refused.status_code == 409
    assert GONE in refused.text
    assert basket(buyer, config) == {raven: 1, moss: 4}
    shown = buyer.post("/checkout", **form, **{"without-gone": "1"})
    assert shown.status_code == 200
    assert GONE not in shown.text
    assert "Max-Age=2592000" in shown.headers["set-cookie"]
    assert basket(buyer, config) == {moss: 4}
    fields = fields_of(shown.text, "checkout")
    assert (fields["name"], fields["subtotal"]) == ("Anna Öberg", "98000")
    assert buyer.post("/checkout", **fields).status_code == 303
    with sessions.begin() as db:
        assert db.scalars(select(Order.subtotal_amount)).all() == [98000]


def test_of_what_there_are_too_few_as_many_are_kept_as_there_are(
    basket_of_two: tuple[dict[str, str], int, int],
    buyer: Buyer,
    sessions: Sessions,
    config: Config,
) -> None:
    form, raven, moss = basket_of_two
    sell(sessions, moss, left=2)
    assert buyer.post("/checkout", **form).status_code == 409
    shown = buyer.post("/checkout", **form, **{"without-gone": "1"})
    assert basket(buyer, config) == {raven: 1, moss: 2}
    assert fields_of(shown.text, "checkout")["subtotal"] == "73500"


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_when_nothing_is_left_the_basket_says_so(
    prefix: str, buyer: Buyer, shelf: Shelf, sessions: Sessions, config: Config
) -> None:
    raven = shelf.add("raven")
    buyer.prefix = prefix
    buyer.add(raven)
    form = typed(buyer)
    sell(sessions, raven)
    answer = buyer.post("/checkout", **form, **{"without-gone": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{prefix}/cart")
    assert basket(buyer, config) == {}


def test_what_one_holds_oneself_is_not_gone(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    config: Config,
) -> None:
    """The raven is in the own unpaid order; only the owl has been sold."""
    raven, owl = shelf.add("raven"), shelf.add("owl")
    buyer, other = new_buyer(), new_buyer()
    buyer.add(raven)
    assert buyer.place().status_code == 303
    buyer.add(owl)
    other.buy(owl)
    assert buyer.place().status_code == 409
    shown = buyer.post("/checkout", **typed(buyer), **{"without-gone": "1"})
    assert shown.status_code == 200
    assert basket(buyer, config) == {raven: 1}
    placed = buyer.post("/checkout", **fields_of(shown.text, "checkout"))
    assert placed.status_code == 303
    assert buyer.pay(placed.headers["location"]).status_code == 200
    with sessions.begin() as db:
        rows = db.execute(select(Order.status, Order.total_amount).order_by(Order.id)).all()
        assert ("paid", 28100) in [tuple(row) for row in rows]
        assert db.get_one(StockLevel, raven).on_hand == 0


def test_of_a_basket_that_was_paid_nothing_is_left(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.add(shelf.add("moss", on_hand=5))
    form = typed(buyer)
    cookie = buyer.http.cookies["cart"]
    buyer.pay(buyer.post("/checkout", **form).headers["location"])
    buyer.http.cookies.set("cart", cookie)
    answer = buyer.post("/checkout", **form, **{"without-gone": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/cart")
    with sessions.begin() as db:
        assert len(db.scalars(select(Order)).all()) == 1


def test_what_was_taken_off_the_shop_is_gone_too(
    basket_of_two: tuple[dict[str, str], int, int],
    buyer: Buyer,
    sessions: Sessions,
    config: Config,
) -> None:
    form, raven, _ = basket_of_two
    with sessions.begin() as db:
        db.execute(update(Product).where(Product.slug == "moss").values(status="archived"))
    buyer.post("/checkout", **form, **{"without-gone": "1"})
    assert basket(buyer, config) == {raven: 1}
