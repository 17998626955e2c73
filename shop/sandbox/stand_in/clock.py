"""The stand-in's time, which tests may move."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from shop.sandbox.stand_in.store import Store


class Clock:
    """Real time plus an offset, or standing still. Kept in the store, so it outlives a restart.

    Signatures do not use it: whoever checks one compares with the wall clock.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moment: float | None = None
        self.load()

    @contextmanager
    def as_of(self, at: float) -> Iterator[None]:
        """What was due at *at* happens now, and yet at its own time."""
        self._moment = at
        try:
            yield
        finally:
            self._moment = None

    def load(self) -> None:
        state = self._store.setting("clock") or {}
        self._offset: float = state.get("offset", 0.0)
        self._frozen: float | None = state.get("frozen")

    def exact(self) -> float:
        """Seconds since 1970, with fractions."""
        if self._moment is not None:
            return self._moment
        return time.time() + self._offset if self._frozen is None else self._frozen

    def now(self) -> int:
        """Whole seconds since 1970, as Stripe's timestamps are."""
        return int(self.exact())

    def advance(self, seconds: float) -> None:
        if self._frozen is None:
            self._offset += seconds
        else:
            self._frozen += seconds
        self._keep()

    def set(self, at: float) -> None:
        self._offset = at - time.time()
        self._frozen = at if self._frozen is not None else None
        self._keep()

    def freeze(self, *, frozen: bool) -> None:
        now = self.exact()
        self._offset = now - time.time()
        self._frozen = now if frozen else None
        self._keep()

    def _keep(self) -> None:
        with self._store.transaction():
            self._store.set_setting("clock", {"offset": self._offset, "frozen": self._frozen})
