from datetime import datetime

from sqlalchemy.orm import Session

from shop.kit.ids import random_token
from shop.mail.models import Message


def queue(
    db: Session, kind: str, subject_id: int, *, recipient: str, locale: str, now: datetime
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
            due_at=now,
        )
    )
