"""A bought cart is empty wherever its buyer looks; one that changes lets go of its hold."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, update

from shop.config import Config
from shop.kit.clock import system_clock
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.orders.models import Order
from shop.orders.queries import order_token
from shop.payments.models import PaymentAttempt
from shop.sandbox.stand_in.server import StandInServer
from tests.checkout.test_held_words import basket
from tests.support import Buyer, Shelf


@pytest.fixture
def now() -> datetime:
    return system_clock()


@pytest.fixture
def english(buyer: Buyer) -> Buyer:
    buyer.prefix = "/en"
    return buyer


def mark_paid(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as db:
        db.execute(update(Order).values(status="paid", paid_at=now))
        db.execute(update(PaymentAttempt).values(status="paid"))


def test_the_order_page_empties_the_cart_that_it_was_made_of(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    stand_in: StandInServer,
    sessions: Sessions,
    config: Config,
    now: datetime,
) -> None:
    buyer, other = new_buyer(), new_buyer()
    for one in (buyer, other):
        one.prefix = "/en"
        one.add(shelf.add(f"moss{id(one)}", on_hand=2))
    token = order_token(Signer(config.secret_keys), 1)
    stand_in.control("webhooks", mode="hold")
    buyer.place()
    unpaid = buyer.get(f"/orders/{token}")
    assert ("set-cookie" in unpaid.headers, basket(unpaid)) == (False, "Basket, 1 item")
    mark_paid(sessions, now)
    there = other.get(f"/orders/{token}")
    assert ("set-cookie" in there.headers, basket(there)) == (False, "Basket, 1 item")
    paid = buyer.get(f"/orders/{token}")
    assert "Max-Age=0" in paid.headers["set-cookie"]
    assert basket(paid) == "Basket, 0 items"
    assert "cart" not in buyer.http.cookies


def test_the_cart_page_of_a_bought_cart_is_empty_and_counts_nothing(
    english: Buyer, shelf: Shelf, sessions: Sessions, now: datetime
) -> None:
    english.add(shelf.add("moss", on_hand=2))
    english.place()
    mark_paid(sessions, now)
    page = english.get("/cart")
    assert "The basket is empty." in page.text
    assert basket(page) == "Basket, 0 items"
    assert "Max-Age=0" in page.headers["set-cookie"]


def test_a_changed_cart_gives_back_even_what_was_made_to_order(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    cap = shelf.add("cap", kind="made_to_order", lead_time_days=3)
    english.add(cap)
    english.place()
    english.post("/cart/lines", variant=str(cap), quantity="1")  # as it was
    with sessions.begin() as db:
        assert db.scalars(select(PaymentAttempt.release_asked_at)).all() == [None]
    english.post("/cart/lines", variant=str(cap), quantity="2")
    with sessions.begin() as db:
        assert db.scalars(select(PaymentAttempt.release_asked_at)).one() is not None
