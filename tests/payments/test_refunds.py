"""Money goes back once, whole or in parts, whoever sends it, and comes back if the bank says so."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.orders.models import Order, OrderLine
from shop.orders.queries import order_in_full
from shop.payments.conversations import ask_about_refunds, send_refund, settle
from shop.payments.errors import PaymentUnknown, RefundImpossible, RefundTooLarge
from shop.payments.models import PaymentAttempt, Refund
from shop.payments.reconciler import release_changed_carts, send_refunds
from shop.payments.refunds import Wish, everything_left, given_back, line_amount, request_refund
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel, StockMovement
from tests.payments.tools import opened_beside, order_one, state, the_attempt
from tests.support import Buyer, FixedClock, Shelf, on_both_databases

REFUNDS = "/v1/refunds"


@pytest.fixture
def bought(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> PaymentAttempt:
    """Return the paid attempt of an order of three pieces at 245 kr, with 36 kr of postage."""
    variant_id = shelf.add("moss", on_hand=5)
    buyer.add(variant_id, 3)
    assert buyer.place().status_code == 303
    attempt = the_attempt(sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    settle(till, attempt.id)
    assert state(sessions, variant_id) == ("paid", "paid", 2, 0)
    return the_attempt(sessions)


def ask(sessions: Sessions, till: Till, order_id: int, wish: Wish | None = None) -> int:
    with sessions.begin() as db:
        order = db.get_one(Order, order_id)
        chosen = wish or everything_left(db, order, restock=True)
        paid = db.scalars(
            select(PaymentAttempt.id).where(PaymentAttempt.status == "paid")
        ).one_or_none()
        seen = given_back(db, paid or "")
        return request_refund(db, order_id, chosen, seen=seen, now=till.now()).id


def stand(sessions: Sessions, order_id: int) -> tuple[str, str | None, list[tuple[str, int, str]]]:
    """Return the order's status and review, and each refund's status, amount and origin."""
    with sessions.begin() as db:
        order = db.get_one(Order, order_id)
        refunds = db.scalars(select(Refund).order_by(Refund.id))
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
        return order.status, order.review, [(r.status, r.amount, r.origin) for r in refunds]


def sent_back(stand_in: StandInServer) -> list[int]:
    return [row["amount"] for row in stand_in.log() if row["what"] == "refund.created"]


@on_both_databases
def test_the_whole_order_goes_back_and_its_pieces_to_the_shelf(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    refund_id = ask(sessions, till, bought.order_id)
    assert stand(sessions, bought.order_id) == (
        "refunded",
        None,
        [("requested", bought.amount, "owner")],
    )
    send_refund(till, refund_id)
    send_refund(till, refund_id)
    assert stand(sessions, bought.order_id)[2] == [("succeeded", bought.amount, "owner")]
    assert sent_back(stand_in) == [bought.amount]
    with sessions.begin() as db:
        assert db.scalars(select(StockLevel.on_hand)).one() == 5
        moves = db.scalars(select(StockMovement).order_by(StockMovement.id))
        assert [(m.delta, m.reason) for m in moves] == [
            (5, "counted"),
            (-3, "sold"),
            (3, "returned"),
        ]


def test_parts_add_up_to_the_whole(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    with sessions.begin() as db:
        order = order_in_full(db, bought.order_id)
        assert order is not None
        [line], postage = order.lines, order.shipping_amount
    send_refund(till, ask(sessions, till, bought.order_id, Wish({line.id: 1})))
    assert stand(sessions, bought.order_id)[0] == "paid"
    send_refund(till, ask(sessions, till, bought.order_id, Wish({line.id: 2})))
    if postage:
        send_refund(till, ask(sessions, till, bought.order_id, Wish({}, postage=True)))
    assert stand(sessions, bought.order_id)[0] == "refunded"
    assert sent_back(stand_in) == [24500, 49000, *([postage] if postage else [])]
    assert sum(sent_back(stand_in)) == bought.amount
    with sessions.begin() as db:
        assert db.scalars(select(StockLevel.on_hand)).one() == 2  # nothing came back to the shelf


def test_the_pieces_of_a_line_share_its_discount_to_the_ore() -> None:
    line = OrderLine(price_amount=3333, quantity=3, discount_amount=1000)
    assert [line_amount(line, n, 1) for n in range(3)] == [2999, 3000, 3000]
    assert line_amount(line, 0, 3) == 8999
    assert line_amount(line, 1, 2) == 6000


def test_never_more_goes_back_than_came_in(
    bought: PaymentAttempt, sessions: Sessions, till: Till
) -> None:
    with sessions.begin() as db:
        line = db.scalars(select(OrderLine)).one()
    ask(sessions, till, bought.order_id, Wish({line.id: 2}))
    for wish in (
        Wish({line.id: 2}),
        Wish({line.id: -1}),
        Wish({999: 1}),
        Wish({}),
        Wish({}, other_amount=bought.amount),
    ):
        with pytest.raises(RefundTooLarge):
            ask(sessions, till, bought.order_id, wish)
    assert stand(sessions, bought.order_id)[2] == [("requested", 49000, "owner")]


def test_an_unpaid_order_has_nothing_to_give_back(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    order_one(buyer, shelf.add())
    with pytest.raises(RefundImpossible):
        ask(sessions, till, the_attempt(sessions).order_id)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_that_is_lost_is_no_second_refund(
    when: str,
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought.order_id)
    stand_in.control("faults", kind="reset", path=REFUNDS, when=when, times=3)
    with pytest.raises(PaymentUnknown):
        send_refund(till, refund_id)
    assert stand(sessions, bought.order_id)[2] == [("requested", bought.amount, "owner")]
    assert send_refunds(till).done == 0  # it was tried just now
    clock.advance(seconds=31)
    assert send_refunds(till).done == 1
    assert stand(sessions, bought.order_id)[2] == [("succeeded", bought.amount, "owner")]
    assert sent_back(stand_in) == [bought.amount]


def test_a_key_that_stripe_has_forgotten_is_no_second_refund(
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    with sessions.begin() as db:
        line = db.scalars(select(OrderLine)).one()
    refund_id = ask(sessions, till, bought.order_id, Wish({line.id: 1}))
    stand_in.control("faults", kind="reset", path=REFUNDS, when="after", times=3)
    with pytest.raises(PaymentUnknown):
        send_refund(till, refund_id)
    for _ in range(2):
        clock.advance(hours=25)
        stand_in.control("clock", advance=timedelta(hours=25).total_seconds())
        send_refund(till, refund_id)
    assert stand(sessions, bought.order_id)[2] == [("succeeded", 24500, "owner")]
    assert sent_back(stand_in) == [24500]


def test_what_is_paid_back_at_stripe_appears_by_itself(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    [charge] = [row["charge"] for row in stand_in.log() if row["what"] == "charge.succeeded"]
    stand_in.control(f"charges/{charge}/refund", amount=10000)
    ask_about_refunds(till, bought.id)
    assert stand(sessions, bought.order_id) == ("paid", None, [("succeeded", 10000, "dashboard")])
    stand_in.control(f"charges/{charge}/refund")
    ask_about_refunds(till, bought.id)
    ask_about_refunds(till, bought.id)
    status, review, refunds = stand(sessions, bought.order_id)
    assert (status, review) == ("refunded", None)
    assert refunds[1] == ("succeeded", bought.amount - 10000, "dashboard")
    with sessions.begin() as db:
        assert db.scalars(select(StockLevel.on_hand)).one() == 2  # only a person puts it back


def test_a_refund_that_fails_later_is_taken_back_and_flagged(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    order_one(new_buyer(), shelf.add())
    attempt = the_attempt(sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay", card="4000000000005126")
    settle(till, attempt.id)
    refund_id = ask(sessions, till, attempt.order_id)
    send_refund(till, refund_id)
    assert stand(sessions, attempt.order_id)[0] == "refunded"
    stand_in.control("clock", advance=3600)
    ask_about_refunds(till, attempt.id)
    assert stand(sessions, attempt.order_id) == (
        "paid",
        "refund_failed",
        [("failed", attempt.amount, "owner")],
    )


def test_a_refund_that_stripe_refuses_is_taken_back_and_flagged(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    refund_id = ask(sessions, till, bought.order_id)
    [charge] = [row["charge"] for row in stand_in.log() if row["what"] == "charge.succeeded"]
    stand_in.control(f"charges/{charge}/refund", amount=10000)
    send_refund(till, refund_id)
    assert stand(sessions, bought.order_id) == (
        "paid",
        "refund_failed",
        [("failed", bought.amount, "owner"), ("succeeded", 10000, "dashboard")],
    )
    assert sent_back(stand_in) == [10000]


def test_what_goes_back_at_stripe_before_ours_is_sent_breaks_no_rule_meanwhile(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    refund_id = ask(sessions, till, bought.order_id)
    [charge] = [row["charge"] for row in stand_in.log() if row["what"] == "charge.succeeded"]
    stand_in.control(f"charges/{charge}/refund")
    ask_about_refunds(till, bought.id)
    both = [("requested", bought.amount, "owner"), ("succeeded", bought.amount, "dashboard")]
    assert stand(sessions, bought.order_id) == ("refunded", None, both)
    send_refund(till, refund_id)
    both[0] = ("failed", bought.amount, "owner")
    assert stand(sessions, bought.order_id) == ("refunded", "refund_failed", both)


def test_a_second_payment_of_one_order_goes_back_whole(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    first = the_attempt(sessions)
    stand_in.control(f"sessions/{first.session_id}/pay")
    settle(till, first.id)
    second = opened_beside(sessions, till, first)
    stand_in.control(f"sessions/{second.session_id}/pay")
    settle(till, second.id)
    settle(till, second.id)
    assert send_refunds(till).done == 1

    assert stand(sessions, first.order_id) == (
        "paid",
        None,
        [("succeeded", first.amount, "auto")],
    )
    with sessions.begin() as db:
        assert db.scalars(select(Refund.reason)).one() == "paid_twice"
        assert db.get_one(PaymentAttempt, first.id).status == "paid"
        assert db.get_one(PaymentAttempt, second.id).status == "refunded"
        assert db.get_one(StockLevel, variant_id).on_hand == 0
    assert sent_back(stand_in) == [first.amount]


def test_a_second_page_is_closed_when_the_first_is_paid(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    order_one(buyer, shelf.add())
    first = the_attempt(sessions)
    with sessions.begin() as db:  # from a restored backup, say, that knew nothing of the page
        db.get_one(PaymentAttempt, first.id).status = "expired"
    second = opened_beside(sessions, till, first)
    stand_in.control(f"sessions/{first.session_id}/pay")
    settle(till, first.id)
    assert release_changed_carts(till).done == 1
    assert stand(sessions, first.order_id)[0] == "paid"
    with sessions.begin() as db:
        assert db.get_one(PaymentAttempt, second.id).status == "expired"
    assert [r["session"] for r in stand_in.log() if r["what"] == "session.expired"] == [
        second.session_id
    ]


def test_what_does_not_fit_is_never_paid_back_by_itself_but_closes_when_the_owner_has(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    attempt = the_attempt(sessions)
    with sessions.begin() as db:
        db.get_one(PaymentAttempt, attempt.id).amount += 100
        db.get_one(Order, attempt.order_id).total_amount += 100
        db.get_one(Order, attempt.order_id).shipping_amount += 100
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    settle(till, attempt.id)
    assert stand(sessions, attempt.order_id) == ("pending", "mismatch_amount", [])
    assert send_refunds(till).done == 0

    [charge] = [row["charge"] for row in stand_in.log() if row["what"] == "charge.succeeded"]
    stand_in.control(f"charges/{charge}/refund")
    ask_about_refunds(till, attempt.id)

    status, _, refunds = stand(sessions, attempt.order_id)
    assert (status, refunds) == ("cancelled", [("succeeded", attempt.amount, "dashboard")])
    assert state(sessions, variant_id) == ("cancelled", "refunded", 1, 0)
