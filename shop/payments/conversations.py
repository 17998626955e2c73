"""Talks with Stripe. Each reads, closes its transaction, asks, and writes in a new one.

Whoever calls them, and however often, the outcome is the same: the webhook, the buyer's return,
the reconciler and the owner's button all come here.
"""

import json
import logging
from datetime import timedelta

from shop.orders.actions import flag_for_review
from shop.payments.actions import (
    apply_session,
    close_attempt,
    record_session,
    record_trouble,
)
from shop.payments.errors import NoSuchSession, PaymentError, PaymentRefused, PaymentUnknown
from shop.payments.gateway import CheckoutSession
from shop.payments.models import PaymentAttempt, Status
from shop.payments.till import Till

log = logging.getLogger("shop.payments")
TIME_TO_BE_KNOWN = timedelta(days=1)  # in which a wrong key can be put right


def open_session(till: Till, attempt_id: str) -> str | None:
    """Return the address where the attempt is paid; None if it can no longer be paid.

    The request is the one that was written down, to the letter, so asking again is harmless.
    Raises PaymentUnknown when Stripe does not answer: the attempt stays, the reconciler goes on.
    """
    attempt = _read(till, attempt_id)
    if attempt.status != Status.CREATING:
        return attempt.url
    try:
        session = till.gateway.create_session(json.loads(attempt.request), attempt.idempotency_key)
    except PaymentRefused as refused:
        return _adopt(till, attempt, refused)
    except PaymentError as error:
        with till.sessions.begin() as db:
            record_trouble(db, attempt_id, str(error))
        raise
    return _record(till, attempt, session)


def settle(till: Till, attempt_id: str) -> None:
    """Ask Stripe for the truth about an attempt and let its order follow."""
    attempt = _read(till, attempt_id)
    if attempt.session_id is None:
        if attempt.status == Status.CREATING:
            open_session(till, attempt_id)
        return
    try:
        session = till.gateway.retrieve_session(attempt.session_id)
    except NoSuchSession as unknown:
        _give_up(till, attempt, unknown)
        return
    _apply(till, attempt, session)


def expire(till: Till, attempt_id: str) -> None:
    """Close an attempt's payment page and give its stock back; if it was paid first, so be it."""
    try:
        open_session(till, attempt_id)  # one that Stripe may have made without our hearing of it
    except PaymentUnknown as unknown:
        # A failure can be what Stripe keeps for the key, and answers again for a day.
        _adopt(till, _read(till, attempt_id), unknown)
    attempt = _read(till, attempt_id)
    if attempt.session_id is None or attempt.status != Status.OPEN:
        return
    try:
        session = till.gateway.expire_session(attempt.session_id)
    except PaymentRefused:  # not open any more: Stripe says what it is instead
        settle(till, attempt_id)
        return
    _apply(till, attempt, session)


def _adopt(till: Till, attempt: PaymentAttempt, problem: PaymentError) -> str | None:
    """Stripe does not make this session (again). Look whether it did so before: if not, nobody
    ever got its address, and the attempt is over.
    """
    log.error("Stripe made no session of attempt %s: %s", attempt.id, problem)
    for session in till.gateway.sessions_since(attempt.created_at):
        if session.attempt_id == attempt.id:
            return _record(till, attempt, session)
    with till.sessions.begin() as db:
        # Not if it was made and written down since we looked: that page can be paid.
        if close_attempt(db, attempt, since=(Status.CREATING,), now=till.now()):
            record_trouble(db, attempt.id, str(problem))
    return _read(till, attempt.id).url


def _give_up(till: Till, attempt: PaymentAttempt, unknown: NoSuchSession) -> None:
    """Stripe does not know the session: it was opened under another key. Once that cannot be put
    right any more its pieces are free again, and a person looks whether it was paid.
    """
    now = till.now()
    if now <= attempt.expires_at + TIME_TO_BE_KNOWN:
        raise unknown
    with till.sessions.begin() as db:
        record_trouble(db, attempt.id, str(unknown))
        if close_attempt(db, attempt, now=now):
            flag_for_review(db, attempt.order_id, "unknown_to_stripe", now=now)


def _record(till: Till, attempt: PaymentAttempt, session: CheckoutSession) -> str | None:
    with till.sessions.begin() as db:
        record_session(db, attempt.id, session)
    if session.status != "open":
        settle(till, attempt.id)
    # What is written down, and not what was answered: the attempt may have been closed meanwhile.
    return _read(till, attempt.id).url


def _apply(till: Till, attempt: PaymentAttempt, session: CheckoutSession) -> None:
    with till.sessions.begin() as db:
        current = db.get_one(PaymentAttempt, attempt.id)
        apply_session(db, current, session, livemode=till.gateway.livemode, now=till.now())


def _read(till: Till, attempt_id: str) -> PaymentAttempt:
    with till.sessions.begin() as db:
        return db.get_one(PaymentAttempt, attempt_id)
