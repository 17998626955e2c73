"""What can go wrong with events on their way, on demand."""

import time
from typing import Any

import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.test_webhooks import COMPLETED, Endpoint, delivered
from tests.sandbox.tools import Receiver, pay, until


@pytest.fixture
def endpoint(client: stripe.StripeClient, receiver: Receiver) -> Endpoint:
    return Endpoint(client, receiver.url, COMPLETED)


@pytest.fixture
def all_events(client: stripe.StripeClient, receiver: Receiver) -> Endpoint:
    return Endpoint(client, receiver.url, "*")


def shuffled(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> list[list[int]]:
    """Pay eight times and flush, twice; for each flush the order in which the events came."""
    orders = []
    for round_ in (1, 2):
        payments = [pay(client, stand_in, 10_000 + n) for n in range(8)]
        assert stand_in.control("webhooks/flush")["deliveries"] == 8
        events = [endpoint.read(d) for d in receiver.wait_for(8 * round_)[8 * (round_ - 1) :]]
        orders.append([payments.index(event.data.object.payment_intent) for event in events])
    return orders


def test_shuffled_deliveries_wait_to_be_flushed_and_come_in_the_order_of_the_seed(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="shuffle", seed=7)
    pay(client, stand_in)
    time.sleep(0.1)
    assert receiver.received == []
    stand_in.control("webhooks", mode="normal")
    receiver.wait_for(1)
    receiver.received.clear()

    stand_in.control("webhooks", mode="shuffle", seed=7)
    first, second = shuffled(client, stand_in, receiver, endpoint)
    assert sorted(first) == sorted(second) == list(range(8))
    assert first != list(range(8))
    assert first != second

    stand_in.control("webhooks", mode="normal")
    stand_in.control("webhooks", mode="shuffle", seed=7)
    receiver.received.clear()
    assert shuffled(client, stand_in, receiver, endpoint) == [first, second]


def test_what_a_shuffle_does_not_match_goes_out_at_once(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, all_events: Endpoint
) -> None:
    stand_in.control("webhooks", mode="shuffle", types="payment_intent.*")
    pay(client, stand_in)
    kinds = {all_events.read(d).type for d in receiver.wait_for(2)}
    assert kinds == {"charge.succeeded", COMPLETED}
    assert stand_in.control("webhooks/flush")["deliveries"] == 2
    receiver.wait_for(4)


def test_a_delay_counts_by_the_clock_of_the_stand_in(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("clock", freeze=True)
    stand_in.control("webhooks", mode="delay", seconds=3_600)
    pay(client, stand_in)
    stand_in.control("clock", advance=3_590)
    time.sleep(0.1)
    assert receiver.received == []

    stand_in.control("clock", advance=10)

    assert endpoint.read(receiver.wait_for(1)[0]).type == COMPLETED


def test_an_old_timestamp_is_too_old(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="old_timestamp", seconds=301, times=1)
    pay(client, stand_in)
    body, header = receiver.wait_for(1)[0]
    with pytest.raises(stripe.SignatureVerificationError, match="Timestamp outside"):
        endpoint.read((body, header))
    assert stripe.WebhookSignature.verify_header(body.decode(), header, endpoint.secret, None)

    pay(client, stand_in)
    assert endpoint.read(receiver.wait_for(2)[1]).type == COMPLETED


def test_a_bad_signature_is_one_over_something_else(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="bad_signature")
    pay(client, stand_in)
    body, header = receiver.wait_for(1)[0]
    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found"):
        endpoint.read((body, header))
    assert stripe.Webhook.construct_event(body + b" ", header, endpoint.secret).type == COMPLETED


def test_a_second_event_tells_of_the_same_change(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="second_event", types=r"checkout\..*", times=1)
    pay(client, stand_in)

    first, second = (endpoint.read(delivery) for delivery in receiver.wait_for(2))

    assert first.id != second.id
    assert first.data.object.to_dict() == second.data.object.to_dict()
    listed = client.v1.events.list({"type": COMPLETED}).data
    assert {event.id for event in listed} == {first.id, second.id}
    pay(client, stand_in)
    receiver.wait_for(3)
    assert len(client.v1.events.list({"type": COMPLETED}).data) == 3


def test_modes_combine_by_the_type_of_event(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, all_events: Endpoint
) -> None:
    stand_in.control("webhooks", mode="drop", types="payment_intent.*")
    stand_in.control("webhooks", mode="duplicate", types=r"checkout\..*", n=3)
    stand_in.control("webhooks", mode="old_timestamp", types=r"checkout\..*", seconds=400)
    stand_in.control("webhooks", mode="shuffle", types=r"checkout\..*")
    pay(client, stand_in)

    assert all_events.read(receiver.wait_for(1)[0]).type == "charge.succeeded"
    stand_in.control("webhooks/flush")

    for delivery in receiver.wait_for(4)[1:]:
        with pytest.raises(stripe.SignatureVerificationError, match="Timestamp outside"):
            all_events.read(delivery)


def test_a_rolled_secret_signs_beside_the_old_one_for_a_while(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    secret = stand_in.control(f"endpoints/{endpoint.id}/roll", overlap=3_600)["secret"]
    assert secret.startswith("whsec_")
    assert secret != endpoint.secret

    def verified_by() -> list[bool]:
        count = len(receiver.received)
        pay(client, stand_in)
        body, header = receiver.wait_for(count + 1)[count]
        return [verifies(body, header, key) for key in (endpoint.secret, secret)]

    assert verified_by() == [True, True]
    stand_in.control("clock", advance=3_601)
    assert verified_by() == [False, True]
    stand_in.control(f"endpoints/{endpoint.id}/roll")
    assert verified_by() == [False, False]


def verifies(body: bytes, header: str, secret: str) -> bool:
    try:
        stripe.Webhook.construct_event(body, header, secret)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_a_test_can_bring_the_events_itself(
    client: stripe.StripeClient, stand_in: StandInServer, endpoint: Endpoint, receiver: Receiver
) -> None:
    stand_in.control("webhooks", mode="hold")
    payment = pay(client, stand_in)

    (taken,) = stand_in.control("webhooks/take")["taken"]

    assert taken["url"] == receiver.url
    assert taken["type"] == COMPLETED
    event = endpoint.read((taken["body"].encode(), taken["headers"]["Stripe-Signature"]))
    assert (event.id, event.data.object.payment_intent) == (taken["event"], payment)
    assert stand_in.control("webhooks/take")["taken"] == []
    assert delivered(stand_in, "taken")
    assert [e.id for e in client.v1.events.list({"delivery_success": False}).data] == [event.id]

    stand_in.control("webhooks/answer", delivery=taken["delivery"], status=500)
    until(lambda: len(stand_in.control("webhooks/take")["taken"]) == 1)
    stand_in.control("webhooks/answer", delivery=taken["delivery"], status=200)

    assert client.v1.events.retrieve(event.id).pending_webhooks == 0
    assert receiver.received == []
    with pytest.raises(ValueError, match="has not been taken"):
        stand_in.control("webhooks/answer", delivery=taken["delivery"], status=200)


def test_what_is_taken_follows_the_rules(
    client: stripe.StripeClient, stand_in: StandInServer, all_events: Endpoint
) -> None:
    stand_in.control("webhooks", mode="hold")
    for rule in (
        {"mode": "drop", "types": "charge.*"},
        {"mode": "duplicate", "types": r"checkout\..*"},
        {"mode": "bad_signature", "types": "payment_intent.created"},
        {"mode": "delay", "types": "payment_intent.succeeded", "seconds": 60},
    ):
        stand_in.control("webhooks", **rule)
    pay(client, stand_in)

    def take() -> list[tuple[str, bool]]:
        taken: list[dict[str, Any]] = stand_in.control("webhooks/take")["taken"]
        return [
            (t["type"], verifies(t["body"].encode(), t["headers"]["Stripe-Signature"],
                                 all_events.secret)) for t in taken
        ]  # fmt: skip

    assert take() == [("payment_intent.created", False), (COMPLETED, True), (COMPLETED, True)]
    stand_in.control("clock", advance=61)
    assert take() == [("payment_intent.succeeded", True)]  # charge.updated was dropped too


def test_what_is_taken_is_shuffled_by_the_seed(
    client: stripe.StripeClient, stand_in: StandInServer, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="hold")
    stand_in.control("webhooks", mode="shuffle", seed=3)
    payments = [pay(client, stand_in) for _ in range(8)]
    taken = stand_in.control("webhooks/take")["taken"]
    bodies = [t["body"] for t in taken]
    order = [next(n for n, p in enumerate(payments) if p in body) for body in bodies]
    assert sorted(order) == list(range(8))
    assert order != list(range(8))


def test_what_is_held_is_not_flushed(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="shuffle")
    stand_in.control("webhooks", mode="hold")
    pay(client, stand_in)
    assert stand_in.control("webhooks/flush")["deliveries"] == 0
    stand_in.control("webhooks", mode="release")
    assert stand_in.control("webhooks/flush")["deliveries"] == 1
    assert endpoint.read(receiver.wait_for(1)[0]).type == COMPLETED


def test_nothing_is_taken_for_an_endpoint_that_is_gone(
    client: stripe.StripeClient, stand_in: StandInServer, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="hold")
    pay(client, stand_in)
    client.v1.webhook_endpoints.delete(endpoint.id)
    assert stand_in.control("webhooks/take")["taken"] == []
    assert delivered(stand_in, "failed")


def test_a_failed_delivery_is_collected_again(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="shuffle")
    receiver.answers = [500]
    pay(client, stand_in)
    stand_in.control("webhooks/flush")
    receiver.wait_for(1)
    time.sleep(0.15)
    assert len(receiver.received) == 1
    assert stand_in.control("webhooks/flush")["deliveries"] == 1
    assert endpoint.read(receiver.wait_for(2)[1]).type == COMPLETED
