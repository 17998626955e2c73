"""Forced interleavings: a rival does its work at exactly the point that the test names.

A point is a function of the shop, by its full name. ``let_in`` runs the rival there, on a thread
of its own, either to its end or until it waits for what the first one holds; ``meet`` lets two go
on together once both are there. Nothing is left to luck, and nothing waits for ever.

Where SQLite's one writer is at work the rival can only wait; on PostgreSQL it waits for a row, or
not at all. So a test says which it expects, and a rival that does otherwise fails it.
"""

import functools
import itertools
import pkgutil
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any

import pytest

LIMIT = 60.0  # seconds in which everything must have happened
A_WHILE = 0.25  # seconds after which one who has not come back is waiting


class NotAsPlanned(AssertionError):
    """The two did not meet as the test meant them to; it has shown nothing."""


class Rival:
    """What somebody else does in the middle of it, and what came of that."""

    def __init__(self, work: Callable[[], Any], *, waits: bool, nth: int) -> None:
        self._work, self._waits = work, waits
        self._comes, self._nth = itertools.count(1), nth
        self._let_in = False
        self._done: Future[Any] = Future()

    def go(self) -> None:
        """Work until done, or waiting; once, when the *nth* comes by."""
        if next(self._comes) != self._nth:
            return
        self._let_in = True
        threading.Thread(target=self._run, name="rival", daemon=True).start()
        came_back = bool(wait_for([self._done], A_WHILE if self._waits else LIMIT).done)
        if came_back is self._waits:
            raise NotAsPlanned("the rival did not wait" if came_back else "the rival waits")

    def _run(self) -> None:
        try:
            self._done.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - handed to the test by result()
            self._done.set_exception(error)

    def result(self) -> Any:
        """Return what the rival's work returned, or raise what it raised."""
        if not self._let_in:
            raise NotAsPlanned("nobody came to the point where the rival was to be let in")
        return self._done.result(LIMIT)


def let_in(
    patch: pytest.MonkeyPatch,
    point: str,
    work: Callable[[], Any],
    *,
    after: bool = False,
    waits: bool = False,
    nth: int = 1,
) -> Rival:
    """Let *work* be done by another when somebody first (or for the *nth* time) comes to *point*:
    before its body, or *after* it. *waits*: it is expected to wait for the one who came, who goes
    on meanwhile.
    """
    original, rival = pkgutil.resolve_name(point), Rival(work, waits=waits, nth=nth)

    @functools.wraps(original)
    def interrupted(*given: Any, **named: Any) -> Any:
        if not after:
            rival.go()
        result = original(*given, **named)
        if after:
            rival.go()
        return result

    patch.setattr(point, interrupted)
    return rival


def meet(patch: pytest.MonkeyPatch, point: str, *, parties: int = 2) -> None:
    """Let nobody past *point* until *parties* are there; who comes after them just passes."""
    original, door = pkgutil.resolve_name(point), threading.Barrier(parties)
    places = threading.Semaphore(parties)

    @functools.wraps(original)
    def together(*given: Any, **named: Any) -> Any:
        if places.acquire(blocking=False):
            try:
                door.wait(LIMIT)
            except threading.BrokenBarrierError:
                raise NotAsPlanned(f"not everybody came to {point}") from None
        return original(*given, **named)

    patch.setattr(point, together)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do all *works* at the same time; return what each returned, or raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [_outcome(future) for future in [pool.submit(work) for work in works]]


def _outcome(future: Future[Any]) -> Any:
    try:
        return future.result(LIMIT)
    except NotAsPlanned:
        raise
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error
