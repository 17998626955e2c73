"""Each use and each refusal to its last fact, also where the books were wrong before."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.discounts.actions import add_discount, end_discount, give_back, redeem, redeem_again
from shop.discounts.errors import BelowMinimum, NotYet, UsedUp
from shop.discounts.models import Discount, Redemption
from shop.discounts.queries import any_in_force, discount_by_code, discounts, worth
from shop.kit.db import Sessions
from tests.discounts.tools import new_discount, unpaid_orders, uses_and_redemptions
from tests.support import NOON, Shelf

TODAY = date(2026, 11, 23)


def offered(sessions: Sessions, **facts: object) -> int:
    with sessions.begin() as db:
        discount = new_discount(**facts)
        add_discount(db, discount)
        return discount.id


def used_by(sessions: Sessions, discount_id: int, order_id: int) -> None:
    with sessions.begin() as db:
        redeem(db, discount_id, order_id=order_id, amount=2450, now=NOON)


def test_a_use_is_written_down_with_its_order_amount_and_time(
    sessions: Sessions, shelf: Shelf
) -> None:
    other, discount_id = offered(sessions, code="OTHER"), offered(sessions)
    [order_id] = unpaid_orders(sessions, shelf, 1)
    used_by(sessions, discount_id, order_id)
    with sessions.begin() as db:
        use = db.scalars(select(Redemption)).one()
        assert (use.discount_id, use.order_id, use.amount, use.at) == (
            discount_id,
            order_id,
            2450,
            NOON,
        )
        counted = dict(db.execute(select(Discount.id, Discount.uses)).all())
        assert counted == {other: 0, discount_id: 1}


def test_an_order_uses_one_discount_once(sessions: Sessions, shelf: Shelf) -> None:
    discount_id = offered(sessions)
    [order_id] = unpaid_orders(sessions, shelf, 1)
    used_by(sessions, discount_id, order_id)
    with Session(sessions.engine) as db, pytest.raises(IntegrityError):  # and not at the commit
        redeem(db, discount_id, order_id=order_id, amount=2450, now=NOON)
    assert uses_and_redemptions(sessions) == (1, [(order_id, 2450)])


def test_a_discount_that_counts_fewer_uses_than_it_has_is_not_hidden(
    sessions: Sessions, shelf: Shelf
) -> None:
    discount_id = offered(sessions)
    [order_id] = unpaid_orders(sessions, shelf, 1)
    used_by(sessions, discount_id, order_id)
    with sessions.begin() as db:
        db.execute(update(Discount).values(uses=0))
    words = f"^discount {discount_id} counts fewer uses than it has$"
    with pytest.raises(RuntimeError, match=words), sessions.begin() as db:
        give_back(db, order_id)
    assert uses_and_redemptions(sessions) == (0, [(order_id, 2450)])


def test_late_money_takes_its_use_again_with_its_own_facts(
    sessions: Sessions, shelf: Shelf
) -> None:
    offered(sessions, code="OTHER")
    discount_id = offered(sessions)
    [order_id] = unpaid_orders(sessions, shelf, 1)
    later = NOON + timedelta(days=3)
    with sessions.begin() as db:
        redeem_again(db, order_id, code="JUL25", amount=2400, now=later)
    with sessions.begin() as db:
        use = db.scalars(select(Redemption)).one()
        assert (use.discount_id, use.order_id, use.amount, use.at) == (
            discount_id,
            order_id,
            2400,
            later,
        )
        with pytest.raises(UsedUp):
            redeem_again(db, order_id, code="GONE", amount=2400, now=later)


def test_an_end_has_its_time_and_ends_one(sessions: Sessions) -> None:
    first, second = offered(sessions, code="FIRST"), offered(sessions, code="SECOND")
    with sessions.begin() as db:
        assert any_in_force(db)
        assert [one.code for one in discounts(db)] == ["SECOND", "FIRST"]
        assert end_discount(db, first, now=NOON)
        assert not end_discount(db, first, now=NOON + timedelta(hours=1))
    with sessions.begin() as db:
        assert {one.id: one.ended_at for one in discounts(db)} == {first: NOON, second: None}
        assert any_in_force(db)
        assert discount_by_code(db, "second").id == second
        assert end_discount(db, second, now=NOON)
    with sessions.begin() as db:
        assert not any_in_force(db)


def test_a_shop_without_codes_has_none_in_force(sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert not any_in_force(db)
        assert list(discounts(db)) == []


def test_a_refusal_states_its_facts() -> None:
    tomorrow = date(2026, 11, 24)
    with pytest.raises(NotYet, match=r"^from 2026-11-24 on$") as early:
        worth(new_discount(starts_on=tomorrow), 24500, TODAY)
    assert early.value.starts_on == tomorrow
    with pytest.raises(BelowMinimum, match=r"^from 24501 on$") as little:
        worth(new_discount(minimum_amount=24501), 24500, TODAY)
    assert little.value.minimum_amount == 24501


@pytest.mark.parametrize(("most", "uses"), [(2, 2), (2, 3)])
def test_its_own_use_does_not_count_against_an_order(most: int, uses: int) -> None:
    discount = new_discount(most_uses=most, uses=uses)
    assert worth(discount, 24500, TODAY, its_own_use=True) == 2450
    with pytest.raises(UsedUp):
        worth(discount, 24500, TODAY)
