"""One key, one result."""

import threading

import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.conftest import connect
from tests.sandbox.tools import order, until


def created(stand_in: StandInServer) -> int:
    return sum(entry["what"] == "session.created" for entry in stand_in.log())


def test_the_same_key_gives_the_same_session(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    first = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
    again = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})

    assert again.to_dict() == first.to_dict()
    assert created(stand_in) == 1
    assert first.last_response is not None
    assert again.last_response is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.headers["Original-Request"] == first.last_response.request_id
    assert again.last_response.request_id != first.last_response.request_id


def test_the_result_is_replayed_as_it_was_then(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    first = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
    stand_in.control(f"sessions/{first.id}/pay")

    again = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})

    assert again.status == "open"


def test_other_parameters_under_the_same_key_are_an_error(client: stripe.StripeClient) -> None:
    client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})

    with pytest.raises(stripe.IdempotencyError) as caught:
        client.v1.checkout.sessions.create(order(9_900), {"idempotency_key": "co:1"})

    assert caught.value.http_status == 400


def test_a_refused_request_leaves_the_key_free(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(order(100), {"idempotency_key": "co:1"})

    assert client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"}).id


def test_an_error_of_the_state_is_kept(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(order())
    stand_in.control(f"sessions/{session.id}/pay")
    with pytest.raises(stripe.InvalidRequestError, match="status of complete"):
        client.v1.checkout.sessions.expire(session.id, {}, {"idempotency_key": "ex:1"})
    with pytest.raises(stripe.InvalidRequestError, match="status of complete") as caught:
        client.v1.checkout.sessions.expire(session.id, {}, {"idempotency_key": "ex:1"})
    assert caught.value.headers is not None
    assert caught.value.headers["Idempotent-Replayed"] == "true"


def test_a_second_caller_meets_409_while_the_first_runs(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="delay", method="POST", delay=1)
    results: list[str] = []

    def first() -> None:
        made = connect(stand_in.url).v1.checkout.sessions.create(
            order(), {"idempotency_key": "co:1"}
        )
        results.append(made.id)

    thread = threading.Thread(target=first)
    thread.start()
    until(lambda: stand_in.control("faults")["faults"][0]["seen"] == 1)
    with pytest.raises(stripe.APIError) as caught:
        client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
    thread.join()

    assert caught.value.http_status == 409
    assert caught.value.error is not None
    assert caught.value.error.code == "idempotency_key_in_use"
    again = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
    assert [again.id] == results
    assert created(stand_in) == 1


def test_a_key_is_forgotten_after_a_day(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    first = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
    stand_in.control("clock", advance=24 * 3600 - 60)
    same = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
    stand_in.control("clock", advance=120)
    other = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})

    assert first.id == same.id
    assert other.id != first.id


def test_a_key_too_long_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="too long"):
        client.v1.checkout.sessions.create(order(), {"idempotency_key": "k" * 256})
