"""Two engines: one that writes, one that only reads; the same code on SQLite and PostgreSQL.

On SQLite a write begins with BEGIN IMMEDIATE, so that two writers cannot both read first, and
the writers of one process queue on a lock instead of polling the file. Reads are DEFERRED with
``query_only``: a write through them fails. Python's own sqlite3 would open transactions on its
own terms and lose updates silently; ``isolation_level=None`` leaves them to us. On PostgreSQL the
connections that read refuse to write, and each of their statements stands alone.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    Executable,
    ForeignKey,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    literal_column,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from shop.kit.processes import CannotStart

SAFE_SQLITE = (3, 51, 3)  # older ones can corrupt a database in WAL mode
POOL_SIZE = 27  # db 4, its SQLite writer 1, stripe 20, files 1, and one of margin


class UnsafeSQLite(CannotStart):
    def __init__(self, version: str) -> None:
        super().__init__(
            f"This Python brings SQLite {version}, which can corrupt a busy database; 3.51.3 or "
            "newer is needed. On Linux x86-64 and macOS the pysqlite3 package brings one; "
            "elsewhere use a newer Python build, or PostgreSQL by SHOP_DATABASE_URL."
        )


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on both databases; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Text in one order on both databases: that of the letters' numbers, whatever the server speaks.
CodePoints = Text().with_variant(Text(collation="C"), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UTCDateTime(), str: Text()}


def reference(target: str, **options: Any) -> Any:
    """Return a column that points at another table, indexed, by the target's name."""
    return mapped_column(ForeignKey(target), index=True, **options)


def one_of(column: str, values: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    """Return the text of a CHECK that *column* is one of *values*."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


# --- engines ------------------------------------------------------------------------------------


def sqlite_module() -> Any:
    """Return a DB-API module whose SQLite is safe in WAL mode, or raise UnsafeSQLite."""
    try:
        import pysqlite3.dbapi2 as module
    except ImportError:
        import sqlite3 as module  # the interpreter's own, if new enough
    if tuple(module.sqlite_version_info) < SAFE_SQLITE:
        raise UnsafeSQLite(module.sqlite_version)
    return module


def write_engine(url: str, *, foreign_keys: bool = True) -> Engine:
    """Return the engine for writing. Migrations pass ``foreign_keys=False``: on SQLite, altering
    a table rebuilds it, and with foreign keys on that deletes the rows that point at it.
    """
    if not is_sqlite(url):
        return _postgresql(url)
    return _sqlite(url, begin="BEGIN IMMEDIATE", pragmas={"foreign_keys": int(foreign_keys)})


def read_engine(url: str) -> Engine:
    """Return an engine that cannot write."""
    if not is_sqlite(url):
        # Each statement sees what is committed by then, inside of a transaction or not: so none
        # is begun and ended, which would be two more ways to the database and back.
        alone = "-c default_transaction_read_only=on"
        return _postgresql(url, alone).execution_options(isolation_level="AUTOCOMMIT")
    return _sqlite(url, begin="BEGIN DEFERRED", pragmas={"query_only": 1})


def is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _postgresql(url: str, *settings: str) -> Engine:
    timeouts = ("-c lock_timeout=4s", "-c statement_timeout=15s")
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,  # a restarted server costs nobody an error
        hide_parameters=True,
        connect_args={"options": " ".join([*timeouts, *settings])},
    )
    event.listen(engine, "handle_error", _without_the_row)
    return engine


def _without_the_row(context: ExceptionContext) -> None:
    """Leave out of an error the row that PostgreSQL quotes: an error in the log names nobody."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\nDETAIL:")[0],)


def _sqlite(url: str, *, begin: str, pragmas: dict[str, int]) -> Engine:
    if (file := make_url(url).database) is not None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        module=sqlite_module(),
        pool_size=POOL_SIZE,
        max_overflow=0,
        hide_parameters=True,  # an error in the log names nobody
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions are ours to begin
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # a paid order survives the power cut
            "busy_timeout=5000",
            "foreign_keys=ON",
            "mmap_size=0",
            *(f"{name}={value}" for name, value in pragmas.items()),
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


# --- sessions -----------------------------------------------------------------------------------

_open = threading.local()


def transaction_is_open() -> bool:
    """Say whether this thread is inside a transaction; nothing may wait on the network then."""
    return bool(getattr(_open, "count", 0))


def changed(db: Session, statement: Executable, values: Mapping[str, object] | None = None) -> int:
    """Execute an INSERT, UPDATE or DELETE and return how many rows it was: who won a race."""
    result = db.execute(statement, values, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)  # noqa: S101 - none of them returns rows
    return result.rowcount


def rows_of(
    db: Session, statement: Executable, values: Mapping[str, Any] | None = None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the plain rows of what the database has by now, without what the session has yet to
    write: what a session does for objects takes as long as the reading itself.
    """
    return db.connection().execute(statement, values).all()


def table_of(model: type[Base]) -> Table:
    """Return the table of *model*, for a statement that is executed often and has nothing to do
    with rows that are loaded: the ORM's own part in it takes longer than the database's.
    """
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - none of ours is mapped to anything else
    return table


def insert_into(db: Session, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT of *model* that can be told what to do ON CONFLICT: both databases know
    that, in the same words, but SQLAlchemy has no common form for it.
    """
    if db.get_bind().dialect.name == "sqlite":
        return sqlite.insert(model)
    return postgresql.insert(model)


def inlined(number: int) -> ColumnElement[int]:
    """Return *number* for a LIMIT or OFFSET of a statement that is asked often.

    SQLite looks at a limit to plan its way: one that is bound has it plan anew at each execution,
    which takes longer than the reading.
    """
    return literal_column(str(number), Integer)


def inlined_parameter(name: str) -> BindParameter[int]:
    """Return a parameter for a LIMIT or OFFSET that is written into the text at each execution,
    for the same reason.
    """
    return bindparam(name, type_=Integer, literal_execute=True)


LAST = "last"  # in a session's info: the statement that ends its transaction, if any


def do_last(db: Session, statement: Executable) -> None:
    """Have *statement* executed as the last one of the transaction; of several, the last named."""
    db.info[LAST] = statement


class WritingSession(Session):
    """A session whose changes are listened to; those of readers are spared that."""


class Sessions:
    """Where transactions begin: ``with sessions.begin() as db:`` commits at the end, or undoes.

    *forget* is called after a commit that changed what buyers read.
    """

    def __init__(self, engine: Engine, *, one_at_a_time: bool) -> None:
        self.engine = engine
        self.forget: Callable[[], None] = lambda: None
        self._maker: sessionmaker[Any] = sessionmaker(
            engine, class_=WritingSession, expire_on_commit=False
        )
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if one_at_a_time else nullcontext()
        )

    @contextmanager
    def begin(self) -> Iterator[Session]:
        with self._turn:
            _open.count = getattr(_open, "count", 0) + 1
            try:
                with self._maker.begin() as db:
                    yield db
                    db.flush()  # which may be what names the last statement
                    last = db.info.get(LAST)
                    if last is not None:
                        db.execute(last)
            finally:
                _open.count -= 1
        if last is not None:
            self.forget()


class ReadSessions(Sessions):
    """Where one only reads: there is nothing to listen to, and nothing to commit."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, one_at_a_time=False)
        self._maker = sessionmaker(engine)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        _open.count = getattr(_open, "count", 0) + 1
        try:
            with self._maker() as db:
                yield db
                db.flush()  # a change is refused by the database, and not just forgotten
        finally:
            _open.count -= 1


def write_sessions(url: str) -> Sessions:
    return Sessions(write_engine(url), one_at_a_time=is_sqlite(url))


def read_sessions(url: str) -> Sessions:
    return ReadSessions(read_engine(url))
