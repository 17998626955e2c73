"""The shop's till, with named points where it can die, or where others come in between."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.payments.gateway import StripeGateway

Answer = TypeVar("Answer")
BEFORE_COMMIT, AFTER_COMMIT = "before the commit", "after the commit"
BEFORE_CALL, AFTER_CALL = "before the call", "after the call"
POINTS = (BEFORE_COMMIT, AFTER_COMMIT, BEFORE_CALL, AFTER_CALL)
OUTSIDE = (AFTER_COMMIT, BEFORE_CALL, AFTER_CALL)  # no transaction is open there


class Killed(BaseException):
    """The shop dies here: what it had open is undone. No handler of the shop's may stop it."""


def die() -> None:
    raise Killed


class Fuse:
    """Does something once, when one of its points is reached for the nth time."""

    def __init__(self) -> None:
        self._at: dict[str, tuple[int, Callable[[], None]]] = {}

    def lay(self, point: str, nth: int, then: Callable[[], None]) -> None:
        self._at[point] = nth, then

    def clear(self) -> None:
        self._at.clear()

    def reach(self, point: str) -> None:
        if point not in self._at:
            return
        left, then = self._at.pop(point)
        if left > 1:
            self._at[point] = left - 1, then
        else:
            then()


class MortalSessions(Sessions):
    def __init__(self, engine: Engine, fuse: Fuse) -> None:
        super().__init__(engine, one_at_a_time=True)
        self._fuse = fuse

    @contextmanager
    def begin(self) -> Iterator[Session]:
        with super().begin() as db:
            yield db
            self._fuse.reach(BEFORE_COMMIT)
        self._fuse.reach(AFTER_COMMIT)

    def aside(self) -> AbstractContextManager[Session]:
        """Begin what the play asks or does itself: no part of the shop, and nobody dies in it."""
        return super().begin()


class MortalGateway(StripeGateway):
    """The gateway as it is; only who waits for its answer can die before or after it."""

    def __init__(self, fuse: Fuse, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._fuse = fuse

    def _repeated(self, call: Callable[[], Answer]) -> Answer:
        self._fuse.reach(BEFORE_CALL)
        answer = super()._repeated(call)
        self._fuse.reach(AFTER_CALL)
        return answer
