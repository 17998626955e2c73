from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from shop.kit.db import changed
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
    taken_back = changed(
        db,
        delete(Message).where(
            Message.kind == kind,
            Message.subject_id == subject_id,
            Message.status == Status.QUEUED,
            Message.rendered.is_(None),
            Message.tries == 0,
            Message.leased_until.is_(None),
        ),
    )
    return taken_back == 1


def send_again(db: Session, message_id: int, *, now: datetime) -> bool:
    """Send a mail once more, to the byte the same: one that was sent, or was given up. One that
    could not be written is written anew. One that waits is tried at once. Say whether it was
    found in a state that allows this.
    """
    again = changed(
        db,
        update(Message)
        .where(Message.id == message_id, Message.status.in_((Status.SENT, Status.PARKED)))
        .values(
            status=Status.QUEUED,
            due_at=now,
            leased_until=None,
            tries=0,
            trouble=None,
            last_error=None,
        ),
    )
    sooner = changed(
        db,
        update(Message)
        .where(Message.id == message_id, Message.status == Status.QUEUED, Message.due_at > now)
        .where(Message.trouble.is_not(None))
        .values(due_at=now),
    )
    return again + sooner > 0
