"""Where a process can be killed without strace: named points, counted in the process itself.

Before each statement that changes something, before and after each commit, before each send and
after each answer, before and after each file is safe. What strace sees inside a commit, page by
page, is not seen here.
"""

import http.client
import mmap
import os
import signal
import smtplib
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

COUNTING, COUNT, DEADLY = range(3)
SIZE = 24


class Tally:
    """Three numbers in a file that two processes share: whether to count, how far, where to die."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)
        self._lock = threading.Lock()

    def get(self, which: int) -> int:
        return int(struct.unpack_from("q", self._map, which * 8)[0])

    def set(self, which: int, value: int) -> None:
        struct.pack_into("q", self._map, which * 8, value)

    def arm(self, deadly: int = 0) -> None:
        """Count from here; die at the *deadly*-th point, at none if 0."""
        self.set(COUNT, 0)
        self.set(DEADLY, deadly)
        self.set(COUNTING, 1)

    def disarm(self) -> int:
        """Stop counting and say how many points there were."""
        self.set(COUNTING, 0)
        return self.get(COUNT)

    def pass_by(self) -> None:
        with self._lock:
            if not self.get(COUNTING):
                return
            self.set(COUNT, self.get(COUNT) + 1)
            if self.get(COUNT) == self.get(DEADLY):
                os.kill(os.getpid(), signal.SIGKILL)


def install(path: Path) -> None:
    """Make this process count, in the file at *path*, and die where it says."""
    from sqlalchemy import Engine, event
    from sqlalchemy.engine.default import DefaultDialect

    tally = Tally(path)

    def around(owner: Any, name: str, *, before: bool = False, after: bool = False) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def counted(*given: Any, **named: Any) -> Any:
            if before:
                tally.pass_by()
            answer = original(*given, **named)
            if after:
                tally.pass_by()
            return answer

        setattr(owner, name, counted)

    @event.listens_for(Engine, "before_cursor_execute")
    def statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            tally.pass_by()

    around(DefaultDialect, "do_commit", before=True, after=True)
    around(http.client.HTTPConnection, "connect", before=True)
    around(http.client.HTTPConnection, "send", before=True)
    around(http.client.HTTPConnection, "getresponse", after=True)
    around(smtplib.SMTP, "send", before=True)
    around(smtplib.SMTP, "getreply", after=True)
    around(os, "fsync", before=True, after=True)
    around(os, "replace", before=True, after=True)
