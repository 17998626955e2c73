"""What the two engines promise: reads cannot write, writers take turns, times have zones."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from shop.kit import db as kit_db
from shop.kit.db import (
    Sessions,
    UnsafeSQLite,
    read_sessions,
    sqlite_module,
    transaction_is_open,
    write_sessions,
)
from shop.orders.models import NumberSeries
from shop.preferences.models import Preference
from tests.support import NOON, on_both_databases

THREADS, ROUNDS = 4, 10


@on_both_databases
def test_a_write_through_the_reads_fails(reads: Sessions) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"), reads.begin() as db:
        db.add(Preference(name="shop_name", value='"x"'))


@on_both_databases
def test_a_write_in_plain_sql_through_the_reads_fails_too(reads: Sessions) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"), reads.begin() as db:
        db.execute(text("UPDATE number_series SET last = 5"))


@on_both_databases
def test_a_naive_time_is_refused(sessions: Sessions) -> None:
    from shop.catalogue.models import PriceChange

    naive = datetime(2026, 11, 23, 12, 0)  # noqa: DTZ001 - what must be refused
    with pytest.raises(StatementError, match="has no time zone"), sessions.begin() as db:
        db.add(PriceChange(variant_id=1, amount=1, at=naive))


@on_both_databases
def test_a_time_comes_back_in_utc(sessions: Sessions) -> None:
    from shop.mail.models import Message

    there = NOON.astimezone(timezone(timedelta(hours=9)))
    with sessions.begin() as db:
        db.add(
            Message(
                kind="x",
                subject_id=1,
                recipient="anna@example.se",
                locale="sv",
                message_id="m",
                queued_at=there,
                due_at=there,
            )
        )
    with sessions.begin() as db:
        found = db.scalars(select(Message)).one().queued_at
    assert (found, found.tzinfo) == (NOON, UTC)


@on_both_databases
def test_what_fails_halfway_has_not_happened(sessions: Sessions) -> None:
    def half() -> None:
        with sessions.begin() as db:
            db.execute(update(NumberSeries).values(last=5000))
            _ = 1 // 0

    with pytest.raises(ZeroDivisionError):
        half()
    with sessions.begin() as db:
        assert db.scalar(select(NumberSeries.last)) == 1000
    assert not transaction_is_open()


@on_both_databases
def test_it_is_known_whether_a_transaction_is_open(sessions: Sessions, reads: Sessions) -> None:
    assert not transaction_is_open()
    with sessions.begin():
        assert transaction_is_open()
        with reads.begin():
            assert transaction_is_open()
        assert transaction_is_open()
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(transaction_is_open).result()
    assert not transaction_is_open()


def raise_at_once(begin: Callable[[], object]) -> int:
    """Let several threads each raise the number by reading it first; return what it grew by."""
    barrier = threading.Barrier(THREADS)

    def work(_: int) -> None:
        barrier.wait(30)
        for _round in range(ROUNDS):
            begin()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    return THREADS * ROUNDS


def read_then_write(db: Session) -> None:
    last = db.scalar(select(NumberSeries.last).with_for_update())
    assert last is not None
    db.execute(update(NumberSeries).values(last=last + 1))


@on_both_databases
def test_no_update_is_lost(sessions: Sessions) -> None:
    def one() -> None:
        with sessions.begin() as db:
            read_then_write(db)

    grew = raise_at_once(one)
    with sessions.begin() as db:
        assert db.scalar(select(NumberSeries.last)) == 1000 + grew


def test_between_processes_the_file_itself_takes_turns(db_url: str) -> None:
    """Two processes share no lock of ours: BEGIN IMMEDIATE alone must be enough."""
    each = [write_sessions(db_url) for _ in range(THREADS)]
    turn = iter(range(10**9))
    lock = threading.Lock()

    def one() -> None:
        with lock:
            mine = each[next(turn) % THREADS]
        with mine.begin() as db:
            read_then_write(db)

    grew = raise_at_once(one)
    with each[0].begin() as db:
        assert db.scalar(select(NumberSeries.last)) == 1000 + grew
    for opened in each:
        opened.engine.dispose()


def test_the_drivers_own_way_loses_updates(tmp_path: Path) -> None:
    """The control: reading before the driver's implicit BEGIN, as without our engine's events."""
    path = tmp_path / "plain.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("INSERT INTO t VALUES (0)")
    connection.close()
    barrier = threading.Barrier(2)

    def one(_: int) -> None:
        mine = sqlite3.connect(path, timeout=5)
        n = mine.execute("SELECT n FROM t").fetchone()[0]
        barrier.wait(30)
        mine.execute("UPDATE t SET n = ?", (n + 1,))
        mine.commit()
        mine.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(2)))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT n FROM t").fetchone() == (1,)  # two raised it, one is lost
    connection.close()


def test_sqlites_writers_take_turns_before_they_touch_the_file(sessions: Sessions) -> None:
    taken: list[str] = []  # connections
    event.listen(sessions.engine, "checkout", lambda *_: taken.append("x"))
    with ThreadPoolExecutor(1) as pool:
        with sessions.begin() as db:
            db.execute(text("SELECT 1"))
            other = pool.submit(lambda: read_in(sessions))
            assert not wait(other.done)
            assert taken == ["x"]
        assert other.result(10) == 1
    assert taken == ["x", "x"]


def read_in(sessions: Sessions) -> int:
    with sessions.begin() as db:
        return int(db.execute(text("SELECT 1")).scalar_one())


def wait(true: Callable[[], bool]) -> bool:
    pause = threading.Event()
    for _ in range(10):
        pause.wait(0.01)
    return true()


def test_sqlite_is_set_so_that_a_power_cut_loses_nothing(db_url: str) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    for opened, query_only in ((write_sessions(db_url), 0), (read_sessions(db_url), 1)):
        with opened.begin() as db:
            got = {name: db.execute(text(f"PRAGMA {name}")).scalar() for name in expected}
            assert got == expected
            assert db.execute(text("PRAGMA query_only")).scalar() == query_only
        opened.engine.dispose()


def test_an_sqlite_that_can_corrupt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sqlite_module()
    monkeypatch.setattr(module, "sqlite_version_info", (3, 51, 2))
    monkeypatch.setattr(module, "sqlite_version", "3.51.2")
    with pytest.raises(UnsafeSQLite, match=r"SQLite 3\.51\.2, .* SHOP_DATABASE_URL"):
        write_sessions("sqlite:///never-made.db")
    assert not Path("never-made.db").exists()


def test_a_safe_sqlite_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module(), "sqlite_version_info", kit_db.SAFE_SQLITE)
    assert sqlite_module() is not None


@on_both_databases
def test_more_readers_than_places_wait_their_turn(reads: Sessions) -> None:
    with ThreadPoolExecutor(kit_db.POOL_SIZE + 3) as pool:
        assert set(pool.map(lambda _: read_in(reads), range(60))) == {1}
    assert isinstance(reads.engine.pool, sqlalchemy.QueuePool)
