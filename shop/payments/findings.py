"""What the reconciler found amiss, kept until it is right again or the owner has seen to it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shop.kit.db import changed
from shop.payments.models import Finding


def note_finding(
    db: Session, kind: str, subject: str, detail: str, *, now: datetime, quiet: bool = False
) -> None:
    """Write a finding down, once. What the owner has seen to stays so until the facts change.

    A *quiet* one was put right at once, and asks nothing of the owner.
    """
    finding = db.scalar(select(Finding).where(Finding.kind == kind, Finding.subject == subject))
    if finding is None:
        finding = Finding(kind=kind, subject=subject)
        db.add(finding)
    elif finding.detail == detail:
        return
    finding.detail, finding.found_at = detail, now
    finding.settled_at = now if quiet else None


def right_again(db: Session, kind: str, subject: str, *, now: datetime) -> None:
    """It is as it should be; the same fault another day is a new one."""
    db.execute(
        update(Finding)
        .where(Finding.kind == kind, Finding.subject == subject)
        .values(settled_at=func.coalesce(Finding.settled_at, now), detail="")
        .execution_options(synchronize_session=False)
    )


def see_to_finding(db: Session, finding_id: int, *, now: datetime) -> bool:
    """The owner has seen to it; say whether there was anything left to see to."""
    is_open = (Finding.id == finding_id) & Finding.settled_at.is_(None)
    return changed(db, update(Finding).where(is_open).values(settled_at=now)) == 1


def open_findings(db: Session) -> Sequence[Finding]:
    return db.scalars(
        select(Finding).where(Finding.settled_at.is_(None)).order_by(Finding.id)
    ).all()


def settled_findings(db: Session, limit: int) -> Sequence[Finding]:
    return db.scalars(
        select(Finding)
        .where(Finding.settled_at.is_not(None))
        .order_by(Finding.settled_at.desc(), Finding.id.desc())
        .limit(limit)
    ).all()
