"""Two dozen buyers and a code with few uses left: as many orders have it as it may be used."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text, update

from shop.discounts.actions import add_discount, redeem
from shop.discounts.errors import UsedUp
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Sessions
from tests.discounts.tools import new_discount, unpaid_orders, uses_and_redemptions
from tests.support import NOON, Shelf, on_both_databases

BUYERS = 24


def look_first(
    sessions: Sessions, discount_id: int, order_id: int, barrier: threading.Barrier
) -> bool:
    """Redeem as a shop without the guard would: ask whether there is a use, and take it later."""
    with sessions.begin() as db:
        found = db.get_one(Discount, discount_id)
        left = found.most_uses is None or found.uses < found.most_uses
    barrier.wait(30)
    if not left:
        return False
    with sessions.begin() as db:
        db.execute(update(Discount).values(uses=Discount.uses + 1))
        db.add(Redemption(discount_id=discount_id, order_id=order_id, amount=2450, at=NOON))
    return True


def guarded(
    sessions: Sessions, discount_id: int, order_id: int, barrier: threading.Barrier
) -> bool:
    barrier.wait(30)
    try:
        with sessions.begin() as db:
            redeem(db, discount_id, order_id=order_id, amount=2450, now=NOON)
    except UsedUp:
        return False
    return True


def race(sessions: Sessions, shelf: Shelf, uses: int, way: object) -> int:
    orders = unpaid_orders(sessions, shelf, BUYERS)
    with sessions.begin() as db:
        discount = new_discount(most_uses=uses)
        add_discount(db, discount)
    barrier = threading.Barrier(BUYERS)
    assert callable(way)
    with ThreadPoolExecutor(BUYERS) as pool:
        return sum(pool.map(lambda id_: way(sessions, discount.id, id_, barrier), orders))


@on_both_databases
@pytest.mark.parametrize("uses", [1, 5])
def test_no_more_orders_have_a_code_than_it_may_be_used(
    uses: int, sessions: Sessions, shelf: Shelf
) -> None:
    assert race(sessions, shelf, uses, guarded) == uses
    counted, redemptions = uses_and_redemptions(sessions)
    assert (counted, len(redemptions)) == (uses, uses)


@on_both_databases
def test_without_the_guard_too_many_have_it(sessions: Sessions, shelf: Shelf) -> None:
    """The control, with the database's own check off as well."""
    with sessions.begin() as db:
        if db.get_bind().dialect.name == "sqlite":
            db.execute(text("PRAGMA ignore_check_constraints = ON"))
        else:
            db.execute(text("ALTER TABLE discounts DROP CONSTRAINT ck_discounts_uses_within"))
    assert race(sessions, shelf, 1, look_first) == BUYERS
    with sessions.begin() as db:
        assert len(db.scalars(select(Redemption)).all()) == BUYERS
