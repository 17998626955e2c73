"""What the shop knows of its payment provider: Stripe's things, and what can be asked of it.

``gateway.py`` asks; everybody else knows these alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

EventType = Literal[
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
]
EVENTS: tuple[EventType, ...] = get_args(EventType)  # that the shop acts upon


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
    changed_since: bool = False  # some of it went back, or is disputed
    payment_failed: bool = False  # by a method that settles later: nothing comes any more


@dataclass(frozen=True)
class StripeRefund:
    """A refund as Stripe has it. The amount is in minor units."""

    id: str
    status: str  # pending, requires_action, succeeded, failed, canceled
    amount: int
    currency: str  # upper case
    token: str  # ours, if the shop has asked for it; otherwise empty
    failure: str
    created_at: datetime


@dataclass(frozen=True)
class StripeDispute:
    """A dispute as Stripe has it. The amount is in minor units."""

    id: str
    status: str
    reason: str
    amount: int
    currency: str  # upper case
    payment_intent_id: str
    respond_by: datetime | None
    opened_at: datetime


@dataclass(frozen=True)
class BalanceTransaction:
    """A movement of the money at Stripe. Amounts are minor units; what comes in is positive."""

    id: str
    category: str  # Stripe's reporting category
    amount: int  # before the fee
    fee: int
    currency: str  # upper case
    source_id: str
    payment_intent_id: str  # that it comes from; "" for a payout
    at: datetime
    available_at: datetime


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    object_id: str
    livemode: bool
    payment_intent_id: str = ""  # whose refund or dispute it is about
    payload: str = ""


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
    def create_coupon(self, request: Mapping[str, Any], key: str) -> None: ...
    def retrieve_session(self, session_id: str) -> CheckoutSession: ...
    def expire_session(self, session_id: str) -> CheckoutSession: ...
    def sessions_since(self, at: datetime) -> list[CheckoutSession]: ...
    def create_refund(self, request: Mapping[str, Any], key: str) -> StripeRefund: ...
    def refunds_of(self, payment_intent_id: str) -> list[StripeRefund]: ...
    def disputes_of(self, payment_intent_id: str) -> list[StripeDispute]: ...
    def disputes_since(self, at: datetime) -> list[StripeDispute]: ...
    def refunded_since(self, at: datetime) -> set[str]: ...
    def events_since(self, at: datetime) -> list[Event]: ...
    def balance_transactions_since(self, at: datetime) -> list[BalanceTransaction]: ...
    def balance(self) -> dict[str, int]: ...
    def read_event(self, payload: bytes, signature: str) -> Event: ...
    def webhook_endpoints(self) -> list[WebhookEndpoint]: ...
