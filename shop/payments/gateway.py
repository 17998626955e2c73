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
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import stripe

from shop.kit.db import transaction_is_open
from shop.payments.errors import (
    InvalidSignature,
    NoSuchSession,
    PaymentMisconfigured,
    PaymentRefused,
    PaymentUnknown,
)
from shop.payments.provider import (
    EVENTS,
    BalanceTransaction,
    CheckoutSession,
    Event,
    StripeDispute,
    StripeRefund,
    WebhookEndpoint,
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

    def create_coupon(self, request: Mapping[str, Any], key: str) -> None:
        """Make the coupon that a payment page is to name; one that is there already will do."""
        try:
            self._repeated(
                lambda: self._client.v1.coupons.create(
                    request,  # type: ignore[arg-type]
                    {"idempotency_key": key},
                )
            )
        except PaymentRefused as refused:
            cause = refused.__cause__
            if getattr(cause, "code", None) != "resource_already_exists":
                raise

    def retrieve_session(self, session_id: str) -> CheckoutSession:
        expand = ["payment_intent.latest_charge"]
        return self._repeated(
            lambda: _read_session(self._sessions.retrieve(session_id, {"expand": expand}))
        )

    def expire_session(self, session_id: str) -> CheckoutSession:
        """Close a payment page; PaymentRefused if it is not open any more."""
        return self._repeated(lambda: _read_session(self._sessions.expire(session_id)))

    def sessions_since(self, at: datetime) -> list[CheckoutSession]:
        """Return the sessions created from *at* on, newest first."""
        return self._repeated(
            lambda: [
                _read_session(found)
                for found in self._sessions.list(
                    {"created": {"gte": _seconds(at)}, "limit": 100}
                ).auto_paging_iter()
            ]
        )

    def read_event(self, payload: bytes, signature: str) -> Event:
        """Return the event that Stripe signed with one of our secrets; else InvalidSignature."""
        for secret in self._webhook_secrets:
            try:
                event = self._client.construct_event(
                    payload, signature, secret, tolerance=SIGNATURE_AGE
                )
            except (stripe.SignatureVerificationError, ValueError):
                continue
            return _read_event(event, payload.decode())
        raise InvalidSignature

    def create_refund(self, request: Mapping[str, Any], key: str) -> StripeRefund:
        """Give money back. The same *request* and *key* give the same refund again."""
        return self._repeated(
            lambda: _read_refund(
                self._client.v1.refunds.create(request, {"idempotency_key": key})  # type: ignore[arg-type]
            )
        )

    def refunds_of(self, payment_intent_id: str) -> list[StripeRefund]:
        """Return every refund of a payment, whoever made it, oldest first."""
        refunds = self._client.v1.refunds
        return self._repeated(
            lambda: [
                _read_refund(found)
                for found in refunds.list(
                    {"payment_intent": payment_intent_id, "limit": 100}
                ).auto_paging_iter()
            ]
        )[::-1]

    def refunded_since(self, at: datetime) -> set[str]:
        """Return the payments of which something was given back from *at* on."""
        refunds = self._client.v1.refunds
        return self._repeated(
            lambda: {
                _id_of(found.payment_intent)
                for found in refunds.list(
                    {"created": {"gte": _seconds(at)}, "limit": 100}
                ).auto_paging_iter()
            }
        )

    def disputes_of(self, payment_intent_id: str) -> list[StripeDispute]:
        disputes = self._client.v1.disputes
        return self._repeated(
            lambda: [
                _read_dispute(found)
                for found in disputes.list(
                    {"payment_intent": payment_intent_id, "limit": 100}
                ).auto_paging_iter()
            ]
        )

    def disputes_since(self, at: datetime) -> list[StripeDispute]:
        disputes = self._client.v1.disputes
        return self._repeated(
            lambda: [
                _read_dispute(found)
                for found in disputes.list(
                    {"created": {"gte": _seconds(at)}, "limit": 100}
                ).auto_paging_iter()
            ]
        )

    def events_since(self, at: datetime) -> list[Event]:
        """Return the events of our kinds from *at* on, oldest first; Stripe keeps 30 days."""
        events = self._client.v1.events
        return self._repeated(
            lambda: [
                _read_event(found, str(found))
                for found in events.list(
                    {"created": {"gte": _seconds(at)}, "types": [*EVENTS], "limit": 100}
                ).auto_paging_iter()
            ]
        )[::-1]

    def balance_transactions_since(self, at: datetime) -> list[BalanceTransaction]:
        """Return the movements of money from *at* on, oldest first."""
        moved = self._client.v1.balance_transactions
        return self._repeated(
            lambda: [
                _read_transaction(found)
                for found in moved.list(
                    {"created": {"gte": _seconds(at)}, "limit": 100, "expand": ["data.source"]}
                ).auto_paging_iter()
            ]
        )[::-1]

    def balance(self) -> dict[str, int]:
        """Return what lies at Stripe, to be paid out now or later, by currency."""
        found: Any = self._repeated(self._client.v1.balance.retrieve)
        sums: dict[str, int] = {}
        for part in [*found.available, *found.pending]:
            currency = part.currency.upper()
            sums[currency] = sums.get(currency, 0) + part.amount
        return sums

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

        def renew() -> str:
            for endpoint in endpoints.list({"limit": 100}).auto_paging_iter():
                if endpoint.url.startswith("http://127.0.0.1:"):
                    endpoints.delete(endpoint.id)
            made = endpoints.create(
                {"url": url, "enabled_events": [*EVENTS], "api_version": API_VERSION}
            )
            return str(made.secret)

        return self._repeated(renew)

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


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _moment(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _id_of(found: Any) -> str:
    """Return the id of what Stripe names by its id, or shows in full; "" for nothing."""
    return found if isinstance(found, str) else getattr(found, "id", "")


def _read_event(event: Any, payload: str) -> Event:
    about = event.data.object
    return Event(
        id=event.id,
        type=event.type,
        object_id=getattr(about, "id", ""),  # a balance, say, has none
        livemode=event.livemode,
        payment_intent_id=_id_of(getattr(about, "payment_intent", None)),
        payload=payload,
    )


def _read_refund(refund: stripe.Refund) -> StripeRefund:
    metadata = refund.metadata.to_dict() if refund.metadata else {}
    return StripeRefund(
        id=refund.id,
        status=refund.status or "pending",
        amount=refund.amount,
        currency=refund.currency.upper(),
        token=metadata.get("refund_id", ""),
        failure=getattr(refund, "failure_reason", None) or "",
        created_at=_moment(refund.created),
    )


def _read_dispute(dispute: stripe.Dispute) -> StripeDispute:
    due = dispute.evidence_details.due_by
    return StripeDispute(
        id=dispute.id,
        status=dispute.status,
        reason=dispute.reason,
        amount=dispute.amount,
        currency=dispute.currency.upper(),
        payment_intent_id=_id_of(dispute.payment_intent),
        respond_by=_moment(due) if due else None,
        opened_at=_moment(dispute.created),
    )


def _read_transaction(moved: stripe.BalanceTransaction) -> BalanceTransaction:
    return BalanceTransaction(
        id=moved.id,
        category=moved.reporting_category,
        amount=moved.amount,
        fee=moved.fee,
        currency=moved.currency.upper(),
        source_id=_id_of(moved.source),
        payment_intent_id=_id_of(getattr(moved.source, "payment_intent", None)),
        at=_moment(moved.created),
        available_at=_moment(moved.available_on),
    )


def _read_session(session: stripe.checkout.Session) -> CheckoutSession:
    intent = session.payment_intent
    expanded = intent if isinstance(intent, stripe.PaymentIntent) else None
    charge = expanded.latest_charge if expanded else None
    whole = charge if isinstance(charge, stripe.Charge) else None
    details = whole.payment_method_details if whole else None
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
        changed_since=whole is not None and (whole.amount_refunded > 0 or whole.disputed),
        payment_failed=expanded is not None and expanded.status in FAILED,
    )
