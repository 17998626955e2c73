"""Bringing events to webhook endpoints: a task of its own, never part of a request.

Each attempt carries the same bytes with a fresh timestamp and signature. Only 2xx counts.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from shop.sandbox.stand_in.clock import Clock
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.modes import Mode
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
        self._turns: list[int] = []  # sent one after the other, whatever else goes on
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()

    # -- what requests do ----------------------------------------------------------------------

    def add(self, event: str, kind: str, endpoint: str, body: bytes) -> None:
        """A delivery for now; part of the caller's transaction."""
        delay = self._use("delay", kind)
        self._store.run(
            "INSERT INTO deliveries (event, type, endpoint, body, state, due_at, not_before)"
            " VALUES (?, ?, ?, ?, 'pending', ?, ?)",
            event,
            kind,
            endpoint,
            body,
            self._now(),
            self._clock.exact() + delay.seconds if delay else 0.0,
        )

    def doubled(self, kind: str) -> bool:
        """Whether a second event is to tell of the same change."""
        return self._use("second_event", kind) is not None

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
            async with asyncio.timeout(within):
                while not settled():
                    self._progress.clear()
                    await self._progress.wait()

    # -- what tests do -------------------------------------------------------------------------

    def set_mode(self, mode: Mode) -> None:
        self._modes.append(mode)

    def clear_modes(self, mode: str | None = None) -> None:
        """End every rule, or those of one mode; what was held goes out."""
        self._modes = [rule for rule in self._modes if mode not in (None, rule.mode)]
        self.wake()

    def flush(self) -> int:
        """Send what the shuffles have collected, each in its order; how many there are."""
        rows = self._ready(lambda kind: not self._rule("hold", kind))
        collected: dict[int, list[Json]] = {}
        for row in rows:
            rule = self._rule("shuffle", row["type"])
            if rule:
                collected.setdefault(self._modes.index(rule), []).append(row)
        turns = [
            row["id"] for place, group in collected.items()
            for row in self._modes[place].shuffled(group)
        ]  # fmt: skip
        self._turns += turns
        self.wake()
        return len(turns)

    def take(self) -> list[Json]:
        """Hand over what is due instead of sending it, held or not; each once.

        The other rules are followed: what is dropped is left out, duplicates come several times,
        the order is shuffled among those that a shuffle matches.
        """
        taken: list[Json] = []
        with self._store.transaction():
            for row in self._in_shuffled_order(self._ready(lambda _: True)):
                taken += self._take_one(row)
        return taken

    def answered(self, delivery: int, status: int) -> None:
        """What the shop has answered to a delivery that was taken; KeyError when it was not."""
        row = self._store.row("SELECT * FROM deliveries WHERE id = ?", delivery)
        if row is None or row["state"] != "taken":
            raise KeyError(f"Delivery {delivery} has not been taken.")
        with self._store.transaction():
            self._record(row["id"], status, None, 0)
            self._conclude(dict(row), taken=_is_success(status))

    def redeliver(self, event: str) -> int:
        """Send an event again, even to those who have taken it; the number of deliveries."""
        count = self._store.run(
            "UPDATE deliveries SET state = 'pending', due_at = ?, not_before = 0 WHERE event = ?",
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

    def latest(self, limit: int) -> list[Json]:
        """The newest deliveries, each with the `status` of its last attempt."""
        rows = self._store.rows(
            "SELECT event, type, state, attempts, (SELECT status FROM delivery_attempts a"
            " WHERE a.delivery = deliveries.id ORDER BY a.id DESC LIMIT 1) AS status"
            " FROM deliveries ORDER BY id DESC LIMIT ?",
            limit,
        )
        return [dict(row) for row in rows]

    def forget(self) -> None:
        """Drop what is on its way; the caller empties the tables."""
        for task in self._sending.values():
            task.cancel()
        self._sending.clear()
        self._turns.clear()
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
        if self._turns[:1] == [key]:
            del self._turns[0]
        if not task.cancelled() and task.exception():
            logger.error("A delivery ended in an error.", exc_info=task.exception())
        self.wake()

    def _ready(self, wanted: Callable[[str], bool], most: int | None = None) -> list[Json]:
        """Whose time has come and whose type is wanted, and nobody is bringing; *most* of them.

        Thousands may be kept back: those must not be read each time something can be sent.
        """
        kinds = self._store.rows("SELECT DISTINCT type FROM deliveries WHERE state = 'pending'")
        types = [row["type"] for row in kinds if wanted(row["type"])]
        busy = {*self._sending, *self._turns}
        marks = ", ".join("?" for _ in types)
        rows = self._store.rows(
            "SELECT * FROM deliveries WHERE state = 'pending' AND due_at <= ? AND not_before <= ?"  # noqa: S608 - only marks are put in
            f" AND +type IN ({marks}) ORDER BY due_at, id LIMIT ?",
            self._now(),
            self._clock.exact(),
            *types,
            -1 if most is None else most + len(busy),
        )
        return [dict(row) for row in rows if row["id"] not in busy][:most]

    def _due(self) -> list[Json]:
        """What the task can send now: the first of those that go in turn, and what is not held."""
        free = AT_ONCE - len(self._sending)
        if free <= 0:
            return []
        waiting = self._ready(
            lambda kind: not self._rule("hold", kind) and not self._rule("shuffle", kind), free
        )
        if self._turns and self._turns[0] not in self._sending:
            first = self._store.row("SELECT * FROM deliveries WHERE id = ?", self._turns[0])
            waiting = [*([dict(first)] if first else []), *waiting]
        return waiting[:free]

    def _pause(self) -> float:
        """Seconds until the next delivery is due; at most one, since the clock may be moved."""
        waits = [1.0]
        for column, now in (("due_at", self._now()), ("not_before", self._clock.exact())):
            row = self._store.row(
                f"SELECT min({column}) AS next FROM deliveries"  # noqa: S608 - names from this file
                f" WHERE state = 'pending' AND {column} > ?",
                now,
            )
            if row and row["next"] is not None:
                waits.append(row["next"] - now)
        return max(min(waits), 0.001)

    async def _deliver(self, row: Json) -> None:
        if self._use("drop", row["type"]):
            self._keep(row, "dropped")
            return
        endpoint = self._endpoint(row)
        if endpoint is None:
            self._keep(row, "failed")
            return
        signed = self._signing(row["type"])
        results = [
            await self._attempt(row, endpoint, signed) for _ in range(self._copies(row["type"]))
        ]
        self._conclude(row, taken=any(results))

    def _take_one(self, row: Json) -> list[Json]:
        if self._use("drop", row["type"]):
            self._keep(row, "dropped")
            return []
        endpoint = self._endpoint(row)
        if endpoint is None:
            self._keep(row, "failed")
            return []
        self._keep(row, "taken")
        signed = self._signing(row["type"])
        return [
            {
                "delivery": row["id"],
                "event": row["event"],
                "type": row["type"],
                "url": endpoint["url"],
                "body": row["body"].decode(),
                "headers": self._headers(row, endpoint, signed),
            }
        ] * self._copies(row["type"])

    def _in_shuffled_order(self, rows: list[Json]) -> list[Json]:
        """Each shuffle moves about what it matches; everything else stays in its place."""
        order = list(rows)
        for rule in self._modes:
            if rule.mode == "shuffle":
                places = [
                    i for i, row in enumerate(rows) if self._rule("shuffle", row["type"]) is rule
                ]
                for place, row in zip(
                    places, rule.shuffled([rows[i] for i in places]), strict=True
                ):
                    order[place] = row
        return order

    def _endpoint(self, row: Json) -> Json | None:
        """Where it goes; None when the endpoint is gone or switched off."""
        endpoint = self._store.find(row["endpoint"], "webhook_endpoint")
        return endpoint if endpoint and endpoint["status"] == "enabled" else None

    def _copies(self, kind: str) -> int:
        duplicate = self._use("duplicate", kind)
        return duplicate.n if duplicate else 1

    def _signing(self, kind: str) -> "_Signing":
        old = self._use("old_timestamp", kind)
        return _Signing(
            wrong_secret=self._use("wrong_secret", kind) is not None,
            other_body=self._use("bad_signature", kind) is not None,
            age=old.seconds if old else 0.0,
        )

    def _headers(self, row: Json, endpoint: Json, signed: "_Signing") -> dict[str, str]:
        now = self._clock.exact()
        secrets = self._store.private(endpoint["id"])["secrets"]
        live = [s["secret"] for s in secrets if s["until"] is None or s["until"] > now]
        signed_by = ["whsec_of_somebody_else"] if signed.wrong_secret else live
        body = row["body"] + b" " if signed.other_body else row["body"]
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (stand-in)",
            "Stripe-Signature": signature(body, signed_by, int(time.time() - signed.age)),
        }

    async def _attempt(self, row: Json, endpoint: Json, signed: "_Signing") -> bool:
        headers = self._headers(row, endpoint, signed)
        began = time.monotonic()
        status, problem = None, None
        try:
            status = await post(endpoint["url"], row["body"], headers, TIMEOUT)
        except (OSError, TimeoutError, BadAnswer) as error:
            problem = f"{type(error).__name__}: {error}"
        with self._store.transaction():
            self._record(row["id"], status, problem, round((time.monotonic() - began) * 1000))
        return status is not None and _is_success(status)

    def _record(
        self, delivery: int, status: int | None, problem: str | None, milliseconds: int
    ) -> None:
        self._store.run(
            "INSERT INTO delivery_attempts (delivery, at, status, problem, milliseconds)"
            " VALUES (?, ?, ?, ?, ?)",
            delivery,
            self._now(),
            status,
            problem,
            milliseconds,
        )

    def _conclude(self, row: Json, *, taken: bool) -> None:
        attempts = row["attempts"] + 1
        if taken:
            self._keep(row, "succeeded", attempts)
        elif attempts > len(self._delays):
            self._keep(row, "failed", attempts)
        else:
            self._keep(row, "pending", attempts, self._now() + self._delays[attempts - 1])

    def _keep(
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
        self._progress.set()

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


@dataclass(frozen=True)
class _Signing:
    """What is wrong with the signature of one delivery. *age*: seconds."""

    wrong_secret: bool
    other_body: bool
    age: float


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - 2xx


def signature(body: bytes, secrets: list[str], at: int) -> str:
    """The Stripe-Signature header: a timestamp, and one v1 for each secret.

    A v0 goes along, as Stripe's test mode sends one: whoever checks must not count it.
    """
    signed = f"{at}.".encode() + body
    parts = [f"v1={hmac.new(s.encode(), signed, hashlib.sha256).hexdigest()}" for s in secrets]
    fake = hashlib.sha256(signed).hexdigest()
    return ",".join([f"t={at}", *parts, f"v0={fake}"])
