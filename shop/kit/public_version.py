"""What buyers read has a version: kept pages are of one version, and forgotten with the next.

An action says that buyers will read something else by ``raise_public_version(db)``. The one row is
raised last in the transaction, by whoever began it, so that no other writer waits for it longer
than a commit takes.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.kit.db import Base, changes_what_buyers_read


class PublicVersion(Base):
    __tablename__ = "public_version"

    id: Mapped[int] = mapped_column(primary_key=True)  # of the only row: 1
    number: Mapped[int]


def raise_public_version(db: Session) -> None:
    """Let the pages that buyers read be made anew once this transaction has been committed."""
    changes_what_buyers_read(db, update(PublicVersion).values(number=PublicVersion.number + 1))


def public_version(db: Session) -> int:
    return db.scalars(select(PublicVersion.number)).one()
