"""Payments of which it is known only later whether the money comes."""

from typing import Any

import httpx2
import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import confirm, euros, kinds, order

SUCCEEDS = "AT61 1904 3002 3457 3201"
SUCCEEDS_LATER = "AT321904300235473204"
FAILS = "AT861904300235473202"
FAILS_LATER = "AT051904300235473205"
DISPUTED = "AT591904300235473203"


@pytest.fixture(autouse=True)
def _frozen(stand_in: StandInServer) -> None:
    stand_in.control("clock", freeze=True)


def state(client: stripe.StripeClient, session_id: str) -> tuple[Any, ...]:
    session = client.v1.checkout.sessions.retrieve(
        session_id, {"expand": ["payment_intent.latest_charge"]}
    )
    payment = session.payment_intent
    assert isinstance(payment, stripe.PaymentIntent)
    assert isinstance(payment.latest_charge, stripe.Charge)
    charge = payment.latest_charge
    return session.status, session.payment_status, payment.status, charge.status, charge.paid


WAITING = ("complete", "unpaid", "processing", "pending", False)
PAID = ("complete", "paid", "succeeded", "succeeded", True)
FAILED = ("complete", "unpaid", "requires_payment_method", "failed", False)


@pytest.mark.parametrize(
    ("iban", "after", "then"),
    [
        (SUCCEEDS, 5, PAID),
        (SUCCEEDS_LATER, 185, PAID),
        (FAILS, 5, FAILED),
        (FAILS_LATER, 185, FAILED),
    ],
)
def test_a_debit_is_complete_at_once_and_paid_or_failed_later(
    client: stripe.StripeClient, stand_in: StandInServer, iban: str, after: int, then: Any
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    assert stand_in.control(f"sessions/{session.id}/pay", iban=iban)["state"] == "processing"
    assert state(client, session.id) == WAITING
    if after > 5:
        stand_in.control("clock", advance=175)
        assert state(client, session.id) == WAITING
        after -= 175

    stand_in.control("clock", advance=after)

    assert state(client, session.id) == then


def test_what_is_told_of_a_debit_that_succeeds(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    stand_in.control(f"sessions/{session.id}/pay", iban=SUCCEEDS)
    assert kinds(client, 4) == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ]
    with pytest.raises(stripe.InvalidRequestError, match="Only Checkout Sessions"):
        client.v1.checkout.sessions.expire(session.id)

    stand_in.control("clock", advance=3.5)

    assert kinds(client, 3) == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]
    told = client.v1.events.list({"limit": 1}).data[0].data.object
    assert (told.id, told.status, told.payment_status) == (session.id, "complete", "paid")
    stand_in.control("clock", advance=5)
    (entry,) = client.v1.balance_transactions.list().data
    assert (entry.type, entry.amount, entry.fee, entry.currency) == ("payment", 2_310, 35, "eur")
    rows = [row["what"] for row in stand_in.log()]
    assert rows == [
        "session.created",
        "session.processing",
        "charge.succeeded",
        "session.paid",
        "balance_transaction.created",
        "charge.settled",
    ]


def test_what_is_told_of_a_debit_that_fails(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    stand_in.control(f"sessions/{session.id}/pay", iban=FAILS)
    stand_in.control("clock", advance=5)
    assert kinds(client, 3) == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]
    payment = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"payment_intent": str(payment)})
    assert client.v1.balance_transactions.list().data == []
    assert [row["what"] for row in stand_in.log()][-2:] == ["payment.declined", "session.failed"]


def test_a_disputed_debit_is_lost_without_a_question(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    stand_in.control(f"sessions/{session.id}/pay", iban=DISPUTED)
    stand_in.control("clock", advance=10)
    assert state(client, session.id) == PAID
    (dispute,) = client.v1.disputes.list().data
    assert (dispute.status, dispute.amount, dispute.currency) == ("lost", 2_310, "eur")
    assert kinds(client, 3) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]


def test_a_debit_is_refunded_like_the_rest(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    payment = stand_in.control(f"sessions/{session.id}/pay", iban=SUCCEEDS)["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"payment_intent": payment})
    stand_in.control("clock", advance=5)
    assert client.v1.refunds.create({"payment_intent": payment}).amount == 2_310


@pytest.mark.parametrize("how", [{}, {"method": "klarna"}, {"method": "swish"}])
@pytest.mark.parametrize(("outcome", "then"), [("succeeded", PAID), ("failed", FAILED)])
def test_by_control_any_payment_can_wait_in_kronor_too(
    client: stripe.StripeClient, stand_in: StandInServer, how: Any, outcome: str, then: Any
) -> None:
    session = client.v1.checkout.sessions.create(order())
    paid = stand_in.control(f"sessions/{session.id}/pay", outcome="processing", **how)
    assert paid["state"] == "processing"
    stand_in.control("clock", advance=10 * 86_400)
    assert state(client, session.id) == WAITING

    stand_in.control(f"payment_intents/{paid['payment_intent']}/settle", outcome=outcome)

    assert state(client, session.id) == then
    assert kinds(client, 1) == [f"checkout.session.async_payment_{outcome}"]
    with pytest.raises(ValueError, match="not processing"):
        stand_in.control(f"payment_intents/{paid['payment_intent']}/settle", outcome=outcome)


def test_settling_early_is_settling_once(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    payment = stand_in.control(f"sessions/{session.id}/pay", iban=FAILS_LATER)["payment_intent"]
    with pytest.raises(ValueError, match="cannot become lost"):
        stand_in.control(f"payment_intents/{payment}/settle", outcome="lost")
    stand_in.control(f"payment_intents/{payment}/settle", outcome="succeeded")
    stand_in.control("clock", advance=200)
    assert state(client, session.id) == PAID
    with pytest.raises(ValueError, match="no test account"):
        stand_in.control(f"sessions/{session.id}/pay", iban="SE00")


def test_the_page_takes_an_account(
    client: stripe.StripeClient, stand_in: StandInServer, browser: httpx2.Client
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    url = str(session.url)
    assert 'name="iban"' in browser.get(url).text
    for iban, problem in (("", "Skriv kontots IBAN."), ("SE12", "Det här är inget testkonto.")):
        wrong = confirm(browser, url, {"method": "sepa_debit", "iban": iban})
        assert wrong.status_code == 422
        assert problem in wrong.text
        assert f'value="{iban}"' in wrong.text

    done = confirm(browser, url, {"method": "sepa_debit", "iban": SUCCEEDS.lower()})

    assert done.status_code == 303
    assert done.headers["location"].endswith(f"cs={session.id}")
    assert "Betalningen är på väg" in browser.get(url).text
    assert "väntar på banken" in browser.get("/", headers={"Accept-Language": "sv"}).text
    stand_in.control("clock", advance=5)
    assert "Redan betalt" in browser.get(url).text


def test_the_page_of_a_debit_that_failed(
    client: stripe.StripeClient, stand_in: StandInServer, browser: httpx2.Client
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    stand_in.control(f"sessions/{session.id}/pay", iban=FAILS)
    stand_in.control("clock", advance=5)
    assert "Betalningen gick inte igenom" in browser.get(str(session.url)).text
    assert "nekad av banken" in browser.get("/", headers={"Accept-Language": "sv"}).text


def test_kronor_cannot_be_debited(client: stripe.StripeClient, browser: httpx2.Client) -> None:
    session = client.v1.checkout.sessions.create(order())
    assert 'name="iban"' not in browser.get(str(session.url)).text
    refused = confirm(browser, str(session.url), {"method": "sepa_debit", "iban": SUCCEEDS})
    assert refused.status_code == 422
