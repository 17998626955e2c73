"""What the account's owner can do by hand."""

import re

import httpx2
import pytest
import stripe

from shop.sandbox.stand_in.money import minor, spoken
from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.test_webhooks import COMPLETED, Endpoint
from tests.sandbox.tools import Receiver, charge_of, euros, pay


def press(browser: httpx2.Client, path: str, **fields: str) -> httpx2.Response:
    return browser.post(f"/dashboard/{path}", data=fields)


def words(browser: httpx2.Client) -> str:
    """What the dashboard says, without its tags."""
    response = browser.get("/dashboard")
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text)).replace("\u00a0", " ")


def test_an_empty_account(browser: httpx2.Client, stand_in: StandInServer) -> None:
    text = words(browser)
    for sentence in ("Available SEK 0.00", "Nobody has paid yet.", "Nothing has been paid out yet",
                     "No endpoint has been told anything yet."):  # fmt: skip
        assert sentence in text
    response = browser.get("/dashboard")
    assert "script" not in response.text
    assert "form-action 'self'" in response.headers["content-security-policy"]
    assert "/dashboard" in browser.get("/").text


def test_a_refund_in_part_and_then_of_the_rest(
    client: stripe.StripeClient, browser: httpx2.Client, stand_in: StandInServer
) -> None:
    charge = charge_of(client, pay(client, stand_in))
    assert "SEK 231.00 Paid Order 1001 · visa …4242" in words(browser)

    done = press(browser, f"charges/{charge.id}/refund", amount="31,50")
    assert (done.status_code, done.headers["location"]) == (303, "/dashboard")
    assert "Partly refunded" in words(browser)
    assert "SEK 31.50 refunded" in words(browser)
    assert press(browser, f"charges/{charge.id}/refund", amount="").status_code == 303

    assert [r.amount for r in client.v1.refunds.list().data] == [19_950, 3_150]
    assert "SEK 231.00 Refunded" in words(browser)
    assert "/refund" not in browser.get("/dashboard").text
    for event in client.v1.events.list({"type": "refund.created"}).data:
        assert event.request is not None
        assert event.request.id is None
        assert event.request.idempotency_key is None
    assert {row["by"] for row in stand_in.log() if row["what"] == "refund.created"} == {"dashboard"}


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [("much", "much is no amount in sek."), ("231,01", "greater than unrefunded amount")],
)
def test_a_refund_that_cannot_be_says_why(
    client: stripe.StripeClient,
    browser: httpx2.Client,
    stand_in: StandInServer,
    amount: str,
    sentence: str,
) -> None:
    charge = charge_of(client, pay(client, stand_in))
    refused = press(browser, f"charges/{charge.id}/refund", amount=amount)
    assert refused.status_code == 409
    assert sentence in refused.text
    assert client.v1.refunds.list().data == []
    assert "There is no charge ch_none" in press(browser, "charges/ch_none/dispute").text


@pytest.mark.parametrize(("outcome", "state"), [("won", "Paid"), ("lost", "Dispute lost")])
def test_a_dispute_and_its_end(
    client: stripe.StripeClient,
    browser: httpx2.Client,
    stand_in: StandInServer,
    outcome: str,
    state: str,
) -> None:
    charge = charge_of(client, pay(client, stand_in))
    press(browser, f"charges/{charge.id}/dispute", reason="fraudulent")
    (dispute,) = client.v1.disputes.list().data
    assert (dispute.reason, dispute.status) == ("fraudulent", "needs_response")
    page = browser.get("/dashboard").text
    assert "Disputed, needs a response" in page
    assert f"/charges/{charge.id}/" not in page
    press(browser, f"disputes/{dispute.id}/close", outcome=outcome)

    assert client.v1.disputes.retrieve(dispute.id).status == outcome
    assert f"SEK 231.00 {state} " in words(browser)
    again = press(browser, f"disputes/{dispute.id}/close", outcome=outcome)
    assert again.status_code == 409


def test_an_inquiry(
    client: stripe.StripeClient, browser: httpx2.Client, stand_in: StandInServer
) -> None:
    charge = charge_of(client, pay(client, stand_in))
    press(browser, f"charges/{charge.id}/dispute", status="warning_needs_response")
    assert "Inquiry, needs a response" in words(browser)
    (dispute,) = client.v1.disputes.list().data
    press(browser, f"disputes/{dispute.id}/close", outcome="warning_closed")
    assert "SEK 231.00 Paid " in words(browser)


def test_a_payment_that_waits_for_its_money(
    client: stripe.StripeClient, browser: httpx2.Client, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros())
    how = {"iban": "AT321904300235473204"}
    payment = stand_in.control(f"sessions/{session.id}/pay", **how)["payment_intent"]
    assert "EUR 23.10 Processing Order 1001 · SEPA …3204" in words(browser)
    press(browser, f"payment_intents/{payment}/settle", outcome="failed")
    assert "EUR 23.10 Declined" in words(browser)


def test_other_states(
    client: stripe.StripeClient, browser: httpx2.Client, stand_in: StandInServer
) -> None:
    pay(client, stand_in, card="4000000000000002")
    pay(client, stand_in, method="swish", outcome="leave")
    text = words(browser)
    assert "Declined" in text
    assert "With the buyer's bank" in text.replace("&#39;", "'")
    pay(client, stand_in, method="swish")
    assert "· swish ·" in words(browser)
    assert "/dispute" not in browser.get("/dashboard").text


def test_payouts(
    client: stripe.StripeClient, browser: httpx2.Client, stand_in: StandInServer
) -> None:
    pay(client, stand_in, 10_000, card="4000000000000077")
    stand_in.control("clock", advance=5)
    assert "Available SEK 94.95 Pending SEK 0.00" in words(browser)
    press(browser, "payouts/run")
    assert "SEK 94.95 Pending" in words(browser)
    (payout,) = client.v1.payouts.list().data
    press(browser, f"payouts/{payout.id}/finish", outcome="paid")
    assert "SEK 94.95 Paid" in words(browser)
    press(browser, f"payouts/{payout.id}/finish", outcome="failed")
    assert "Available SEK 94.95" in words(browser)
    assert client.v1.payouts.retrieve(payout.id).status == "failed"


def test_deliveries_are_shown_and_sent_again(
    client: stripe.StripeClient,
    browser: httpx2.Client,
    stand_in: StandInServer,
    receiver: Receiver,
) -> None:
    endpoint = Endpoint(client, receiver.url, COMPLETED)
    pay(client, stand_in)
    event = endpoint.read(receiver.wait_for(1)[0])
    press(browser, f"events/{event.id}/send")
    assert endpoint.read(receiver.wait_for(2)[1]).id == event.id
    assert COMPLETED in words(browser)


def test_another_site_cannot_press_the_buttons(
    client: stripe.StripeClient, browser: httpx2.Client, stand_in: StandInServer
) -> None:
    charge = charge_of(client, pay(client, stand_in))
    path = f"/dashboard/charges/{charge.id}/refund"
    refused = browser.post(path, headers={"Origin": "https://elsewhere.example"})
    assert refused.status_code == 403
    assert client.v1.refunds.list().data == []
    assert browser.post(path, headers={"Origin": stand_in.url}).status_code == 303


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("231", "sek", 23_100),
        ("12,50", "sek", 1_250),
        ("1 231.00", "sek", 123_100),
        ("12,5", "sek", None),
        ("-1", "sek", None),
        ("", "sek", None),
        ("500", "jpy", 500),
    ],
)
def test_amounts_as_people_write_them(text: str, currency: str, amount: int | None) -> None:
    assert minor(text, currency) == amount


@pytest.mark.parametrize(
    ("amount", "locale", "text"),
    [
        (-23_050, "en", "−SEK\u00a0230.50"),
        (-23_050, "sv", "−230,50\u00a0kr"),
        (123_100, "sv", "1\u00a0231\u00a0kr"),
    ],
)
def test_amounts_as_people_read_them(amount: int, locale: str, text: str) -> None:
    assert spoken(amount, "sek", locale) == text
