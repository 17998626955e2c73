"""What the tests of payments ask of a shop and its database."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
from sqlalchemy import select, update

from shop.cart.cookie import Cart, CartLine
from shop.checkout import forms as checkout
from shop.checkout.actions import Choice, Seller, place_order
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.payments.conversations import open_session, settle
from shop.payments.models import PaymentAttempt
from shop.payments.till import Till
from shop.preferences.values import Preferences
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.support import ANNA, GOOD_CARD, Buyer


def order_one(buyer: Buyer, variant_id: int) -> str:
    """Order one piece and return the address of the payment page."""
    buyer.add(variant_id)
    placed = buyer.place()
    assert placed.status_code == 303, placed.text
    return str(placed.headers["location"])


def attempts(sessions: Sessions) -> list[PaymentAttempt]:
    """Return every attempt, in the order in which they were made."""
    with sessions.begin() as db:
        return list(
            db.scalars(
                select(PaymentAttempt).order_by(PaymentAttempt.order_id, PaymentAttempt.created_at)
            )
        )


def the_attempt(sessions: Sessions) -> PaymentAttempt:
    """Return the latest one."""
    return attempts(sessions)[-1]


def stand(sessions: Sessions, variant_id: int) -> tuple[list[tuple[str, str]], int, int]:
    """Return each order's status with its attempt's, and what is on hand and reserved."""
    with sessions.begin() as db:
        rows = db.execute(
            select(Order.status, PaymentAttempt.status)
            .join(PaymentAttempt, PaymentAttempt.order_id == Order.id)
            .order_by(Order.id, PaymentAttempt.created_at)
        )
        level = db.get_one(StockLevel, variant_id)
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
        return [(order, attempt) for order, attempt in rows], level.on_hand, level.reserved


def state(sessions: Sessions, variant_id: int) -> tuple[str, str, int, int]:
    """Return the last order's status, its attempt's, and what is on hand and reserved."""
    orders, on_hand, reserved = stand(sessions, variant_id)
    return *orders[-1], on_hand, reserved


# --- webhooks -------------------------------------------------------------------------------------


def event(
    session_id: str = "cs_test_unknown",
    *,
    id: str = "evt_1",  # noqa: A002 - Stripe's own name
    type: str = "checkout.session.completed",  # noqa: A002 - Stripe's own name
    **changes: Any,
) -> bytes:
    body = {
        "id": id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type,
        "data": {"object": {"id": session_id, "object": "checkout.session"}},
    }
    return json.dumps(body | changes).encode()


def signature(body: bytes, secret: str, at: float | None = None, scheme: str = "v1") -> str:
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},{scheme}={digest}"


def deliver(shop: Config, body: bytes, **how: Any) -> httpx2.Response:
    secret = how.pop("secret", shop.stripe_webhook_secrets[0])
    signed = how.pop("signed", None)
    return httpx2.post(
        f"{shop.base_url}/webhooks/stripe",
        content=how.pop("sent", body),
        headers={"stripe-signature": signature(body, secret, **how) if signed is None else signed},
        timeout=30,
    )


def give_up_by_hand(sessions: Sessions, variant_id: int) -> None:
    """What must never happen by itself: the order gives up while its page can still be paid."""
    with sessions.begin() as db:
        order = db.scalars(select(Order).where(Order.status == "pending")).one()
        db.execute(update(Order).where(Order.id == order.id).values(status="expired"))
        db.add(OrderEntry(order_id=order.id, at=order.placed_at, by="shop", kind="expired"))
        db.execute(update(PaymentAttempt).values(status="expired"))
        db.execute(update(StockLevel).where(StockLevel.variant_id == variant_id).values(reserved=0))


def opened_beside(sessions: Sessions, till: Till, first: PaymentAttempt) -> PaymentAttempt:
    """Open a second page for the same order, as no code of the shop does."""
    copy = {
        column.key: getattr(first, column.key)
        for column in PaymentAttempt.__table__.columns
        if column.key not in ("session_id", "payment_intent_id", "url", "checked_at")
    }
    request = first.request.replace(first.id, "second")
    with sessions.begin() as db:
        db.add(PaymentAttempt(**copy | {"id": "second", "request": request, "status": "creating"}))
    open_session(till, "second")
    with sessions.begin() as db:
        return db.get_one(PaymentAttempt, "second")


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        waiting.wait(0.02)
    raise AssertionError("it did not happen in time")


# --- without a browser ----------------------------------------------------------------------------

SELLER = Seller(
    Preferences(), Urls("https://shop.example", "sv"), Signer(("a key that is long enough",))
)


def placed(
    sessions: Sessions,
    till: Till,
    variant_id: int,
    quantity: int = 1,
    *,
    cart: str = "a-cart",
    code: str = "",
    discount: int = 0,
    shipping: int = 3600,
) -> PaymentAttempt:
    """Place Anna's order of pieces at 245 kr; nobody has asked Stripe for a payment page yet."""
    with sessions.begin() as db:
        return place_order(
            db,
            Cart(cart, (CartLine(variant_id, quantity),)),
            checkout.Buyer(**ANNA, locale="sv"),
            Choice("letter", 24500 * quantity, shipping, code, discount),
            SELLER,
            now=till.now(),
        )


def opened(
    sessions: Sessions, till: Till, variant_id: int, quantity: int = 1, **how: Any
) -> PaymentAttempt:
    """Place it and return the attempt with its open payment page."""
    attempt_id = placed(sessions, till, variant_id, quantity, **how).id
    assert open_session(till, attempt_id) is not None
    return read(sessions, attempt_id)


def paid(
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    variant_id: int,
    quantity: int = 1,
    **how: Any,
) -> PaymentAttempt:
    """Place it, pay it at Stripe and settle it; return the paid attempt."""
    card = how.pop("card", GOOD_CARD)
    attempt = opened(sessions, till, variant_id, quantity, **how)
    stand_in.control(f"sessions/{attempt.session_id}/pay", card=card)
    settle(till, attempt.id)
    return read(sessions, attempt.id)


def read(sessions: Sessions, attempt_id: str) -> PaymentAttempt:
    with sessions.begin() as db:
        return db.get_one(PaymentAttempt, attempt_id)


def timeline(sessions: Sessions) -> list[tuple[str, str, str]]:
    """Return what happened to all orders: its kind, by whom, and the note."""
    with sessions.begin() as db:
        rows = db.scalars(select(OrderEntry).order_by(OrderEntry.id))
        return [(row.kind, row.by, row.note) for row in rows]


def mails(sessions: Sessions) -> list[tuple[str, int, str, str]]:
    """Return the mails to send: kind, subject's id, recipient and language."""
    with sessions.begin() as db:
        rows = db.scalars(select(Message).order_by(Message.id))
        return [(row.kind, row.subject_id, row.recipient, row.locale) for row in rows]
