"""Events that come twice, late and in any order leave the shop as they do in their own order."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.forms import Buyer
from shop.config import Config
from shop.kit.db import Sessions, write_sessions
from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.payments.conversations import open_session
from shop.payments.gateway import StripeGateway
from shop.payments.inbox import process, store
from shop.payments.provider import Event
from shop.payments.till import Till
from shop.preferences.values import Preferences
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from tests.conftest import STRIPE_KEY
from tests.support import ANNA, FixedClock, Shelf

SELLER = Seller(
    Preferences(), Urls("https://shop.example", "sv"), Signer(("a key that is long enough",))
)
# What must come out the same, without the moments and the random names.
OUTCOME = {
    "orders": "SELECT number, status, review, total_amount FROM orders ORDER BY number",
    "attempts": "SELECT order_id, status, payment_method FROM payment_attempts ORDER BY order_id",
    "stock": "SELECT variant_id, on_hand, reserved FROM stock_levels",
    "moves": "SELECT order_id, delta, reason FROM stock_movements ORDER BY order_id, delta",
    "refunds": "SELECT order_id, status, amount, origin FROM refunds ORDER BY order_id, stripe_id",
    "mails": "SELECT kind, recipient, count(*) FROM outbox GROUP BY kind, recipient ORDER BY kind",
    "events": "SELECT id, processed_at IS NULL FROM provider_events ORDER BY id",
}

Delivery = tuple[Event, str]  # and its body as it came


@pytest.mark.parametrize(
    "events", [1_000, pytest.param(10_000, marks=pytest.mark.slow)], ids=lambda n: f"{n} events"
)
def test_doubled_shuffled_and_late_events_end_as_in_order(
    events: int,
    sessions: Sessions,
    shelf: Shelf,
    config: Config,
    stand_in: StandInServer,
    tmp_path: Path,
) -> None:
    shelf.add("moss", on_hand=events)
    gateway = StripeGateway(STRIPE_KEY, (), config.stripe_api_base)
    secret = gateway.renew_webhook_endpoint("http://127.0.0.1:9/webhooks/stripe")
    gateway = StripeGateway(STRIPE_KEY, (secret,), config.stripe_api_base, sleep=lambda _: None)
    stand_in.control("clock", freeze=True)  # a slow machine makes no payment page too old
    clock = FixedClock(stand_in_time(stand_in))
    stand_in.control("webhooks", mode="hold")
    taken = lives(events, Till(sessions, gateway, clock), clock, stand_in)
    assert len(taken) >= events
    sessions.engine.dispose()
    shutil.copy(tmp_path / "shop.db", tmp_path / "shuffled.db")

    in_order = outcome(taken, Till(sessions, gateway, clock))

    chance = random.Random(events)
    stormy = taken + chance.sample(taken, len(taken) * 3 // 10)
    chance.shuffle(stormy)
    other = write_sessions(f"sqlite:///{tmp_path / 'shuffled.db'}")
    late = FixedClock(clock.at + timedelta(days=5))
    try:
        assert outcome(stormy, Till(other, gateway, late)) == in_order
    finally:
        other.engine.dispose()
    paid = [row for row in in_order["orders"] if row[1] in ("paid", "refunded")]
    assert len(paid) == sum(row["what"] == "session.paid" for row in stand_in.log())


def stand_in_time(stand_in: StandInServer) -> datetime:
    return datetime.fromtimestamp(stand_in.control("clock")["now"], UTC)


def lives(events: int, till: Till, clock: FixedClock, stand_in: StandInServer) -> list[Delivery]:
    """Let orders live at Stripe until there are *events*: paid, paid back in parts, or expired."""
    chance = random.Random(7)
    taken: list[Delivery] = []
    while len(taken) < events:
        for _ in range(40):
            attempt_id = order(till, chance.randrange(10**9))
            session_id = session_of(till, attempt_id)
            if chance.random() < 0.2:
                till.gateway.expire_session(session_id)
                continue
            stand_in.control(f"sessions/{session_id}/pay")
        for charge in charges(stand_in)[-20:]:
            if chance.random() < 0.8:
                stand_in.control(f"charges/{charge}/refund", amount=chance.randrange(1, 9000))
            if chance.random() < 0.3:
                stand_in.control(f"charges/{charge}/refund")
        stand_in.control("clock", advance=2)
        clock.at = stand_in_time(stand_in)
        for delivery in stand_in.control("webhooks/take")["taken"]:
            # at once, as Stripe signs each delivery anew: a signature is good for minutes
            body, signature = delivery["body"], delivery["headers"]["Stripe-Signature"]
            taken.append((till.gateway.read_event(body.encode(), signature), body))
    return taken


def charges(stand_in: StandInServer) -> list[str]:
    return [row["charge"] for row in stand_in.log() if row["what"] == "charge.succeeded"]


def order(till: Till, number: int) -> str:
    buyer = Buyer(**ANNA | {"email": f"buyer{number}@example.se"}, locale="sv")
    cart = Cart(f"cart-{number}", (CartLine(1, 1),))
    with till.sessions.begin() as db:
        attempt = place_order(
            db, cart, buyer, Choice("letter", 24500, 3600), SELLER, now=till.now()
        )
    open_session(till, attempt.id)
    return attempt.id


def session_of(till: Till, attempt_id: str) -> str:
    with till.sessions.begin() as db:
        return str(
            db.execute(
                text("SELECT session_id FROM payment_attempts WHERE id = :id"), {"id": attempt_id}
            ).scalar_one()
        )


def outcome(deliveries: list[Delivery], till: Till) -> dict[str, list[tuple[Any, ...]]]:
    """Bring the events to the shop and return what has become of it."""
    for event, body in deliveries:
        with till.sessions.begin() as db:
            new = store(db, event, body, now=till.now())
        if new:
            process(till, event.id)
    with till.sessions.begin() as db:
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
        return {
            name: [tuple(row) for row in db.execute(text(query))] for name, query in OUTCOME.items()
        }
