"""How long `shop verify` takes on a hundred thousand orders, line by line, on both databases.

    python -m tests.benchmarks.verify [ORDERS]

Seconds by the clock, and of a processor: the latter hardly change on a busy machine.
"""

# ruff: noqa: T201 - it prints

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.kit.clock import system_clock
from shop.kit.db import Sessions, is_sqlite, read_sessions, write_sessions
from shop.kit.media import MediaFolder
from shop.kit.migrations import migrate
from shop.reports.photos import check_photos
from shop.reports.verify import INVARIANTS, ask, in_words
from tests.benchmarks.books import fill, keep_photos
from tests.postgres import postgresql, server_programs

ORDERS = 100_000
PLANTED = "UPDATE orders SET vat_amount = vat_amount + 1 WHERE id = :id"


def main(orders: int = ORDERS) -> None:
    with tempfile.TemporaryDirectory(prefix="shop-benchmark-") as folder:
        photos = Path(folder) / "media"
        for url in databases(Path(folder)):
            migrate(url)
            sessions = write_sessions(url)
            items = fill(sessions, orders)
            if not photos.exists():
                keep_photos(photos, items)
            measure(sessions, f"{orders} orders, as from a backup", MediaFolder(photos))
            if settle_down(sessions):
                measure(sessions, f"{orders} orders, a while later", MediaFolder(photos))
            plant(sessions, orders // 2)
            sessions.engine.dispose()


def databases(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'shop.db'}"
    programs = server_programs()
    if programs is None:
        print("\nPostgreSQL is not installed: left out")
        return
    with postgresql(programs) as server:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
            connection.execute("ALTER SYSTEM SET autovacuum = off")  # it comes when it wants
            connection.execute("SELECT pg_reload_conf()")
        yield f"{server}/shop"


def settle_down(sessions: Sessions) -> bool:
    """Do what PostgreSQL does by itself within some minutes; SQLite does nothing of the kind."""
    if is_sqlite(str(sessions.engine.url)):
        return False
    with sessions.engine.connect() as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(text("VACUUM ANALYZE"))
    return True


def measure(sessions: Sessions, what: str, media: MediaFolder) -> None:
    print(f"\n{sessions.engine.name}, {what}")
    total = Total()
    reads = read_sessions(sessions.engine.url.render_as_string(hide_password=False))
    for invariant in INVARIANTS:
        with reads.begin() as db, total.timed(db, f"{invariant.code:4} {invariant.rule}"):
            finding = ask(db, invariant)
        assert finding.holds, [in_words(row) for row in finding.rows[:5]]
    with reads.begin() as db, total.timed(db, "I12  the photos, on the disk"):
        found = check_photos(db, media, now=system_clock())
    assert all(finding.holds for finding in found), [finding.rows[:5] for finding in found]
    print(f"{total.wall:8.2f} s {total.processor:8.2f} s  all right")
    reads.engine.dispose()


def plant(sessions: Sessions, order_id: int) -> None:
    """Put one öre too much VAT on one order of all, and see that it is found; then undo it."""
    with sessions.engine.connect() as connection:
        connection.execute(text(PLANTED), {"id": order_id})
        found = [ask(Session(connection), invariant) for invariant in INVARIANTS]
        rows = [in_words(row) for finding in found for row in finding.rows]
        connection.rollback()
    assert len(rows) == 1, rows
    print(f"one öre was planted, and found: {rows[0]}")


@dataclass
class Total:
    wall: float = 0
    processor: float = 0

    @contextmanager
    def timed(self, db: Session, what: str) -> Iterator[None]:
        """Measure the block by the clock, and what it takes of a processor, here and in *db*."""
        server = backend(db)
        began, spent = time.perf_counter(), processor_time(server)
        yield
        wall, processor = time.perf_counter() - began, processor_time(server) - spent
        print(f"{wall:8.2f} s {processor:8.2f} s  {what}")
        self.wall, self.processor = self.wall + wall, self.processor + processor


def backend(db: Session) -> Path | None:
    """Return where the system says what PostgreSQL's process for *db* has used."""
    if db.get_bind().dialect.name == "sqlite":
        return None
    db.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))  # a small machine has none
    return Path(f"/proc/{db.scalar(text('SELECT pg_backend_pid()'))}/stat")


def processor_time(server: Path | None) -> float:
    used = time.process_time()
    if server is not None and server.exists():
        parts = server.read_text().rpartition(")")[2].split()
        used += (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    return used


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS)
