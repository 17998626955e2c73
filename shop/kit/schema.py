"""Whether the database has the schema that this code was written for; without Alembic, which takes
as long to load as everything else.
"""

import logging
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, Text, column, select, table
from sqlalchemy.exc import OperationalError, ProgrammingError

from shop.kit.db import read_engine

log = logging.getLogger("shop.schema")
FOLDER = Path(__file__).parents[2] / "alembic"
SILENCE = 5.0  # seconds for somebody else to migrate before it is said what is waited for
REVISION = select(column("version_num", Text)).select_from(table("alembic_version"))


def newest_revision() -> str:
    """Return the last of the revisions, which are numbered."""
    return max(file.name for file in (FOLDER / "versions").glob("[0-9]*.py")).partition("_")[0]


def is_current(connection: Connection) -> bool:
    return connection.scalars(REVISION).all() == [newest_revision()]


def wait_until_current(url: str, silence: float = SILENCE) -> None:
    """Wait until the database at *url* has been migrated, however long that takes: a large table
    is not changed in a minute. After *silence* seconds the log says what is waited for.
    """
    engine, said_at = read_engine(url), time.monotonic() + silence
    try:
        while not _is_there(engine):
            if time.monotonic() > said_at:
                log.warning("waiting for the database's schema; if nobody does it: shop migrate")
                said_at = float("inf")
            time.sleep(0.02)
    finally:
        engine.dispose()


def has_newest_schema(url: str) -> bool:
    """Say whether there is nothing to migrate at *url*."""
    engine = read_engine(url)
    try:
        return _is_there(engine)
    finally:
        engine.dispose()


def _is_there(engine: Engine) -> bool:
    """Say whether it is current; a database that is being made has no table yet, or is locked."""
    try:
        with engine.connect() as connection:
            return is_current(connection)
    except (OperationalError, ProgrammingError):
        return False
