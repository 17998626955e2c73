"""The owner counts the shelf: what was seen, what was sold meanwhile, what is written down."""

import re
from collections.abc import Callable

import pytest

from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences
from shop.stock.actions import release, reserve
from shop.stock.queries import movements, stock_levels
from tests.support import Buyer, Shelf


@pytest.fixture(autouse=True)
def _english(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")


def on_hand(sessions: Sessions, variant_id: int) -> int:
    with sessions.begin() as db:
        return stock_levels(db, [variant_id])[variant_id].on_hand


def ledger(sessions: Sessions, variant_id: int) -> list[tuple[int, str, str]]:
    with sessions.begin() as db:
        return [(row.delta, row.reason, row.by) for row in movements(db, variant_id)]


def count(owner: Buyer, variant_id: int, seen: int, counted: str) -> tuple[int, str]:
    answer = owner.post(f"/admin/stock/{variant_id}", seen=str(seen), counted=counted)
    return answer.status_code, answer.headers.get("location", "") or answer.text


def test_what_was_counted_is_what_there_is(owner: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    hare = shelf.add("haren", 5)
    assert count(owner, hare, 5, "7") == (303, f"/admin/stock?note=counted#variant-{hare}")
    assert on_hand(sessions, hare) == 7
    assert ledger(sessions, hare) == [(2, "counted", "owner"), (5, "counted", "owner")]


def test_the_buttons_beside_the_number_save_at_once(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare = shelf.add("haren", 5)
    page = owner.http.get("/admin/stock").text
    steps = re.findall(rf'<button form="step-{hare}" name="counted" value="(\d+)"', page)
    assert steps == ["4", "6"]
    assert re.search(
        rf'<form id="step-{hare}"[^>]*>\s*<input type="hidden" name="seen" value="5">', page
    )
    assert count(owner, hare, 5, steps[0])[0] == 303
    assert on_hand(sessions, hare) == 4


def test_a_sale_while_counting_is_not_counted_away(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare = shelf.add("haren", 5)
    owner.http.get("/admin/stock")
    buyer.buy(hare)
    status, page = count(owner, hare, 5, "6")
    assert status == 409
    assert "One was sold while you counted." in page
    assert 'value="6"' in page  # what was typed
    assert 'name="seen" value="4"' in page  # what there is now
    assert on_hand(sessions, hare) == 4
    assert ledger(sessions, hare) == [(-1, "sold", "shop"), (5, "counted", "owner")]


def test_what_is_being_paid_for_cannot_be_counted_away(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare = shelf.add("haren", 5)
    with sessions.begin() as db:
        reserve(db, {hare: 3})
    status, page = count(owner, hare, 5, "2")
    assert status == 409
    assert "3 of them" in page
    assert on_hand(sessions, hare) == 5
    assert count(owner, hare, 5, "3")[0] == 303
    with sessions.begin() as db:
        release(db, {hare: 3})
    assert on_hand(sessions, hare) == 3


@pytest.mark.parametrize("typed", ["", "-1", "1.5", "många", "10000", "1e3", "٣"])
def test_what_is_no_count_is_refused_in_words(
    owner: Buyer, shelf: Shelf, sessions: Sessions, typed: str
) -> None:
    hare = shelf.add("haren", 5)
    status, page = count(owner, hare, 5, typed)
    assert status == 422
    assert f'id="error-{hare}"' in page
    assert on_hand(sessions, hare) == 5


def test_one_of_its_kind_is_counted_to_one_at_the_most(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    fox = shelf.add("raven", 1)
    page = owner.http.get("/admin/stock").text
    assert re.search(rf'<button form="step-{fox}"[^>]*value="2"[^>]*disabled>', page)
    status, page = count(owner, fox, 1, "2")
    assert status == 422
    assert "0 to 1" in page
    assert on_hand(sessions, fox) == 1
    assert count(owner, fox, 1, "0")[0] == 303


def test_what_is_made_to_order_is_not_on_the_list(
    owner: Buyer, shelf: Shelf, new_buyer: Callable[[], Buyer]
) -> None:
    shelf.add("bjornen", 0, kind="made_to_order", lead_time_days=14)
    shelf.add("haren", 5)
    page = owner.http.get("/admin/stock").text
    assert "Haren" in page
    assert "Bjornen" not in page


def test_the_ledger_tells_everything_with_the_order(
    owner: Buyer, buyer: Buyer, shelf: Shelf
) -> None:
    hare = shelf.add("haren", 5)
    number = re.search(r'data-order="(\d+)"', buyer.buy(hare, 2).text)
    assert number is not None
    count(owner, hare, 3, "10")
    page = owner.http.get(f"/admin/stock/{hare}").text
    rows = re.findall(r"<tr>\s*<td.*?</tr>", page, re.DOTALL)
    told = [re.findall(r'class="number"[^>]*>([^<]+)<', row) for row in rows]
    assert told == [["+7", "10"], ["−2", "3"], ["+5", "5"]]
    assert f'href="/admin/orders/{number[1]}"' in rows[1]
    assert "/admin/orders/" not in rows[0] + rows[2]
