"""The only place that speaks to Stripe.

Every call names its idempotency key where it changes anything, waits at most a few seconds, and
fails with one of ``errors.py``: unknown (try the same again), refused (never), misconfigured (a
person must look). No call may happen inside a transaction, and one that does raises.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

import stripe

from shop.kit.db import transaction_is_open
from shop.payments.errors import (
    InvalidSignature,
    NoSuchSession,
    PaymentMisconfigured,
    PaymentRefused,
    PaymentUnknown,
)

log = logging.getLogger("shop.payments")
Answer = TypeVar("Answer")

API_VERSION: Literal["2026-10-28.endive"] = "2026-10-28.endive"
TIMEOUT = (3, 15)  # seconds to connect, and to wait for an answer
TRIES = 3
PATIENCE = 8  # seconds after which there is no further try: somebody is waiting
SIGNATURE_AGE = 300  # seconds
NAMES = re.compile(r"cs_(?:test|live)_\w+|[^\s'\"<>]+@[^\s'\"<>]+")  # of sessions and people
FAILED = ("requires_payment_method", "canceled")  # of a complete session's intent
EVENTS: tuple[
    Literal[
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    ],
    ...,
] = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)


@dataclass(frozen=True)
class CheckoutSession:
    """What the shop needs to know of a Stripe Checkout Session. Amounts are minor units."""

    id: str
    url: str | None
    status: str  # open, complete, expired
    payment_status: str  # paid, unpaid, no_payment_required
    amount_total: int
    currency: str  # upper case, as in the shop
    livemode: bool
    order_reference: str
    attempt_id: str
    payment_intent_id: str | None
    amount_received: int | None
    payment_method: str
    payment_failed: bool = False  # by a method that settles later: nothing comes any more


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    object_id: str
    livemode: bool


@dataclass(frozen=True)
class WebhookEndpoint:
    """An address that Stripe sends events to; ``api_version`` is None for the account's own."""

    url: str
    enabled: bool
    api_version: str | None
    events: frozenset[str]


class PaymentGateway(Protocol):
    livemode: bool

    def create_session(self, request: Mapping[str, Any], key: str) -> CheckoutSession: ...
    def retrieve_session(self, session_id: str) -> CheckoutSession: ...
    def expire_session(self, session_id: str) -> CheckoutSession: ...
    def sessions_since(self, at: datetime) -> Iterator[CheckoutSession]: ...
    def read_event(self, payload: bytes, signature: str) -> Event: ...
    def webhook_endpoints(self) -> list[WebhookEndpoint]: ...


class StripeGateway:
    """Stripe by its own SDK; the demo and the tests point *api_base* at the stand-in."""

    def __init__(
        self,
        secret_key: str,
        webhook_secrets: Sequence[str],
        api_base: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.livemode = "_live_" in secret_key
        self._webhook_secrets = webhook_secrets
        self._sleep = sleep
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            max_network_retries=0,  # the retries are ours: the SDK's leave out a cut-off answer
            http_client=stripe.RequestsClient(timeout=TIMEOUT),
        )
        self._sessions = self._client.v1.checkout.sessions

    def create_session(self, request: Mapping[str, Any], key: str) -> CheckoutSession:
        """Open a payment page. The same *request* and *key* give the same session again."""
        return self._repeated(
            lambda: _read_session(
                self._sessions.create(request, {"idempotency_key": key})  # type: ignore[arg-type]
            )
        )

    def retrieve_session(self, session_id: str) -> CheckoutSession:
        expand = ["payment_intent.latest_charge"]
        return self._repeated(
            lambda: _read_session(self._sessions.retrieve(session_id, {"expand": expand}))
        )

    def expire_session(self, session_id: str) -> CheckoutSession:
        """Close a payment page; PaymentRefused if it is not open any more."""
        return self._repeated(lambda: _read_session(self._sessions.expire(session_id)))

    def sessions_since(self, at: datetime) -> Iterator[CheckoutSession]:
        """Yield the sessions created from *at* on, newest first."""
        with _errors_in_our_words():
            found = self._sessions.list({"created": {"gte": int(at.timestamp())}, "limit": 100})
            for session in found.auto_paging_iter():
                yield _read_session(session)

    def read_event(self, payload: bytes, signature: str) -> Event:
        """Return the event that Stripe signed with one of our secrets; else InvalidSignature."""
        for secret in self._webhook_secrets:
            try:
                event = self._client.construct_event(
                    payload, signature, secret, tolerance=SIGNATURE_AGE
                )
            except (stripe.SignatureVerificationError, ValueError):
                continue
            object_id = getattr(event.data.object, "id", "")  # a balance, say, has none
            return Event(event.id, event.type, object_id, event.livemode)
        raise InvalidSignature

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Return where Stripe sends this account's events."""
        endpoints = self._client.v1.webhook_endpoints
        return self._repeated(
            lambda: [
                WebhookEndpoint(
                    url=found.url,
                    enabled=found.status == "enabled",
                    api_version=found.api_version,
                    events=frozenset(found.enabled_events),
                )
                for found in endpoints.list({"limit": 100}).auto_paging_iter()
            ]
        )

    def renew_webhook_endpoint(self, url: str) -> str:
        """Register *url* for our events, instead of a local one before it; return its secret."""
        endpoints = self._client.v1.webhook_endpoints
        with _errors_in_our_words():
            for endpoint in endpoints.list({"limit": 100}).auto_paging_iter():
                if endpoint.url.startswith("http://127.0.0.1:"):
                    endpoints.delete(endpoint.id)
            made = endpoints.create(
                {"url": url, "enabled_events": [*EVENTS], "api_version": API_VERSION}
            )
        return str(made.secret)

    def _repeated(self, call: Callable[[], Answer]) -> Answer:
        """Call until there is an answer, a few times, with a pause that grows."""
        if transaction_is_open():
            raise RuntimeError("Stripe must not be called inside a transaction")
        began = time.monotonic()
        for again in range(TRIES - 1):
            try:
                with _errors_in_our_words():
                    return call()
            except PaymentUnknown as error:
                if time.monotonic() - began > PATIENCE:
                    raise
                log.warning("Stripe did not answer, trying again: %s", error)
                self._sleep(0.5 * 2**again)
        with _errors_in_our_words():
            return call()


@contextmanager
def _errors_in_our_words() -> Iterator[None]:
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise PaymentMisconfigured(_without_names(error)) from error
    except stripe.RateLimitError as error:
        raise PaymentUnknown(_without_names(error)) from error
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing":
            raise NoSuchSession(_without_names(error)) from error
        raise PaymentRefused(_without_names(error)) from error
    except stripe.IdempotencyError as error:
        raise PaymentRefused(_without_names(error)) from error
    except (stripe.APIConnectionError, stripe.APIError) as error:
        raise PaymentUnknown(_without_names(error)) from error


def _without_names(error: stripe.StripeError) -> str:
    """Return what went wrong in one line that can stand in a log."""
    return " ".join(NAMES.sub("…", str(error)).split())


def _read_session(session: stripe.checkout.Session) -> CheckoutSession:
    intent = session.payment_intent
    expanded = intent if isinstance(intent, stripe.PaymentIntent) else None
    charge = expanded.latest_charge if expanded else None
    details = charge.payment_method_details if isinstance(charge, stripe.Charge) else None
    metadata = session.metadata.to_dict() if session.metadata else {}
    return CheckoutSession(
        id=session.id,
        url=session.url,
        status=session.status or "",
        payment_status=session.payment_status,
        amount_total=session.amount_total or 0,
        currency=(session.currency or "").upper(),
        livemode=session.livemode,
        order_reference=session.client_reference_id or "",
        attempt_id=metadata.get("attempt_id", ""),
        payment_intent_id=intent if isinstance(intent, str) else intent.id if intent else None,
        amount_received=expanded.amount_received if expanded else None,
        payment_method=details.type if details else "",
        payment_failed=expanded is not None and expanded.status in FAILED,
    )
