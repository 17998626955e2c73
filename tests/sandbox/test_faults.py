"""Failures on demand, as the SDK meets them."""

import time
from pathlib import Path

import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.conftest import connect
from tests.sandbox.tools import order

KEY: stripe.RequestOptions = {"idempotency_key": "co:1"}


def created(stand_in: StandInServer) -> int:
    return sum(entry["what"] == "session.created" for entry in stand_in.log())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_connection_leaves_it_open_what_happened(
    client: stripe.StripeClient, stand_in: StandInServer, when: str
) -> None:
    stand_in.control("faults", kind="reset", path="/v1/checkout/sessions", when=when)

    with pytest.raises(stripe.APIConnectionError):
        client.v1.checkout.sessions.create(order(), KEY)

    assert created(stand_in) == (1 if when == "after" else 0)
    again = client.v1.checkout.sessions.create(order(), KEY)
    assert created(stand_in) == 1
    assert client.v1.checkout.sessions.list().data[0].id == again.id


def test_an_answer_cut_off_is_not_retried_by_the_sdk_though_the_work_is_done(
    stand_in: StandInServer,
) -> None:
    stand_in.control("faults", kind="cut", when="after")
    client = connect(stand_in.url, retries=2)

    with pytest.raises(stripe.APIConnectionError):
        client.v1.checkout.sessions.create(order(), KEY)

    assert created(stand_in) == 1
    assert client.v1.checkout.sessions.create(order(), KEY).status == "open"
    assert created(stand_in) == 1


def test_a_replay_can_get_lost_as_well(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="reset", when="after", times=3)
    for _ in range(3):
        with pytest.raises(stripe.APIConnectionError):
            client.v1.checkout.sessions.create(order(), KEY)

    again = client.v1.checkout.sessions.create(order(), KEY)

    assert created(stand_in) == 1
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"


def test_a_timeout_after_the_commit_is_healed_by_the_same_key(stand_in: StandInServer) -> None:
    stand_in.control("faults", kind="timeout", when="after", delay=0.6)
    hasty = stripe.StripeClient(
        "sk_test_shop",
        base_addresses={"api": stand_in.url},
        http_client=stripe.RequestsClient(timeout=(3, 0.2)),
    )
    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.checkout.sessions.create(order(), KEY)

    assert connect(stand_in.url).v1.checkout.sessions.create(order(), KEY).id
    assert created(stand_in) == 1


def test_a_server_that_keeps_silent_still_ends_at_once(database: Path) -> None:
    began = time.monotonic()
    with StandInServer(database) as server:
        server.control("faults", kind="timeout", when="before")
        hasty = stripe.StripeClient(
            "sk_test_shop",
            base_addresses={"api": server.url},
            http_client=stripe.RequestsClient(timeout=(3, 0.1)),
        )
        with pytest.raises(stripe.APIConnectionError):
            hasty.v1.checkout.sessions.create(order(), KEY)
    assert time.monotonic() - began < 40  # the silence itself lasts sixty


@pytest.mark.parametrize(("when", "sessions"), [("before", 0), ("after", 1)])
def test_a_sticky_500_is_what_the_key_answers_from_then_on(
    client: stripe.StripeClient, stand_in: StandInServer, when: str, sessions: int
) -> None:
    stand_in.control("faults", kind="500", when=when, sticky=True)
    with pytest.raises(stripe.APIError):
        client.v1.checkout.sessions.create(order(), KEY)
    with pytest.raises(stripe.APIError) as caught:
        client.v1.checkout.sessions.create(order(), KEY)
    assert caught.value.http_status == 500
    assert caught.value.headers is not None
    assert caught.value.headers["Idempotent-Replayed"] == "true"
    assert created(stand_in) == sessions


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_sdk_retries_a_passing_500(stand_in: StandInServer, when: str) -> None:
    stand_in.control("faults", kind="500", when=when)
    session = connect(stand_in.url, retries=1).v1.checkout.sessions.create(order(), KEY)
    assert created(stand_in) == 1
    assert session.status == "open"


def test_a_rate_limit_comes_before_the_key(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="429")
    with pytest.raises(stripe.RateLimitError):
        client.v1.checkout.sessions.create(order(), KEY)
    assert client.v1.checkout.sessions.create(order(), KEY).id


@pytest.mark.parametrize(
    ("kind", "error", "status", "code"),
    [
        ("503", stripe.APIError, 503, None),
        ("429", stripe.RateLimitError, 429, "rate_limit"),
        ("lock_timeout", stripe.RateLimitError, 429, "lock_timeout"),
        ("409", stripe.APIError, 409, "idempotency_key_in_use"),
        ("401", stripe.AuthenticationError, 401, None),
        ("403", stripe.PermissionError, 403, None),
        ("malformed", stripe.APIError, 200, None),
        ("502", stripe.APIError, 502, None),
    ],
)
def test_refusals_before_anything_is_done(
    client: stripe.StripeClient,
    stand_in: StandInServer,
    kind: str,
    error: type[stripe.StripeError],
    status: int,
    code: str | None,
) -> None:
    stand_in.control("faults", kind=kind)
    with pytest.raises(error) as caught:
        client.v1.checkout.sessions.create(order(), KEY)
    found = caught.value.error.code if caught.value.error else None
    assert (caught.value.http_status, found) == (status, code)
    assert created(stand_in) == 0

    assert client.v1.checkout.sessions.create(order(), KEY).id
    assert created(stand_in) == 1


@pytest.mark.parametrize("kind", ["503", "malformed", "502"])
def test_answers_lost_after_the_work_is_done(
    client: stripe.StripeClient, stand_in: StandInServer, kind: str
) -> None:
    stand_in.control("faults", kind=kind, when="after")
    with pytest.raises(stripe.APIError):
        client.v1.checkout.sessions.create(order(), KEY)
    assert created(stand_in) == 1

    again = client.v1.checkout.sessions.create(order(), KEY)

    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert created(stand_in) == 1


def test_a_slow_answer_still_comes(client: stripe.StripeClient, stand_in: StandInServer) -> None:
    stand_in.control("faults", kind="delay", delay=0.2)
    began = time.monotonic()
    assert client.v1.checkout.sessions.create(order(), KEY).id
    assert time.monotonic() - began >= 0.2


def test_the_nth_and_the_following_requests_fail(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="500", method="GET", path="/v1/events", nth=2, times=2)
    results = []
    for _ in range(4):
        try:
            results.append(len(client.v1.events.list().data))
        except stripe.APIError as problem:
            results.append(problem.http_status or 0)
    assert results == [0, 500, 500, 0]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "flood"},
        {"kind": "429", "when": "after"},
        {"kind": "cut", "when": "before"},
        {"kind": "401", "when": "after"},
        {"kind": "503", "sticky": "true"},
        {"kind": "500", "when": "later"},
        {"kind": "500", "colour": "red"},
        {"kind": "500", "path": "("},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    stand_in: StandInServer, rule: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="400"):
        stand_in.control("faults", **rule)
