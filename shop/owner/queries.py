from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from shop.kit.ids import fingerprint
from shop.owner.errors import LinkExpired, LinkUnknown, LinkUsed
from shop.owner.models import AuditEntry, Owner, OwnerSession, RecoveryCode, SignInLink

IDLE = timedelta(days=30)


def owner_by_email(db: Session, email: str) -> Owner | None:
    return db.scalar(select(Owner).where(Owner.email == plain_address(email)))


def plain_address(email: str) -> str:
    return email.strip().lower()


def check_link(db: Session, token: str, now: datetime) -> SignInLink:
    """Return the one-time link of *token* if it still signs in, or raise a LinkProblem."""
    link = db.get(SignInLink, fingerprint(token))
    if link is None:
        raise LinkUnknown
    if link.used_at is not None:
        raise LinkUsed
    if link.expires_at <= now:
        raise LinkExpired
    return link


def signed_in(db: Session, token: str, now: datetime) -> tuple[Owner, OwnerSession] | None:
    """Return whose session *token* is, and the session; None if it has ended or lapsed."""
    found = db.execute(
        select(Owner, OwnerSession)
        .join(Owner, Owner.id == OwnerSession.owner_id)
        .where(OwnerSession.fingerprint == fingerprint(token), *_alive(now))
    ).first()
    return None if found is None else (found[0], found[1])


def sessions_of(db: Session, owner_id: int, now: datetime) -> Sequence[OwnerSession]:
    """Return where the owner is signed in, the latest seen first."""
    return db.scalars(
        select(OwnerSession)
        .where(OwnerSession.owner_id == owner_id, *_alive(now))
        .order_by(OwnerSession.seen_at.desc(), OwnerSession.id.desc())
    ).all()


def _alive(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        OwnerSession.ended_at.is_(None),
        OwnerSession.expires_at > now,
        OwnerSession.seen_at > now - IDLE,
    )


def recovery_codes_left(db: Session, owner_id: int) -> int:
    return (
        db.scalar(
            select(func.count())
            .select_from(RecoveryCode)
            .where(RecoveryCode.owner_id == owner_id, RecoveryCode.used_at.is_(None))
        )
        or 0
    )


def audit_trail(db: Session, limit: int = 100) -> Sequence[AuditEntry]:
    """Return what was done to the shop, the latest first."""
    return db.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)).all()
