"""How often a form that anybody may send is taken from one place."""

from datetime import datetime, timedelta

from sqlalchemy import Index, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.kit.db import Base

PER_PLACE, WINDOW = 10, timedelta(hours=1)


class Submission(Base):
    """A form that was sent in, by what it was and where it came from: forgotten after an hour."""

    __tablename__ = "submissions"
    __table_args__ = (Index("ix_submissions_source_at", "source", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class RateLimited(Exception):
    """So many have come from one place that the next one has to wait."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"wait until {until}")
        self.until = until

    def retry_after(self, now: datetime) -> str:
        """Return how many seconds that is, as the header Retry-After has it."""
        return str(int((self.until - now).total_seconds()) + 1)


def count_submission(db: Session, source: str, *, now: datetime) -> None:
    """Count one more form from *source*; RateLimited if there were too many already."""
    recent = select(func.count(), func.min(Submission.at)).where(
        Submission.source == source, Submission.at > now - WINDOW
    )
    count, first = db.execute(recent).one()
    if count >= PER_PLACE:
        raise RateLimited(first + WINDOW)
    db.execute(delete(Submission).where(Submission.at < now - WINDOW))
    db.add(Submission(source=source, at=now))
