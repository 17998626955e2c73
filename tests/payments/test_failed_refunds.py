"""A refund that the bank sends back: the money is the shop's again, and so is the duty to deliver.

Pieces that went back to the shelf with the money are put aside again, unless they have been sold.
"""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.orders.actions import ship
from shop.orders.models import Order
from shop.payments.conversations import ask_about_refunds, send_refund, settle
from shop.payments.models import PaymentAttempt, RefundLine
from shop.payments.refunds import everything_left, given_back, request_refund
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel, StockMovement
from tests.payments.tools import order_one, the_attempt
from tests.support import Buyer, Shelf, on_both_databases

FAILS_LATER = "4000000000005126"  # a card whose refunds succeed, and then do not


@pytest.fixture
def paid(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> PaymentAttempt:
    """Return the payment of the only raven."""
    order_one(new_buyer(), shelf.add("raven", price_amount=24500))
    attempt = the_attempt(sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay", card=FAILS_LATER)
    settle(till, attempt.id)
    return the_attempt(sessions)


def give_back(sessions: Sessions, till: Till, attempt: PaymentAttempt) -> None:
    with sessions.begin() as db:
        order = db.get_one(Order, attempt.order_id)
        wish = everything_left(db, order, restock=True)
        seen = given_back(db, attempt.id)
        refund = request_refund(db, order.id, wish, seen=seen, now=till.now())
    send_refund(till, refund.id)


def come_back(stand_in: StandInServer, till: Till, attempt: PaymentAttempt) -> None:
    stand_in.control("clock", advance=3600)
    ask_about_refunds(till, attempt.id)


def order_and_shelf(
    sessions: Sessions, order_id: int
) -> tuple[str, str | None, int, list[tuple[int, str]]]:
    """Return the order's status and review, what lies on the shelf, and the order's movements."""
    with sessions.begin() as db:
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
        order = db.get_one(Order, order_id)
        moves = db.execute(
            select(StockMovement.delta, StockMovement.reason)
            .where(StockMovement.order_id == order_id)
            .order_by(StockMovement.id)
        )
        on_hand = db.scalars(select(StockLevel.on_hand)).one()
        return order.status, order.review, on_hand, [(delta, reason) for delta, reason in moves]


def restocked(sessions: Sessions) -> list[bool]:
    with sessions.begin() as db:
        lines = select(RefundLine.restocked).where(RefundLine.what == "line")
        return list(db.scalars(lines.order_by(RefundLine.id)))


@on_both_databases
def test_the_piece_is_put_aside_for_its_buyer_again(
    paid: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    give_back(sessions, till, paid)
    assert order_and_shelf(sessions, paid.order_id) == (
        "refunded",
        None,
        1,
        [(-1, "sold"), (1, "returned")],
    )
    assert restocked(sessions) == [True]
    come_back(stand_in, till, paid)
    after = ("paid", "refund_failed", 0, [(-1, "sold"), (1, "returned"), (-1, "returned")])
    assert order_and_shelf(sessions, paid.order_id) == after
    assert restocked(sessions) == [False]
    come_back(stand_in, till, paid)  # asked once more, nothing else happens
    assert order_and_shelf(sessions, paid.order_id) == after


def test_of_a_piece_that_was_sold_again_the_owner_is_told(
    paid: PaymentAttempt,
    new_buyer: Callable[[], Buyer],
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    give_back(sessions, till, paid)
    order_one(new_buyer(), 1)  # somebody is paying for it: it is promised
    come_back(stand_in, till, paid)
    assert order_and_shelf(sessions, paid.order_id) == (
        "paid",
        "refund_failed_sold",
        1,
        [(-1, "sold"), (1, "returned")],
    )
    assert restocked(sessions) == [True]


def test_what_came_back_in_a_parcel_stays_on_the_shelf(
    paid: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    with sessions.begin() as db:
        ship(db, db.get_one(Order, paid.order_id), tracking="", now=till.now())
    give_back(sessions, till, paid)
    come_back(stand_in, till, paid)
    assert order_and_shelf(sessions, paid.order_id) == (
        "shipped",
        "refund_failed",
        1,
        [(-1, "sold"), (1, "returned")],
    )


def test_the_owner_reads_that_it_has_been_sold(
    paid: PaymentAttempt,
    new_buyer: Callable[[], Buyer],
    owner: Buyer,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    give_back(sessions, till, paid)
    order_one(new_buyer(), 1)
    come_back(stand_in, till, paid)
    with sessions.begin() as db:
        number = db.get_one(Order, paid.order_id).number
    page = owner.get(f"/admin/orders/{number}").text
    assert (
        "Återbetalningen gick inte fram, och det du lade tillbaka på hyllan har sålts sedan dess."
    ) in page
