from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, one_of


class Status(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    PARKED = "parked"  # given up after many tries, or cannot be rendered: the owner decides


class Trouble(StrEnum):
    """Why the last try failed."""

    RENDERING = "rendering"  # it could not be written at all: our own fault
    ADDRESS = "address"  # the recipient's address is none
    REFUSED = "refused"  # the other side will never take it
    PUT_OFF = "put_off"  # the other side wants to be asked again later
    UNREACHABLE = "unreachable"  # our own mail server does not serve us: no mail's fault
    NO_SENDER = "no_sender"  # the shop has no address to send from yet


class Message(Base):
    """A mail to send: written in the transaction that causes it, sent by the worker.

    ``rendered`` is the mail to the byte, kept at its first try, so that a second sending is the
    same mail under the same Message-ID.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(one_of("status", list(Status)), name="status_known"),
        CheckConstraint(one_of("trouble", list(Trouble)), name="trouble_known"),
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
    subject: Mapped[str | None]  # for the owner's list; the mail itself is in ``rendered``
    rendered: Mapped[bytes | None] = mapped_column(LargeBinary)
    queued_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    trouble: Mapped[str | None]
    last_error: Mapped[str | None]  # the same in the mail server's or the program's own words
    sent_at: Mapped[datetime | None]
