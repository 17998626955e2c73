"""Events on their way to the shop."""

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.conftest import connect
from tests.sandbox.tools import VERSION, Receiver, card, confirm, order, until

COMPLETED = "checkout.session.completed"


class Endpoint:
    """What the shop knows of its endpoint: where it is and its secret."""

    def __init__(self, client: stripe.StripeClient, url: str, *events: str) -> None:
        wanted: Any = {"url": url, "enabled_events": list(events), "api_version": VERSION}
        made = client.v1.webhook_endpoints.create(wanted)
        self.id = made.id
        assert made.secret is not None
        self.secret: str = made.secret

    def read(self, delivery: tuple[bytes, str]) -> stripe.Event:
        body, signature = delivery
        return stripe.Webhook.construct_event(body, signature, self.secret)  # type: ignore[no-any-return]


@pytest.fixture
def endpoint(client: stripe.StripeClient, receiver: Receiver) -> Endpoint:
    return Endpoint(client, receiver.url, COMPLETED)


def pay(client: stripe.StripeClient, stand_in: StandInServer) -> str:
    session = client.v1.checkout.sessions.create(order())
    stand_in.control(f"sessions/{session.id}/pay")
    return session.id


def delivered(stand_in: StandInServer, state: str) -> bool:
    return [d["state"] for d in stand_in.control("webhooks")["deliveries"]] == [state]


def test_a_payment_is_told_signed(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    session = pay(client, stand_in)

    event = endpoint.read(receiver.wait_for(1)[0])

    assert event.type == COMPLETED
    assert event.api_version == VERSION
    assert event.data.object.id == session
    assert event.data.object.payment_status == "paid"
    assert event.request is not None
    assert event.request.id is None
    assert event.livemode is False
    until(lambda: delivered(stand_in, "succeeded"))
    assert client.v1.events.retrieve(event.id).pending_webhooks == 0


def test_a_payment_brings_the_events_that_stripe_sends(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver
) -> None:
    endpoint = Endpoint(client, receiver.url, "*")
    pay(client, stand_in)
    stand_in.control("clock", advance=5)

    kinds = {endpoint.read(delivery).type for delivery in receiver.wait_for(5)}

    assert kinds == {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        COMPLETED,
        "charge.updated",
    }
    listed = client.v1.events.list({"types": ["charge.succeeded", COMPLETED]})
    assert [event.type for event in listed.data] == [COMPLETED, "charge.succeeded"]


def test_an_event_of_the_api_names_its_request_and_key(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    endpoint = Endpoint(client, receiver.url, "checkout.session.expired")
    session = client.v1.checkout.sessions.create(order())
    client.v1.checkout.sessions.expire(session.id, {}, {"idempotency_key": "ex:1"})

    event = endpoint.read(receiver.wait_for(1)[0])

    assert event.request is not None
    assert event.request.idempotency_key == "ex:1"
    assert event.request.id is not None
    assert event.request.id.startswith("req_")


@pytest.mark.parametrize("failure", [500, 302, 404])
def test_a_failed_delivery_is_tried_again_with_a_fresh_signature(
    client: stripe.StripeClient,
    stand_in: StandInServer,
    receiver: Receiver,
    endpoint: Endpoint,
    failure: int,
) -> None:
    receiver.answers = [failure]
    pay(client, stand_in)
    receiver.wait_for(1)
    until(lambda: delivered(stand_in, "succeeded"))

    (first, _), (second, _) = receiver.wait_for(2)

    assert first == second
    assert endpoint.read(receiver.received[1]).type == COMPLETED
    tries = stand_in.control("webhooks")["deliveries"][0]["tries"]
    assert [attempt["status"] for attempt in tries] == [failure, 200]


def test_the_timestamp_is_new_at_each_attempt_and_real_even_when_the_clock_is_moved(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("clock", advance=86_400)
    pay(client, stand_in)
    first = endpoint.read(receiver.wait_for(1)[0])
    time.sleep(1.01)
    stand_in.control("webhooks/redeliver", event=first.id)
    receiver.wait_for(2)

    stamps = [int(signature.split(",")[0][2:]) for _, signature in receiver.received]

    assert stamps[1] > stamps[0]
    assert abs(stamps[0] - time.time()) < 5
    assert endpoint.read(receiver.received[1]).id == first.id


def test_after_the_last_attempt_the_event_stays_undelivered(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.answers = [500] * 3
    pay(client, stand_in)
    until(lambda: delivered(stand_in, "failed"))

    assert len(receiver.received) == 3
    (event,) = client.v1.events.list({"delivery_success": False}).data
    assert (event.type, event.pending_webhooks) == (COMPLETED, 1)
    happy = client.v1.events.list({"delivery_success": True, "types": [COMPLETED]})
    assert happy.data == []

    stand_in.control("webhooks/redeliver", event=event.id)
    until(lambda: delivered(stand_in, "succeeded"))
    assert endpoint.read(receiver.received[3]).id == event.id


def test_an_endpoint_that_is_not_there_is_an_attempt_that_failed(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    Endpoint(client, "http://127.0.0.1:9/nobody", COMPLETED)
    pay(client, stand_in)
    until(lambda: delivered(stand_in, "failed"))
    tries = stand_in.control("webhooks")["deliveries"][0]["tries"]
    assert [attempt["status"] for attempt in tries] == [None] * 3
    assert "ConnectionRefusedError" in tries[0]["problem"]


def test_duplicates(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="duplicate", n=3)
    pay(client, stand_in)
    ids = {endpoint.read(delivery).id for delivery in receiver.wait_for(3)}
    assert len(ids) == 1


def test_held_until_released(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="hold", types=r"checkout\..*")
    pay(client, stand_in)
    time.sleep(0.1)
    assert receiver.received == []

    stand_in.control("webhooks", mode="release")

    assert endpoint.read(receiver.wait_for(1)[0]).type == COMPLETED


def test_dropped_once(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="drop", times=1)
    lost = pay(client, stand_in)
    until(lambda: delivered(stand_in, "dropped"))
    told = pay(client, stand_in)

    assert endpoint.read(receiver.wait_for(1)[0]).data.object.id == told

    def undelivered() -> list[str]:
        events = client.v1.events.list({"delivery_success": False}).data
        return [event.data.object.id for event in events]

    until(lambda: undelivered() == [lost])


def test_a_wrong_secret_does_not_verify(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    stand_in.control("webhooks", mode="wrong_secret")
    pay(client, stand_in)
    delivery = receiver.wait_for(1)[0]
    with pytest.raises(stripe.SignatureVerificationError):
        endpoint.read(delivery)


def test_modes_end(stand_in: StandInServer) -> None:
    stand_in.control("webhooks", mode="hold")
    stand_in.control("webhooks", mode="drop")
    assert stand_in.control("webhooks", mode="normal")["modes"] == []
    with pytest.raises(ValueError, match="no webhook mode"):
        stand_in.control("webhooks", mode="lose")


def test_an_endpoint_is_kept_without_showing_its_secret_again(
    client: stripe.StripeClient, receiver: Receiver, endpoint: Endpoint
) -> None:
    kept = client.v1.webhook_endpoints.retrieve(endpoint.id)
    assert "secret" not in kept.to_dict()
    assert endpoint.secret.startswith("whsec_")
    assert (kept.url, kept.enabled_events, kept.status) == (receiver.url, [COMPLETED], "enabled")
    assert [e.id for e in client.v1.webhook_endpoints.list().data] == [endpoint.id]


def test_a_disabled_or_deleted_endpoint_hears_nothing(
    client: stripe.StripeClient, stand_in: StandInServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    pay(client, stand_in)
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": False, "description": "Shop"})
    heard = pay(client, stand_in)
    assert endpoint.read(receiver.wait_for(1)[0]).data.object.id == heard
    until(lambda: delivered(stand_in, "succeeded"))

    client.v1.webhook_endpoints.delete(endpoint.id)
    pay(client, stand_in)
    time.sleep(0.05)

    assert len(receiver.received) == 1
    with pytest.raises(stripe.InvalidRequestError, match="No such webhook endpoint"):
        client.v1.webhook_endpoints.retrieve(endpoint.id)


def test_webhooks_never_leave_the_machine(client: stripe.StripeClient) -> None:
    for url in ("https://shop.example/webhooks", "ftp://127.0.0.1/", "shop"):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            Endpoint(client, url, COMPLETED)
        assert caught.value.param == "url"


def test_a_kind_of_event_that_does_not_exist_is_refused(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=r"enabled_events\[0\]"):
        Endpoint(client, receiver.url, "checkout.session.compleeted")


@pytest.mark.parametrize(("answers", "tries"), [([200], 1), ([500, 500, 200], 3)])
def test_the_buyer_comes_back_after_the_shop_has_heard(
    database: Path, receiver: Receiver, answers: list[int], tries: int
) -> None:
    receiver.answers = answers
    with StandInServer(database, wait_for_webhook=60) as patient, httpx2.Client() as browser:
        client = connect(patient.url)
        Endpoint(client, receiver.url, COMPLETED)
        session = client.v1.checkout.sessions.create(order())
        began = time.monotonic()

        response = confirm(browser, str(session.url), card())

        assert response.status_code == 303
        assert len(receiver.received) == tries
        assert time.monotonic() - began < 60  # it heard, and did not wait in vain


def test_the_buyer_does_not_wait_for_ever(database: Path, receiver: Receiver) -> None:
    with StandInServer(database, wait_for_webhook=0.5) as patient, httpx2.Client() as browser:
        client = connect(patient.url)
        Endpoint(client, receiver.url, COMPLETED)
        patient.control("webhooks", mode="hold")
        session = client.v1.checkout.sessions.create(order())
        began = time.monotonic()

        response = confirm(browser, str(session.url), card())

        assert response.status_code == 303
        assert time.monotonic() - began >= 0.5
        assert receiver.received == []
