"""The migrations and the models say the same, on both databases, there and back."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from shop.kit.db import Sessions, is_sqlite, write_engine
from shop.kit.migrations import BrokenReferences, downgrade, migrate, migration_config
from shop.kit.schema import (
    FOLDER,
    has_newest_schema,
    is_current,
    newest_revision,
    wait_until_current,
)
from shop.models import Base
from tests.support import Shelf, on_both_databases


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database with nothing in it, not even a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
        yield f"{server}/empty"
        connection.execute("DROP DATABASE empty WITH (FORCE)")


def described(url: str) -> dict[str, Any]:
    """Return every table with its columns, keys, checks and indexes, by name."""
    engine = write_engine(url)
    found = inspect(engine)
    tables = {
        name: {
            "columns": {column["name"]: column["nullable"] for column in found.get_columns(name)},
            "primary key": found.get_pk_constraint(name)["constrained_columns"],
            "checks": sorted(str(check["name"]) for check in found.get_check_constraints(name)),
            "foreign keys": sorted(
                (key["constrained_columns"][0], key["referred_table"])
                for key in found.get_foreign_keys(name)
            ),
            "unique": sorted(
                sorted(unique["column_names"]) for unique in found.get_unique_constraints(name)
            ),
            "indexes": sorted(
                (str(index["name"]), bool(index["unique"]))
                for index in found.get_indexes(name)
                if not index.get("duplicates_constraint")
            ),
        }
        for name in found.get_table_names()
    }
    engine.dispose()
    return tables


def test_the_models_ask_for_nothing_more(empty: str) -> None:
    migrate(empty)
    with migration_config(empty) as config:
        command.check(config)  # raises with the differences
    engine = write_engine(empty)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_there_and_back_and_there_again(empty: str) -> None:
    migrate(empty)
    there = described(empty)
    assert len(there) > 30
    downgrade(empty, "base")
    assert set(described(empty)) == {"alembic_version"}
    migrate(empty)
    assert described(empty) == there
    migrate(empty)  # a second start changes nothing
    assert described(empty) == there


def test_both_databases_have_the_same_shape(db_url: str, postgres_server: str) -> None:
    assert described(db_url) == described(f"{postgres_server}/template_shop")


def test_the_models_would_make_the_same_to_the_letter(db_url: str, tmp_path: Path) -> None:
    """Alembic compares names; this compares what each check and each partial index says."""
    made = f"sqlite:///{tmp_path / 'made.db'}"
    engine = write_engine(made)
    Base.metadata.create_all(engine)
    engine.dispose()
    assert rules(made) == rules(db_url)


def rules(url: str) -> set[tuple[str, str, str]]:
    """Return each check and each index of an SQLite database with its own words."""
    indexes = rows(url, "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index'")
    engine = write_engine(url)
    found = inspect(engine)
    checks = {
        (table, str(check["name"]), check["sqltext"])
        for table in found.get_table_names()
        for check in found.get_check_constraints(table)
    }
    engine.dispose()
    return checks | {(table, name, sql or "") for table, name, sql in indexes if sql}


def test_a_migration_that_leaves_rows_pointing_at_nothing_is_undone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    migrate(url)

    def break_it() -> None:
        with migration_config(url) as config:
            connection: Connection = config.attributes["connection"]
            connection.execute(
                text("INSERT INTO price_changes (variant_id, amount, at) VALUES (77, 1, '2026')")
            )

    with pytest.raises(BrokenReferences):
        break_it()
    assert rows(url, "SELECT count(*) FROM price_changes") == [(0,)]


@on_both_databases
def test_a_shop_without_its_tables_says_so(db_url: str, sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert is_current(db.connection())
        db.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        assert not is_current(db.connection())
        db.execute(text("DELETE FROM alembic_version"))
        assert not is_current(db.connection())


def test_the_newest_revision_is_where_alembic_arrives() -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_heads() == [newest_revision()]


def test_who_starts_the_shop_knows_whether_there_is_something_to_migrate(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    assert not has_newest_schema(url)  # there is nothing yet
    migrate(url, f"{int(newest_revision()) - 1:04}")
    assert not has_newest_schema(url)
    migrate(url)
    assert has_newest_schema(url)


def test_who_serves_waits_until_there_are_tables(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait_until_current, url, silence=0.1)
        time.sleep(0.3)
        assert not waiting.done()
        migrate(url)
        waiting.result(timeout=10)
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("shop.schema", "WARNING")  # once
    ]
    assert "shop migrate" in caplog.text


# --- what the database itself refuses -------------------------------------------------------------

ORDER: dict[str, Any] = {
    "number": 1001,
    "status": "pending",
    "locale": "sv",
    "cart_id": "c",
    "placed_at": "2026-11-23 11:00:00",
    "email": "anna@example.se",
    "name": "Anna Ek",
    "address": "x",
    "postal_code": "x",
    "city": "x",
    "country": "SE",
    "phone": "",
    "shipping_method": "letter",
    "dispatch_by": "2026-11-25",
    "currency": "SEK",
    "subtotal_amount": 24500,
    "discount_amount": 0,
    "shipping_amount": 3600,
    "shipping_vat_amount": 720,
    "vat_amount": 5620,
    "total_amount": 28100,
}
ATTEMPT: dict[str, Any] = {
    "order_id": 1,
    "status": "open",
    "request": "{}",
    "fingerprint": "f",
    "amount": 28100,
    "currency": "SEK",
    "created_at": "2026-11-23 11:00:00",
    "expires_at": "2026-11-23 11:35:00",
    "payment_method": "",
}
LINE: dict[str, Any] = {
    "order_id": 1,
    "variant_id": 1,
    "quantity": 1,
    "from_stock": True,
    "name": "Räven",
    "sku": "x",
    "currency": "SEK",
    "price_amount": 24500,
    "vat_rate_bp": 2500,
    "vat_amount": 4900,
}
MAIL: dict[str, Any] = {
    "kind": "order_confirmation",
    "subject_id": 1,
    "recipient": "anna@example.se",
    "locale": "sv",
    "status": "queued",
    "queued_at": "2026-11-23 11:00:00",
    "due_at": "2026-11-23 11:00:00",
    "tries": 0,
}
MOVEMENT = {"variant_id": 1, "reason": "counted", "by": "owner", "at": "2026-11-23 11:00:00"}
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "type": "x",
    "object_id": "x",
    "payload": "{}",
    "received_at": "2026-11-23 11:00:00",
    "tries": 0,
}
Deed = str | tuple[str, dict[str, Any]]
REFUSED: dict[str, Deed] = {
    "more promised than there is": "UPDATE stock_levels SET reserved = 2",
    "less than nothing promised": "UPDATE stock_levels SET reserved = -1",
    "less than nothing on hand": "UPDATE stock_levels SET on_hand = -1",
    "a movement of nothing": ("stock_movements", MOVEMENT | {"delta": 0}),
    "a movement for no reason": ("stock_movements", MOVEMENT | {"delta": 1, "reason": "lost"}),
    "two pending orders of one cart": ("orders", ORDER | {"number": 1002}),
    "two orders of one number": ("orders", ORDER | {"cart_id": "d"}),
    "an order in no known state": ("orders", ORDER | {"number": 3, "status": "lost"}),
    "a total that does not add up": "UPDATE orders SET total_amount = 28099",
    "a total below nothing": "UPDATE orders SET discount_amount = 30000, total_amount = -1900",
    "more VAT than money": "UPDATE orders SET vat_amount = 28101",
    "VAT below nothing": "UPDATE orders SET vat_amount = -1",
    "two live attempts of one order": ("payment_attempts", ATTEMPT | {"id": "b"}),
    "two paid attempts of one order": (
        "payment_attempts",
        ATTEMPT | {"id": "b", "order_id": 2, "status": "paid"},
    ),
    "one session for two attempts": (
        "payment_attempts",
        ATTEMPT | {"id": "b", "status": "expired", "session_id": "cs_1"},
    ),
    "an attempt in no known state": "UPDATE payment_attempts SET status = 'lost'",
    "an attempt of no order": ("payment_attempts", ATTEMPT | {"id": "b", "order_id": 99}),
    "two mails of a kind and subject": ("outbox", MAIL | {"message_id": "b"}),
    "two mails of one name": ("outbox", MAIL | {"message_id": "a", "subject_id": 2}),
    "a mail in no known state": "UPDATE outbox SET status = 'lost'",
    "a line of nothing": "UPDATE order_lines SET quantity = 0",
    "a line for nothing": "UPDATE order_lines SET price_amount = 0",
    "a line of no order": ("order_lines", LINE | {"order_id": 99}),
    "a line of no variant": ("order_lines", LINE | {"variant_id": 99}),
    "a product of no known kind": "UPDATE products SET kind = 'lost'",
    "a product that weighs nothing": "UPDATE products SET weight_g = 0",
    "a price of nothing": "UPDATE variants SET price_amount = 0",
    "a bought variant taken away": "DELETE FROM variants",
    "two variants of one number": (
        "variants",
        {"product_id": 1, "position": 1, "sku": "SKU-1-raven", "options": ""},
    ),
    "a rate of everything": "UPDATE vat_rates SET rate_bp = 10000",
    "postage below nothing": "UPDATE shipping_rates SET amount = -1",
    "an event twice": ("provider_events", EVENT),
}
ALLOWED: dict[str, Deed] = {
    "another cart's pending order": ("orders", ORDER | {"number": 1002, "cart_id": "d"}),
    "a second order of the cart, given up": (
        "orders",
        ORDER | {"number": 1002, "status": "cancelled"},
    ),
    "a new attempt after an expired one": (
        "payment_attempts",
        ATTEMPT | {"id": "z", "order_id": 2},
    ),
    "another mail on the same order": ("outbox", MAIL | {"kind": "dispatch", "message_id": "b"}),
}


@on_both_databases
def test_what_must_never_be_the_database_refuses_too(sessions: Sessions, shelf: Shelf) -> None:
    """Each one alone, in a transaction that is undone: the code may have a hole, this has none."""
    shelf.add("raven", on_hand=1)
    with sessions.engine.begin() as connection:
        for table, values in (
            ("orders", ORDER),
            ("orders", ORDER | {"number": 900, "cart_id": "e", "status": "expired"}),
            ("payment_attempts", ATTEMPT | {"id": "a", "session_id": "cs_1"}),
            ("payment_attempts", ATTEMPT | {"id": "y", "order_id": 2, "status": "paid"}),
            ("order_lines", LINE),
            ("outbox", MAIL | {"message_id": "a"}),
            ("provider_events", EVENT),
        ):
            insert(connection, table, values)
    accepted = [name for name, deed in REFUSED.items() if not refused(sessions.engine, deed)]
    assert accepted == []
    wrongly = [name for name, deed in ALLOWED.items() if refused(sessions.engine, deed)]
    assert wrongly == []


def refused(engine: Engine, deed: Deed) -> bool:
    with engine.connect() as connection:
        try:
            if isinstance(deed, str):
                connection.execute(text(deed))
            else:
                insert(connection, *deed)
        except IntegrityError:
            return True
        finally:
            connection.rollback()
    return False


def insert(connection: Connection, table: str, values: dict[str, Any]) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own
    connection.execute(text(statement), values)


def rows(url: str, query: str) -> list[Any]:
    engine = create_engine(url) if not is_sqlite(url) else write_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


@on_both_databases
def test_every_table_can_be_read_and_every_foreign_key_has_an_index(sessions: Sessions) -> None:
    """Without one, a delete or a join reads the whole table."""
    found = inspect(sessions.engine)
    bare = []
    for table in found.get_table_names():
        indexed = {index["column_names"][0] for index in found.get_indexes(table)}
        indexed |= {unique["column_names"][0] for unique in found.get_unique_constraints(table)}
        indexed |= set(found.get_pk_constraint(table)["constrained_columns"][:1])
        bare += [
            f"{table}.{key['constrained_columns'][0]}"
            for key in found.get_foreign_keys(table)
            if key["constrained_columns"][0] not in indexed
        ]
    assert bare == []


def test_migrating_is_done_once_at_a_time(empty: str) -> None:
    """Two processes that start together: one migrates, the other finds it done."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(migrate, empty) for _ in range(2)]:
            done.result(60)
    assert rows(empty, "SELECT last FROM number_series") == [(1000,)]
