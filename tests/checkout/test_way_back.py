"""Into the checkout, to the payment page and back, over HTTP: where each way leads."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update

from shop.config import Config
from shop.discounts.actions import add_discount
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.orders.models import Order
from shop.orders.queries import order_token
from shop.payments.models import PaymentAttempt
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.discounts.tools import new_discount
from tests.support import ANNA, Buyer, Shelf, fields_of

SESSION = "/v1/checkout/sessions/[^/]*"


@pytest.fixture(autouse=True)
def _no_news(stand_in: StandInServer) -> None:
    stand_in.control("webhooks", mode="hold")


def token_of(config: Config, order_id: int = 1) -> str:
    return order_token(Signer(config.secret_keys), order_id)


def pay(stand_in: StandInServer, page: str) -> None:
    """Pay at Stripe, without coming back."""
    stand_in.control(f"sessions/{page.rpartition('/')[2]}/pay")


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_without_anything_in_the_basket_there_is_no_checkout(
    prefix: str, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add()
    for answer in (
        buyer.get(f"{prefix}/checkout"),
        buyer.post(f"{prefix}/checkout", **ANNA, delivery="letter", subtotal="0"),
    ):
        assert (answer.status_code, answer.headers["location"]) == (303, f"{prefix}/cart")
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []


def test_an_old_cookie_of_a_basket_that_was_paid_buys_nothing(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.add(shelf.add("moss", on_hand=3))
    form = buyer.checkout_fields() | ANNA
    cookie = buyer.http.cookies["cart"]
    buyer.pay(buyer.post("/checkout", **form).headers["location"])
    buyer.http.cookies.set("cart", cookie)
    for answer in (buyer.get("/checkout"), buyer.post("/checkout", **form)):
        assert (answer.status_code, answer.headers["location"]) == (303, "/cart")
    with sessions.begin() as db:
        assert len(db.scalars(select(Order)).all()) == 1


def test_the_form_comes_back_as_it_was_filled_in(
    buyer: Buyer, shelf: Shelf, config: Config
) -> None:
    typed = {
        "name": "Anna Ek",
        "email": "anna@example.se",
        "address": "Hauptstraße 1",
        "postal_code": "10115",
        "city": "Berlin",
        "country": "DE",
        "phone": "+46 70 1",
    }
    buyer.add(shelf.add())
    assert buyer.place(**typed, delivery="letter", price_letter="7900").status_code == 303
    back = buyer.get(f"/checkout?order={token_of(config)}")
    assert back.headers["cache-control"] == "no-store"
    fields = fields_of(back.text, "checkout")
    assert {name: fields[name] for name in typed} == typed
    assert fields["delivery"] == "letter"
    plain = buyer.get("/checkout")
    assert plain.headers["cache-control"] != "no-store"
    assert fields_of(plain.text, "checkout")["name"] == ""


def test_the_chosen_delivery_and_the_code_come_back_too(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, config: Config
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000))
    buyer.add(shelf.add())
    chosen = {"delivery": "tracked_parcel", "code": "JUL25", "shown_discount": "5000"}
    assert buyer.place(**chosen).status_code == 303
    back = fields_of(buyer.get(f"/checkout?order={token_of(config)}").text, "checkout")
    assert {name: back[name] for name in chosen} == chosen
    with sessions.begin() as db:
        assert db.scalars(select(Order.total_amount)).one() == 24500 - 5000 + 7900


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_who_has_paid_comes_to_the_order_with_an_empty_basket(
    prefix: str,
    buyer: Buyer,
    shelf: Shelf,
    config: Config,
    sessions: Sessions,
    stand_in: StandInServer,
) -> None:
    buyer.add(shelf.add())
    pay(stand_in, buyer.place().headers["location"])
    answer = buyer.get(f"{prefix}/checkout/return?order={token_of(config)}")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"{prefix}/orders/{token_of(config)}",
    )
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert 'cart=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    with sessions.begin() as db:
        assert db.scalars(select(Order.status)).one() == "paid"


def test_another_basket_is_not_emptied(
    new_buyer: Callable[[], Buyer], shelf: Shelf, config: Config, stand_in: StandInServer
) -> None:
    """Who has the link has the right to look at it, and keeps what is in the own basket."""
    moss = shelf.add("moss", on_hand=3)
    payer, other = new_buyer(), new_buyer()
    payer.add(moss)
    pay(stand_in, payer.place().headers["location"])
    other.add(moss)
    answer = other.get(f"/checkout/return?order={token_of(config)}")
    assert "set-cookie" not in answer.headers
    assert other.get("/checkout").status_code == 200


def test_an_order_of_which_no_payment_is_known_has_no_way_back(
    buyer: Buyer, shelf: Shelf, config: Config, sessions: Sessions
) -> None:
    buyer.add(shelf.add())
    buyer.place()
    with sessions.begin() as db:
        db.execute(delete(PaymentAttempt))
    assert buyer.get(f"/checkout/return?order={token_of(config)}").status_code == 404


@pytest.mark.parametrize("kind", ["500", "401"])
def test_while_stripe_is_silent_the_order_says_so_and_the_basket_is_kept(
    kind: str,
    buyer: Buyer,
    shelf: Shelf,
    config: Config,
    sessions: Sessions,
    stand_in: StandInServer,
) -> None:
    buyer.add(shelf.add())
    buyer.place()
    stand_in.control("faults", kind=kind, path=SESSION, times=3)
    answer = buyer.get(f"/checkout/return?order={token_of(config)}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{token_of(config)}")
    assert "set-cookie" not in answer.headers
    assert buyer.get("/checkout").status_code == 200
    with sessions.begin() as db:
        assert db.scalars(select(Order.status)).one() == "pending"


# --- to the payment page --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["500", "429", "401"])
def test_when_the_payment_page_does_not_answer_nothing_typed_is_lost(
    kind: str, buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    raven = shelf.add()
    stand_in.control("faults", kind=kind, path="/v1/checkout/sessions", times=3)
    buyer.prefix = "/en"
    buyer.add(raven)
    answer = buyer.place()
    assert answer.status_code == 503
    assert (
        "The payment page did not answer. Nothing has been charged, your basket is kept, and "
        "what you wrote is still here. Wait a moment, and press the button again."
    ) in answer.text
    assert fields_of(answer.text, "checkout")["name"] == "Anna Ek"
    stand_in.control("faults", clear=True)
    again = buyer.post("/checkout", **fields_of(answer.text, "checkout"))
    assert again.headers["location"].startswith(f"{stand_in.url}/c/pay/cs_test_")
    with sessions.begin() as db:
        assert db.scalars(select(Order.number)).all() == [1001]
        assert db.get_one(StockLevel, raven).reserved == 1


def test_an_order_that_stripe_refuses_leads_to_its_page(
    buyer: Buyer, shelf: Shelf, config: Config, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request is wrong, and the page says that it came to nothing."""
    raven = shelf.add()
    buyer.add(raven)
    monkeypatch.setattr("shop.checkout.actions.method_name", lambda _method: "x" * 101)
    answer = buyer.place()
    assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{token_of(config)}")
    with sessions.begin() as db:
        assert db.scalars(select(Order.status)).one() == "expired"
        assert db.scalars(select(PaymentAttempt.status)).one() == "expired"
        assert db.get_one(StockLevel, raven).reserved == 0


def test_a_page_that_cannot_be_closed_leads_to_the_order_that_is_being_paid(
    buyer: Buyer, shelf: Shelf, config: Config, sessions: Sessions
) -> None:
    buyer.add(shelf.add())
    buyer.place()
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(status="processing"))
    answer = buyer.place(city="Norrtälje")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{token_of(config)}")


def test_while_the_first_page_cannot_be_closed_no_second_one_opens(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    buyer.add(shelf.add())
    buyer.place()
    stand_in.control("faults", kind="500", path=f"{SESSION}/expire", times=3)
    answer = buyer.place(city="Norrtälje")
    assert answer.status_code == 503
    assert fields_of(answer.text, "checkout")["city"] == "Norrtälje"
    with sessions.begin() as db:
        assert db.scalars(select(Order.city)).all() == ["Hallstavik"]
