"""What the shop writes down about payments. Nothing here talks to Stripe."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from shop.discounts.actions import give_back, redeem_again
from shop.discounts.errors import UsedUp
from shop.kit.db import changed
from shop.kit.ids import random_token
from shop.mail.actions import queue
from shop.orders.actions import flag_for_review, move, write_entry
from shop.orders.models import BOUGHT, Order, OrderLine
from shop.orders.models import Status as OrderStatus
from shop.orders.queries import held_quantities
from shop.payments.models import LIVE, SHORTEST_PAGE, PaymentAttempt, Status
from shop.payments.provider import CheckoutSession
from shop.payments.refunds import refund_by_itself
from shop.payments.requests import coupon_request, session_request
from shop.preferences.queries import preferences
from shop.stock.actions import consume, release, reserve
from shop.stock.errors import OutOfStock

SESSION_LIFE = SHORTEST_PAGE + timedelta(minutes=5)  # for slow clocks and retries
# paid beats expired and failed: Stripe is the record of money
PAYABLE = (*LIVE, Status.EXPIRED, Status.FAILED)


def start_attempt(  # noqa: PLR0913 - named at its one call
    db: Session,
    order: Order,
    lines: Sequence[OrderLine],
    *,
    shipping_name: str,
    success_url: str,
    cancel_url: str,
    fingerprint: str,
    now: datetime,
) -> PaymentAttempt:
    """Write down the complete request for a payment page, before anything is sent."""
    attempt_id, expires_at = random_token(), now + SESSION_LIFE
    request = session_request(
        order,
        lines,
        attempt_id=attempt_id,
        expires_at=expires_at,
        shipping_name=shipping_name,
        success_url=success_url,
        cancel_url=cancel_url,
    )
    coupon = coupon_request(order, attempt_id=attempt_id)
    attempt = PaymentAttempt(
        id=attempt_id,
        order_id=order.id,
        status=Status.CREATING,
        request=json.dumps(request, ensure_ascii=False),
        coupon=json.dumps(coupon, ensure_ascii=False) if coupon else None,
        fingerprint=fingerprint,
        amount=order.total_amount,
        currency=order.currency,
        created_at=now,
        expires_at=expires_at,
    )
    db.add(attempt)
    return attempt


def record_session(db: Session, attempt_id: str, session: CheckoutSession) -> None:
    """Write down the session that Stripe made of the attempt; only now its URL may be used."""
    _update(
        db,
        PaymentAttempt.id == attempt_id,
        PaymentAttempt.status == Status.CREATING,
        status=Status.OPEN,
        session_id=session.id,
        url=session.url,
        last_error=None,
    )


def record_trouble(db: Session, attempt_id: str, error: str) -> None:
    _update(db, PaymentAttempt.id == attempt_id, last_error=error)


def note_asked(db: Session, attempt_ids: Sequence[str], *, now: datetime) -> None:
    """Stripe is about to be asked of them; answer or not, others come first the next time."""
    db.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.id.in_(attempt_ids))
        .values(checked_at=now)
        .execution_options(synchronize_session=False)
    )


def ask_release(db: Session, order_id: int, *, now: datetime) -> None:
    """Mark an unpaid order's payment page for closing: the buyer has changed the cart."""
    _update(
        db,
        PaymentAttempt.order_id == order_id,
        PaymentAttempt.status.in_((Status.CREATING, Status.OPEN)),
        release_asked_at=now,
    )


def apply_session(
    db: Session, attempt: PaymentAttempt, session: CheckoutSession, *, livemode: bool, now: datetime
) -> None:
    """Let the order follow what Stripe says. Saying it twice, or late, changes nothing.

    The order's row is locked first, so that two tellers of the same news take turns.
    """
    order = db.scalars(select(Order).where(Order.id == attempt.order_id).with_for_update()).one()
    paid = session.payment_status in ("paid", "no_payment_required")
    if session.status == "complete" and paid:
        if (mismatch := _mismatch(attempt, session, livemode=livemode)) is not None:
            _hold_for_review(db, attempt, session, mismatch, now)
        else:
            _take_payment(db, order, attempt, session, now)
    elif session.status == "complete" and session.payment_failed:
        close_attempt(db, attempt, to=Status.FAILED, now=now)
    elif session.status == "complete":
        _update(
            db,
            PaymentAttempt.id == attempt.id,
            PaymentAttempt.status.in_((Status.CREATING, Status.OPEN)),
            status=Status.PROCESSING,
            url=None,
        )
    elif session.status == "expired":
        close_attempt(db, attempt, now=now)
    _update(db, PaymentAttempt.id == attempt.id, checked_at=now)


def close_attempt(
    db: Session,
    attempt: PaymentAttempt,
    *,
    since: Sequence[Status] = LIVE,
    to: Status = Status.EXPIRED,
    now: datetime,
) -> bool:
    """Give the stock back: Stripe has confirmed that nobody can pay this any more. Say whether it
    was us; it is not if the attempt is in none of the states *since* which that is known.
    """
    closed = _update(
        db,
        PaymentAttempt.id == attempt.id,
        PaymentAttempt.status.in_(since),
        status=to,
        url=None,
    )
    if not closed:
        return False
    end = OrderStatus.CANCELLED if attempt.release_asked_at else OrderStatus.EXPIRED
    if move(db, attempt.order_id, OrderStatus.PENDING, end):
        release(db, held_quantities(db, attempt.order_id))
        give_back(db, attempt.order_id)
        write_entry(db, attempt.order_id, end, by="shop", now=now)
    return True


def _take_payment(
    db: Session, order: Order, attempt: PaymentAttempt, session: CheckoutSession, now: datetime
) -> None:
    taken = _update(
        db,
        PaymentAttempt.id == attempt.id,
        PaymentAttempt.status.in_(PAYABLE),
        status=Status.LATE,  # until it is known to be in time
        payment_intent_id=session.payment_intent_id,
        payment_method=session.payment_method,
        url=None,
    )
    if not taken:
        return
    quantities = held_quantities(db, order.id)
    if (reason := _why_too_late(db, order, quantities, now)) is not None:
        refund_by_itself(db, attempt, reason, now=now)
        write_entry(db, order.id, "paid_late", by="stripe", now=now, note=reason)
        return
    _update(db, PaymentAttempt.id == attempt.id, status=Status.PAID)
    if not move(db, order.id, OrderStatus(order.status), OrderStatus.PAID, paid_at=now):
        raise RuntimeError(f"order {order.id} is {order.status} and cannot become paid")
    consume(db, quantities, order_id=order.id, now=now)
    write_entry(db, order.id, "paid", by="stripe", now=now)
    ask_release(db, order.id, now=now)  # of a second page, should there be one
    _queue_mails(db, order, now)


def _why_too_late(
    db: Session, order: Order, quantities: Mapping[int, int], now: datetime
) -> str | None:
    """Return why there is nothing any more for this money, or hold again what the order held."""
    if order.status in BOUGHT:
        return "paid_twice"
    if order.status not in (OrderStatus.EXPIRED, OrderStatus.CANCELLED):
        return None
    try:
        reserve(db, quantities)
    except OutOfStock:
        return "sold"
    if order.discount_amount:
        try:
            redeem_again(
                db, order.id, code=order.discount_code, amount=order.discount_amount, now=now
            )
        except UsedUp:
            release(db, quantities)
            return "code_used"
    return None


def _queue_mails(db: Session, order: Order, now: datetime) -> None:
    queue(db, "order_confirmation", order.id, recipient=order.email, locale=order.locale, now=now)
    wishes = preferences(db)
    if wishes.mail_per_order and wishes.email:
        queue(
            db,
            "order_notice",
            order.id,
            recipient=wishes.email,
            locale=wishes.owner_language,
            now=now,
        )


def _mismatch(attempt: PaymentAttempt, session: CheckoutSession, *, livemode: bool) -> str | None:
    """Return which fact of the session does not fit the order, if any."""
    facts = {
        "livemode": session.livemode == livemode,
        "currency": session.currency == attempt.currency,
        "amount": session.amount_total == attempt.amount,
        "received": session.amount_received in (None, session.amount_total),
        "reference": session.order_reference == str(attempt.order_id),
    }
    return next((name for name, fits in facts.items() if not fits), None)


def _hold_for_review(
    db: Session, attempt: PaymentAttempt, session: CheckoutSession, mismatch: str, now: datetime
) -> None:
    held = _update(
        db,
        PaymentAttempt.id == attempt.id,
        PaymentAttempt.status.in_(PAYABLE),
        status=Status.REVIEW,
        payment_intent_id=session.payment_intent_id,
        last_error=f"Stripe's {mismatch} is not the order's",
    )
    if held:
        flag_for_review(db, attempt.order_id, f"mismatch_{mismatch}", now=now)


def _update(db: Session, *guards: ColumnElement[bool], **values: object) -> bool:
    return changed(db, update(PaymentAttempt).where(*guards).values(**values)) == 1
