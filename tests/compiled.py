"""What every test's shop would compile anew, in half of its time: its templates and statements.

A shop that is served keeps both for as long as it lives, and so does a process of the tests.
"""

from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any

import pytest
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from shop.kit.templating import Templates


class CompiledTemplates(BytecodeCache):
    """In memory, and apart for pages and for plain text."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, object], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.environment.autoescape))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.environment.autoescape] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def templates_stay_compiled() -> Iterator[None]:
    make_environment = partial(Templates, bytecode_cache=CompiledTemplates())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shop.kit.templating.Templates", make_environment)
        yield


@pytest.fixture(scope="session", autouse=True)
def statements_stay_compiled() -> Iterator[None]:
    """Have the engines of one kind of database know each other's statements. SQLAlchemy keeps them
    by the dialect, of which each engine has its own; here all of a kind are the same one.
    """
    kept: dict[Any, Any] = {}
    make_engine = partial(create_engine, execution_options={"compiled_cache": kept})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shop.kit.db.create_engine", make_engine)
        for dialect in SQLiteDialect_pysqlite, PGDialect_psycopg:
            patch.setattr(dialect, "__hash__", lambda one: hash(one.name))
            patch.setattr(dialect, "__eq__", lambda one, other: one.name == other.name)
        yield
