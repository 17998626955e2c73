"""What is read out of Stripe's answers: each fact of each thing, and nothing is made up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from shop.config import Config
from shop.kit.db import Sessions
from shop.payments.gateway import (
    API_VERSION,
    StripeGateway,
    _read_dispute,
    _read_event,
    _read_refund,
    _read_session,
    _read_transaction,
)
from shop.payments.provider import (
    EVENTS,
    BalanceTransaction,
    CheckoutSession,
    StripeDispute,
    StripeRefund,
    WebhookEndpoint,
)
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.conftest import STRIPE_KEY
from tests.payments.test_disputes import charge_of
from tests.payments.tools import opened, paid
from tests.support import Shelf

YESTERDAY = timedelta(days=1)


def there_is(made: type[Any], **facts: Any) -> Any:
    """Return a thing as the SDK makes it of Stripe's answer."""
    return made.construct_from(facts, "sk_test")


# --- sessions -------------------------------------------------------------------------------------

CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "amount_refunded": 0,
    "disputed": False,
    "payment_method_details": {"type": "klarna"},
}
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount_received": 28100,
    "latest_charge": CHARGE,
}
SESSION = {
    "id": "cs_test_1",
    "object": "checkout.session",
    "url": "https://checkout.stripe.com/c/1",
    "status": "complete",
    "payment_status": "paid",
    "amount_total": 28100,
    "currency": "sek",
    "livemode": True,
    "client_reference_id": "7",
    "metadata": {"attempt_id": "an-attempt"},
    "payment_intent": INTENT,
}
READ = CheckoutSession(
    id="cs_test_1",
    url="https://checkout.stripe.com/c/1",
    status="complete",
    payment_status="paid",
    amount_total=28100,
    currency="SEK",
    livemode=True,
    order_reference="7",
    attempt_id="an-attempt",
    payment_intent_id="pi_1",
    amount_received=28100,
    payment_method="klarna",
    changed_since=False,
    payment_failed=False,
)
UNEXPANDED = replace(READ, amount_received=None, payment_method="")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, READ),
        ({"payment_intent": "pi_1"}, UNEXPANDED),
        ({"payment_intent": None}, replace(UNEXPANDED, payment_intent_id=None)),
        (
            {"payment_intent": INTENT | {"latest_charge": "ch_1"}},
            replace(READ, payment_method=""),
        ),
        ({"payment_intent": INTENT | {"latest_charge": None}}, replace(READ, payment_method="")),
        (
            {
                "payment_intent": INTENT
                | {"latest_charge": CHARGE | {"payment_method_details": None}}
            },
            replace(READ, payment_method=""),
        ),
        (
            {"payment_intent": INTENT | {"latest_charge": CHARGE | {"amount_refunded": 1}}},
            replace(READ, changed_since=True),
        ),
        (
            {"payment_intent": INTENT | {"latest_charge": CHARGE | {"disputed": True}}},
            replace(READ, changed_since=True),
        ),
        (
            {"payment_intent": INTENT | {"status": "requires_payment_method"}},
            replace(READ, payment_failed=True),
        ),
        (
            {"payment_intent": INTENT | {"status": "canceled"}},
            replace(READ, payment_failed=True),
        ),
        ({"payment_intent": INTENT | {"status": "processing"}}, READ),
        ({"metadata": None}, replace(READ, attempt_id="")),
        ({"metadata": {}}, replace(READ, attempt_id="")),
        ({"client_reference_id": None}, replace(READ, order_reference="")),
        ({"amount_total": None}, replace(READ, amount_total=0)),
        ({"currency": None}, replace(READ, currency="")),
        ({"status": None}, replace(READ, status="")),
        ({"url": None}, replace(READ, url=None)),
        ({"livemode": False}, replace(READ, livemode=False)),
    ],
)
def test_a_session(changes: dict[str, Any], expected: CheckoutSession) -> None:
    assert _read_session(there_is(stripe.checkout.Session, **SESSION | changes)) == expected


def test_a_session_from_its_making_to_its_payment(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = opened(sessions, till, shelf.add())
    session_id = str(attempt.session_id)
    fresh = till.gateway.retrieve_session(session_id)
    assert fresh == CheckoutSession(
        id=session_id,
        url=f"{stand_in.url}/c/pay/{session_id}",
        status="open",
        payment_status="unpaid",
        amount_total=28100,
        currency="SEK",
        livemode=False,
        order_reference="1",
        attempt_id=attempt.id,
        payment_intent_id=None,
        amount_received=None,
        payment_method="",
    )
    assert till.gateway.sessions_since(till.now() - YESTERDAY) == [fresh]
    payment = stand_in.control(f"sessions/{session_id}/pay")["payment_intent"]
    assert till.gateway.retrieve_session(session_id) == replace(
        fresh,
        url=None,
        status="complete",
        payment_status="paid",
        payment_intent_id=payment,
        amount_received=28100,
        payment_method="card",
    )


def test_sessions_are_listed_newest_first_and_from_a_moment_on(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add("moss", on_hand=2)
    first = opened(sessions, till, variant_id, cart="one")
    began = stand_in.control("clock", advance=100)["now"]
    second = opened(sessions, till, variant_id, cart="two")
    listed = till.gateway.sessions_since
    later = datetime.fromtimestamp(int(began), UTC)
    ids = [found.id for found in listed(till.now() - YESTERDAY)]
    assert ids == [second.session_id, first.session_id]
    assert [found.id for found in listed(later)] == [second.session_id]
    assert listed(later + timedelta(minutes=1)) == []


# --- refunds --------------------------------------------------------------------------------------

REFUND = {
    "id": "re_1",
    "object": "refund",
    "status": "succeeded",
    "amount": 5000,
    "currency": "sek",
    "metadata": {"refund_id": "a-token"},
    "failure_reason": "expired_or_canceled_card",
    "created": 1_700_000_000,
    "payment_intent": "pi_1",
}
READ_REFUND = StripeRefund(
    id="re_1",
    status="succeeded",
    amount=5000,
    currency="SEK",
    token="a-token",
    failure="expired_or_canceled_card",
    created_at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, READ_REFUND),
        ({"status": None}, replace(READ_REFUND, status="pending")),
        ({"metadata": None}, replace(READ_REFUND, token="")),
        ({"metadata": {}}, replace(READ_REFUND, token="")),
        ({"failure_reason": None}, replace(READ_REFUND, failure="")),
    ],
)
def test_a_refund(changes: dict[str, Any], expected: StripeRefund) -> None:
    assert _read_refund(there_is(stripe.Refund, **REFUND | changes)) == expected


def test_a_refund_without_a_word_about_failure() -> None:
    facts = {name: value for name, value in REFUND.items() if name != "failure_reason"}
    assert _read_refund(there_is(stripe.Refund, **facts)) == replace(READ_REFUND, failure="")


def test_refunds_are_read_oldest_first_and_their_payments_from_a_moment_on(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    payment = str(paid(sessions, till, stand_in, shelf.add()).payment_intent_id)
    charge = charge_of(stand_in, payment)
    stand_in.control(f"charges/{charge}/refund", amount=1000)
    stand_in.control("clock", advance=100)
    stand_in.control(f"charges/{charge}/refund", amount=2000)
    found = till.gateway.refunds_of(payment)
    assert [(r.amount, r.status, r.currency, r.token) for r in found] == [
        (1000, "succeeded", "SEK", ""),
        (2000, "succeeded", "SEK", ""),
    ]
    assert till.gateway.refunded_since(till.now() - YESTERDAY) == {payment}
    assert till.gateway.refunded_since(till.now() + YESTERDAY) == set()


# --- disputes -------------------------------------------------------------------------------------

DISPUTE = {
    "id": "du_1",
    "object": "dispute",
    "status": "needs_response",
    "reason": "fraudulent",
    "amount": 28100,
    "currency": "sek",
    "payment_intent": "pi_1",
    "evidence_details": {"due_by": 1_700_000_060},
    "created": 1_700_000_000,
}
READ_DISPUTE = StripeDispute(
    id="du_1",
    status="needs_response",
    reason="fraudulent",
    amount=28100,
    currency="SEK",
    payment_intent_id="pi_1",
    respond_by=datetime(2023, 11, 14, 22, 14, 20, tzinfo=UTC),
    opened_at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, READ_DISPUTE),
        ({"evidence_details": {"due_by": None}}, replace(READ_DISPUTE, respond_by=None)),
        ({"payment_intent": None}, replace(READ_DISPUTE, payment_intent_id="")),
        ({"payment_intent": INTENT}, READ_DISPUTE),
    ],
)
def test_a_dispute(changes: dict[str, Any], expected: StripeDispute) -> None:
    assert _read_dispute(there_is(stripe.Dispute, **DISPUTE | changes)) == expected


def test_disputes_are_listed_by_payment_and_from_a_moment_on(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add("moss", on_hand=2)
    one = paid(sessions, till, stand_in, variant_id, cart="one")
    two = paid(sessions, till, stand_in, variant_id, cart="two")
    payment = str(one.payment_intent_id)
    made = stand_in.control(f"charges/{charge_of(stand_in, payment)}/dispute")
    assert [found.id for found in till.gateway.disputes_of(payment)] == [made["id"]]
    assert till.gateway.disputes_of(str(two.payment_intent_id)) == []
    assert [f.id for f in till.gateway.disputes_since(till.now() - YESTERDAY)] == [made["id"]]
    assert till.gateway.disputes_since(till.now() + YESTERDAY) == []


# --- movements of the money -----------------------------------------------------------------------

MOVED = {
    "id": "txn_1",
    "object": "balance_transaction",
    "reporting_category": "charge",
    "amount": 28100,
    "fee": 602,
    "currency": "sek",
    "source": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"},
    "created": 1_700_000_000,
    "available_on": 1_700_000_060,
}
READ_MOVED = BalanceTransaction(
    id="txn_1",
    category="charge",
    amount=28100,
    fee=602,
    currency="SEK",
    source_id="ch_1",
    payment_intent_id="pi_1",
    at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
    available_at=datetime(2023, 11, 14, 22, 14, 20, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (MOVED["source"], READ_MOVED),
        ({"id": "ch_1", "object": "charge", "payment_intent": INTENT}, READ_MOVED),
        (
            {"id": "po_1", "object": "payout"},
            replace(READ_MOVED, source_id="po_1", payment_intent_id=""),
        ),
        ("ch_1", replace(READ_MOVED, payment_intent_id="")),
        (None, replace(READ_MOVED, source_id="", payment_intent_id="")),
    ],
)
def test_a_movement(source: Any, expected: BalanceTransaction) -> None:
    found = there_is(stripe.BalanceTransaction, **MOVED | {"source": source})
    assert _read_transaction(found) == expected


def test_movements_are_read_oldest_first_and_from_a_moment_on(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    stand_in.control("settlement", after=0)
    payment = str(paid(sessions, till, stand_in, shelf.add()).payment_intent_id)
    stand_in.control("clock", advance=100)
    stand_in.control(f"charges/{charge_of(stand_in, payment)}/refund", amount=1000)
    moved = till.gateway.balance_transactions_since(till.now() - YESTERDAY)
    assert [(one.category, one.amount, one.payment_intent_id) for one in moved] == [
        ("charge", 28100, payment),
        ("refund", -1000, payment),
    ]
    assert till.gateway.balance_transactions_since(till.now() + YESTERDAY) == []


def test_the_balance_is_what_can_be_had_now_and_later(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    stand_in.control("settlement", after=0)
    variant_id = shelf.add("moss", on_hand=2)
    paid(sessions, till, stand_in, variant_id, cart="one", card="4000000000000077")  # at once
    paid(sessions, till, stand_in, variant_id, cart="two")
    first, second = till.gateway.balance_transactions_since(till.now() - YESTERDAY)
    assert first.available_at < second.available_at
    nets = [first.amount - first.fee, second.amount - second.fee]
    assert till.gateway.balance() == {"SEK": sum(nets)}


# --- events and where they are sent ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "object_id", "payment"),
    [
        ({"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1"}, "cs_1", "pi_1"),
        ({"id": "ch_1", "object": "charge", "payment_intent": INTENT}, "ch_1", "pi_1"),
        ({"id": "du_1", "object": "dispute", "payment_intent": None}, "du_1", ""),
        ({"id": "cus_1", "object": "customer"}, "cus_1", ""),
        ({"object": "balance"}, "", ""),
    ],
)
def test_an_event(about: dict[str, Any], object_id: str, payment: str) -> None:
    event = there_is(
        stripe.Event,
        id="evt_1",
        object="event",
        type="a.type",
        livemode=True,
        data={"object": about},
    )
    found = _read_event(event, "its payload")
    assert (found.id, found.type, found.livemode) == ("evt_1", "a.type", True)
    assert (found.object_id, found.payment_intent_id) == (object_id, payment)
    assert found.payload == "its payload"


def test_only_our_kinds_of_events_are_asked_for_oldest_first(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = paid(sessions, till, stand_in, shelf.add())
    charge = charge_of(stand_in, str(attempt.payment_intent_id))
    stand_in.control("clock", advance=100)
    stand_in.control(f"charges/{charge}/refund", amount=1000)
    found = till.gateway.events_since(till.now() - YESTERDAY)
    types = [event.type for event in found]
    assert types[0] == "checkout.session.completed"
    assert sorted(types[1:]) == ["charge.refunded", "refund.created"]
    assert set(types) <= set(EVENTS)
    assert found[0].object_id == attempt.session_id
    assert '"checkout.session.completed"' in found[0].payload
    assert till.gateway.events_since(till.now() + YESTERDAY) == []


def test_where_stripe_sends_its_events(config: Config, till: Till) -> None:
    gateway = StripeGateway(STRIPE_KEY, (), config.stripe_api_base)
    assert gateway.webhook_endpoints() == []
    client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": config.stripe_api_base})
    elsewhere = client.v1.webhook_endpoints.create(
        {"url": "http://localhost:9/webhooks/stripe", "enabled_events": ["charge.refunded"]}
    )
    client.v1.webhook_endpoints.update(elsewhere.id, {"disabled": True})
    first = gateway.renew_webhook_endpoint("http://127.0.0.1:1/webhooks/stripe")
    second = gateway.renew_webhook_endpoint("http://127.0.0.1:2/webhooks/stripe")
    assert first.startswith("whsec_")
    assert second.startswith("whsec_")
    assert first != second
    here = WebhookEndpoint(
        url="http://127.0.0.1:2/webhooks/stripe",
        enabled=True,
        api_version=API_VERSION,
        events=frozenset(EVENTS),
    )
    there = WebhookEndpoint(
        url="http://localhost:9/webhooks/stripe",
        enabled=False,
        api_version=None,
        events=frozenset({"charge.refunded"}),
    )
    assert gateway.webhook_endpoints() == [here, there]
