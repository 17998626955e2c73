"""Bringing events to webhook endpoints: a task of its own, never part of a request.

Each attempt carries the same bytes with a fresh timestamp and signature. Only 2xx counts.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import re
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from shop.sandbox.stand_in.clock import Clock
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.post import BadAnswer, post
from shop.sandbox.stand_in.store import Store

logger = logging.getLogger(__name__)

_MINUTE, _HOUR = 60.0, 3600.0
# Seconds from each failed attempt to the next. Stripe publishes "up to three days" with an
# exponential back-off for live and three times over a few hours for sandboxes, not the steps.
SCHEDULES: dict[str, tuple[float, ...]] = {
    "fast": (0.05, 0.2),
    "sandbox": (_HOUR, 3 * _HOUR),
    "live": (5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, *(12 * _HOUR,) * 5),
}
TIMEOUT = 10.0
AT_ONCE = 8


@dataclass
class Mode:
    """A rule of a test about deliveries whose event type matches *types*.

    *mode*: hold (until released), drop (never sent, stays undelivered), duplicate (sent *n* times),
    wrong_secret (signed with another secret). *times*: how many deliveries it touches, None: all.
    """

    mode: str
    types: str = ".*"
    n: int = 2
    times: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in {"hold", "drop", "duplicate", "wrong_secret"}:
            raise ValueError(f"There is no webhook mode {self.mode!r}.")
        re.compile(self.types)

    def matches(self, kind: str) -> bool:
        return self.times != 0 and re.fullmatch(self.types, kind) is not None

    def use(self) -> None:
        if self.times is not None:
            self.times -= 1


class Deliveries:
    """Delivery rows and the task that works them off."""

    def __init__(self, store: Store, clock: Clock, schedule: str) -> None:
        self._store = store
        self._clock = clock
        self._delays = SCHEDULES[schedule]
        # In tests a frozen or moved clock must not stop the retries that take milliseconds.
        self._now = time.time if schedule == "fast" else clock.exact
        self._modes: list[Mode] = []
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()

    # -- what requests do ----------------------------------------------------------------------

    def add(self, event: str, kind: str, endpoint: str, body: bytes) -> None:
        """A delivery for now; part of the caller's transaction."""
        self._store.run(
            "INSERT INTO deliveries (event, type, endpoint, body, state, due_at)"
            " VALUES (?, ?, ?, ?, 'pending', ?)",
            event,
            kind,
            endpoint,
            body,
            self._now(),
        )

    def missing(self, event: str) -> int:
        """How many endpoints have not taken the event."""
        return len(self._of(event, "AND state <> 'succeeded'"))

    def wake(self) -> None:
        """Look for work; called after a commit."""
        self._wake.set()

    async def first_success(self, event: str, within: float) -> None:
        """Wait until one endpoint has taken the event, or none is left that might."""

        def settled() -> bool:
            states = [row["state"] for row in self._of(event)]
            return "succeeded" in states or "pending" not in states

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._progress:
                await self._progress.wait_for(settled)

    # -- what tests do -------------------------------------------------------------------------

    def set_mode(self, mode: Mode) -> None:
        self._modes.append(mode)

    def clear_modes(self, mode: str | None = None) -> None:
        """End every rule, or those of one mode; what was held goes out."""
        self._modes = [rule for rule in self._modes if mode not in (None, rule.mode)]
        self.wake()

    def redeliver(self, event: str) -> int:
        """Send an event again, even to those who have taken it; the number of deliveries."""
        count = self._store.run(
            "UPDATE deliveries SET state = 'pending', due_at = ? WHERE event = ?",
            self._now(),
            event,
        )
        self.wake()
        return count

    def report(self) -> Json:
        """The rules in force, and every delivery with its attempts, oldest first."""
        rows = self._store.rows(
            "SELECT id, event, type, endpoint, state, attempts, due_at FROM deliveries ORDER BY id"
        )
        deliveries = [dict(row) | {"tries": self._tries(row["id"])} for row in rows]
        return {"modes": [asdict(mode) for mode in self._modes], "deliveries": deliveries}

    def forget(self) -> None:
        """Drop what is on its way; the caller empties the tables."""
        for task in self._sending.values():
            task.cancel()
        self._sending.clear()
        self._modes.clear()

    # -- the task ------------------------------------------------------------------------------

    async def work(self) -> None:
        """Run for as long as the server runs."""
        while True:
            self._wake.clear()
            for row in self._due():
                task = asyncio.create_task(self._deliver(row))
                self._sending[row["id"]] = task
                task.add_done_callback(partial(self._done, row["id"]))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()

    def _done(self, key: int, task: asyncio.Task[None]) -> None:
        if self._sending.get(key) is task:
            del self._sending[key]
        if not task.cancelled() and task.exception():
            logger.error("A delivery ended in an error.", exc_info=task.exception())
        self.wake()

    def _due(self) -> list[Json]:
        rows = self._store.rows(
            "SELECT * FROM deliveries WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, id",
            self._now(),
        )
        free = AT_ONCE - len(self._sending)
        waiting = [dict(row) for row in rows if row["id"] not in self._sending]
        return [row for row in waiting if not self._rule("hold", row["type"])][: max(free, 0)]

    def _pause(self) -> float:
        """Seconds until the next delivery is due; at most one, since the clock may be moved."""
        row = self._store.row(
            "SELECT min(due_at) AS due FROM deliveries WHERE state = 'pending' AND due_at > ?",
            self._now(),
        )
        wait = 1.0 if row is None or row["due"] is None else row["due"] - self._now()
        return min(max(wait, 0.001), 1.0)

    async def _deliver(self, row: Json) -> None:
        if self._use("drop", row["type"]):
            await self._keep(row, "dropped")
            return
        endpoint = self._store.find(row["endpoint"], "webhook_endpoint")
        if endpoint is None or endpoint["status"] != "enabled":
            await self._keep(row, "failed")
            return
        duplicate = self._use("duplicate", row["type"])
        wrong = self._use("wrong_secret", row["type"]) is not None
        results = [
            await self._attempt(row, endpoint, wrong=wrong)
            for _ in range(duplicate.n if duplicate else 1)
        ]
        await self._conclude(row, taken=any(results))

    async def _attempt(self, row: Json, endpoint: Json, *, wrong: bool) -> bool:
        secrets = self._store.private(endpoint["id"])["secrets"]
        live = [s["secret"] for s in secrets if s["until"] is None or s["until"] > self._now()]
        signed_by = ["whsec_of_somebody_else"] if wrong else live
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (stand-in)",
            "Stripe-Signature": signature(row["body"], signed_by, int(time.time())),
        }
        began = time.monotonic()
        status, problem = None, None
        try:
            status = await post(endpoint["url"], row["body"], headers, TIMEOUT)
        except (OSError, TimeoutError, BadAnswer) as error:
            problem = f"{type(error).__name__}: {error}"
        with self._store.transaction():
            self._store.run(
                "INSERT INTO delivery_attempts (delivery, at, status, problem, milliseconds)"
                " VALUES (?, ?, ?, ?, ?)",
                row["id"],
                self._now(),
                status,
                problem,
                round((time.monotonic() - began) * 1000),
            )
        return status is not None and 200 <= status < 300  # noqa: PLR2004 - 2xx

    async def _conclude(self, row: Json, *, taken: bool) -> None:
        attempts = row["attempts"] + 1
        if taken:
            await self._keep(row, "succeeded", attempts)
        elif attempts > len(self._delays):
            await self._keep(row, "failed", attempts)
        else:
            await self._keep(row, "pending", attempts, self._now() + self._delays[attempts - 1])

    async def _keep(
        self, row: Json, state: str, attempts: int | None = None, due_at: float | None = None
    ) -> None:
        with self._store.transaction():
            self._store.run(
                "UPDATE deliveries SET state = ?, attempts = coalesce(?, attempts),"
                " due_at = coalesce(?, due_at) WHERE id = ?",
                state,
                attempts,
                due_at,
                row["id"],
            )
        async with self._progress:
            self._progress.notify_all()

    def _rule(self, mode: str, kind: str) -> Mode | None:
        return next((r for r in self._modes if r.mode == mode and r.matches(kind)), None)

    def _use(self, mode: str, kind: str) -> Mode | None:
        rule = self._rule(mode, kind)
        if rule:
            rule.use()
        return rule

    def _of(self, event: str, more: str = "") -> list[Any]:
        return self._store.rows(f"SELECT state FROM deliveries WHERE event = ? {more}", event)  # noqa: S608 - *more* is from this file

    def _tries(self, delivery: int) -> list[Json]:
        rows = self._store.rows(
            "SELECT at, status, problem, milliseconds FROM delivery_attempts"
            " WHERE delivery = ? ORDER BY id",
            delivery,
        )
        return [dict(row) for row in rows]


def signature(body: bytes, secrets: list[str], at: int) -> str:
    """The Stripe-Signature header: a timestamp, and one v1 for each secret.

    A v0 goes along, as Stripe's test mode sends one: whoever checks must not count it.
    """
    signed = f"{at}.".encode() + body
    parts = [f"v1={hmac.new(s.encode(), signed, hashlib.sha256).hexdigest()}" for s in secrets]
    fake = hashlib.sha256(signed).hexdigest()
    return ",".join([f"t={at}", *parts, f"v0={fake}"])
