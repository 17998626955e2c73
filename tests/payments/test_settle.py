"""Whoever asks, and however often, an order follows what Stripe says."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.orders.models import Order, OrderEntry
from shop.payments.conversations import expire, open_session, settle
from shop.payments.errors import PaymentUnknown
from shop.payments.models import PaymentAttempt
from shop.payments.reconciler import reconcile, release_changed_carts
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.payments.tools import give_up_by_hand, order_one, state, the_attempt, wait_until
from tests.support import DECLINED_CARD, Buyer, FixedClock, Shelf, on_both_databases


@on_both_databases
def test_the_return_page_alone_makes_the_order_paid(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add()
    page = buyer.pay(order_one(buyer, variant_id))
    assert 'data-order="1001"' in page.text
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)


@on_both_databases
def test_the_webhook_alone_makes_the_order_paid(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    stand_in.control("webhooks", mode="release")
    stand_in.control(f"sessions/{the_attempt(sessions).session_id}/pay")
    wait_until(lambda: state(sessions, variant_id)[0] == "paid")
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)


@on_both_databases
def test_the_reconciler_alone_makes_the_order_paid(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    stand_in.control(f"sessions/{the_attempt(sessions).session_id}/pay")
    assert reconcile(till).done == 0  # too early to doubt
    clock.advance(minutes=3)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)


@on_both_databases
def test_all_at_once_is_one_payment(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    attempt = the_attempt(sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    tellers = 6
    barrier = threading.Barrier(tellers)

    def tell(_: int) -> None:
        barrier.wait(30)
        settle(till, attempt.id)

    with ThreadPoolExecutor(tellers) as pool:
        list(pool.map(tell, range(tellers)))
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)
    with sessions.begin() as db:
        kinds = list(db.scalars(select(OrderEntry.kind)))
    assert kinds == ["placed", "paid"]


@on_both_databases
def test_an_unpaid_page_gives_its_piece_back_once_stripe_has_closed_it(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    assert state(sessions, variant_id) == ("pending", "open", 1, 1)
    clock.advance(minutes=36)
    # Our own clock says that time is up, but Stripe does not answer: nothing is given back.
    stand_in.control("faults", kind="500", path="/v1/checkout/sessions/.*", times=100)
    assert reconcile(till).failed == 1
    assert state(sessions, variant_id) == ("pending", "open", 1, 1)
    stand_in.control("faults", clear=True)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == ("expired", "expired", 1, 0)


def test_paid_at_the_last_second_beats_our_clock(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    attempt = the_attempt(sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    clock.advance(minutes=40)
    expire(till, attempt.id)
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)


def test_a_late_payment_takes_the_piece_if_it_is_still_there(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    attempt = the_attempt(sessions)
    give_up_by_hand(sessions, variant_id)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    settle(till, attempt.id)
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)


def test_a_late_payment_for_a_piece_that_is_gone_is_held_for_the_owner(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(new_buyer(), variant_id)
    late = the_attempt(sessions)
    give_up_by_hand(sessions, variant_id)
    new_buyer().buy(variant_id)
    stand_in.control(f"sessions/{late.session_id}/pay")

    settle(till, late.id)

    with sessions.begin() as db:
        order = db.get_one(Order, late.order_id)
        assert (order.status, order.review) == ("expired", "paid_late")
        assert db.get_one(PaymentAttempt, late.id).status == "late"
        assert db.get_one(StockLevel, variant_id).on_hand == 0
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("amount", 28000, "mismatch_amount"),
        ("currency", "EUR", "mismatch_currency"),
    ],
)
def test_what_does_not_fit_the_order_is_held_and_nothing_is_sent(  # noqa: PLR0917
    column: str,
    value: object,
    reason: str,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    attempt = the_attempt(sessions)
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values({column: value}))
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    settle(till, attempt.id)
    with sessions.begin() as db:
        order = db.get_one(Order, attempt.order_id)
        assert (order.status, order.review) == ("pending", reason)
        assert db.get_one(PaymentAttempt, attempt.id).status == "review"


def test_a_lost_answer_is_asked_for_again_and_is_the_same_session(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """Stripe made the session, but the answer never came: three times over."""
    stand_in.control("faults", kind="reset", path="/v1/checkout/sessions", times=3, when="after")
    variant_id = shelf.add()
    buyer.add(variant_id)
    answer = buyer.place()
    assert answer.status_code == 503
    assert "Anna Ek" in answer.text  # nothing typed is lost
    assert state(sessions, variant_id) == ("pending", "creating", 1, 1)

    again = buyer.place()

    assert again.status_code == 303
    assert buyer.pay(again.headers["location"]).status_code == 200
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)
    made = [row for row in stand_in.log() if row["what"] == "session.created"]
    assert len(made) == 1


def test_a_half_made_attempt_is_finished_by_the_reconciler(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    stand_in.control("faults", kind="500", path="/v1/checkout/sessions", times=3)
    variant_id = shelf.add()
    buyer.add(variant_id)
    assert buyer.place().status_code == 503
    clock.advance(seconds=31)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == ("pending", "open", 1, 1)


def test_a_changed_cart_gives_its_hold_back_at_once(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    variant_id = shelf.add(on_hand=3)
    order_one(buyer, variant_id)
    buyer.post("/cart/lines", variant=str(variant_id), quantity="2")
    assert release_changed_carts(till).done == 1
    assert state(sessions, variant_id) == ("cancelled", "expired", 3, 0)


def test_another_form_closes_the_first_page_before_a_new_one_opens(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    first = order_one(buyer, variant_id)
    second = buyer.place(city="Norrtälje")
    assert second.status_code == 303
    assert second.headers["location"] != first
    assert state(sessions, variant_id) == ("pending", "open", 1, 1)
    expired = [row for row in stand_in.log() if row["what"] == "session.expired"]
    assert len(expired) == 1
    assert buyer.http.get(first).status_code == 410


def test_a_declined_card_leaves_the_cart_and_the_hold(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add()
    url = order_one(buyer, variant_id)
    declined = buyer.pay(url, DECLINED_CARD)
    assert str(declined.url).startswith(url)
    assert state(sessions, variant_id) == ("pending", "open", 1, 1)
    assert 'data-order="1001"' in buyer.pay(url).text
    assert state(sessions, variant_id) == ("paid", "paid", 0, 0)


def test_the_gateway_refuses_to_wait_inside_a_transaction(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    order_one(buyer, shelf.add())
    session_id = str(the_attempt(sessions).session_id)
    with sessions.begin(), pytest.raises(RuntimeError, match="inside a transaction"):
        till.gateway.retrieve_session(session_id)


def test_the_request_is_repeated_to_the_letter(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    order_one(buyer, shelf.add())
    request = json.loads(the_attempt(sessions).request)
    lifetime = request["expires_at"] - the_attempt(sessions).created_at.timestamp()
    assert timedelta(seconds=lifetime) == pytest.approx(
        timedelta(minutes=35), abs=timedelta(seconds=1)
    )
    assert request["line_items"][0]["price_data"]["unit_amount"] == 24500
    assert request["shipping_options"][0]["shipping_rate_data"]["fixed_amount"] == {
        "amount": 3600,
        "currency": "sek",
    }


def test_a_silent_stripe_is_said_in_words(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    order_one(buyer, shelf.add())
    stand_in.control("faults", kind="500", path="/v1/.*", times=100)
    with pytest.raises(PaymentUnknown):
        settle(till, the_attempt(sessions).id)
    assert open_session(till, the_attempt(sessions).id) is not None
