"""What Stripe's failures are called here, and how often the same is asked again."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from shop.config import Config
from shop.kit.db import Sessions
from shop.payments import gateway as gateways
from shop.payments.errors import (
    NoSuchSession,
    PaymentMisconfigured,
    PaymentRefused,
    PaymentUnknown,
)
from shop.payments.gateway import StripeGateway
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.conftest import STRIPE_KEY
from tests.payments.tools import opened
from tests.support import Shelf

BALANCE = "/v1/balance"
COUPON = {
    "id": "an-attempt",
    "name": "JUL25",
    "amount_off": 5000,
    "currency": "sek",
    "duration": "once",
    "max_redemptions": 1,
}


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def gateway(config: Config, pauses: list[float]) -> StripeGateway:
    return StripeGateway(STRIPE_KEY, (), config.stripe_api_base, sleep=pauses.append)


def seen(stand_in: StandInServer) -> int:
    """Return how many requests have met the one fault."""
    [rule] = stand_in.control("faults")["faults"]
    return int(rule["seen"])


@pytest.mark.parametrize(
    "kind", ["500", "503", "429", "lock_timeout", "409", "reset", "502", "malformed"]
)
def test_an_answer_that_leaves_it_open_is_asked_for_three_times(
    kind: str, gateway: StripeGateway, stand_in: StandInServer, pauses: list[float]
) -> None:
    stand_in.control("faults", kind=kind, path=BALANCE, times=9)
    with pytest.raises(PaymentUnknown):
        gateway.balance()
    assert seen(stand_in) == 3
    assert pauses == [0.5, 1.0]


def test_an_answer_that_is_cut_off_is_asked_for_again(
    gateway: StripeGateway, stand_in: StandInServer, pauses: list[float]
) -> None:
    stand_in.control("faults", kind="cut", path="/v1/coupons", when="after", times=2)
    gateway.create_coupon(COUPON, "a key")
    assert (seen(stand_in), pauses) == (3, [0.5, 1.0])


@pytest.mark.parametrize(("failures", "waited"), [(0, []), (1, [0.5]), (2, [0.5, 1.0])])
def test_the_first_answer_counts(
    failures: int,
    waited: list[float],
    gateway: StripeGateway,
    stand_in: StandInServer,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if failures:
        stand_in.control("faults", kind="503", path=BALANCE, times=failures)
    with caplog.at_level(logging.WARNING, logger="shop.payments"):
        assert gateway.balance() == {"SEK": 0}
    assert pauses == waited
    said = [record.getMessage() for record in caplog.records if record.name == "shop.payments"]
    assert len(said) == failures
    for line in said:
        assert line.startswith("Stripe did not answer, trying again: Request req_")
        assert line.endswith(": Stripe is unavailable for a moment.")


@pytest.mark.parametrize("kind", ["401", "403"])
def test_a_key_that_may_not_is_for_a_person_to_see_to(
    kind: str, gateway: StripeGateway, stand_in: StandInServer, pauses: list[float]
) -> None:
    stand_in.control("faults", kind=kind, path=BALANCE, times=9)
    with pytest.raises(PaymentMisconfigured):
        gateway.balance()
    assert (seen(stand_in), pauses) == (1, [])


def test_what_stripe_refuses_is_not_asked_again(
    gateway: StripeGateway, pauses: list[float]
) -> None:
    with pytest.raises(PaymentRefused) as refused:
        gateway.create_coupon(COUPON | {"amount_off": 0}, "a key")
    assert type(refused.value) is PaymentRefused
    assert pauses == []


def test_another_request_under_the_same_key_is_refused(
    gateway: StripeGateway, pauses: list[float]
) -> None:
    gateway.create_coupon(COUPON, "a key")
    with pytest.raises(PaymentRefused) as refused:
        gateway.create_coupon(COUPON | {"id": "other"}, "a key")
    assert type(refused.value) is PaymentRefused
    assert pauses == []


def test_a_session_that_stripe_does_not_know_has_an_error_of_its_own(
    gateway: StripeGateway, pauses: list[float]
) -> None:
    with pytest.raises(NoSuchSession, match=r": No such checkout\.session: '…'$"):
        gateway.retrieve_session("cs_test_unknown")
    with pytest.raises(NoSuchSession):
        gateway.expire_session("cs_test_unknown")
    assert pauses == []


def test_a_page_that_is_not_open_is_not_closed(
    gateway: StripeGateway, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    session_id = str(opened(sessions, till, shelf.add()).session_id)
    assert gateway.expire_session(session_id).status == "expired"
    with pytest.raises(PaymentRefused) as refused:
        gateway.expire_session(session_id)
    assert type(refused.value) is PaymentRefused


@pytest.mark.parametrize(
    ("slow", "tries"), [(0.0, 3), (4.0, 3), (4.1, 2), (8.0, 2), (8.1, 1), (60.0, 1)]
)
def test_after_eight_seconds_nobody_waits_for_another_try(
    slow: float,
    tries: int,
    gateway: StripeGateway,
    stand_in: StandInServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each look at the watch comes *slow* seconds after the one before it."""
    looks = iter(slow * n for n in range(9))
    monkeypatch.setattr(gateways, "time", SimpleNamespace(monotonic=lambda: next(looks)))
    stand_in.control("faults", kind="500", path=BALANCE, times=9)
    with pytest.raises(PaymentUnknown):
        gateway.balance()
    assert seen(stand_in) == tries


CALLS: dict[str, Callable[[StripeGateway], object]] = {
    "create_session": lambda g: g.create_session({}, "a key"),
    "create_coupon": lambda g: g.create_coupon(COUPON, "a key"),
    "retrieve_session": lambda g: g.retrieve_session("cs_test_1"),
    "expire_session": lambda g: g.expire_session("cs_test_1"),
    "create_refund": lambda g: g.create_refund({}, "a key"),
    "refunds_of": lambda g: g.refunds_of("pi_1"),
    "refunded_since": lambda g: g.refunded_since(datetime(2026, 1, 1, tzinfo=UTC)),
    "disputes_of": lambda g: g.disputes_of("pi_1"),
    "disputes_since": lambda g: g.disputes_since(datetime(2026, 1, 1, tzinfo=UTC)),
    "events_since": lambda g: g.events_since(datetime(2026, 11, 20, tzinfo=UTC)),
    "balance_transactions_since": lambda g: g.balance_transactions_since(
        datetime(2026, 1, 1, tzinfo=UTC)
    ),
    "balance": lambda g: g.balance(),
    "webhook_endpoints": lambda g: g.webhook_endpoints(),
    "sessions_since": lambda g: g.sessions_since(datetime(2026, 1, 1, tzinfo=UTC)),
    "renew_webhook_endpoint": lambda g: g.renew_webhook_endpoint("http://127.0.0.1:1/x"),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_call_fails_in_our_words(
    name: str, gateway: StripeGateway, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="500", times=99)
    with pytest.raises(PaymentUnknown):
        CALLS[name](gateway)
    stand_in.control("faults", clear=True, kind="401", times=99)
    with pytest.raises(PaymentMisconfigured):
        CALLS[name](gateway)


@pytest.mark.parametrize("name", CALLS)
def test_no_call_happens_inside_a_transaction(
    name: str, gateway: StripeGateway, sessions: Sessions, stand_in: StandInServer
) -> None:
    stand_in.control("faults", kind="500", times=99)
    with (
        sessions.begin(),
        pytest.raises(RuntimeError, match=r"^Stripe must not be called inside a transaction$"),
    ):
        CALLS[name](gateway)
    assert seen(stand_in) == 0


@pytest.mark.parametrize(
    ("key", "livemode"),
    [("sk_test_x", False), ("sk_live_x", True), ("rk_live_x", True), ("rk_test_x", False)],
)
def test_the_key_tells_whether_the_money_is_real(key: str, livemode: bool) -> None:
    assert StripeGateway(key, ()).livemode is livemode
