"""What a piece that somebody is paying for looks like: to them, and to everybody else."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from html import unescape
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, event, select, update

from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments.holds import free_again
from shop.payments.models import PaymentAttempt
from shop.payments.reconciler import release_changed_carts
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.support import (
    ANNA,
    NOON,
    Buyer,
    FixedClock,
    Shelf,
    fields_of,
    on_both_databases,
    words_of,
)

# Noon in Stockholm, 35 minutes for the payment page, two to give the piece back.
SWEDISH = "Någon betalar för den just nu. Blir det inget av är den ledig igen omkring 12:37."
ENGLISH = (
    "Someone is paying for it right now. If it comes to nothing it is free again around 12:37."
)
OTHERS_ONLY = ("Någon betalar", "Såld", "Inte till salu")


@pytest.fixture
def clock(stand_in: StandInServer) -> FixedClock:
    stand_in.control("clock", set=NOON.timestamp())
    return FixedClock(NOON)


def basket(answer: httpx2.Response) -> str:
    found = re.search(r'id="basket"[^>]*aria-label="([^"]*)"', answer.text)
    assert found is not None
    return found[1]


def reserved(sessions: Sessions, variant_id: int) -> int:
    with sessions.begin() as db:
        return db.get_one(StockLevel, variant_id).reserved


@on_both_databases
def test_others_read_when_it_may_be_free_again(
    new_buyer: Callable[[], Buyer], shelf: Shelf
) -> None:
    raven = shelf.add("raven")
    holder, other = new_buyer(), new_buyer()
    other.add(raven)
    form = other.checkout_fields() | ANNA | {"name": "Karin Öberg", "email": "karin@example.se"}
    holder.add(raven)
    assert holder.place().status_code == 303

    for path in ("/products/raven", "/cart", "/checkout"):
        assert words_of(other.get(path)).count(SWEDISH) == 1
        assert words_of(other.get(f"/en{path}")).count(ENGLISH) == 1
    refused = other.post("/checkout", **form)
    assert refused.status_code == 409
    assert f"Raven : {SWEDISH}" in words_of(refused)
    assert fields_of(refused.text, "checkout")["name"] == "Karin Öberg"


@on_both_databases
def test_the_first_of_several_holds_to_end_counts(
    new_buyer: Callable[[], Buyer], shelf: Shelf, clock: FixedClock
) -> None:
    moss, fern = shelf.add("moss", on_hand=2), shelf.add("fern", on_hand=2)
    for email, minutes in ("a@example.se", 7), ("b@example.se", 0):
        holder = new_buyer()
        holder.add(moss)
        holder.add(fern)
        assert holder.place(email=email).status_code == 303
        clock.advance(minutes=minutes)
    assert SWEDISH in words_of(new_buyer().get("/products/moss"))


@pytest.mark.parametrize(
    ("ends", "now", "free"),
    [
        ("12:35:00", "12:00:00", "12:37:00"),
        ("12:35:01", "12:00:00", "12:38:00"),
        ("12:34:59", "12:00:00", "12:37:00"),
        ("12:35:00", "12:40:30", "12:43:00"),  # the worker is late: from now on, then
    ],
)
def test_the_time_is_a_whole_minute_and_never_past(ends: str, now: str, free: str) -> None:
    at = {
        name: datetime.fromisoformat(f"2026-11-23T{time}+00:00")
        for name, time in [("ends", ends), ("now", now), ("free", free)]
    }
    assert free_again(at["ends"], now=at["now"]) == at["free"]


def test_a_payment_that_takes_days_names_no_time(
    new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions
) -> None:
    holder = new_buyer()
    holder.add(shelf.add("raven"))
    holder.place()
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(status="processing"))
    shown = words_of(new_buyer().get("/products/raven"))
    assert "Någon betalar för den just nu." in shown
    assert "ledig igen" not in shown


@on_both_databases
def test_the_holder_reads_neither_sold_nor_taken(
    new_buyer: Callable[[], Buyer], shelf: Shelf
) -> None:
    raven = shelf.add("raven")
    holder = new_buyer()
    holder.add(raven)
    holder.place()

    for path in ("/", "/products", "/products/raven", "/cart", "/checkout"):
        page = holder.get(path)
        assert page.status_code == 200
        assert [word for word in OTHERS_ONLY if word in words_of(page)] == []
        assert basket(page) == "Korg, 1 vara"
    assert 'id="add-to-cart"' in holder.get("/products/raven").text
    assert 'href="/checkout"' in holder.get("/cart").text
    assert "Någon betalar just nu" in words_of(new_buyer().get("/products"))


def test_nothing_is_asked_about_payments_while_nothing_is_held(
    new_buyer: Callable[[], Buyer], shelf: Shelf
) -> None:
    raven = shelf.add("raven")
    with asked_about_payments() as statements:
        new_buyer().get("/products/raven")
    assert len(statements) == 0
    holder = new_buyer()
    holder.add(raven)
    holder.place()
    with asked_about_payments() as statements:
        new_buyer().get("/products/raven")
    assert len(statements) == 1


@contextmanager
def asked_about_payments() -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "payment_attempts" in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# --- back from the payment page ------------------------------------------------------------------


@on_both_databases
@pytest.mark.parametrize("way", ["back", "cancel"])
def test_who_leaves_the_payment_page_finds_the_cart_and_keeps_the_hold(
    way: str, new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    raven = shelf.add("raven")
    holder = new_buyer()
    holder.add(raven)
    payment_page = holder.place().headers["location"]
    if way == "cancel":
        left = re.search(
            r'href="([^"]*/checkout\?order=[^"]*)"', holder.http.get(payment_page).text
        )
        assert left is not None
        shown = holder.follow(holder.http.get(unescape(left[1])))
    else:
        shown = holder.get("/cart")
        assert 'value="1"' in shown.text
        shown = holder.get("/checkout")
    assert shown.status_code == 200
    assert fields_of(shown.text, "checkout")["subtotal"] == "24500"
    release_changed_carts(till)
    assert reserved(sessions, raven) == 1
    assert holder.place().headers["location"] == payment_page


@on_both_databases
def test_a_changed_cart_gives_the_piece_back_at_the_workers_next_look(
    new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    raven = shelf.add("raven")
    holder, other = new_buyer(), new_buyer()
    holder.add(raven)
    payment_page = holder.place().headers["location"]
    release_changed_carts(till)
    assert reserved(sessions, raven) == 1
    assert holder.post("/cart/lines", variant=str(raven), quantity="0").status_code == 303
    assert SWEDISH in words_of(other.get("/products/raven"))
    release_changed_carts(till)
    assert reserved(sessions, raven) == 0
    with sessions.begin() as db:
        assert db.scalars(select(Order.status)).all() == ["cancelled"]
    assert 'id="pay"' not in holder.http.get(payment_page).text
    assert 'data-order="1002"' in other.buy(raven).text
