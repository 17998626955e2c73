"""Stripe's events: each stored once, and kept until it has been acted upon."""

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shop.payments.conversations import settle
from shop.payments.errors import PaymentError
from shop.payments.gateway import Event
from shop.payments.models import ProviderEvent
from shop.payments.queries import attempt_of_session
from shop.payments.till import Till


def store(db: Session, event: Event, payload: str, *, now: datetime) -> bool:
    """Keep *event*; say whether it is new. Two deliveries at once: the unique id decides."""
    known = select(ProviderEvent.id).where(ProviderEvent.id == event.id)
    if db.scalar(known) is not None:
        return False
    db.execute(
        insert(ProviderEvent).values(
            id=event.id,
            type=event.type,
            object_id=event.object_id,
            payload=payload,
            received_at=now,
        )
    )
    return True


def process(till: Till, event_id: str) -> None:
    """Act on a stored event: it is only a hint to ask Stripe about its session."""
    with till.sessions.begin() as db:
        event = db.get_one(ProviderEvent, event_id)
        attempt = attempt_of_session(db, event.object_id)
    error = None
    try:
        if attempt is not None:
            settle(till, attempt.id)
    except PaymentError as problem:
        error = problem
    with till.sessions.begin() as db:
        event = db.get_one(ProviderEvent, event_id)
        event.tries += 1
        if error is None:
            event.processed_at = till.now()
            event.error = None if attempt else "no attempt has this session"
        else:
            event.error = str(error)
    if error is not None:
        raise error
