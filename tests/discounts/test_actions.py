"""What a code takes off, when it does not, and how its uses are counted."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from shop.discounts.actions import (
    add_discount,
    end_discount,
    give_back,
    redeem,
    redeem_again,
)
from shop.discounts.errors import BelowMinimum, CodeTaken, NotYet, Over, UnknownCode, UsedUp
from shop.discounts.models import Discount, Redemption
from shop.discounts.queries import discount_by_code, normalised, worth
from shop.kit.db import Sessions
from tests.discounts.tools import new_discount, unpaid_orders, uses_and_redemptions
from tests.support import NOON, Shelf, on_both_databases

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("jul25", "JUL25"),
        (" Jul 25 ", "JUL25"),
        ("\uff2a\uff35\uff2c\uff12\uff15", "JUL25"),  # full width
        ("jul\u00a025\u200a", "JUL25"),
        ("va\u030ar", "V\u00c5R"),  # an a and a ring
        ("stra\u00dfe", "STRASSE"),
        ("", ""),
    ],
)
def test_a_code_is_the_same_however_it_is_typed(typed: str, code: str) -> None:
    assert normalised(typed) == code
    assert normalised(code) == code


@pytest.mark.parametrize(
    ("facts", "subtotal", "amount"),
    [
        ({"kind": "percent", "value": 10}, 24500, 2450),
        ({"kind": "percent", "value": 15}, 24530, 3680),  # 3679.5: half up
        ({"kind": "percent", "value": 33}, 9999, 3300),  # 3299.67
        ({"kind": "percent", "value": 100}, 24500, 24500),
        ({"kind": "percent", "value": 1}, 49, 0),
        ({"kind": "amount", "value": 5000}, 24500, 5000),
        ({"kind": "amount", "value": 5000}, 4999, 4999),
        ({"kind": "amount", "value": 5000, "minimum_amount": 24500}, 24500, 5000),
        ({"starts_on": TODAY, "ends_on": TODAY}, 24500, 2450),
        ({"most_uses": 3, "uses": 2}, 24500, 2450),
    ],
)
def test_what_it_takes_off(facts: dict[str, Any], subtotal: int, amount: int) -> None:
    assert worth(new_discount(**facts), subtotal, TODAY) == amount


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"starts_on": date(2026, 11, 24)}, NotYet),
        ({"ends_on": date(2026, 11, 22)}, Over),
        ({"minimum_amount": 24501}, BelowMinimum),
        ({"most_uses": 3, "uses": 3}, UsedUp),
    ],
)
def test_when_it_takes_nothing_off(facts: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        worth(new_discount(**facts), 24500, TODAY)


def test_the_order_that_has_the_last_use_may_ask_again() -> None:
    assert worth(new_discount(most_uses=1, uses=1), 24500, TODAY, its_own_use=True) == 2450


@on_both_databases
def test_a_code_is_found_until_it_is_ended(sessions: Sessions) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(code="jul 25"))
    with sessions.begin() as db:
        found = discount_by_code(db, " Jul25")
        assert found.code == "JUL25"
        with pytest.raises(CodeTaken):
            add_discount(db, new_discount(code="JUL 25"))
        with pytest.raises(UnknownCode):
            discount_by_code(db, "JUL")
        assert end_discount(db, found.id, now=NOON)
        assert not end_discount(db, found.id, now=NOON)
    with sessions.begin() as db, pytest.raises(UnknownCode):
        discount_by_code(db, "JUL25")


@on_both_databases
def test_each_use_is_counted_and_given_back_once(sessions: Sessions, shelf: Shelf) -> None:
    first, second = unpaid_orders(sessions, shelf, 2)
    with sessions.begin() as db:
        discount = new_discount(most_uses=1)
        add_discount(db, discount)
        redeem(db, discount.id, order_id=first, amount=2450, now=NOON)
    assert uses_and_redemptions(sessions) == (1, [(first, 2450)])
    with pytest.raises(UsedUp), sessions.begin() as db:
        redeem(db, discount.id, order_id=second, amount=2450, now=NOON)
    assert uses_and_redemptions(sessions) == (1, [(first, 2450)])
    for _ in range(2):
        with sessions.begin() as db:
            give_back(db, first)
            give_back(db, second)
        assert uses_and_redemptions(sessions) == (0, [])


@on_both_databases
def test_late_money_takes_its_use_again_if_there_is_one(sessions: Sessions, shelf: Shelf) -> None:
    late, other = unpaid_orders(sessions, shelf, 2)
    with sessions.begin() as db:
        discount = new_discount(code="JUL25", most_uses=1)
        add_discount(db, discount)
        end_discount(db, discount.id, now=NOON)
        redeem_again(db, late, code="JUL25", amount=2450, now=NOON)
    assert uses_and_redemptions(sessions) == (1, [(late, 2450)])
    with sessions.begin() as db:
        give_back(db, late)
        redeem(db, discount.id, order_id=other, amount=2450, now=NOON)
        with pytest.raises(UsedUp):
            redeem_again(db, late, code="JUL25", amount=2450, now=NOON)
        with pytest.raises(UsedUp):
            redeem_again(db, late, code="GONE", amount=2450, now=NOON)
    assert uses_and_redemptions(sessions) == (1, [(other, 2450)])
    with sessions.begin() as db:
        assert db.scalars(select(Redemption.order_id)).one() == other
        assert db.scalars(select(Discount.uses)).one() == 1
