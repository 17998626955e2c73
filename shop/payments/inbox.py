"""Stripe's events: each stored once, and kept until it has been acted upon."""

from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from shop.kit.db import UTCDateTime
from shop.payments.conversations import settle
from shop.payments.errors import PaymentError
from shop.payments.gateway import Event
from shop.payments.models import ProviderEvent
from shop.payments.queries import attempt_of_session
from shop.payments.till import Till

# In plain SQL, because it is the same on both databases and has no common form in SQLAlchemy.
_INSERT_ONCE = text(
    "INSERT INTO provider_events (id, type, object_id, payload, received_at, tries)"
    " VALUES (:id, :type, :object_id, :payload, :now, 0) ON CONFLICT (id) DO NOTHING"
).bindparams(bindparam("now", type_=UTCDateTime()))


def store(db: Session, event: Event, payload: str, *, now: datetime) -> bool:
    """Keep *event*; say whether it is new. Two deliveries at once: the second waits and is not."""
    result = db.execute(
        _INSERT_ONCE,
        {
            "id": event.id,
            "type": event.type,
            "object_id": event.object_id,
            "payload": payload,
            "now": now,
        },
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - an INSERT has a row count
    return result.rowcount == 1


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
