"""Everything one running stand-in consists of, handed around as one thing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shop.sandbox.stand_in.clock import Clock
from shop.sandbox.stand_in.deliveries import Deliveries
from shop.sandbox.stand_in.errors import GuardBreach
from shop.sandbox.stand_in.faults import Faults
from shop.sandbox.stand_in.guard import Guard, the_guard
from shop.sandbox.stand_in.spec import Spec, the_spec
from shop.sandbox.stand_in.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cause:
    """Who makes something happen: a request to the API, or a page, the clock or a test.

    Only the API's requests have an id and perhaps an idempotency key; events carry both.
    """

    by: str
    request: str | None = None
    idempotency_key: str | None = None


@dataclass
class World:
    """One stand-in. *base_url* is where its own pages are, without a slash at the end."""

    store: Store
    clock: Clock
    spec: Spec
    guard: Guard
    deliveries: Deliveries
    faults: Faults
    wait_for_webhook: float
    base_url: str = ""
    cause: Cause = field(default_factory=lambda: Cause("start"))

    @contextmanager
    def acting(self, cause: Cause) -> Iterator[None]:
        """A transaction whose log lines and events name *cause*; then deliveries go out.

        Nothing in it may wait: it runs on the event loop, alone.
        """
        self.cause = cause
        with self.store.transaction():
            yield
        self.deliveries.wake()

    def log(self, what: str, **details: object) -> None:
        """Add a line to the log, inside the transaction that makes it true."""
        self.store.write_log(self.clock.exact(), what, {"by": self.cause.by, **details})

    def blame(self, breach: GuardBreach) -> None:
        """Keep a breach of the specification by the stand-in itself, for tests to fail on."""
        logger.error("The stand-in broke Stripe's specification: %s", breach)
        with self.store.transaction():
            self.store.add_violation(self.clock.exact(), breach.where, breach.problems)

    def reset(self) -> None:
        """Forget everything, endpoints, faults and deliveries on their way included."""
        self.deliveries.forget()
        self.store.reset()
        self.faults.clear()
        self.clock.load()


def open_world(db: Path | str, *, wait_for_webhook: float, schedule: str) -> World:
    store = Store(db)
    clock = Clock(store)
    spec = the_spec()
    return World(
        store=store,
        clock=clock,
        spec=spec,
        guard=the_guard(),
        deliveries=Deliveries(store, clock, schedule),
        faults=Faults(),
        wait_for_webhook=wait_for_webhook,
    )
