from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from shop.mail.models import Message, Status

ABOUT_ORDERS = ("order_confirmation", "order_notice", "dispatch")


def messages_about(db: Session, order_id: int, refund_ids: Sequence[int] = ()) -> Sequence[Message]:
    """Return the mails about one order and its refunds, the oldest first."""
    return db.scalars(
        select(Message)
        .where(
            (Message.kind.in_(ABOUT_ORDERS) & (Message.subject_id == order_id))
            | ((Message.kind == "refund") & Message.subject_id.in_(refund_ids))
        )
        .order_by(Message.id)
    ).all()


def parked_count(db: Session) -> int:
    """Return how many mails wait for the owner to decide."""
    parked = select(func.count()).select_from(Message).where(Message.status == Status.PARKED)
    return db.scalar(parked) or 0


def message_id_of(db: Session, kind: str, subject_id: int) -> str | None:
    """Return the Message-ID, without its host, of the mail of *kind* about a subject."""
    return db.scalar(
        select(Message.message_id).where(Message.kind == kind, Message.subject_id == subject_id)
    )


def message_by_id(db: Session, message_id: int) -> Message | None:
    return db.get(Message, message_id)


def messages_in(
    db: Session, status: Status, *, newest_first: bool, limit: int = 100
) -> Sequence[Message]:
    """Return the mails in *status*, without their contents."""
    return db.scalars(
        select(Message)
        .options(defer(Message.rendered))
        .where(Message.status == status)
        .order_by(Message.id.desc() if newest_first else Message.id)
        .limit(limit)
    ).all()
