"""Ways to break the shop that only a crash brings to light: each must be found out."""

import threading
from collections.abc import Mapping
from typing import Any


def the_hold_comes_after_the_order() -> None:
    """Commit the order, then reserve its pieces in a transaction of their own."""
    from shop.checkout import actions, pages
    from shop.stock.actions import reserve

    place = pages._place
    waiting: list[Mapping[int, int]] = []

    def place_then_hold(request: Any, *given: Any) -> Any:
        attempt = place(request, *given)
        while waiting:
            quantities = waiting.pop()
            with request.state.till.sessions.begin() as db:
                reserve(db, quantities)
        return attempt

    _put(actions, "reserve", lambda _db, quantities: waiting.append(quantities))
    _put(pages, "_place", place_then_hold)


def the_address_goes_out_before_it_is_recorded() -> None:
    """Send the buyer to the payment page, and write down which it is a little later."""
    from shop.payments import conversations

    record = conversations._record

    def record_later(till: Any, attempt: Any, session: Any) -> str | None:
        threading.Timer(0.2, record, (till, attempt, session)).start()
        url: str | None = session.url
        return url

    _put(conversations, "_record", record_later)


def every_try_has_a_key_of_its_own() -> None:
    """Ask Stripe for the page, or to give money back, under another key each time."""
    from shop.kit.ids import random_token
    from shop.payments.models import PaymentAttempt, Refund

    for owner in (PaymentAttempt, Refund):
        _put(owner, "idempotency_key", property(lambda _: f"sabotage:{random_token()}"))


def the_pieces_leave_the_shelf_after_the_order_is_paid() -> None:
    """Commit that the order is paid, then take its pieces off the shelf."""
    from shop.payments import actions, conversations
    from shop.stock.actions import consume

    apply = conversations._apply
    waiting: list[tuple[Mapping[int, int], dict[str, Any]]] = []

    def apply_then_consume(till: Any, *given: Any) -> None:
        apply(till, *given)
        while waiting:
            quantities, facts = waiting.pop()
            with till.sessions.begin() as db:
                consume(db, quantities, **facts)

    def remember(_db: Any, quantities: Mapping[int, int], **facts: Any) -> None:
        waiting.append((quantities, facts))

    _put(actions, "consume", remember)
    _put(conversations, "_apply", apply_then_consume)


def the_pieces_are_given_back_before_the_page_is_closed() -> None:
    """Trust our own clock that nobody can pay any more."""
    from shop.payments import conversations, reconciler
    from shop.payments.actions import close_attempt

    def close_first(till: Any, attempt_id: str) -> None:
        attempt = conversations._read(till, attempt_id)
        with till.sessions.begin() as db:
            close_attempt(db, attempt, now=till.now())
        till.gateway.expire_session(attempt.session_id)

    _put(reconciler, "expire", close_first)


def the_money_to_give_back_is_written_down_afterwards() -> None:
    """Commit that a payment came for nothing, then write down that it goes back."""
    from shop.payments import actions, conversations
    from shop.payments.models import PaymentAttempt
    from shop.payments.refunds import refund_by_itself

    apply = conversations._apply
    waiting: list[tuple[str, str]] = []

    def apply_then_write(till: Any, *given: Any) -> None:
        apply(till, *given)
        while waiting:
            attempt_id, reason = waiting.pop()
            with till.sessions.begin() as db:
                attempt = db.get_one(PaymentAttempt, attempt_id)
                refund_by_itself(db, attempt, reason, now=till.now())

    def remember(_db: Any, attempt: Any, reason: str, **_facts: Any) -> None:
        waiting.append((attempt.id, reason))

    _put(actions, "refund_by_itself", remember)
    _put(conversations, "_apply", apply_then_write)


def the_event_counts_as_done_before_stripe_was_asked() -> None:
    """Tick the event off, then look what it was about."""
    from sqlalchemy import update

    from shop.payments import inbox
    from shop.payments.conversations import settle
    from shop.payments.models import ProviderEvent

    def tick_off_then_settle(till: Any, attempt_id: str) -> None:
        with till.sessions.begin() as db:
            db.execute(update(ProviderEvent).values(processed_at=till.now()))
        settle(till, attempt_id)

    _put(inbox, "settle", tick_off_then_settle)


def the_mail_is_ticked_off_before_it_is_sent() -> None:
    from shop.mail import worker

    send = worker._send

    def tick_off_then_send(office: Any, message: Any) -> None:
        raw = message.rendered or worker._write(office, message)
        message.rendered = raw
        worker._tick_off(office, message.id)
        send(office, message)

    _put(worker, "_send", tick_off_then_send)


def _put(owner: Any, name: str, value: object) -> None:
    assert hasattr(owner, name), f"{owner} has no {name}: this breaks nothing any more"
    setattr(owner, name, value)
