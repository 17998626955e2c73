from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, reference


class Owner(Base):
    """Who runs the shop. Without a password only a one-time link signs in."""

    __tablename__ = "owners"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
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

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = reference("owners.id")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    user_agent: Mapped[str]
    ended_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A failed password or code: too many and the door waits."""

    __tablename__ = "sign_in_attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str]  # the client's network address
    at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Base):
    """What was done to the shop, by whom and when. Only ever added to."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    by: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
