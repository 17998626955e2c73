from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from shop.kit.ids import random_token
from shop.mail.models import Message, Status


def queue(
    db: Session,
    kind: str,
    subject_id: int,
    *,
    recipient: str,
    locale: str,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Write down a mail to send, in the transaction that causes it. One per kind and subject."""
    db.add(
        Message(
            kind=kind,
            subject_id=subject_id,
            recipient=recipient,
            locale=locale,
            message_id=random_token(),
            queued_at=now,
            due_at=due_at or now,
        )
    )


def withdraw(db: Session, kind: str, subject_id: int) -> bool:
    """Take back a mail that nobody has begun to send; say whether there was one."""
    result = db.execute(
        delete(Message).where(
            Message.kind == kind,
            Message.subject_id == subject_id,
            Message.status == Status.QUEUED,
            Message.tries == 0,
            Message.leased_until.is_(None),
        )
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - a DELETE has a row count
    return result.rowcount == 1
