from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.kit.db import Base, one_of, reference


class Status(StrEnum):
    CREATING = "creating"  # committed; Stripe has perhaps not heard of it yet
    OPEN = "open"  # the buyer can pay
    PROCESSING = "processing"  # paid by a method that settles later
    PAID = "paid"
    EXPIRED = "expired"  # Stripe has confirmed that it can no longer be paid
    FAILED = "failed"  # by a method that settles later, and did not
    REVIEW = "review"  # what Stripe says does not fit the order: a person must look
    LATE = "late"  # paid when the order could no longer take it
    REFUNDED = "refunded"  # late, or held for review, and all the money went back


SHORTEST_PAGE = timedelta(minutes=30)  # Stripe opens none that lives shorter
LIVE = (Status.CREATING, Status.OPEN, Status.PROCESSING)
_live, _paid = text(one_of("status", list(LIVE))), text("status = 'paid'")


class PaymentAttempt(Base):
    """One Stripe Checkout Session, with the complete request that makes it.

    The request is written down before it is sent and repeated to the letter, under the same
    idempotency key, until Stripe has answered: one attempt can never become two sessions.
    """

    __tablename__ = "payment_attempts"
    __table_args__ = (
        CheckConstraint(one_of("status", list(Status)), name="status_known"),
        Index(
            "uq_payment_attempts_one_live_per_order",
            "order_id",
            unique=True,
            sqlite_where=_live,
            postgresql_where=_live,
        ),
        Index(
            "uq_payment_attempts_one_paid_per_order",
            "order_id",
            unique=True,
            sqlite_where=_paid,
            postgresql_where=_paid,
        ),
        Index("ix_payment_attempts_status_checked_at", "status", "checked_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # ours: 128 random bits
    order_id: Mapped[int] = reference("orders.id")
    status: Mapped[str] = mapped_column(default=Status.CREATING)
    request: Mapped[str]  # the parameters, as JSON
    coupon: Mapped[str | None]  # those of the coupon that the session names: the order's discount
    fingerprint: Mapped[str]  # of the cart and the form: the same again is the same attempt
    amount: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    session_id: Mapped[str | None] = mapped_column(unique=True)
    payment_intent_id: Mapped[str | None] = mapped_column(unique=True)
    url: Mapped[str | None]
    payment_method: Mapped[str] = mapped_column(default="")
    checked_at: Mapped[datetime | None]
    release_asked_at: Mapped[datetime | None]  # the buyer changed the cart: give the hold back
    last_error: Mapped[str | None]

    @property
    def idempotency_key(self) -> str:
        return f"co:{self.id}:v1"

    @property
    def coupon_key(self) -> str:
        return f"cp:{self.id}:v1"

    def can_be_paid(self, now: datetime) -> bool:
        """Say whether there is a payment page, or Stripe can still be asked to make it."""
        if self.status == Status.CREATING:
            return now < self.expires_at - SHORTEST_PAGE
        return self.status == Status.OPEN and now < self.expires_at


class ProviderEvent(Base):
    """A webhook that Stripe signed. It is a hint to ask Stripe, and kept until that was done."""

    __tablename__ = "provider_events"

    id: Mapped[str] = mapped_column(primary_key=True)  # Stripe's evt_…: each counts once
    type: Mapped[str]
    object_id: Mapped[str]
    payload: Mapped[str]
    received_at: Mapped[datetime]
    processed_at: Mapped[datetime | None] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]


class Origin(StrEnum):
    OWNER = "owner"
    AUTO = "auto"  # by itself: money for which there is nothing any more
    DASHBOARD = "dashboard"  # made at Stripe, not here


class RefundStatus(StrEnum):
    REQUESTED = "requested"  # committed; Stripe has perhaps not heard of it yet
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # refused, or it came back from the bank: the money is ours again
    CANCELED = "canceled"


GIVEN_BACK = (RefundStatus.REQUESTED, RefundStatus.PENDING, RefundStatus.SUCCEEDED)


class Refund(Base):
    """Money on its way back to a buyer. Written down before Stripe is asked, and asked for under
    one key until there is an answer: one row can never become two refunds.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint(one_of("status", list(RefundStatus)), name="status_known"),
        CheckConstraint(one_of("origin", list(Origin)), name="origin_known"),
        CheckConstraint("amount > 0", name="amount_positive"),
        Index("ix_refunds_status_requested_at", "status", "requested_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)  # ours: 128 random bits, told to Stripe
    order_id: Mapped[int] = reference("orders.id")
    attempt_id: Mapped[str] = reference("payment_attempts.id")
    origin: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")  # why it went by itself: a word of ours
    status: Mapped[str] = mapped_column(default=RefundStatus.REQUESTED)
    amount: Mapped[int]
    currency: Mapped[str]
    stripe_id: Mapped[str | None] = mapped_column(unique=True)
    requested_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    last_error: Mapped[str | None]

    lines: Mapped[list["RefundLine"]] = relationship(lazy="raise", order_by="RefundLine.id")

    @property
    def idempotency_key(self) -> str:
        return f"rf:{self.token}"


class What(StrEnum):
    """What a part of a refund is for."""

    LINE = "line"
    POSTAGE = "postage"
    OTHER = "other"  # an amount that the owner has typed


class RefundLine(Base):
    __tablename__ = "refund_lines"
    __table_args__ = (
        CheckConstraint(one_of("what", list(What)), name="what_known"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("quantity >= 0", name="quantity_not_negative"),
        CheckConstraint("(what = 'line') = (order_line_id IS NOT NULL)", name="line_named"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    refund_id: Mapped[int] = reference("refunds.id")
    what: Mapped[str]
    order_line_id: Mapped[int | None] = reference("order_lines.id")
    quantity: Mapped[int] = mapped_column(default=0)
    amount: Mapped[int]
    restocked: Mapped[bool] = mapped_column(default=False)


class Dispute(Base):
    """A payment that the buyer's bank has questioned. Its words are Stripe's own."""

    __tablename__ = "disputes"

    id: Mapped[int] = mapped_column(primary_key=True)
    stripe_id: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[int | None] = reference("orders.id")  # none when no order of ours was paid
    payment_intent_id: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    respond_by: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    checked_at: Mapped[datetime]


class LedgerKind(StrEnum):
    CHARGE = "charge"
    FEE = "fee"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    PAYOUT = "payout"
    PAYOUT_FAILURE = "payout_failure"
    OTHER = "other"


class LedgerEntry(Base):
    """One movement of the money at Stripe; their sum is Stripe's balance. Only ever added to.

    A balance transaction of Stripe's becomes an entry for its gross amount, and one for its fee.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint(one_of("kind", list(LedgerKind)), name="kind_known"),
        UniqueConstraint("transaction_id", "kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[str]  # Stripe's txn_…
    kind: Mapped[str]
    amount: Mapped[int]  # what comes in is positive
    currency: Mapped[str]
    source_id: Mapped[str]  # the charge, refund, dispute or payout
    order_id: Mapped[int | None] = reference("orders.id")
    at: Mapped[datetime] = mapped_column(index=True)
    available_at: Mapped[datetime]


class Cursor(Base):
    """How far the reconciler has read."""

    __tablename__ = "cursors"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class Finding(Base):
    """What the reconciler found amiss, and what it did about it, for the owner to see."""

    __tablename__ = "findings"
    __table_args__ = (UniqueConstraint("kind", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]  # Stripe's id, or the attempt's
    order_id: Mapped[int | None] = reference("orders.id")
    detail: Mapped[str] = mapped_column(default="")
    found_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]  # it is right again, or the owner has seen to it
