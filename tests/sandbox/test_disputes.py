"""The buyer's bank takes the money back."""

from typing import Any

import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import charge_of, euros, kinds, pay

DAY = 86_400


@pytest.fixture
def charge(client: stripe.StripeClient, stand_in: StandInServer) -> stripe.Charge:
    """A payment over 231 kr by a Swedish card; Stripe has kept 5.27 kr of it."""
    payment = pay(client, stand_in, card="4000007520000008")
    stand_in.control("clock", advance=5)
    return charge_of(client, payment)


def disputed(stand_in: StandInServer, charge: stripe.Charge, **how: Any) -> str:
    return str(stand_in.control(f"charges/{charge.id}/dispute", **how)["id"])


def all_money(client: stripe.StripeClient) -> int:
    balance = client.v1.balance.retrieve()
    return sum(b.amount for b in balance.available) + sum(b.amount for b in balance.pending)


def test_a_dispute_takes_the_money_and_a_fee(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    assert all_money(client) == 23_100 - 527
    dispute = client.v1.disputes.retrieve(
        disputed(stand_in, charge, reason="product_not_received"), {"expand": ["charge"]}
    )

    assert dispute.id.startswith("dp_")
    assert (dispute.status, dispute.reason) == ("needs_response", "product_not_received")
    assert (dispute.amount, dispute.currency) == (23_100, "sek")
    assert dispute.payment_intent == charge.payment_intent
    assert isinstance(dispute.charge, stripe.Charge)
    assert dispute.charge.disputed is True
    assert dispute.is_charge_refundable is False
    assert dispute.evidence_details.due_by == dispute.created + 9 * DAY
    (entry,) = dispute.balance_transactions
    assert (entry.amount, entry.fee, entry.net) == (-23_100, 20_000, -43_100)
    assert (entry.type, entry.reporting_category) == ("adjustment", "dispute")
    assert all_money(client) == -20_527
    assert kinds(client, 2) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    newest = client.v1.events.list({"limit": 1}).data[0]
    assert newest.request is not None
    assert newest.request.id is None


@pytest.mark.parametrize(
    ("outcome", "money", "events"),
    [
        ("won", 22_573, ["charge.dispute.closed", "charge.dispute.funds_reinstated"]),
        ("lost", -20_527, ["charge.dispute.funds_withdrawn", "charge.dispute.closed"]),
    ],
)
def test_the_bank_decides(
    client: stripe.StripeClient,
    stand_in: StandInServer,
    charge: stripe.Charge,
    outcome: str,
    money: int,
    events: list[str],
) -> None:
    dispute = disputed(stand_in, charge)

    stand_in.control(f"disputes/{dispute}/close", outcome=outcome)

    decided = client.v1.disputes.retrieve(dispute)
    assert decided.status == outcome
    assert decided.is_charge_refundable is (outcome == "won")
    assert all_money(client) == money
    assert kinds(client, 2) == events
    with pytest.raises(ValueError, match="cannot become"):
        stand_in.control(f"disputes/{dispute}/close", outcome=outcome)


def test_no_money_goes_back_while_the_bank_has_it(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    dispute = disputed(stand_in, charge)
    for named in ({"charge": charge.id}, {"payment_intent": charge.payment_intent}):
        part: Any = named | {"amount": 100}
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.refunds.create(part)
        assert caught.value.code == "charge_disputed"
    with pytest.raises(ValueError, match="charge_disputed"):
        stand_in.control(f"charges/{charge.id}/refund")

    stand_in.control(f"disputes/{dispute}/close", outcome="won")

    assert client.v1.refunds.create({"charge": charge.id}).amount == 23_100


def test_a_lost_payment_cannot_be_refunded_on_top(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    stand_in.control(f"disputes/{disputed(stand_in, charge)}/close", outcome="lost")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": charge.id})
    assert caught.value.code == "charge_disputed"
    with pytest.raises(ValueError, match="disputed already"):
        disputed(stand_in, charge)


def test_a_dispute_over_a_part(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    client.v1.refunds.create({"charge": charge.id, "amount": 3_100})
    for amount in (0, 23_101):
        with pytest.raises(ValueError, match="cannot be disputed"):
            disputed(stand_in, charge, amount=amount)
    assert client.v1.disputes.retrieve(disputed(stand_in, charge)).amount == 20_000


def test_an_inquiry_takes_nothing_and_ends_with_a_whole_refund(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    inquiry = disputed(stand_in, charge, status="warning_needs_response")
    assert kinds(client, 1) == ["charge.dispute.created"]
    assert client.v1.disputes.retrieve(inquiry).balance_transactions == []
    assert all_money(client) == 22_573

    client.v1.refunds.create({"charge": charge.id, "amount": 100})
    assert client.v1.disputes.retrieve(inquiry).status == "warning_needs_response"
    client.v1.refunds.create({"charge": charge.id})

    assert client.v1.disputes.retrieve(inquiry).status == "warning_closed"
    assert kinds(client, 1) == ["charge.dispute.closed"]


def test_an_inquiry_is_closed_and_neither_won_nor_lost(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    inquiry = disputed(stand_in, charge, status="warning_needs_response")
    with pytest.raises(ValueError, match="cannot become won"):
        stand_in.control(f"disputes/{inquiry}/close", outcome="won")
    stand_in.control(f"disputes/{inquiry}/close", outcome="warning_closed")
    assert client.v1.disputes.retrieve(inquiry).status == "warning_closed"


@pytest.mark.parametrize(
    ("card", "reason", "status"),
    [
        ("4000000000000259", "fraudulent", "needs_response"),
        ("4000000000002685", "product_not_received", "needs_response"),
        ("4000000000001976", "fraudulent", "warning_needs_response"),
    ],
)
def test_the_cards_that_lead_to_disputes(
    client: stripe.StripeClient, stand_in: StandInServer, card: str, reason: str, status: str
) -> None:
    stand_in.control("clock", freeze=True)
    payment = pay(client, stand_in, card=card)
    assert client.v1.disputes.list().data == []

    stand_in.control("clock", advance=5)

    (dispute,) = client.v1.disputes.list({"payment_intent": payment}).data
    assert (dispute.reason, dispute.status) == (reason, status)
    assert dispute.payment_method_details is not None
    assert dispute.payment_method_details.card is not None
    kind = "inquiry" if status.startswith("warning") else "chargeback"
    assert dispute.payment_method_details.card.case_type == kind


def test_what_was_refunded_in_time_is_not_disputed_by_the_card(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("clock", freeze=True)
    client.v1.refunds.create({"payment_intent": pay(client, stand_in, card="4000000000000259")})
    stand_in.control("clock", advance=5)
    assert client.v1.disputes.list().data == []


@pytest.mark.parametrize(
    ("words", "outcome"), [("winning_evidence", "won"), ("losing_evidence", "lost")]
)
def test_evidence_is_kept_then_sent_then_decided(
    client: stripe.StripeClient,
    stand_in: StandInServer,
    charge: stripe.Charge,
    words: str,
    outcome: str,
) -> None:
    stand_in.control("clock", freeze=True)
    dispute = disputed(stand_in, charge)
    draft = client.v1.disputes.update(
        dispute, {"evidence": {"customer_name": "Anna"}, "submit": False, "metadata": {"a": "1"}}
    )
    assert (draft.status, draft.evidence.customer_name) == ("needs_response", "Anna")
    assert draft.evidence_details.has_evidence is True
    assert draft.evidence_details.submission_count == 0

    sent = client.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": words}})
    assert (sent.status, sent.evidence.customer_name) == ("under_review", "Anna")
    assert sent.evidence_details.submission_count == 1
    assert sent.metadata.to_dict() == {"a": "1"}
    assert kinds(client, 2) == ["charge.dispute.updated", "charge.dispute.updated"]
    with pytest.raises(stripe.InvalidRequestError, match="takes no more evidence"):
        client.v1.disputes.update(dispute, {"evidence": {"customer_name": "Bo"}})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be closed"):
        client.v1.disputes.close(dispute)

    stand_in.control("clock", advance=5)

    assert client.v1.disputes.retrieve(dispute).status == outcome


def test_nothing_is_no_evidence(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    dispute = disputed(stand_in, charge)
    with pytest.raises(stripe.InvalidRequestError, match="no evidence"):
        client.v1.disputes.update(dispute, {"submit": True})
    with pytest.raises(stripe.APIError, match="not modelled"):
        client.v1.disputes.update(dispute, {"evidence": {"receipt": "file_1"}})
    assert client.v1.disputes.update(dispute, {"metadata": {"a": "1"}}).status == "needs_response"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("needs_response", "lost"), ("warning_needs_response", "warning_closed")],
)
def test_a_dispute_given_up_or_left_unanswered(
    client: stripe.StripeClient, stand_in: StandInServer, status: str, outcome: str
) -> None:
    first, second = (charge_of(client, pay(client, stand_in)) for _ in range(2))
    given_up = disputed(stand_in, first, status=status)
    left = disputed(stand_in, second, status=status)

    assert client.v1.disputes.close(given_up).status == outcome
    stand_in.control("clock", advance=9 * DAY + 1)

    late = client.v1.disputes.retrieve(left)
    assert (late.status, late.evidence_details.past_due) == (outcome, True)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be closed"):
        client.v1.disputes.close(given_up)


def test_klarna_is_disputed_swish_is_not(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    klarna, swish = (
        charge_of(client, pay(client, stand_in, method=method)) for method in ("klarna", "swish")
    )
    found = client.v1.disputes.retrieve(disputed(stand_in, klarna))
    assert found.payment_method_details is not None
    assert found.payment_method_details.type == "klarna"
    with pytest.raises(ValueError, match="Swish payments cannot be disputed"):
        disputed(stand_in, swish)


def test_what_was_not_paid_cannot_be_disputed(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    declined = charge_of(client, pay(client, stand_in, card="4000000000000002"))
    with pytest.raises(ValueError, match="cannot be disputed"):
        disputed(stand_in, declined)
    with pytest.raises(ValueError, match="does not begin as won"):
        disputed(stand_in, declined, status="won")
    with pytest.raises(ValueError, match="no charge ch_none"):
        stand_in.control("charges/ch_none/dispute")
    with pytest.raises(stripe.InvalidRequestError, match="No such dispute"):
        client.v1.disputes.retrieve("dp_none")


def test_disputes_are_listed_by_charge_payment_and_time(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("clock", freeze=True)
    charges = [charge_of(client, pay(client, stand_in)) for _ in range(2)]
    first = disputed(stand_in, charges[0])
    then = stand_in.control("clock", advance=60)["now"]
    second = disputed(stand_in, charges[1])

    def ids(**filters: Any) -> list[str]:
        wanted: Any = filters
        return [dispute.id for dispute in client.v1.disputes.list(wanted).data]

    assert ids() == [second, first]
    assert ids(charge=charges[0].id) == [first]
    assert ids(payment_intent=charges[1].payment_intent) == [second]
    assert ids(created={"gte": int(then)}) == [second]
    assert ids(limit=1, starting_after=second) == [first]


def test_the_log_knows_each_step(
    client: stripe.StripeClient, stand_in: StandInServer, charge: stripe.Charge
) -> None:
    dispute = disputed(stand_in, charge)
    stand_in.control(f"disputes/{dispute}/close", outcome="won")

    rows = [row for row in stand_in.log() if row["what"].startswith(("dispute", "balance"))]

    assert [(r["what"], r["by"], r["amount"], r.get("fee"), r["currency"]) for r in rows] == [
        ("balance_transaction.created", "clock", 23_100, 527, "sek"),
        ("balance_transaction.created", "bank", -23_100, 20_000, "sek"),
        ("dispute.created", "bank", 23_100, None, "sek"),
        ("balance_transaction.created", "bank", 23_100, -20_000, "sek"),
        ("dispute.won", "bank", 23_100, None, "sek"),
    ]
    assert {(r["dispute"], r["charge"], r["payment_intent"]) for r in rows if "dispute" in r} == {
        (dispute, charge.id, charge.payment_intent)
    }
    assert rows[0]["metadata"] == {"order_id": "1001"}


def test_a_dispute_in_another_currency_costs_in_that_currency(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros(2_310))
    payment = stand_in.control(f"sessions/{session.id}/pay")["payment_intent"]
    dispute = client.v1.disputes.retrieve(disputed(stand_in, charge_of(client, payment)))
    assert [(e.fee, e.currency) for e in dispute.balance_transactions] == [(2_000, "eur")]
