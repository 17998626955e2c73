"""Alembic from code: one way to bring a database to the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import text

from shop.kit.db import is_sqlite, write_engine
from shop.kit.schema import FOLDER

MIGRATION_LOCK = 7_265_001  # any number, the same in every process of the shop


class BrokenReferences(RuntimeError):
    """A migration left rows that point at nothing; it has been undone."""


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at *url* to *revision*, whole or not at all."""
    with migration_config(url) as config:
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    with migration_config(url) as config:
        command.downgrade(config, revision)


@contextmanager
def migration_config(url: str) -> Iterator[AlembicConfig]:
    """Yield Alembic's config on a connection of its own, in one transaction, one at a time."""
    engine = write_engine(url, foreign_keys=False)
    try:
        with engine.begin() as connection:
            if not is_sqlite(url):
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            config = AlembicConfig()
            config.set_main_option("script_location", str(FOLDER))
            config.attributes["connection"] = connection
            yield config
            if is_sqlite(url) and connection.execute(text("PRAGMA foreign_key_check")).first():
                raise BrokenReferences("rows would point at nothing")
    finally:
        engine.dispose()
