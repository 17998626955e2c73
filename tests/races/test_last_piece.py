"""Many buyers, one piece: exactly one of them pays, and nobody else is charged."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from sqlalchemy import select, update

from shop.config import Config
from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock import actions as stock_actions
from shop.stock.models import StockLevel
from tests.support import Buyer, Shelf, on_both_databases

BUYERS = 24


def race(shop: Config, variant_id: int, buyers: int) -> Counter[int]:
    """Let *buyers* order at the same moment; the first to get a payment page pays. Statuses."""
    barrier = threading.Barrier(buyers)

    def one(number: int) -> int:
        with httpx2.Client(base_url=shop.base_url, timeout=60) as http:
            buyer = Buyer(http)
            buyer.add(variant_id)
            fields = buyer.checkout_fields()
            barrier.wait(60)
            details = {"email": f"buyer{number}@example.se", "name": f"Buyer {number}"}
            answer = buyer.post("/checkout", **(fields | address() | details))
            if answer.status_code == 303:
                assert buyer.pay(answer.headers["location"]).status_code == 200
            return answer.status_code

    with ThreadPoolExecutor(buyers) as pool:
        return Counter(pool.map(one, range(buyers)))


def address() -> dict[str, str]:
    return {"address": "Vägen 1", "postal_code": "763 40", "city": "Hallstavik", "country": "SE"}


@on_both_databases
@pytest.mark.parametrize("pieces", [1, 7])
def test_no_more_are_sold_than_there_are(
    pieces: int, shop: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add("raven", on_hand=pieces)

    outcome = race(shop, variant_id, BUYERS)

    assert outcome == {303: pieces, 409: BUYERS - pieces}
    with sessions.begin() as db:
        level = db.get_one(StockLevel, variant_id)
        assert (level.on_hand, level.reserved) == (0, 0)
        statuses = Counter(db.scalars(select(Order.status)))
        assert statuses == {"paid": pieces}
        assert [finding.invariant.rule for finding in verify(db) if not finding.holds] == []
    paid = [row for row in stand_in.log() if row["what"] == "session.paid"]
    assert len(paid) == pieces


@pytest.mark.slow
@on_both_databases
@pytest.mark.parametrize("round_", range(25))
def test_no_more_are_sold_in_any_of_many_rounds(
    round_: int, shop: Config, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("raven", on_hand=1 + round_ % 3)
    pieces = 1 + round_ % 3
    assert race(shop, variant_id, BUYERS) == {303: pieces, 409: BUYERS - pieces}
    with sessions.begin() as db:
        assert db.get_one(StockLevel, variant_id).on_hand == 0
        assert [finding.invariant.rule for finding in verify(db) if not finding.holds] == []


def test_without_the_guard_too_many_are_sold(
    shelf: Shelf, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with the guard taken out of the UPDATE, the same race oversells."""

    def unguarded(db: object, variant_id: int, guard: object, **values: object) -> bool:
        del guard
        change = update(StockLevel).where(StockLevel.variant_id == variant_id).values(**values)
        db.execute(change)  # type: ignore[attr-defined]
        return True

    monkeypatch.setattr(stock_actions, "_change", unguarded)
    variant_id = shelf.add("raven", on_hand=1)
    promised = 0

    def one(_: int) -> None:
        nonlocal promised
        with sessions.begin() as db:
            level = db.get_one(StockLevel, variant_id)
            stock_actions.reserve(db, {variant_id: 1})
            level.on_hand += 1  # or the database's own CHECK would refuse what the code let by
        promised += 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    assert promised > 1


@on_both_databases
def test_the_database_itself_refuses_to_promise_what_is_not_there(
    shelf: Shelf, sessions: Sessions
) -> None:
    from sqlalchemy.exc import IntegrityError

    variant_id = shelf.add("raven", on_hand=1)
    with pytest.raises(IntegrityError, match="reserved_on_hand"), sessions.begin() as db:
        db.execute(update(StockLevel).values(reserved=2))
    with sessions.begin() as db:
        assert db.get_one(StockLevel, variant_id).reserved == 0


@on_both_databases
def test_a_double_click_is_one_order(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add("raven", on_hand=5)
    buyer.add(variant_id)
    fields = buyer.checkout_fields() | address() | {"name": "Anna", "email": "anna@example.se"}
    clicks = 4
    barrier = threading.Barrier(clicks)

    def click(_: int) -> str:
        barrier.wait(30)
        answer = buyer.post("/checkout", **fields)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    with ThreadPoolExecutor(clicks) as pool:
        addresses = set(pool.map(click, range(clicks)))

    assert len(addresses) == 1
    with sessions.begin() as db:
        assert len(db.scalars(select(Order)).all()) == 1
        assert db.get_one(StockLevel, variant_id).reserved == 1
    made = [row for row in stand_in.log() if row["what"] == "session.created"]
    assert len(made) == 1
