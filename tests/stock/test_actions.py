"""Every change of stock, with what it writes down and what it refuses, on both databases."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from shop.kit.db import Sessions
from shop.stock.actions import consume, count, release, reserve
from shop.stock.errors import OutOfStock, PromisedAlready
from shop.stock.models import StockLevel, StockMovement
from shop.stock.queries import availability, movements
from tests.support import NOON, Shelf, on_both_databases

pytestmark = on_both_databases


def levels(sessions: Sessions) -> dict[int, tuple[int, int]]:
    """Return what is on hand and reserved of each variant."""
    with sessions.begin() as db:
        return {
            level.variant_id: (level.on_hand, level.reserved)
            for level in db.scalars(select(StockLevel))
        }


def ledger(sessions: Sessions, variant_id: int) -> list[tuple[int, str, str]]:
    with sessions.begin() as db:
        rows = db.scalars(
            select(StockMovement)
            .where(StockMovement.variant_id == variant_id)
            .order_by(StockMovement.id)
        )
        return [(row.delta, row.reason, row.by) for row in rows]


def do_reserve(sessions: Sessions, quantities: dict[int, int]) -> None:
    with sessions.begin() as db:
        reserve(db, quantities)


def test_what_is_reserved_cannot_be_reserved_again(sessions: Sessions, shelf: Shelf) -> None:
    moss = shelf.add("moss", on_hand=3)
    do_reserve(sessions, {moss: 2})
    assert levels(sessions) == {moss: (3, 2)}
    with pytest.raises(OutOfStock) as refused:
        do_reserve(sessions, {moss: 2})
    assert refused.value.variant_ids == [moss]
    do_reserve(sessions, {moss: 1})
    assert levels(sessions) == {moss: (3, 3)}
    assert ledger(sessions, moss) == [(3, "counted", "owner")]  # nothing has left the shelf


def test_all_or_nothing_even_when_the_caller_goes_on(sessions: Sessions, shelf: Shelf) -> None:
    """The error is caught inside the transaction, as for money that came late."""
    here, gone, few = (
        shelf.add("a", on_hand=5),
        shelf.add("b", on_hand=0),
        shelf.add("c", on_hand=1),
    )
    with sessions.begin() as db:
        with pytest.raises(OutOfStock) as refused:
            reserve(db, {few: 2, here: 5, gone: 1})
        assert refused.value.variant_ids == [gone, few]
    assert levels(sessions) == {here: (5, 0), gone: (0, 0), few: (1, 0)}


def test_what_has_no_stock_level_is_out_of_stock(sessions: Sessions, shelf: Shelf) -> None:
    made = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    for variant_id in (made, 4711):
        with pytest.raises(OutOfStock):
            do_reserve(sessions, {variant_id: 1})


def test_release_gives_back_what_was_held_and_no_more(sessions: Sessions, shelf: Shelf) -> None:
    moss = shelf.add("moss", on_hand=3)
    do_reserve(sessions, {moss: 2})
    with sessions.begin() as db:
        release(db, {moss: 2})
    assert levels(sessions) == {moss: (3, 0)}

    def once_more() -> None:
        with sessions.begin() as db:
            release(db, {moss: 1})

    words = f"^stock of variant {moss} does not hold what the order says$"
    with pytest.raises(RuntimeError, match=words):
        once_more()
    assert levels(sessions) == {moss: (3, 0)}


def test_what_is_sold_leaves_the_shelf_and_stands_in_the_ledger(
    sessions: Sessions, shelf: Shelf
) -> None:
    moss = shelf.add("moss", on_hand=3)
    do_reserve(sessions, {moss: 2})
    with sessions.begin() as db:
        db.execute(text(AN_ORDER))
        consume(db, {moss: 2}, order_id=1, now=NOON)
    assert levels(sessions) == {moss: (1, 0)}
    assert ledger(sessions, moss) == [(3, "counted", "owner"), (-2, "sold", "shop")]
    with sessions.begin() as db:
        [sold, counted] = movements(db, moss)
        assert (sold.order_id, sold.at, counted.order_id) == (1, NOON, None)


def test_what_is_not_held_cannot_be_sold(sessions: Sessions, shelf: Shelf) -> None:
    moss = shelf.add("moss", on_hand=3)

    def sell() -> None:
        with sessions.begin() as db:
            consume(db, {moss: 1}, order_id=1, now=NOON)

    with pytest.raises(RuntimeError):
        sell()
    assert levels(sessions) == {moss: (3, 0)}
    assert ledger(sessions, moss) == [(3, "counted", "owner")]


@pytest.mark.parametrize(
    ("counted", "entries"),
    [(5, [(2, "counted", "anna")]), (0, [(-3, "counted", "anna")]), (3, [])],
)
def test_a_count_is_written_down_as_what_it_changed(
    counted: int, entries: list[tuple[int, str, str]], sessions: Sessions, shelf: Shelf
) -> None:
    moss = shelf.add("moss", on_hand=3)
    with sessions.begin() as db:
        assert count(db, moss, seen=3, counted=counted, by="anna", now=NOON)
    assert levels(sessions) == {moss: (counted, 0)}
    assert ledger(sessions, moss)[1:] == entries


def test_a_count_that_a_sale_has_overtaken_changes_nothing(
    sessions: Sessions, shelf: Shelf
) -> None:
    moss = shelf.add("moss", on_hand=3)
    with sessions.begin() as db:
        assert not count(db, moss, seen=4, counted=6, by="owner", now=NOON)
        assert not count(db, 4711, seen=0, counted=1, by="owner", now=NOON)
    assert levels(sessions) == {moss: (3, 0)}
    assert len(ledger(sessions, moss)) == 1


def test_fewer_than_are_being_paid_for_cannot_be_counted(sessions: Sessions, shelf: Shelf) -> None:
    moss = shelf.add("moss", on_hand=3)
    do_reserve(sessions, {moss: 2})

    def recount(counted: int) -> bool:
        with sessions.begin() as db:
            return count(db, moss, seen=3, counted=counted, by="owner", now=NOON)

    with pytest.raises(PromisedAlready) as refused:
        recount(1)
    assert refused.value.reserved == 2
    assert levels(sessions) == {moss: (3, 2)}
    assert recount(2)
    assert levels(sessions) == {moss: (2, 2)}


def test_two_orders_of_the_same_two_things_do_not_wait_for_each_other_forever(
    sessions: Sessions, shelf: Shelf
) -> None:
    """Rows are taken in one order, however the cart has them: no deadlock, nothing oversold."""
    first, second = shelf.add("a", on_hand=10), shelf.add("b", on_hand=10)
    barrier = threading.Barrier(8)

    def one(number: int) -> str:
        wanted = {first: 2, second: 2} if number % 2 else {second: 2, first: 2}
        barrier.wait(30)
        try:
            do_reserve(sessions, wanted)
        except OutOfStock:
            return "out"
        return "got"

    with ThreadPoolExecutor(8) as pool:
        outcome = Counter(pool.map(one, range(8)))
    assert outcome == {"got": 5, "out": 3}
    assert levels(sessions) == {first: (10, 10), second: (10, 10)}


def test_what_a_buyer_can_have(sessions: Sessions, shelf: Shelf) -> None:
    from tests.support import all_products

    moss = shelf.add("moss", on_hand=5)
    held = shelf.add("held", on_hand=1)
    sold = shelf.add("sold", on_hand=0, kind="unique")
    made = shelf.add("made", kind="made_to_order", lead_time_days=7)
    draft = shelf.add("draft", on_hand=2, status="draft")
    do_reserve(sessions, {moss: 2, held: 1})
    with sessions.begin() as db:
        shown = availability(db, all_products(db), {held: 1})
        for_others = availability(db, all_products(db))
    assert {id_: a.buyable for id_, a in shown.items()} == {
        moss: 3,
        held: 1,  # one's own hold
        sold: 0,
        made: 10,
        draft: 0,
    }
    assert for_others[held].buyable == 0
    assert {id_ for id_, a in for_others.items() if a.held} == {held}
    assert {id_ for id_, a in for_others.items() if a.sold_out} == {sold}
    assert {id_ for id_, a in for_others.items() if a.withdrawn} == {draft}


AN_ORDER = """
INSERT INTO orders (id, number, status, locale, cart_id, placed_at, email, name, address,
    postal_code, city, country, phone, shipping_method, dispatch_by, currency, subtotal_amount,
    discount_amount, shipping_amount, shipping_vat_amount, vat_amount, total_amount)
VALUES (1, 1001, 'pending', 'sv', 'c', '2026-11-23 11:00:00', 'a@example.se', 'A', 'x', 'x', 'x',
    'SE', '', 'letter', '2026-11-25', 'SEK', 1, 0, 0, 0, 0, 1)
"""
