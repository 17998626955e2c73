"""How much a buyer may hold while paying."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from html import unescape
from threading import Barrier, BrokenBarrierError
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.checkout import actions as checkout
from shop.checkout import pages
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.network import network_of
from shop.orders.models import Order
from shop.payments.holds import Hold, holds_of_others
from shop.payments.reconciler import reconcile
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.support import ANNA, NOON, Buyer, FixedClock, Shelf, fields_of, on_both_databases

Arrive = Callable[..., Buyer]
HERE = "203.0.113.7"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def arrive(
    start_shop: Callable[..., Config], stand_in: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Arrive]:
    """Return a function for a buyer who comes by the proxy that the shop trusts, from *address*."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    stand_in.control("clock", set=NOON.timestamp())
    yield from _arriving(start_shop())


@pytest.fixture
def arrive_unproxied(
    start_shop: Callable[..., Config], stand_in: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Arrive]:
    """Return the same for a shop that trusts no proxy, as `shop serve` starts it."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    stand_in.control("clock", set=NOON.timestamp())
    yield from _arriving(start_shop())


def _arriving(shop: Config) -> Iterator[Arrive]:
    buyers: list[Buyer] = []

    def come(address: str = HERE, prefix: str = "") -> Buyer:
        headers = {"X-Forwarded-For": address}
        http = httpx2.Client(base_url=shop.base_url, timeout=30, headers=headers)
        buyers.append(Buyer(http, prefix))
        return buyers[-1]

    yield come
    for buyer in buyers:
        buyer.http.close()


def ordering(buyer: Buyer, variant_id: int, **form: str) -> httpx2.Response:
    assert buyer.add(variant_id).status_code == 303
    return buyer.place(**form)


def problems(answer: httpx2.Response) -> list[str]:
    """Return what the page says is wrong, as it is read."""
    found = re.findall(r'class="problem".*?</(?:p|div)>', answer.text, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]*>|^[^>]*>", " ", one)).split()) for one in found]


def pending(sessions: Sessions) -> int:
    with sessions.begin() as db:
        return db.scalar(select(func.count()).where(Order.status == "pending")) or 0


def level(sessions: Sessions, variant_id: int) -> tuple[int, int]:
    with sessions.begin() as db:
        found = db.get_one(StockLevel, variant_id)
        return found.on_hand, found.reserved


# --- how many ------------------------------------------------------------------------------------


@on_both_databases
def test_a_fourth_payment_with_one_e_mail_waits_until_the_first_has_ended(
    arrive: Arrive, shelf: Shelf, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    variant_id = shelf.add("moss", on_hand=9)
    for number in range(3):
        email = ["anna@example.se", "Anna@Example.se", "ANNA@example.se"][number]
        placed = ordering(arrive(f"203.0.113.{number}"), variant_id, email=email)
        assert placed.status_code == 303
        clock.advance(minutes=1)
    fourth = arrive("198.51.100.1", "/en")

    told = ordering(fourth, variant_id, name="Anna Öberg")

    assert told.status_code == 429
    assert told.headers["Retry-After"] == str(34 * 60 + 1)  # 35 and 2 minutes, 3 are gone
    (told_why,) = problems(told)
    assert told_why == (
        "You have several payments open with this e-mail address, so no more can be "
        "started yet. Nothing has been charged, and your basket and what you wrote are "
        "kept. Finish one of those payments, or let one lapse: the first ends around "
        "12:37. Then press the button again."
    )
    typed = fields_of(told.text, "checkout")
    assert (typed["name"], typed["email"]) == ("Anna Öberg", "anna@example.se")
    assert (pending(sessions), level(sessions, variant_id)) == (3, (9, 3))
    swedish = fourth.http.post("/checkout", data=typed)
    assert "låt någon av dem löpa ut: den första gör det omkring 12:37." in problems(swedish)[0]

    clock.advance(minutes=32, seconds=1)
    reconcile(till)
    assert pending(sessions) == 2
    assert fourth.http.post("/checkout", data=typed).status_code == 303
    assert (pending(sessions), level(sessions, variant_id)) == (3, (9, 3))


@on_both_databases
@pytest.mark.parametrize(
    ("address", "same", "elsewhere"),
    [
        ("203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8"),
        ("2001:db8:0:1::{n:x}", "2001:db8:0:1:ffff::1", "2001:db8:0:2::1"),
    ],
    ids=["IPv4", "IPv6"],
)
def test_a_network_holds_twenty_at_a_time(
    address: str, same: str, elsewhere: str, arrive: Arrive, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("moss", on_hand=30)
    for n in range(20):
        buyer = arrive(address.format(n=n + 1))
        assert ordering(buyer, variant_id, email=f"k{n}@example.se").status_code == 303

    told = ordering(arrive(same, "/en"), variant_id, email="k20@example.se")

    assert (told.status_code, told.headers["Retry-After"]) == (429, str(37 * 60 + 1))
    (told_why,) = problems(told)
    assert told_why == (
        "You have several payments open, or others on the same network have, so no more "
        "can be started from there yet. Nothing has been charged, and your basket and "
        "what you wrote are kept. Finish one of those payments, or let one lapse: the "
        "first ends around 12:37. Then press the button again."
    )
    assert ordering(arrive(elsewhere), variant_id, email="k20@example.se").status_code == 303
    assert level(sessions, variant_id) == (30, 21)


def test_an_address_that_anybody_could_write_is_not_believed(
    arrive_unproxied: Arrive, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("moss", on_hand=30)
    answers = [
        ordering(arrive_unproxied(f"198.51.100.{n}"), variant_id, email=f"k{n}@example.se")
        for n in range(21)
    ]
    assert [answer.status_code for answer in answers] == [303] * 20 + [429]
    with sessions.begin() as db:
        assert set(db.scalars(select(Order.placed_from))) == {"127.0.0.1"}


@on_both_databases
def test_where_an_order_came_from_is_forgotten_when_it_is_paid_or_over(
    arrive: Arrive, shelf: Shelf, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    variant_id = shelf.add("moss", on_hand=3)
    paying, leaving = arrive("2001:db8:0:1::7"), arrive()
    payment_page = ordering(paying, variant_id).headers["location"]
    ordering(leaving, variant_id)
    assert came_from(sessions) == [("pending", "2001:db8:0:1::/64"), ("pending", HERE)]
    paying.pay(payment_page)
    assert came_from(sessions) == [("paid", ""), ("pending", HERE)]
    clock.advance(minutes=36)
    reconcile(till)
    assert came_from(sessions) == [("paid", ""), ("expired", "")]


def came_from(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions.begin() as db:
        rows = db.execute(select(Order.status, Order.placed_from).order_by(Order.id))
        return [(status, network) for status, network in rows]


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("no address", "unknown"),
    ],
)
def test_a_network_is_an_address_or_the_half_of_a_long_one(host: str, network: str) -> None:
    assert network_of(host) == network


# --- all at once ---------------------------------------------------------------------------------


def look_first(patch: pytest.MonkeyPatch, crowd: int) -> None:
    """Count the holds before the order's transaction, and not in it."""
    place, seen, barrier = pages._place, threading.local(), Barrier(crowd)

    def look_and_place(request: Any, cart: Any, *rest: Any) -> Any:
        with request.state.reads.begin() as db:
            seen.holds = holds_of_others(db, cart.id, email=ANNA["email"], placed_from="")
        barrier.wait(60)
        return place(request, cart, *rest)

    patch.setattr(pages, "_place", look_and_place)
    patch.setattr(checkout, "holds_of_others", lambda *_, **_who: seen.holds)


def all_look_together(patch: pytest.MonkeyPatch, crowd: int) -> None:
    """Let everybody who counts holds wait until all have, for as long as that can come about."""
    count, barrier = holds_of_others, Barrier(crowd)

    def counted(db: Session, cart_id: str, **who: str) -> list[Hold]:
        holds = count(db, cart_id, **who)
        with suppress(BrokenBarrierError):
            barrier.wait(1)
        return holds

    patch.setattr(checkout, "holds_of_others", counted)


def rush(arrive: Arrive, variant_id: int, crowd: int) -> Counter[int]:
    """Order all at once with one e-mail, and return the answers."""
    buyers = [arrive(f"203.0.113.{n}") for n in range(crowd)]
    for buyer in buyers:
        buyer.add(variant_id)
    forms = [buyer.checkout_fields() | ANNA for buyer in buyers]
    start = Barrier(crowd)

    def order(buyer: Buyer, form: dict[str, str]) -> int:
        start.wait(30)
        return buyer.post("/checkout", **form).status_code

    with ThreadPoolExecutor(crowd) as pool:
        return Counter(pool.map(order, buyers, forms))


@on_both_databases
def test_eight_at_once_are_three_holds(
    arrive: Arrive, shelf: Shelf, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant_id = shelf.add("moss", on_hand=9)
    all_look_together(monkeypatch, 8)
    assert rush(arrive, variant_id, 8) == {303: 3, 429: 5}
    assert (pending(sessions), level(sessions, variant_id)) == (3, (9, 3))


@pytest.mark.parametrize(
    "db_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
def test_without_taking_turns_they_are_eight(
    arrive: Arrive, shelf: Shelf, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control. SQLite has one writer at a time, so that there they take turns anyhow."""
    variant_id = shelf.add("moss", on_hand=9)
    monkeypatch.setattr(checkout, "take_turn", lambda _db: None)
    all_look_together(monkeypatch, 8)
    assert rush(arrive, variant_id, 8) == {303: 8}
    assert (pending(sessions), level(sessions, variant_id)) == (8, (9, 8))


@on_both_databases
def test_counted_before_the_transaction_they_are_eight(
    arrive: Arrive, shelf: Shelf, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control for both: looking first and taking afterwards."""
    variant_id = shelf.add("moss", on_hand=9)
    look_first(monkeypatch, 8)
    assert rush(arrive, variant_id, 8) == {303: 8}
    assert (pending(sessions), level(sessions, variant_id)) == (8, (9, 8))
