"""What somebody wrote to the shop is kept for three years, as its privacy page says."""

from datetime import timedelta

from sqlalchemy import delete, exists, select

from shop.commissions.actions import KIND
from shop.commissions.models import Commission
from shop.kit.clock import Clock
from shop.kit.db import Sessions, changed
from shop.mail.models import Message

KEPT = timedelta(days=3 * 365)


def forget_old_wishes(reads: Sessions, sessions: Sessions, now: Clock) -> int:
    """Erase the wishes that are too old, and the mails that told of them; return how many."""
    old = Commission.asked_at < now() - KEPT
    with reads.begin() as db:
        if not db.scalar(select(exists().where(old))):
            return 0
    with sessions.begin() as db:
        about = select(Commission.id).where(old)
        changed(db, delete(Message).where(Message.kind == KIND, Message.subject_id.in_(about)))
        return changed(db, delete(Commission).where(old))
