from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.mail.models import Message

ABOUT_ORDERS = ("order_confirmation", "order_notice", "dispatch")


def messages_about(db: Session, order_id: int) -> Sequence[Message]:
    """Return the mails about one order, the oldest first."""
    return db.scalars(
        select(Message)
        .where(Message.kind.in_(ABOUT_ORDERS), Message.subject_id == order_id)
        .order_by(Message.id)
    ).all()
