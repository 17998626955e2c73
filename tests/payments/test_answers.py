"""Where Stripe's answer is missing, stale or final: nothing stays held, nothing is sold twice."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
import stripe
from sqlalchemy import select, update

from shop.checkout import actions as checkout_actions
from shop.kit.db import Sessions
from shop.orders import queries as order_queries
from shop.orders.models import Order
from shop.payments import gateway, reconciler
from shop.payments.actions import apply_session
from shop.payments.conversations import expire, open_session, settle
from shop.payments.errors import NoSuchSession
from shop.payments.gateway import _read_session
from shop.payments.models import PaymentAttempt
from shop.payments.provider import CheckoutSession
from shop.payments.reconciler import reconcile
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.tools import attempts, stand
from tests.support import Buyer, FixedClock, Shelf, on_both_databases

CREATE = "/v1/checkout/sessions"


# --- Stripe does not make the page ----------------------------------------------------------------


def test_a_failure_that_stripe_keeps_does_not_keep_the_buyer_from_another_try(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="500", path=CREATE, sticky=True)
    variant_id = shelf.add()
    buyer.add(variant_id)
    assert buyer.place().status_code == 503

    again = buyer.place(city="Norrtälje")

    assert again.status_code == 303
    assert 'data-order="1002"' in buyer.pay(again.headers["location"]).text
    assert stand(sessions, variant_id) == ([("expired", "expired"), ("paid", "paid")], 0, 0)


def test_a_request_too_old_for_stripe_is_placed_anew_in_the_same_click(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer, clock: FixedClock
) -> None:
    """A page must live half an hour at least, so a request of six minutes ago is refused."""
    stand_in.control("faults", kind="500", path=CREATE, times=3)
    variant_id = shelf.add()
    buyer.add(variant_id)
    assert buyer.place().status_code == 503
    clock.advance(minutes=6)
    stand_in.control("clock", advance=6 * 60)

    again = buyer.place()

    assert "/orders/" not in again.headers["location"]
    assert 'data-order="1002"' in buyer.pay(again.headers["location"]).text
    assert stand(sessions, variant_id) == ([("expired", "expired"), ("paid", "paid")], 0, 0)


def test_an_address_that_was_not_written_down_is_given_to_nobody(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While one waits for Stripe's answer, another gives the attempt up and its piece back."""
    stand_in.control("faults", kind="500", path=CREATE, times=3)
    variant_id = shelf.add()
    buyer.add(variant_id)
    assert buyer.place().status_code == 503
    attempt_id, create = attempts(sessions)[0].id, till.gateway.create_session

    def slow(request: object, key: str) -> CheckoutSession:
        made = create(request, key)  # type: ignore[arg-type]
        with sessions.begin() as db:
            found = db.get_one(PaymentAttempt, attempt_id)
            gone = replace(made, status="expired", url=None)
            apply_session(db, found, gone, livemode=False, now=till.now())
        return made

    monkeypatch.setattr(till.gateway, "create_session", slow)
    assert open_session(till, attempt_id) is None
    assert stand(sessions, variant_id) == ([("expired", "expired")], 1, 0)


# --- a hold that cannot be closed -----------------------------------------------------------------


@pytest.mark.parametrize("status", ["processing", "review"])
def test_who_orders_again_what_is_being_paid_is_shown_that_order(
    status: str, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add(on_hand=3)
    buyer.add(variant_id)
    assert buyer.place().status_code == 303
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(status=status))

    for changes in ({}, {"city": "Norrtälje"}):
        again = buyer.place(**changes)
        assert again.status_code == 303
        assert again.headers["location"].startswith("/orders/1-")
    assert len(attempts(sessions)) == 1


# --- a session that Stripe does not know ----------------------------------------------------------


@pytest.mark.parametrize("ask", [settle, expire])
def test_a_session_unknown_to_stripe_holds_its_piece_for_a_day_and_not_for_ever(
    ask: Callable[[Till, str], None],
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
) -> None:
    """It was opened under another key: a test order left open on the day of going live, say."""
    variant_id = shelf.add()
    buyer.add(variant_id)
    assert buyer.place().status_code == 303
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(session_id="cs_test_of_another_account"))
    attempt_id = attempts(sessions)[0].id
    clock.advance(hours=24)
    with pytest.raises(NoSuchSession):
        ask(till, attempt_id)
    assert stand(sessions, variant_id) == ([("pending", "open")], 1, 1)

    clock.advance(hours=1)
    ask(till, attempt_id)

    assert stand(sessions, variant_id) == ([("expired", "expired")], 1, 0)
    with sessions.begin() as db:
        assert db.scalars(select(Order.review)).one() == "unknown_to_stripe"


# --- a method that settles later ------------------------------------------------------------------


def complete(intent_status: str) -> CheckoutSession:
    """Return a session as Stripe shows it once the buyer has chosen a method that settles later."""
    session = stripe.checkout.Session.construct_from(
        {
            "id": "cs_test_later",
            "object": "checkout.session",
            "url": None,
            "status": "complete",
            "payment_status": "unpaid",
            "amount_total": 28100,
            "currency": "sek",
            "livemode": False,
            "client_reference_id": "1",
            "metadata": {},
            "payment_intent": {
                "id": "pi_later",
                "object": "payment_intent",
                "status": intent_status,
                "amount_received": 0,
                "latest_charge": None,
            },
        },
        "sk_test",
    )
    return _read_session(session)


@on_both_databases
def test_a_late_method_that_fails_gives_the_piece_back(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    variant_id = shelf.add()
    buyer.add(variant_id)
    buyer.place()
    attempt_id = attempts(sessions)[0].id

    def tell(session: CheckoutSession) -> None:
        with sessions.begin() as db:
            found = db.get_one(PaymentAttempt, attempt_id)
            apply_session(db, found, session, livemode=False, now=till.now())

    tell(complete("processing"))
    assert stand(sessions, variant_id) == ([("pending", "processing")], 1, 1)
    assert attempts(sessions)[0].url is None  # there is nothing left to do on that page
    for _ in range(2):
        tell(complete("requires_payment_method"))
        assert stand(sessions, variant_id) == ([("expired", "failed")], 1, 0)
    paid = replace(complete("succeeded"), payment_status="paid", amount_received=28100)
    tell(paid)  # Stripe is the record of money, whatever it said before
    assert stand(sessions, variant_id) == ([("paid", "paid")], 0, 0)


# --- the reconciler -------------------------------------------------------------------------------


def test_one_attempt_that_breaks_the_work_keeps_no_other_waiting(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    variant_id = shelf.add(on_hand=2)
    for buyer in (new_buyer(), new_buyer()):
        buyer.add(variant_id)
        buyer.place()
    first = attempts(sessions)[0].id
    clock.advance(minutes=36)

    def broken(till: Till, attempt_id: str) -> None:
        if attempt_id == first:
            raise RuntimeError("a fault of our own")
        expire(till, attempt_id)

    monkeypatch.setattr(reconciler, "expire", broken)
    with caplog.at_level(logging.ERROR):
        outcome = reconcile(till)
    assert (outcome.done, outcome.failed) == (1, 1)
    assert "a fault of our own" in caplog.text
    assert stand(sessions, variant_id) == ([("pending", "open"), ("expired", "expired")], 2, 1)


# --- paid between two looks -----------------------------------------------------------------------


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
@pytest.mark.postgresql
def test_a_payment_in_the_middle_of_placing_leaves_no_second_order(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each statement sees what is committed by then: first unpaid and not bought, then paid."""
    variant_id = shelf.add(on_hand=5)
    buyer.add(variant_id)
    buyer.place()
    fields = buyer.checkout_fields() | {"name": "Anna Ek", "email": "anna@example.se"}
    fields |= {"address": "Strandvägen 1", "postal_code": "76340", "city": "Hallstavik"}
    attempt = attempts(sessions)[0]
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    looked_for = order_queries.pending_order_of_cart

    def paid_meanwhile(db: object, cart_id: str) -> Order | None:
        with sessions.begin() as other:
            found = other.get_one(PaymentAttempt, attempt.id)
            apply_session(other, found, truth, livemode=False, now=till.now())
        return looked_for(db, cart_id)  # type: ignore[arg-type]

    truth = till.gateway.retrieve_session(str(attempt.session_id))
    monkeypatch.setattr(checkout_actions, "pending_order_of_cart", paid_meanwhile)
    answer = buyer.post("/checkout", **fields)
    assert answer.headers["location"] == "/cart"
    assert stand(sessions, variant_id) == ([("paid", "paid")], 4, 0)


# --- patience -------------------------------------------------------------------------------------


def test_a_stripe_that_hangs_is_not_asked_again_while_the_buyer_waits(
    buyer: Buyer, shelf: Shelf, stand_in: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quick failure is tried again; after a slow one the buyer is told, and loses nothing."""
    monkeypatch.setattr(gateway, "PATIENCE", 0.2)
    stand_in.control("faults", kind="timeout", delay=0.3, path=CREATE, times=3)
    buyer.add(shelf.add())
    assert buyer.place().status_code == 503
    [rule] = stand_in.control("faults")["faults"]
    assert rule["seen"] == 1
