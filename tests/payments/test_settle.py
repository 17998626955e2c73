"""Whoever asks, and however often, an order follows what Stripe says."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order
from shop.payments.conversations import open_session, settle
from shop.payments.errors import PaymentUnknown
from shop.payments.models import PaymentAttempt, Refund
from shop.payments.reconciler import reconcile, send_refunds
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.payments.tools import give_up_by_hand, order_one, state, the_attempt, wait_until
from tests.support import DECLINED_CARD, Buyer, FixedClock, Shelf, on_both_databases


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


def test_a_late_payment_for_a_piece_that_is_gone_goes_back_by_itself(
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
        assert (order.status, order.review) == ("expired", None)
        assert db.get_one(PaymentAttempt, late.id).status == "late"
        refund = db.scalars(select(Refund)).one()
        assert (refund.amount, refund.origin, refund.reason) == (28100, "auto", "sold")
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []

    assert send_refunds(till).done == 1

    with sessions.begin() as db:
        assert db.get_one(PaymentAttempt, late.id).status == "refunded"
        assert db.scalars(select(Refund.status)).one() == "succeeded"
        mail = db.scalars(select(Message).where(Message.kind == "refund")).one()
        assert (mail.recipient, mail.locale) == ("anna@example.se", "sv")
        assert db.get_one(StockLevel, variant_id).on_hand == 0
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
    back = [row for row in stand_in.log() if row["what"] == "refund.created"]
    assert [row["amount"] for row in back] == [28100]


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
