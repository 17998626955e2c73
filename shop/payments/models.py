from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

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


SHORTEST_PAGE = timedelta(minutes=30)  # Stripe opens none that lives shorter
LIVE = (Status.CREATING, Status.OPEN, Status.PROCESSING)
_live = text(one_of("status", [*LIVE, Status.PAID]))


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
        Index("ix_payment_attempts_status_checked_at", "status", "checked_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # ours: 128 random bits
    order_id: Mapped[int] = reference("orders.id")
    status: Mapped[str] = mapped_column(default=Status.CREATING)
    request: Mapped[str]  # the parameters, as JSON
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
