"""All state of the stand-in, in one SQLite file of its own.

Used from one thread only (the event loop's), so a transaction is never interleaved with another.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shop.sandbox.stand_in.errors import Json

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:  # the interpreter's own will do for a stand-in
        import sqlite3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  parent TEXT, created INTEGER NOT NULL, body TEXT NOT NULL, private TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (parent, kind, seq);
CREATE TABLE IF NOT EXISTS timers (
  id INTEGER PRIMARY KEY, due_at REAL NOT NULL, what TEXT NOT NULL, object_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS timers_by_time ON timers (due_at);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY, event TEXT NOT NULL, type TEXT NOT NULL, endpoint TEXT NOT NULL,
  body BLOB NOT NULL, state TEXT NOT NULL CHECK (state IN
    ('pending', 'taken', 'succeeded', 'failed', 'dropped')),
  attempts INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL, not_before REAL NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
CREATE INDEX IF NOT EXISTS deliveries_pending ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_delayed ON deliveries (not_before)
  WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_types ON deliveries (type) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS delivery_attempts (
  id INTEGER PRIMARY KEY, delivery INTEGER NOT NULL, at REAL NOT NULL, status INTEGER,
  problem TEXT, milliseconds INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_of_delivery ON delivery_attempts (delivery);
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, state TEXT NOT NULL
    CHECK (state IN ('running', 'done')),
  request TEXT NOT NULL, status INTEGER, answer TEXT, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, what TEXT NOT NULL,
  details TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS violations (
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, place TEXT NOT NULL, problems TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
# What is in the log stays there, word for word; only a reset takes these away for a moment.
_GUARDS = {
    "log_is_not_changed": "BEFORE UPDATE ON log",
    "log_is_not_deleted": "BEFORE DELETE ON log",
    "log_is_not_replaced": "BEFORE INSERT ON log WHEN EXISTS"
    " (SELECT 1 FROM log WHERE seq = NEW.seq)",
}
_VERSION = 1  # of the tables
_TABLES = (
    "objects",
    "timers",
    "deliveries",
    "delivery_attempts",
    "idempotency",
    "log",
    "violations",
    "settings",
)


class Store:
    """Objects as Stripe shows them (references as ids), and what belongs to them but is not shown.

    A *private* dictionary goes with each object: secrets, the card used, what a session will give
    to its payment. Writes need an open `transaction()`.
    """

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA busy_timeout=5000")
        self._drop_what_is_older()
        self._db.executescript(_SCHEMA)
        self._guard_log()

    def _drop_what_is_older(self) -> None:
        """The file of an earlier stand-in keeps its objects; its deliveries had another shape."""
        if self._db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
            self._db.execute("DROP TABLE IF EXISTS deliveries")
            self._db.execute("DROP TABLE IF EXISTS delivery_attempts")
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one it is a part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def reset(self) -> None:
        with self.transaction():
            for name in _GUARDS:
                self._db.execute(f"DROP TRIGGER {name}")
            for table in _TABLES:
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from this file
            self._guard_log()

    def _guard_log(self) -> None:
        for name, when in _GUARDS.items():
            self._db.execute(
                f"CREATE TRIGGER IF NOT EXISTS {name} {when}"
                " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
            )

    def run(self, statement: str, *values: object) -> int:
        """Execute one statement; the number of rows it changed."""
        return self._db.execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> list["sqlite3.Row"]:
        return self._db.execute(statement, values).fetchall()

    def row(self, statement: str, *values: object) -> "sqlite3.Row | None":
        found: sqlite3.Row | None = self._db.execute(statement, values).fetchone()
        return found

    # -- objects -------------------------------------------------------------------------------

    def add(self, body: Json, *, parent: str | None = None, private: Json | None = None) -> Json:
        """Store a new object under its own `id` and `object`; give it back."""
        self.run(
            "INSERT INTO objects (id, kind, parent, created, body, private)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            body["id"],
            body["object"],
            parent,
            body.get("created", 0),
            json.dumps(body, ensure_ascii=False),
            json.dumps(private or {}),
        )
        return body

    def save(self, body: Json, private: Json | None = None) -> None:
        text = json.dumps(body, ensure_ascii=False)
        self.run("UPDATE objects SET body = ? WHERE id = ?", text, body["id"])
        if private is not None:
            hidden = json.dumps(private)
            self.run("UPDATE objects SET private = ? WHERE id = ?", hidden, body["id"])

    def delete(self, object_id: str) -> None:
        self.run("DELETE FROM objects WHERE id = ?", object_id)

    def find(self, object_id: str, kind: str | None = None) -> Json | None:
        row = self.row("SELECT kind, body FROM objects WHERE id = ?", object_id)
        return _loads(row["body"]) if row and kind in (None, row["kind"]) else None

    def get(self, object_id: str) -> Json:
        """An object that must be there; KeyError otherwise."""
        body = self.find(object_id)
        if body is None:
            raise KeyError(object_id)
        return body

    def private(self, object_id: str) -> Json:
        row = self.row("SELECT private FROM objects WHERE id = ?", object_id)
        if row is None:
            raise KeyError(object_id)
        return _loads(row["private"])

    def children(self, kind: str, parent: str) -> list[Json]:
        """The objects of *kind* that belong to *parent*, oldest first."""
        found = self.rows(
            "SELECT body FROM objects WHERE parent = ? AND kind = ? ORDER BY seq", parent, kind
        )
        return [_loads(row["body"]) for row in found]

    def every(self, kind: str) -> list[Json]:
        """All objects of *kind*, oldest first."""
        found = self.rows("SELECT body FROM objects WHERE kind = ? ORDER BY seq", kind)
        return [_loads(row["body"]) for row in found]

    def newest(self, kind: str, limit: int) -> list[Json]:
        found = self.rows(
            "SELECT body FROM objects WHERE kind = ? ORDER BY seq DESC LIMIT ?", kind, limit
        )
        return [_loads(row["body"]) for row in found]

    # -- timers, settings, log -----------------------------------------------------------------

    def set_timer(self, due_at: float, what: str, object_id: str) -> None:
        self.run(
            "INSERT INTO timers (due_at, what, object_id) VALUES (?, ?, ?)", due_at, what, object_id
        )

    def set_timer_once(self, due_at: float, what: str, object_id: str) -> None:
        """Set it unless the same is set already."""
        self.run(
            "INSERT INTO timers (due_at, what, object_id) SELECT ?1, ?2, ?3 WHERE NOT EXISTS"
            " (SELECT 1 FROM timers WHERE due_at = ?1 AND what = ?2 AND object_id = ?3)",
            due_at,
            what,
            object_id,
        )

    def next_due(self, now: float) -> "sqlite3.Row | None":
        """The timer that is due longest, if any."""
        return self.row("SELECT * FROM timers WHERE due_at <= ? ORDER BY due_at, id LIMIT 1", now)

    def clear_timers(self, object_id: str) -> None:
        self.run("DELETE FROM timers WHERE object_id = ?", object_id)

    def setting(self, name: str) -> Any:
        row = self.row("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(row["value"]) if row else None

    def set_setting(self, name: str, value: Any) -> None:
        self.run(
            "INSERT INTO settings (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )

    def write_log(self, at: float, what: str, details: Json) -> None:
        text = json.dumps(details, ensure_ascii=False)
        self.run("INSERT INTO log (at, what, details) VALUES (?, ?, ?)", at, what, text)

    def log(self) -> list[Json]:
        """What happened, oldest first: `seq`, `at`, `what` and what belongs to it."""
        return [
            {"seq": row["seq"], "at": row["at"], "what": row["what"], **_loads(row["details"])}
            for row in self.rows("SELECT * FROM log ORDER BY seq")
        ]

    def add_violation(self, at: float, place: str, problems: list[str]) -> None:
        text = json.dumps(problems, ensure_ascii=False)
        self.run("INSERT INTO violations (at, place, problems) VALUES (?, ?, ?)", at, place, text)

    def violations(self) -> list[Json]:
        return [
            {"at": row["at"], "place": row["place"], "problems": json.loads(row["problems"])}
            for row in self.rows("SELECT * FROM violations ORDER BY seq")
        ]


def _loads(text: str) -> Json:
    body: Json = json.loads(text)
    return body
