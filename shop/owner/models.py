from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, one_of, reference


class Step(StrEnum):
    """How far a session has come: a one-time link leads through these, in this order."""

    PASSWORD = "password"  # noqa: S105 - a step's name
    TOTP = "totp"
    CODES = "codes"
    FULL = "full"


class Owner(Base):
    """Who runs the shop. Without a password only a one-time link signs in."""

    __tablename__ = "owners"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)  # in lower case
    password_hash: Mapped[str | None]  # argon2id
    totp_secret: Mapped[str | None]
    totp_last_step: Mapped[int | None] = mapped_column(Integer)  # a code counts once
    created_at: Mapped[datetime]


class RecoveryCode(Base):
    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = reference("owners.id")
    fingerprint: Mapped[str]
    used_at: Mapped[datetime | None]


class SignInLink(Base):
    """A one-time link; only its fingerprint is kept."""

    __tablename__ = "sign_in_links"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = reference("owners.id")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class OwnerSession(Base):
    """A signed-in browser; the cookie's fingerprint is kept, so ending it here ends it."""

    __tablename__ = "owner_sessions"
    __table_args__ = (CheckConstraint(one_of("step", list(Step)), name="step_known"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    owner_id: Mapped[int] = reference("owners.id")
    step: Mapped[str]
    new_totp_secret: Mapped[str | None]  # shown, and not yet confirmed by a code
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    user_agent: Mapped[str]
    ended_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A password that was tried: too many and the door waits."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index("ix_sign_in_attempts_source_at", "source", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]  # a network address, or a device that the owner has signed in from
    known_device: Mapped[bool]
    at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Base):
    """What was done to the shop, by whom and when. Only ever added to."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    by: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
