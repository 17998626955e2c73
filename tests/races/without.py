"""The guards, taken out one by one: what a control of a pair does without.

Each function takes out one thing and leaves everything else as it is.
"""

import secrets
import threading
import time
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, select, text, true, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import GenerativeSelect
from starlette.requests import Request

from shop.cart.cookie import Cart
from shop.cart.queries import shown_cart
from shop.checkout import actions as checkout
from shop.checkout import pages
from shop.checkout.actions import Choice
from shop.discounts import actions as codes
from shop.discounts.models import Discount, Redemption
from shop.discounts.queries import worth
from shop.kit.db import Sessions, UTCDateTime, is_sqlite
from shop.mail import actions as mail
from shop.mail.models import Message
from shop.orders import actions as orders
from shop.orders.models import Order
from shop.orders.queries import Dealings, dealings, held_by_cart, held_quantities
from shop.payments import actions as payments
from shop.payments import inbox, refunds
from shop.payments.errors import PaymentRefused
from shop.payments.gateway import StripeGateway
from shop.payments.models import PaymentAttempt, RefundStatus
from shop.payments.provider import CheckoutSession, StripeRefund
from shop.stock import actions as stock

Patch = pytest.MonkeyPatch


def attempt_guard(patch: Patch, **change: object) -> None:
    """Let *change* be made to an attempt in any state, not only in the right ones."""
    guarded = payments._update

    def unguarded(db: Session, which: Any, *guards: Any, **values: object) -> bool:
        is_it = all(name in values and values[name] == to for name, to in change.items())
        return guarded(db, which, *(() if is_it else guards), **values)

    patch.setattr(payments, "_update", unguarded)


def order_guard(patch: Patch, module: str, to: str) -> None:
    """Let an order become *to* whatever it is, as far as *module* is asked."""
    guarded = orders.move

    def unguarded(db: Session, order_id: int, since: Any, end: Any, **values: object) -> bool:
        if end != to:
            return guarded(db, order_id, since, end, **values)
        db.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(status=end, **values)
            .execution_options(synchronize_session=False)
        )
        return True

    patch.setattr(f"shop.{module}.move", unguarded)


def stock_guard(patch: Patch) -> None:
    """Change stock whatever there is; `drop_the_checks` keeps the database from looking."""
    for name in ("_RESERVE", "_RELEASE", "_CONSUME", "_TAKE_AGAIN", "_COUNT"):
        unguarded = copy(getattr(stock, name))
        which, _guard = unguarded._where_criteria
        unguarded._where_criteria = (which,)
        patch.setattr(stock, name, unguarded)


def drop_the_checks(sessions: Sessions) -> None:
    """Take from the database what it knows about stock itself, or it would refuse to oversell."""
    with sessions.begin() as db:
        if not is_sqlite(str(sessions.engine.url)):
            for name in ("reserved_on_hand", "reserved_not_negative"):
                db.execute(text(f"ALTER TABLE stock_levels DROP CONSTRAINT ck_stock_levels_{name}"))
            return
        db.execute(text("ALTER TABLE stock_levels RENAME TO guarded"))
        db.execute(
            text(
                "CREATE TABLE stock_levels (variant_id INTEGER PRIMARY KEY,"
                " on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL)"
            )
        )
        db.execute(text("INSERT INTO stock_levels SELECT * FROM guarded"))
        db.execute(text("DROP TABLE guarded"))


def second_look(patch: Patch, *, seconds: float = 0) -> None:
    """Look at the shelf *seconds* before the order's transaction, and not again inside it."""
    looked, place = threading.local(), pages._place

    def look_and_place(request: Request, cart: Cart, *rest: Any) -> Any:
        with request.state.reads.begin() as db:
            held = held_by_cart(db, cart.id)
            looked.cart = shown_cart(db, cart, held, request.state.locale)
        time.sleep(seconds)
        return place(request, cart, *rest)

    patch.setattr(pages, "_place", look_and_place)
    patch.setattr(checkout, "shown_cart", lambda *_: looked.cart)


class _Whatever(int):
    """An amount that is always the one that was shown."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def consent(patch: Patch) -> None:
    """Charge what it costs, whatever was shown."""
    place: Any = checkout.place_order
    amounts = ("shown_subtotal", "shown_shipping", "shown_discount")
    shown: Any = dict.fromkeys(amounts, _Whatever())

    def agreed(*given: Any, **named: Any) -> Any:
        return place(*(replace(g, **shown) if isinstance(g, Choice) else g for g in given), **named)

    patch.setattr(pages, "place_order", agreed)


def bought_carts(patch: Patch) -> None:
    """Let a cart be ordered again that was ordered and paid."""

    def forgetful(db: Session, cart_id: str) -> Dealings:
        found = dealings(db, cart_id)
        return Dealings() if found.bought else found

    patch.setattr(checkout, "dealings", forgetful)


def order_of_rows(patch: Patch) -> None:
    """Take rows in the order in which the cart names them."""
    patch.setattr("shop.stock.actions.sorted", list, raising=False)


def mails_told_once(patch: Patch) -> None:
    """Let nothing be undone because its mail is queued already."""
    queue = mail.queue

    def queue_unless(db: Session, kind: str, subject_id: int, **rest: Any) -> None:
        there = select(Message.id).where(Message.kind == kind, Message.subject_id == subject_id)
        if db.scalar(there) is None:
            queue(db, kind, subject_id, **rest)

    patch.setattr(payments, "queue", queue_unless)


def row_locks(patch: Patch) -> None:
    """Lock no row before changing it (PostgreSQL; SQLite has one writer and locks none)."""
    patch.setattr(GenerativeSelect, "with_for_update", lambda query, **_: query)


def turn(patch: Patch) -> None:
    """Let orders be placed side by side."""
    patch.setattr(checkout, "take_turn", lambda _db: None)


def index(sessions: Sessions, name: str) -> None:
    with sessions.begin() as db:
        db.execute(text(f"DROP INDEX {name}"))


def storing_once(patch: Patch) -> None:
    """Store an event as if no other could be the same."""
    once = str(inbox._INSERT_ONCE).partition(" ON CONFLICT")[0]
    patch.setattr(
        inbox, "_INSERT_ONCE", text(once).bindparams(bindparam("now", type_=UTCDateTime()))
    )


def mark_on_what_is_made(patch: Patch) -> None:
    """Mark for closing the pages that Stripe has made, and not one that it is about to make."""

    def mark(db: Session, order_id: int, *, now: datetime) -> None:
        which = PaymentAttempt.order_id == order_id, PaymentAttempt.status == "open"
        payments._update(db, *which, release_asked_at=now)

    patch.setattr("shop.cart.pages.ask_release", mark)


def stripes_no(patch: Patch) -> None:
    """Take it for done when Stripe refuses to close a page."""
    asked = StripeGateway.expire_session

    def swallowed(gateway: StripeGateway, session_id: str) -> CheckoutSession:
        try:
            return asked(gateway, session_id)
        except PaymentRefused:
            truth = gateway.retrieve_session(session_id)
            return replace(truth, status="expired", payment_status="unpaid")

    patch.setattr(StripeGateway, "expire_session", swallowed)


def one_key(patch: Patch) -> None:
    """Ask Stripe under another key each time."""
    asked = StripeGateway.create_session

    def with_another(
        gateway: StripeGateway, request: Mapping[str, Any], key: str
    ) -> CheckoutSession:
        return asked(gateway, request, key + secrets.token_hex(4))

    patch.setattr(StripeGateway, "create_session", with_another)


def whether_it_was_made(patch: Patch) -> None:
    """Give up a page that Stripe has not made, even if it has made it since."""

    def close_anyhow(db: Session, attempt: PaymentAttempt, **how: Any) -> bool:
        how.pop("since", None)
        return payments.close_attempt(db, attempt, **how)

    patch.setattr("shop.payments.conversations.close_attempt", close_anyhow)


# --- the owner ------------------------------------------------------------------------------------


def look_at_what_is_held(patch: Patch) -> None:
    """Send what is held for a person to look at."""
    ship = orders.ship

    def ship_anyhow(db: Session, order: Order, **how: Any) -> None:
        kept = db.scalar(select(Order.review).where(Order.id == order.id))
        db.execute(update(Order).where(Order.id == order.id).values(review=None))
        ship(db, order, **how)
        db.execute(update(Order).where(Order.id == order.id).values(review=kept))

    patch.setattr("shop.orders.admin.ship", ship_anyhow)


def whether_it_is_being_sent(patch: Patch) -> None:
    """Take back a mail that a worker is sending."""

    def take_back(db: Session, kind: str, subject_id: int) -> bool:
        db.execute(delete(Message).where(Message.kind == kind, Message.subject_id == subject_id))
        return True

    patch.setattr(orders, "withdraw", take_back)


def lease(patch: Patch) -> None:
    """Let a worker send what another one is sending."""
    patch.setattr(
        "shop.mail.worker._is_free", lambda _now, message=Message: message.status == "queued"
    )


def fingerprint(patch: Patch) -> None:
    """Take two equal statements for two."""
    patch.setattr("shop.withdrawals.actions._fingerprint", lambda *_: secrets.token_hex(16))


# --- money that goes back -------------------------------------------------------------------------


def one_key_for_refunds(patch: Patch) -> None:
    """Ask Stripe for a refund under another key each time."""
    asked = StripeGateway.create_refund

    def with_another(gateway: StripeGateway, request: Mapping[str, Any], key: str) -> StripeRefund:
        return asked(gateway, request, key + secrets.token_hex(4))

    patch.setattr(StripeGateway, "create_refund", with_another)


def refused_refunds(patch: Patch) -> None:
    """Write nothing down when Stripe refuses a refund."""
    patch.setattr("shop.payments.conversations.refuse_refund", lambda *_, **__: None)


def what_a_refund_is_called(patch: Patch) -> None:
    """Do not know our own refund again when Stripe tells of it."""
    asked = StripeGateway.refunds_of

    def nameless(gateway: StripeGateway, payment_intent_id: str) -> list[StripeRefund]:
        return [replace(found, token="") for found in asked(gateway, payment_intent_id)]

    patch.setattr(StripeGateway, "refunds_of", nameless)


def order_of_news(patch: Patch) -> None:
    """Believe of a refund what is heard last, however old it is."""
    patch.setattr(refunds, "RANK", {**refunds.RANK, RefundStatus.FAILED: 0})


# --- codes ----------------------------------------------------------------------------------------


def uses_left(patch: Patch) -> None:
    """Take a use of a code whether there is one left or not."""
    changed = codes._change

    def unguarded(db: Session, discount_id: int, guard: object, **values: object) -> bool:
        del guard
        return changed(db, discount_id, true(), **values)

    patch.setattr(codes, "_change", unguarded)


def drop_the_count_of_uses(sessions: Sessions) -> None:
    """Take from the database what it knows about uses itself (PostgreSQL)."""
    with sessions.begin() as db:
        db.execute(text("ALTER TABLE discounts DROP CONSTRAINT ck_discounts_uses_within"))


def look_at_uses(patch: Patch) -> None:
    """Do not ask whether there is a use left when the order is made."""
    patch.setattr(checkout, "worth", lambda *given: worth(*given, its_own_use=True))


def whether_it_was_ended(patch: Patch) -> None:
    """Take a code for what it was when the page was shown."""

    def as_it_was(db: Session, code: str) -> Discount:
        return db.scalars(select(Discount).where(Discount.code == code)).one()

    patch.setattr(checkout, "discount_by_code", as_it_was)


def taking_out_first(patch: Patch) -> None:
    """Give a use back after looking whether the order has one, and take it from the order last."""

    def look_and_give_back(db: Session, order_id: int) -> None:
        its = Redemption.order_id == order_id
        discount_id = db.scalar(select(Redemption.discount_id).where(its))
        if discount_id is not None:
            codes._change(db, discount_id, Discount.uses > 0, uses=Discount.uses - 1)
            db.execute(delete(Redemption).where(its))

    patch.setattr(codes, "give_back", look_and_give_back)


def shelf_before_code(patch: Patch) -> None:
    """Let an order have its use of a code first, and its pieces from the shelf after that."""
    redeem: Any = vars(checkout)["_redeem"]

    def code_first(db: Session, order: Order, *rest: Any) -> None:
        redeem(db, order, *rest)
        stock.reserve(db, held_quantities(db, order.id))

    patch.setattr(checkout, "reserve", lambda *_: None)
    patch.setattr(checkout, "_redeem", code_first)
