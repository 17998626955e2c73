from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, one_of


class Status(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    PARKED = "parked"  # given up after many tries, or cannot be rendered: the owner decides


class Message(Base):
    """A mail to send: written in the transaction that causes it, sent by the worker.

    ``rendered`` is the mail to the byte, kept at its first try, so that a second sending is the
    same mail under the same Message-ID.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(one_of("status", list(Status)), name="status_known"),
        UniqueConstraint("kind", "subject_id"),
        Index("ix_outbox_status_due_at", "status", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[int]
    recipient: Mapped[str]
    locale: Mapped[str]
    status: Mapped[str] = mapped_column(default=Status.QUEUED)
    message_id: Mapped[str] = mapped_column(unique=True)
    rendered: Mapped[bytes | None] = mapped_column(LargeBinary)
    queued_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
