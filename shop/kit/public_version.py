"""What buyers read has a version: kept pages are of one version, and forgotten with the next.

A table whose rows stand on public pages says so, and every change of it then raises the version by
itself. What changes more often than it is seen (the stock of forty pieces) says when by
``raise_public_version(db)``. The one row is raised last in the transaction, so that no other writer
waits for it longer than a commit takes.
"""

from typing import TypeVar

from sqlalchemy import Delete, FromClause, Insert, TableClause, Update, event, select, update
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, UOWTransaction, mapped_column

from shop.kit.db import Base, WritingSession, do_last


class PublicVersion(Base):
    __tablename__ = "public_version"

    id: Mapped[int] = mapped_column(primary_key=True)  # of the only row: 1
    number: Mapped[int]


def public_version(db: Session) -> int:
    return db.scalars(select(PublicVersion.number)).one()


_RAISE = update(PublicVersion).values(number=PublicVersion.number + 1)


def raise_public_version(db: Session) -> None:
    """Let the pages that buyers read be made anew once this transaction has been committed."""
    do_last(db, _RAISE)


Table = TypeVar("Table", bound=type[Base])
_tables: set[str] = set()


def read_by_buyers(table: Table) -> Table:
    """Declare that the rows of *table* stand on public pages."""
    _tables.add(table.__tablename__)
    return table


@event.listens_for(WritingSession, "before_flush")
def _rows_change(db: Session, _flush: UOWTransaction, _objects: object) -> None:
    changes = [*db.new, *db.deleted, *(row for row in db.dirty if db.is_modified(row))]
    if any(row.__tablename__ in _tables for row in changes):
        raise_public_version(db)


@event.listens_for(WritingSession, "do_orm_execute")
def _statement_changes(state: ORMExecuteState) -> None:
    statement = state.statement
    if isinstance(statement, Insert | Update | Delete) and _name(statement.table) in _tables:
        raise_public_version(state.session)


def _name(table: FromClause) -> str:
    return table.name if isinstance(table, TableClause) else ""
