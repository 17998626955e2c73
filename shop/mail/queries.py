from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.mail.models import Message, Status

ABOUT_ORDERS = ("order_confirmation", "order_notice", "dispatch")


def messages_about(db: Session, order_id: int) -> Sequence[Message]:
    """Return the mails about one order, the oldest first."""
    return db.scalars(
        select(Message)
        .where(Message.kind.in_(ABOUT_ORDERS), Message.subject_id == order_id)
        .order_by(Message.id)
    ).all()


def parked_count(db: Session) -> int:
    """Return how many mails wait for the owner to decide."""
    parked = select(func.count()).select_from(Message).where(Message.status == Status.PARKED)
    return db.scalar(parked) or 0
