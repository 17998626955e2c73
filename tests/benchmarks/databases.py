"""Empty databases as a shop would have them: on the disk, and safe from a power cut."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.benchmarks.machine import also_ours
from tests.postgres import postgresql, server_programs


class NotInstalled(Exception):
    """PostgreSQL is not here."""


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Callable[[str], str]]:
    """Yield a function that makes an empty database and returns its URL."""
    if kind == "sqlite":
        yield lambda name: f"sqlite:///{folder / name}.db"
        return
    programs = server_programs()
    if programs is None:
        raise NotInstalled
    with (
        postgresql(programs, durable=True) as server,
        psycopg.connect(f"{server}/postgres", autocommit=True) as connection,
    ):
        first = connection.execute("SHOW data_directory").fetchone()
        assert first is not None
        postmaster = int((Path(first[0]) / "postmaster.pid").read_text().split("\n", 1)[0])
        also_ours.add(postmaster)

        def new(name: str) -> str:
            connection.execute(f'CREATE DATABASE "{name}"')
            return f"{server}/{name}"

        try:
            yield new
        finally:
            also_ours.discard(postmaster)
