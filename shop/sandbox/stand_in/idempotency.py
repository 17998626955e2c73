"""Idempotency keys: the first result is kept and given again.

A key is written down before anything is done, so a second caller meets it while the first still
runs. What was refused before it began is not kept. Keys are forgotten after a day.
"""

import hashlib
import json
from dataclasses import dataclass

from shop.sandbox.stand_in.errors import Json, StripeError, invalid
from shop.sandbox.stand_in.world import World

LONGEST = 255
KEPT = 24 * 3600


@dataclass(frozen=True)
class Kept:
    """A result given again: *request* is the id of the request that had it first."""

    status: int
    answer: str
    request: str


def fingerprint(method: str, path: str, params: Json) -> str:
    """The same for the same request only."""
    text = json.dumps([method, path, params], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def begin(world: World, key: str, request: str, mark: str) -> Kept | None:
    """Take the key: None when it is new, the kept result when it is known.

    Raises StripeError: 400 for a key too long or used with other parameters, 409 while the first
    request still runs.
    """
    if len(key) > LONGEST:
        raise invalid(f"Idempotency key is too long: at most {LONGEST} characters.")
    with world.store.transaction():
        world.store.run("DELETE FROM idempotency WHERE created <= ?", world.clock.exact() - KEPT)
        row = world.store.row("SELECT * FROM idempotency WHERE key = ?", key)
        if row is None:
            world.store.run(
                "INSERT INTO idempotency (key, fingerprint, state, request, created)"
                " VALUES (?, ?, 'running', ?, ?)",
                key,
                mark,
                request,
                world.clock.exact(),
            )
            return None
    if row["fingerprint"] != mark:
        raise StripeError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request.",
            kind="idempotency_error",
        )
    if row["state"] == "running":
        raise StripeError(
            409,
            "There is currently another in-progress request using this Idempotent Key (that "
            f"probably means you submitted twice, and the other request is still going): {key}. "
            "Please try again later.",
            kind="idempotency_error",
            code="idempotency_key_in_use",
        )
    return Kept(row["status"], row["answer"], row["request"])


def keep(world: World, key: str, status: int, answer: str) -> None:
    """Write the result down; in the transaction of the work itself, when there is one."""
    with world.store.transaction():
        world.store.run(
            "UPDATE idempotency SET state = 'done', status = ?, answer = ? WHERE key = ?",
            status,
            answer,
            key,
        )


def forget_running(world: World, key: str) -> None:
    """Free the key if nothing was kept for it: the next request with it begins anew."""
    with world.store.transaction():
        world.store.run("DELETE FROM idempotency WHERE key = ? AND state = 'running'", key)


def forget_unfinished(world: World) -> None:
    """After a crash: what was running has left nothing behind, for work and result are one."""
    with world.store.transaction():
        world.store.run("DELETE FROM idempotency WHERE state = 'running'")
