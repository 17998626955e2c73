"""The one who asks when nobody calls: every minute, what is half done is finished."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shop.payments.conversations import expire, send_refund, settle
from shop.payments.errors import PaymentError
from shop.payments.inbox import process
from shop.payments.models import Status
from shop.payments.queries import (
    attempts_to_check,
    attempts_to_release,
    refunds_to_send,
    unprocessed_events,
)
from shop.payments.till import Till

log = logging.getLogger("shop.payments")
Id = TypeVar("Id", int, str)


@dataclass
class Outcome:
    """What one pass did, and what it could not do, mostly because Stripe did not answer."""

    done: int = 0
    failed: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.done + other.done, self.failed + other.failed)


def release_changed_carts(till: Till) -> Outcome:
    """Close the payment pages of carts that have changed since: within seconds."""
    with till.sessions.begin() as db:
        waiting = list(attempts_to_release(db))
    return _each(waiting, lambda attempt_id: expire(till, attempt_id))


def send_refunds(till: Till) -> Outcome:
    """Send what is to go back to buyers and Stripe has not answered for yet."""
    with till.sessions.begin() as db:
        waiting = refunds_to_send(db, till.now())
    return _each(list(waiting), lambda refund_id: send_refund(till, refund_id))


def reconcile(till: Till) -> Outcome:
    """Finish what was left: half-made attempts, pages past their time, events not acted upon."""
    now = till.now()
    with till.sessions.begin() as db:
        attempts = list(attempts_to_check(db, now))
        events = [event.id for event in unprocessed_events(db)]
    over = {a.id for a in attempts if a.expires_at < now and a.status != Status.PROCESSING}

    def check(attempt_id: str) -> None:
        (expire if attempt_id in over else settle)(till, attempt_id)

    return _each([attempt.id for attempt in attempts], check) + _each(
        events, lambda event_id: process(till, event_id)
    )


def _each(ids: Sequence[Id], work: Callable[[Id], None]) -> Outcome:
    outcome = Outcome()
    for id_ in ids:
        try:
            work(id_)
            outcome.done += 1
        except PaymentError as error:
            log.warning("%s waits: %s", id_, error)
            outcome.failed += 1
        except Exception:  # a fault of ours in one must not keep the others waiting
            log.exception("%s failed", id_)
            outcome.failed += 1
    return outcome
