"""What is laid on the shelf, taken down and counted off it, and the lists made of that."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from shop.catalogue.models import Kind, Product, Variant
from shop.catalogue.queries import products_of_variants
from shop.kit.db import Sessions
from shop.stock.actions import (
    consume,
    count,
    follow_kind,
    put_back,
    put_on_shelf,
    reserve,
    take_again,
)
from shop.stock.errors import MoreThanOne, OutOfStock, PromisedAlready
from shop.stock.models import StockLevel, StockMovement
from shop.stock.queries import (
    Availability,
    availability,
    counted,
    movements,
    sold_out_since,
    stock_levels,
)
from tests.stock.test_actions import AN_ORDER
from tests.support import NOON, Shelf, all_products

LATER = NOON + timedelta(hours=1)
Row = tuple[int, str, str, datetime, int | None]


def ledger(sessions: Sessions, variant_id: int) -> list[Row]:
    """Return everything that is written down of a variant, the latest first."""
    with sessions.begin() as db:
        return [
            (row.delta, row.reason, row.by, row.at, row.order_id)
            for row in movements(db, variant_id)
        ]


def level(sessions: Sessions, variant_id: int) -> tuple[int, int] | None:
    with sessions.begin() as db:
        found = stock_levels(db, [variant_id]).get(variant_id)
        return (found.on_hand, found.reserved) if found else None


def an_order(sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.execute(text(AN_ORDER))


def product_of(db: Any, variant_id: int) -> Product:
    return products_of_variants(db, [variant_id])[variant_id]


def test_what_comes_back_lies_on_the_shelf_again(sessions: Sessions, shelf: Shelf) -> None:
    hare, made = shelf.add("hare", 3), shelf.add("drake", kind="made_to_order", lead_time_days=7)
    an_order(sessions)
    with sessions.begin() as db:
        reserve(db, {hare: 2})
        put_back(db, {made: 1, hare: 4}, order_id=1, by="anna", now=LATER)
    assert level(sessions, hare) == (7, 2)
    assert level(sessions, made) is None
    assert ledger(sessions, hare)[0] == (4, "returned", "anna", LATER, 1)
    assert ledger(sessions, made) == []


def test_what_came_back_to_an_empty_shelf_can_be_sold_again(
    sessions: Sessions, shelf: Shelf
) -> None:
    fox = shelf.add("fox", 0, kind="unique")
    an_order(sessions)
    with sessions.begin() as db:
        put_back(db, {fox: 1}, order_id=1, by="owner", now=LATER)
    assert level(sessions, fox) == (1, 0)


def test_what_was_put_back_is_taken_again_unless_others_have_it(
    sessions: Sessions, shelf: Shelf
) -> None:
    hare = shelf.add("hare", 3)
    an_order(sessions)
    with sessions.begin() as db:
        reserve(db, {hare: 1})
        assert not take_again(db, hare, 3, order_id=1, by="anna", now=LATER)
    assert (level(sessions, hare), len(ledger(sessions, hare))) == ((3, 1), 1)
    with sessions.begin() as db:
        assert take_again(db, hare, 2, order_id=1, by="anna", now=LATER)
        assert not take_again(db, 4711, 1, order_id=1, by="anna", now=LATER)
    assert level(sessions, hare) == (1, 1)
    assert ledger(sessions, hare) == [
        (-2, "returned", "anna", LATER, 1),
        (3, "counted", "owner", NOON, None),
    ]


def test_a_sale_and_a_count_say_who_when_and_of_which_order(
    sessions: Sessions, shelf: Shelf
) -> None:
    hare = shelf.add("hare", 3)
    an_order(sessions)
    with sessions.begin() as db:
        reserve(db, {hare: 2})
        consume(db, {hare: 2}, order_id=1, now=LATER)
        assert count(db, hare, seen=1, counted=5, by="anna", now=LATER + timedelta(hours=1))
    assert ledger(sessions, hare) == [
        (4, "counted", "anna", LATER + timedelta(hours=1), None),
        (-2, "sold", "shop", LATER, 1),
        (3, "counted", "owner", NOON, None),
    ]


def test_of_several_things_each_is_held_as_often_as_it_was_asked_for(
    sessions: Sessions, shelf: Shelf
) -> None:
    hare, moss = shelf.add("hare", 3), shelf.add("moss", 3)
    with sessions.begin() as db:
        reserve(db, {moss: 3, hare: 1})
    assert (level(sessions, hare), level(sessions, moss)) == ((3, 1), (3, 3))
    with pytest.raises(RuntimeError, match=f"^stock of variant {moss} does not hold what"):
        consume_too_much(sessions, {hare: 1, moss: 4})
    assert (level(sessions, hare), level(sessions, moss)) == ((3, 1), (3, 3))


def consume_too_much(sessions: Sessions, quantities: dict[int, int]) -> None:
    with sessions.begin() as db:
        db.execute(text(AN_ORDER))
        consume(db, quantities, order_id=1, now=LATER)


@pytest.mark.parametrize(
    ("kind", "fact", "words", "facts"),
    [
        (OutOfStock, (7, 4), "variants [7, 4]", {"variant_ids": [7, 4]}),
        (PromisedAlready, 3, "3 promised", {"reserved": 3}),
        (MoreThanOne, 2, "2 on the shelf", {"on_hand": 2}),
    ],
)
def test_a_refusal_states_its_facts(
    kind: Callable[[object], Exception], fact: object, words: str, facts: dict[str, Any]
) -> None:
    error = kind(fact)
    assert str(error) == words
    assert vars(error) == facts


def test_a_new_variant_without_pieces_has_nothing_written_down(
    sessions: Sessions, shelf: Shelf
) -> None:
    made = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    with sessions.begin() as db:
        put_on_shelf(db, made, 0, by="anna", now=LATER)
    assert (level(sessions, made), ledger(sessions, made)) == ((0, 0), [])


def test_a_new_variant_with_pieces_has_them_written_down(sessions: Sessions, shelf: Shelf) -> None:
    made = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    with sessions.begin() as db:
        put_on_shelf(db, made, 2, by="anna", now=LATER)
    assert level(sessions, made) == (2, 0)
    assert ledger(sessions, made) == [(2, "counted", "anna", LATER, None)]


def test_what_is_made_to_order_is_counted_off_and_forgotten(
    sessions: Sessions, shelf: Shelf
) -> None:
    hare, moss = shelf.add("hare", 3), shelf.add("moss", 2)
    with sessions.begin() as db:
        product = product_of(db, hare)
        product.kind = Kind.MADE_TO_ORDER
        follow_kind(db, product, by="anna", now=LATER)
        assert stock_levels(db, [hare, moss]).keys() == {moss}
    assert (level(sessions, hare), level(sessions, moss)) == (None, (2, 0))
    assert ledger(sessions, hare)[0] == (-3, "counted", "anna", LATER, None)


def test_an_empty_shelf_is_forgotten_without_a_word(sessions: Sessions, shelf: Shelf) -> None:
    hare = shelf.add("hare", 0)
    with sessions.begin() as db:
        product = product_of(db, hare)
        product.kind = Kind.MADE_TO_ORDER
        follow_kind(db, product, by="anna", now=LATER)
    assert (level(sessions, hare), ledger(sessions, hare)) == (None, [])


def test_what_somebody_is_paying_for_is_not_taken_down(sessions: Sessions, shelf: Shelf) -> None:
    hare = shelf.add("hare", 3)
    with sessions.begin() as db:
        reserve(db, {hare: 2})
        product = product_of(db, hare)
        product.kind = Kind.MADE_TO_ORDER
        with pytest.raises(PromisedAlready) as refused:
            follow_kind(db, product, by="anna", now=LATER)
    assert refused.value.reserved == 2
    assert (level(sessions, hare), len(ledger(sessions, hare))) == ((3, 2), 1)


def test_a_sale_that_comes_while_it_is_taken_down_is_not_counted_off(
    sessions: Sessions, shelf: Shelf
) -> None:
    """What was read is not what there is: the guard compares, and nothing is changed."""
    hare = shelf.add("hare", 3)
    with sessions.begin() as db:
        product = product_of(db, hare)
        product.kind = Kind.MADE_TO_ORDER
        seen = stock_levels(db, [hare])  # read, and kept by the session
        db.execute(text("UPDATE stock_levels SET on_hand = 2"))
        with pytest.raises(PromisedAlready):
            follow_kind(db, product, by="anna", now=LATER)
        assert seen[hare].on_hand == 3
    assert (level(sessions, hare), len(ledger(sessions, hare))) == ((2, 0), 1)


@pytest.mark.parametrize(("kind", "on_hand"), [(Kind.BATCH, 2), (Kind.UNIQUE, 1)])
def test_what_was_made_to_order_is_counted_from_now_on(
    kind: Kind, on_hand: int, sessions: Sessions, shelf: Shelf
) -> None:
    made = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    with sessions.begin() as db:
        product = product_of(db, made)
        follow_kind(db, product, pieces=on_hand, by="anna", now=LATER)
        assert stock_levels(db, [made]) == {}  # nothing changes without another kind
        product.kind = kind
        follow_kind(db, product, pieces=on_hand, by="anna", now=LATER)
    assert level(sessions, made) == (on_hand, 0)
    assert ledger(sessions, made) == [(on_hand, "counted", "anna", LATER, None)]
    with sessions.begin() as db:
        follow_kind(db, product_of(db, made), pieces=7, by="anna", now=LATER)
    assert level(sessions, made) == (on_hand, 0)


def test_one_of_its_kind_lies_there_once_at_the_most(sessions: Sessions, shelf: Shelf) -> None:
    one, two = shelf.add("one", 1, kind="batch"), shelf.add("two", 2)
    with sessions.begin() as db:
        for variant_id in one, two:
            product_of(db, variant_id).kind = Kind.UNIQUE
        follow_kind(db, product_of(db, one), by="anna", now=LATER)
        with pytest.raises(MoreThanOne) as refused:
            follow_kind(db, product_of(db, two), by="anna", now=LATER)
    assert refused.value.on_hand == 2
    assert (level(sessions, one), level(sessions, two)) == ((1, 0), (2, 0))


def test_every_variant_of_a_product_follows_its_kind(sessions: Sessions, shelf: Shelf) -> None:
    made = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    with sessions.begin() as db:
        product = product_of(db, made)
        product.variants.append(Variant(sku="another", price_amount=100))
        db.flush()
        ids = [variant.id for variant in product.variants]
        product.kind = Kind.BATCH
        follow_kind(db, product, by="anna", now=LATER)
        assert stock_levels(db, ids).keys() == set(ids)
        assert follow_kind_without(db, product) == []
        db.get_one(StockLevel, ids[0]).on_hand = 2
        product.kind = Kind.MADE_TO_ORDER
        follow_kind(db, product, by="anna", now=LATER)
        assert stock_levels(db, ids) == {}
    assert ledger(sessions, ids[0])[0] == (-2, "counted", "anna", LATER, None)


def follow_kind_without(db: Any, product: Product) -> list[int]:
    """Let the product be counted as it is; return the pieces of its variants that are counted."""
    follow_kind(db, product, by="anna", now=LATER)
    return [found.on_hand for found in db.scalars(select(StockLevel)) if found.on_hand]


def test_what_a_buyer_is_told_of_each_thing(sessions: Sessions, shelf: Shelf) -> None:
    hare = shelf.add("hare", 5)
    fox = shelf.add("fox", 1)
    drake = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    gone = shelf.add("gone", kind="made_to_order", lead_time_days=7, status="archived")
    draft, lost = shelf.add("draft", 2, status="draft"), shelf.add("lost", 2)
    with sessions.begin() as db:
        reserve(db, {hare: 2, fox: 1})
        for uncounted in draft, lost:
            db.delete(db.get_one(StockLevel, uncounted))
        db.flush()  # what is asked next is asked of the database
        everything = (hare, fox, drake, gone, draft, lost)
        found = availability(db, [product_of(db, one) for one in everything])
        assert availability(db, []) == {}
    assert found == {
        hare: Availability(3, 5, made_to_order=False, withdrawn=False),
        fox: Availability(0, 1, made_to_order=False, withdrawn=False),
        drake: Availability(10, 0, made_to_order=True, withdrawn=False),
        gone: Availability(0, 0, made_to_order=True, withdrawn=True),
        draft: Availability(0, 0, made_to_order=False, withdrawn=True),
        lost: Availability(0, 0, made_to_order=False, withdrawn=False),
    }
    assert [one for one in found if found[one].sold_out] == [draft, lost]
    assert [one for one in found if found[one].held] == [fox]


def test_ones_own_hold_is_added_to_what_is_free(sessions: Sessions, shelf: Shelf) -> None:
    hare, moss = shelf.add("hare", 5), shelf.add("moss", 5)
    with sessions.begin() as db:
        reserve(db, {hare: 2, moss: 2})
        found = availability(db, all_products(db), {hare: 2})
    assert {one: known.buyable for one, known in found.items()} == {hare: 5, moss: 3}


def test_the_ledger_is_read_from_its_end(sessions: Sessions, shelf: Shelf) -> None:
    hare, moss = shelf.add("hare", 1), shelf.add("moss", 2)
    with sessions.begin() as db:
        for pieces in range(2, 105):
            count(db, hare, seen=pieces - 1, counted=pieces, by="anna", now=LATER)
    with sessions.begin() as db:
        assert [row.variant_id for row in movements(db, limit=103)] == [hare] * 103
        assert [row.variant_id for row in movements(db, limit=104)][-1] == moss
        assert len(movements(db)) == 100
        assert [row.id for row in movements(db, hare, 2)] == [105, 104]
        assert [row.delta for row in movements(db, moss)] == [2]


def test_the_list_to_count_has_what_there_is_before_what_is_sold(
    sessions: Sessions, shelf: Shelf
) -> None:
    old = shelf.add("old", 4)
    sold = shelf.add("sold", 0)
    young = shelf.add("young", 1)
    drake = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    shelf.add("away", 2, status="archived")
    draft = shelf.add("draft", 2, status="draft")
    with sessions.begin() as db:
        latest = product_of(db, old)
        latest.created_at = LATER
        unknown = shelf_without_level(db, young)
        put_on_shelf(db, drake, 3, by="anna", now=NOON)  # what nobody counts is not on the list
    with sessions.begin() as db:
        found = counted(db)
        assert [row.variant.id for row in found] == [old, draft, young, sold]
        assert [row.level.on_hand for row in found] == [4, 2, 1, 0]
        assert unknown not in {row.variant.id for row in found}
        assert {row.product.id: row.product.texts[0].name for row in found}.keys() == {
            row.variant.product_id for row in found
        }
        assert [len(row.product.photos) for row in found] == [1, 1, 1, 1]


def shelf_without_level(db: Any, variant_id: int) -> int:
    """Give the variant's product a second one that is not counted, and return its id."""
    product = product_of(db, variant_id)
    another = Variant(sku="another", price_amount=100)
    product.variants.append(another)
    db.flush()
    return another.id


def test_what_was_sold_out_lately_is_named_the_latest_first(
    sessions: Sessions, shelf: Shelf
) -> None:
    first, second, third = shelf.add("first", 1), shelf.add("second", 2), shelf.add("third", 1)
    left, draft, put_away = shelf.add("left", 2), shelf.add("draft", 1), shelf.add("away", 1)
    counted_off = shelf.add("off", 1)
    sales = [
        (first, 1, NOON),
        (second, 1, NOON + timedelta(hours=-5)),
        (second, 1, NOON + timedelta(hours=2)),
        (third, 1, NOON - timedelta(seconds=1)),
        (left, 1, LATER),
        (draft, 1, LATER),
        (put_away, 1, LATER),
    ]
    an_order(sessions)
    with sessions.begin() as db:
        for variant_id, pieces, at in sales:
            reserve(db, {variant_id: pieces})
            consume(db, {variant_id: pieces}, order_id=1, now=at)
        count(db, counted_off, seen=1, counted=0, by="owner", now=LATER)
        product_of(db, draft).status = "draft"
        product_of(db, put_away).status = "archived"
    with sessions.begin() as db:

        def slugs(since: datetime, *limit: int) -> list[str]:
            return [product.slug for product in sold_out_since(db, since, *limit)]

        assert slugs(NOON) == ["second", "first"]
        assert slugs(NOON - timedelta(days=1)) == ["second", "first", "third"]
        assert slugs(NOON, 1) == ["second"]
        assert [text.name for text in sold_out_since(db, NOON)[0].texts] == [
            "Second (en)",
            "Second",
        ]


def test_no_more_than_five_are_named(sessions: Sessions, shelf: Shelf) -> None:
    an_order(sessions)
    with sessions.begin() as db:
        assert list(sold_out_since(db, NOON)) == []
    for n in range(6):
        variant_id = shelf.add(f"doll-{n}", 1)
        with sessions.begin() as db:
            reserve(db, {variant_id: 1})
            consume(db, {variant_id: 1}, order_id=1, now=NOON + timedelta(minutes=n))
    with sessions.begin() as db:
        assert [product.slug for product in sold_out_since(db, NOON)] == [
            f"doll-{n}" for n in (5, 4, 3, 2, 1)
        ]
        assert len(db.scalars(select(StockMovement)).all()) == 12
