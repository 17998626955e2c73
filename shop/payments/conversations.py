"""Talks with Stripe. Each reads, closes its transaction, asks, and writes in a new one.

Whoever calls them, and however often, the outcome is the same: the webhook, the buyer's return,
the reconciler and the owner's button all come here.
"""

import json
import logging
from datetime import datetime, timedelta

from shop.orders.actions import flag_for_review
from shop.payments.actions import (
    apply_session,
    close_attempt,
    record_session,
    record_trouble,
)
from shop.payments.disputes import apply_dispute
from shop.payments.errors import NoSuchSession, PaymentError, PaymentRefused, PaymentUnknown
from shop.payments.models import PaymentAttempt, Refund, RefundStatus, Status
from shop.payments.provider import CheckoutSession
from shop.payments.queries import attempt_of_payment
from shop.payments.refunds import apply_refunds, record_refund_trouble, refuse_refund
from shop.payments.till import Till

log = logging.getLogger("shop.payments")
KEY_LIFE = timedelta(hours=23)  # Stripe forgets an idempotency key after a day
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
        if attempt.coupon is not None:
            till.gateway.create_coupon(json.loads(attempt.coupon), attempt.coupon_key)
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
    if session.changed_since:  # news of it may have come before anybody knew whose payment it is
        ask_about_refunds(till, attempt_id)
        ask_about_disputes(till, session.payment_intent_id or "")


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


def send_refund(till: Till, refund_id: int) -> None:
    """Give the money back that was written down. Asking again can never give it back twice.

    Raises PaymentUnknown when Stripe does not answer: the refund stays, and the reconciler goes on.
    """
    now = till.now()
    with till.sessions.begin() as db:
        refund = db.get_one(Refund, refund_id)
        attempt = db.get_one(PaymentAttempt, refund.attempt_id)
    if refund.status != RefundStatus.REQUESTED or attempt.payment_intent_id is None:
        return
    try:
        _send(till, attempt, refund, now)
    except PaymentError as error:
        with till.sessions.begin() as db:
            record_refund_trouble(db, refund_id, str(error), now=now)
        raise


def _send(till: Till, attempt: PaymentAttempt, refund: Refund, now: datetime) -> None:
    if now - refund.requested_at > KEY_LIFE and _already_made(till, attempt, refund):
        return
    try:
        made = till.gateway.create_refund(
            {
                "payment_intent": attempt.payment_intent_id,
                "amount": refund.amount,
                "metadata": {"order_id": str(refund.order_id), "refund_id": refund.token},
            },
            refund.idempotency_key,
        )
    except PaymentRefused as refused:
        if not _already_made(till, attempt, refund):
            with till.sessions.begin() as db:
                refuse_refund(db, refund.id, str(refused), now=now)
        return
    with till.sessions.begin() as db:
        apply_refunds(db, db.get_one(PaymentAttempt, attempt.id), [made], now=till.now())


def _already_made(till: Till, attempt: PaymentAttempt, refund: Refund) -> bool:
    """Say whether Stripe has this refund, whose key it may have forgotten, and write it down."""
    assert attempt.payment_intent_id is not None  # noqa: S101 - it was paid
    try:
        found = till.gateway.refunds_of(attempt.payment_intent_id)
    except NoSuchSession:  # nor the payment itself: it was taken under another key
        return False
    with till.sessions.begin() as db:
        apply_refunds(db, db.get_one(PaymentAttempt, attempt.id), found, now=till.now())
    return any(other.token == refund.token for other in found)


def ask_about_refunds(till: Till, attempt_id: str) -> None:
    """Ask Stripe what went back of a payment, whoever has sent it."""
    attempt = _read(till, attempt_id)
    if attempt.payment_intent_id is None:
        return
    found = till.gateway.refunds_of(attempt.payment_intent_id)
    captured = None
    if attempt.status == Status.REVIEW and attempt.session_id is not None:
        captured = till.gateway.retrieve_session(attempt.session_id).amount_received
    with till.sessions.begin() as db:
        current = db.get_one(PaymentAttempt, attempt_id)
        apply_refunds(db, current, found, captured=captured, now=till.now())


def ask_about_disputes(till: Till, payment_intent_id: str) -> None:
    """Ask Stripe what the buyer's bank says of a payment."""
    for found in till.gateway.disputes_of(payment_intent_id):
        with till.sessions.begin() as db:
            attempt = attempt_of_payment(db, payment_intent_id)
            apply_dispute(db, found, attempt, now=till.now())


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
