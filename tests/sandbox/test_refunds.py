"""Money back, whole and in part."""

import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import charge_of, kinds, pay


@pytest.fixture
def payment(client: stripe.StripeClient, stand_in: StandInServer) -> str:
    return pay(client, stand_in)


def test_a_whole_refund(client: stripe.StripeClient, payment: str) -> None:
    refund = client.v1.refunds.create(
        {"payment_intent": payment, "metadata": {"refund_id": "7"}}, {"idempotency_key": "rf:7"}
    )

    assert (refund.status, refund.amount, refund.currency) == ("succeeded", 23_100, "sek")
    assert refund.metadata is not None
    assert refund.metadata.to_dict() == {"refund_id": "7"}
    charge = charge_of(client, payment)
    assert (charge.amount_refunded, charge.refunded) == (23_100, True)
    assert charge.refunds is not None
    assert [r.id for r in charge.refunds.data] == [refund.id]
    assert kinds(client, 2) == ["refund.created", "charge.refunded"]


def test_refunds_in_parts_up_to_the_whole(client: stripe.StripeClient, payment: str) -> None:
    client.v1.refunds.create({"payment_intent": payment, "amount": 3_100})
    assert charge_of(client, payment).refunded is False

    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded") as caught:
        client.v1.refunds.create({"payment_intent": payment, "amount": 20_001})
    assert caught.value.param == "amount"

    client.v1.refunds.create({"payment_intent": payment})
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.refunds.create({"payment_intent": payment, "amount": 1})
    assert again.value.code == "charge_already_refunded"
    amounts = [r.amount for r in client.v1.refunds.list({"payment_intent": payment}).data]
    assert amounts == [20_000, 3_100]


def test_the_same_key_refunds_once(client: stripe.StripeClient, payment: str) -> None:
    first, again = (
        client.v1.refunds.create({"payment_intent": payment}, {"idempotency_key": "rf:1"})
        for _ in range(2)
    )
    assert first.id == again.id
    assert charge_of(client, payment).amount_refunded == 23_100


def test_what_was_not_paid_cannot_be_refunded(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    declined = pay(client, stand_in, card="4000000000000002")
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"payment_intent": declined})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": "ch_none"})
    assert caught.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        client.v1.refunds.create({"amount": 100})


@pytest.mark.parametrize("method", ["klarna", "swish"])
def test_klarna_and_swish_are_refunded_too(
    client: stripe.StripeClient, stand_in: StandInServer, method: str
) -> None:
    refund = client.v1.refunds.create({"payment_intent": pay(client, stand_in, method=method)})
    assert refund.destination_details is not None
    assert refund.destination_details.type == method


def test_a_refund_that_takes_its_time(client: stripe.StripeClient, stand_in: StandInServer) -> None:
    payment = pay(client, stand_in, card="4000000000007726")
    refund = client.v1.refunds.create({"payment_intent": payment})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")

    stand_in.control("clock", advance=10)

    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert kinds(client, 2) == ["refund.updated", "charge.refund.updated"]


def test_a_refund_that_comes_back(client: stripe.StripeClient, stand_in: StandInServer) -> None:
    payment = pay(client, stand_in, card="4000000000005126")
    refund = client.v1.refunds.create({"payment_intent": payment})
    assert refund.status == "succeeded"

    stand_in.control("clock", advance=10)

    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert charge_of(client, payment).amount_refunded == 0
    assert kinds(client, 2) == ["refund.failed", "charge.refund.updated"]
    entries = client.v1.balance_transactions.list({"source": refund.id}).data
    assert sum(entry.net for entry in entries) == 0


def test_a_refund_made_by_hand_names_no_request(
    client: stripe.StripeClient, stand_in: StandInServer, payment: str
) -> None:
    charge = charge_of(client, payment)
    made = stand_in.control(f"charges/{charge.id}/refund", amount=100)
    event = client.v1.events.list({"type": "refund.created"}).data[0]
    assert event.request is not None
    assert event.request.id is None
    assert client.v1.refunds.retrieve(made["id"]).amount == 100


def test_by_hand_too_no_more_is_given_back_than_was_paid(
    client: stripe.StripeClient, stand_in: StandInServer, payment: str
) -> None:
    charge = charge_of(client, payment)
    with pytest.raises(ValueError, match="400"):
        stand_in.control(f"charges/{charge.id}/refund", amount=23_101)
    with pytest.raises(ValueError, match="no charge ch_none"):
        stand_in.control("charges/ch_none/refund")


def test_only_metadata_of_a_refund_changes(client: stripe.StripeClient, payment: str) -> None:
    refund = client.v1.refunds.create({"payment_intent": payment, "metadata": {"a": "1", "b": "2"}})
    changed = client.v1.refunds.update(refund.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    with pytest.raises(stripe.InvalidRequestError, match="only refunds that require action"):
        client.v1.refunds.cancel(refund.id)


def test_the_log_is_the_truth_about_the_money(
    client: stripe.StripeClient, stand_in: StandInServer, payment: str
) -> None:
    client.v1.refunds.create({"payment_intent": payment, "amount": 3_100})

    entries = [(e["what"], e["by"], e["amount"]) for e in stand_in.log()]

    assert entries == [
        ("session.created", "api", 23_100),
        ("charge.succeeded", "control", 23_100),
        ("session.paid", "control", 23_100),
        ("balance_transaction.created", "api", -3_100),
        ("refund.created", "api", 3_100),
    ]
