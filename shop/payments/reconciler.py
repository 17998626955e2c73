"""The one who asks when nobody calls: every minute, what is half done is finished; every night,
all that Stripe has is held against all that the shop has.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit.db import insert_into
from shop.payments.actions import note_asked
from shop.payments.conversations import (
    ask_about_disputes,
    ask_about_refunds,
    expire,
    send_refund,
    settle,
)
from shop.payments.disputes import open_disputes
from shop.payments.errors import PaymentError, PaymentRefused
from shop.payments.findings import note_finding, right_again
from shop.payments.inbox import process, store
from shop.payments.ledger import book, ledger_balances
from shop.payments.models import Cursor, PaymentAttempt, Status
from shop.payments.provider import CheckoutSession, Event
from shop.payments.queries import (
    attempt_of_payment,
    attempts_to_check,
    attempts_to_release,
    refunds_to_send,
    unprocessed_events,
)
from shop.payments.till import Till

log = logging.getLogger("shop.payments")
Id = TypeVar("Id", int, str)
KEPT = timedelta(days=30)  # how long Stripe keeps its events, and how far back a night looks
ON_ITS_WAY = timedelta(seconds=30)  # in which news that has not come is not missed yet
NIGHT = timedelta(hours=20)  # from one comparison of everything to the next
TRY_AGAIN = timedelta(hours=1)  # when part of it failed
BREATH = timedelta(milliseconds=200)  # between the questions of a night: five a second at most
FROM_THE_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SETTLED_LATER = (Status.CREATING, Status.OPEN, Status.PROCESSING, Status.EXPIRED, Status.FAILED)


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


def catch_up(till: Till) -> Outcome:
    """Hear what was missed, and book what has moved."""
    return read_events(till) + keep_ledger(till)


def everything(till: Till, sleep: Callable[[float], None] = time.sleep) -> dict[str, Outcome]:
    """Do every part once, whenever it was last done; return what was done of each."""
    return {
        "changed carts": release_changed_carts(till),
        "half done": reconcile(till),
        "refunds sent": send_refunds(till),
        "events": read_events(till, younger_too=True),
        **compare_everything(till, always=True, sleep=sleep),
    }


def reconcile(till: Till) -> Outcome:
    """Finish what was left: half-made attempts, pages past their time, events not acted upon."""
    now = till.now()
    with till.sessions.begin() as db:
        attempts = list(attempts_to_check(db, now))
        note_asked(db, [attempt.id for attempt in attempts], now=now)
        events = [event.id for event in unprocessed_events(db)]
    over = {a.id for a in attempts if a.expires_at < now and a.status != Status.PROCESSING}

    def check(attempt_id: str) -> None:
        (expire if attempt_id in over else settle)(till, attempt_id)

    return _each([attempt.id for attempt in attempts], check) + _each(
        events, lambda event_id: process(till, event_id)
    )


def read_events(till: Till, *, younger_too: bool = False) -> Outcome:
    """Act upon the events whose webhooks never came. Those of the last seconds are on their way,
    and wait for the next time unless the *younger_too* are asked for.
    """
    now = till.now()
    since = _read_until(till, "events", now - KEPT) - timedelta(minutes=10)
    try:
        found = till.gateway.events_since(max(since, now - KEPT))
    except PaymentError as error:
        return _silent("the events", error)
    limit = (now - ON_ITS_WAY).timestamp()
    missed = [
        event.id
        for event in found
        if event.livemode == till.gateway.livemode
        and (younger_too or json.loads(event.payload)["created"] <= limit)
        and _keep(till, event, now)
    ]
    with till.sessions.begin() as db:
        _note_read(db, "events", now)
    return _each(missed, lambda event_id: process(till, event_id))


def keep_ledger(till: Till) -> Outcome:
    """Book what has moved at Stripe."""
    now = till.now()
    since = _read_until(till, "ledger", FROM_THE_BEGINNING)
    start = max(since - timedelta(days=1), FROM_THE_BEGINNING)
    try:
        moved = till.gateway.balance_transactions_since(start)
    except PaymentError as error:
        return _silent("the ledger", error)
    with till.sessions.begin() as db:
        booked = book(db, moved)
        _note_read(db, "ledger", now)
    return Outcome(done=booked)


def compare_everything(
    till: Till, *, always: bool = False, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Outcome]:
    """Hold all of Stripe's last month against the shop's, once a night or when told *always*;
    return what was done of each kind. What does not answer to be put right becomes a finding.
    """
    now = till.now()
    if not always and not _is_due(till, now):
        return {}
    with till.sessions.begin() as db:
        _note_read(db, "nightly_tried", now)
    done = {}
    for name, part in {
        "sessions": _compare_sessions,
        "refunds": _compare_refunds,
        "disputes": _compare_disputes,
        "balance": _compare_balance,
    }.items():
        try:
            done[name] = part(till, now, sleep)
        except PaymentError as error:
            done[name] = _silent(name, error)
    if not any(outcome.failed for outcome in done.values()):
        with till.sessions.begin() as db:
            _note_read(db, "nightly", now)
    return done


def _is_due(till: Till, now: datetime) -> bool:
    done = _read_until(till, "nightly", FROM_THE_BEGINNING)
    tried = _read_until(till, "nightly_tried", FROM_THE_BEGINNING)
    return now - done >= NIGHT and now - tried >= TRY_AGAIN


def _compare_sessions(till: Till, now: datetime, sleep: Callable[[float], None]) -> Outcome:
    ours = [found for found in till.gateway.sessions_since(now - KEPT) if found.attempt_id]
    with till.sessions.begin() as db:
        attempts = {found.id: _attempt_for(db, found) for found in ours}
    behind = [
        attempt.id
        for found in ours
        if (attempt := attempts[found.id]) is not None
        and found.payment_status == "paid"
        and attempt.status in SETTLED_LATER
    ]
    unknown = {found.id: found for found in ours if attempts[found.id] is None}
    return _each(_slowly(behind, sleep), lambda attempt_id: settle(till, attempt_id)) + _each(
        _slowly(unknown, sleep), lambda id_: _meet_stranger(till, unknown[id_], now)
    )


def _attempt_for(db: Session, found: CheckoutSession) -> PaymentAttempt | None:
    """Return the attempt that the session belongs to, its answer being on its way included."""
    attempt = db.get(PaymentAttempt, found.attempt_id)
    if attempt is None or attempt.session_id not in (None, found.id):
        return None
    return attempt


def _meet_stranger(till: Till, found: CheckoutSession, now: datetime) -> None:
    """A session that names an attempt of which the shop knows nothing: it was made before the
    database was brought back from a backup. Nobody may pay it, and what was paid, a person sees.
    """
    if found.status == "open":
        try:
            till.gateway.expire_session(found.id)
        except PaymentRefused:  # paid this moment: it is found the next time
            log.warning("an unknown session could not be closed")
    elif found.payment_status == "paid":
        with till.sessions.begin() as db:
            detail = f"{found.amount_total} {found.currency}"
            note_finding(db, "unknown_payment", found.id, detail, now=now)


def _compare_refunds(till: Till, now: datetime, sleep: Callable[[float], None]) -> Outcome:
    payments = till.gateway.refunded_since(now - KEPT)
    with till.sessions.begin() as db:
        known = [attempt_of_payment(db, payment) for payment in sorted(payments)]
    return _each(
        _slowly([attempt.id for attempt in known if attempt is not None], sleep),
        lambda attempt_id: ask_about_refunds(till, attempt_id),
    )


def _compare_disputes(till: Till, now: datetime, sleep: Callable[[float], None]) -> Outcome:
    payments = {found.payment_intent_id for found in till.gateway.disputes_since(now - KEPT)}
    with till.sessions.begin() as db:
        payments |= {dispute.payment_intent_id for dispute in open_disputes(db)}
    return _each(
        _slowly(sorted(payments), sleep), lambda payment: ask_about_disputes(till, payment)
    )


def _compare_balance(till: Till, now: datetime, _sleep: Callable[[float], None]) -> Outcome:
    booked = keep_ledger(till)
    if booked.failed:
        return booked
    at_stripe = till.gateway.balance()
    with till.sessions.begin() as db:
        here = ledger_balances(db)
        for currency in sorted({*at_stripe, *here}):
            theirs, ours = at_stripe.get(currency, 0), here.get(currency, 0)
            if theirs == ours:
                right_again(db, "ledger_differs", currency, now=now)
            else:
                note_finding(db, "ledger_differs", currency, f"{theirs} {ours}", now=now)
    return booked


def _read_until(till: Till, name: str, at_first: datetime) -> datetime:
    with till.sessions.begin() as db:
        return db.scalar(select(Cursor.at).where(Cursor.name == name)) or at_first


def _note_read(db: Session, name: str, now: datetime) -> None:
    """Note how far was read. Two may do so at once, the worker and ``shop reconcile``."""
    note = insert_into(db, Cursor).on_conflict_do_update(index_elements=["name"], set_={"at": now})
    db.execute(note, {"name": name, "at": now})


def _keep(till: Till, event: Event, now: datetime) -> bool:
    with till.sessions.begin() as db:
        is_new = store(db, event, event.payload, now=now)
        if is_new:
            note_finding(db, "missed_event", event.id, event.type, now=now, quiet=True)
    return is_new


def _slowly(ids: Iterable[Id], sleep: Callable[[float], None]) -> Iterable[Id]:
    for id_ in ids:
        sleep(BREATH.total_seconds())
        yield id_


def _silent(what: str, error: PaymentError) -> Outcome:
    log.warning("%s wait: %s", what, error)
    return Outcome(failed=1)


def _each(ids: Iterable[Id], work: Callable[[Id], None]) -> Outcome:
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
