"""Sending an order while something else happens to it, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shop.kit.db import Sessions
from shop.orders.actions import flag_for_review, ship
from shop.orders.errors import WrongState
from shop.orders.models import Order
from tests.support import NOON, Buyer, Shelf, on_both_databases


@on_both_databases
def test_what_a_buyer_withdraws_from_at_this_moment_is_not_sent(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    """The owner has the order open; the statement is written, and not committed yet."""
    buyer.buy(shelf.add())
    seen = threading.Event()

    def send() -> None:
        with sessions.begin() as db:
            order = db.get_one(Order, 1)
            seen.set()
            ship(db, order, tracking="", now=NOON)

    with ThreadPoolExecutor(1) as pool:
        with sessions.begin() as db:
            flag_for_review(db, 1, "withdrawal", now=NOON)
            db.flush()  # the row is ours until the end
            sending = pool.submit(send)
            seen.wait(1)
            threading.Event().wait(0.2)
        with pytest.raises(WrongState):
            sending.result(60)
    with sessions.begin() as db:
        order = db.get_one(Order, 1)
        assert (order.status, order.review) == ("paid", "withdrawal")
