"""Stripe's events: each stored once, and kept until it has been acted upon."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from shop.kit.db import UTCDateTime, changed
from shop.payments.conversations import ask_about_disputes, ask_about_refunds, settle
from shop.payments.errors import PaymentError
from shop.payments.models import ProviderEvent
from shop.payments.provider import Event
from shop.payments.queries import attempt_of_payment, attempt_of_session
from shop.payments.till import Till

# In plain SQL, whose row count says whether it is new; that of an ORM's INSERT does not everywhere.
_INSERT_ONCE = text(
    "INSERT INTO provider_events (id, type, object_id, payload, received_at, tries)"
    " VALUES (:id, :type, :object_id, :payload, :now, 0) ON CONFLICT (id) DO NOTHING"
).bindparams(bindparam("now", type_=UTCDateTime()))


def store(db: Session, event: Event, payload: str, *, now: datetime) -> bool:
    """Keep *event*; say whether it is new. Two deliveries at once: the second waits and is not."""
    stored = changed(
        db,
        _INSERT_ONCE,
        {
            "id": event.id,
            "type": event.type,
            "object_id": event.object_id,
            "payload": payload,
            "now": now,
        },
    )
    return stored == 1


def process(till: Till, event_id: str) -> None:
    """Act on a stored event: it is only a hint what to ask Stripe about."""
    with till.sessions.begin() as db:
        event = db.get_one(ProviderEvent, event_id)
    error, meant = None, False
    try:
        meant = _act(till, event)
    except PaymentError as problem:
        error = problem
    with till.sessions.begin() as db:
        event = db.get_one(ProviderEvent, event_id)
        event.tries += 1
        if error is None:
            event.processed_at = till.now()
            event.error = None if meant else "no attempt is meant"
        else:
            event.error = str(error)
    if error is not None:
        raise error


def _act(till: Till, event: ProviderEvent) -> bool:
    """Ask Stripe about what *event* hints at; say whether it is about a payment of ours."""
    about = json.loads(event.payload)["data"]["object"]
    if event.type.startswith("charge.dispute."):
        ask_about_disputes(till, _payment_intent_of(about))
        return True
    with till.sessions.begin() as db:
        attempt = attempt_of_session(db, event.object_id) or attempt_of_payment(
            db, _payment_intent_of(about)
        )
    if attempt is None:
        return False
    if event.type.startswith("checkout.session."):
        settle(till, attempt.id)
    elif event.type.startswith("refund.") or event.type == "charge.refunded":
        ask_about_refunds(till, attempt.id)
    return True


def _payment_intent_of(about: Mapping[str, Any]) -> str:
    intent = about.get("payment_intent") or ""
    return str(intent["id"] if isinstance(intent, dict) else intent)
