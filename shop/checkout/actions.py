"""From a cart to an order with its payment attempt, all in the caller's one transaction."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shop.cart.cookie import Cart
from shop.cart.queries import ShownCart, shown_cart
from shop.checkout.errors import (
    CannotBeOrdered,
    CannotBePaid,
    DeliveryUnavailable,
    EmptyCart,
    HoldInTheWay,
    PriceChanged,
    TooManyHolds,
)
from shop.checkout.forms import Buyer
from shop.kit.clock import local_day
from shop.kit.ids import Signer
from shop.kit.money import Money
from shop.kit.urls import Urls
from shop.orders.actions import next_number, take_turn, write_entry
from shop.orders.models import Order, OrderLine
from shop.orders.queries import (
    cart_is_bought,
    held_by_cart,
    held_quantities,
    order_token,
    pending_order_of_cart,
)
from shop.payments.actions import start_attempt
from shop.payments.holds import free_again, holds_of_others
from shop.payments.limits import can_be_paid
from shop.payments.models import PaymentAttempt
from shop.payments.queries import latest_attempt
from shop.preferences.values import Preferences
from shop.shipping.dates import dispatch_date
from shop.shipping.names import method_name
from shop.shipping.queries import DeliveryOption, delivery_options
from shop.stock.actions import reserve
from shop.tax.queries import vat_rate_bp
from shop.tax.vat import vat_included


@dataclass(frozen=True)
class Seller:
    """Who sells, and how the links of an order are made."""

    preferences: Preferences
    urls: Urls
    signer: Signer


@dataclass(frozen=True)
class Choice:
    """What the buyer chose and saw; amounts in minor units."""

    method: str
    shown_subtotal: int | None
    shown_shipping: int | None


def place_order(
    db: Session,
    cart: Cart,
    buyer: Buyer,
    choice: Choice,
    seller: Seller,
    *,
    placed_from: str = "",
    now: datetime,
) -> PaymentAttempt:
    """Reserve the pieces and write down the order with its payment attempt.

    *placed_from* is the buyer's network, "" if it is not known. The same cart and form again give
    the same attempt. Raises EmptyCart, CannotBeOrdered, CannotBePaid, PriceChanged,
    DeliveryUnavailable, TooManyHolds, HoldInTheWay, or OutOfStock: then nothing has changed.
    """
    take_turn(db)
    fingerprint = _fingerprint(cart, buyer, choice)
    if (again := _unpaid_before(db, cart, fingerprint, now)) is not None:
        return again
    # In this order: a payment that comes in between is seen by the second look, if not the first.
    if not cart.lines or cart_is_bought(db, cart.id):
        raise EmptyCart
    shown = shown_cart(db, cart, held_by_cart(db, cart.id))
    if len(shown.to_order) != len(shown.lines) or not shown.can_be_ordered:
        raise CannotBeOrdered
    delivery = _delivery(db, shown, buyer, choice, seller, now)
    _leave_some_for_others(db, cart, buyer, placed_from, seller.preferences, now)
    order, lines = _write_order(db, cart, shown, buyer, placed_from, delivery, seller, now)
    reserve(db, held_quantities(db, order.id))
    token = order_token(seller.signer, order.id)
    return start_attempt(
        db,
        order,
        lines,
        shipping_name=method_name(delivery.method),
        success_url=seller.urls.absolute(f"/checkout/return?order={token}", buyer.locale)
        + "&session_id={CHECKOUT_SESSION_ID}",
        cancel_url=seller.urls.absolute(f"/checkout?order={token}", buyer.locale),
        fingerprint=fingerprint,
        now=now,
    )


def _fingerprint(cart: Cart, buyer: Buyer, choice: Choice) -> str:
    facts = [sorted(cart.quantities.items()), asdict(buyer), asdict(choice)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _unpaid_before(
    db: Session, cart: Cart, fingerprint: str, now: datetime
) -> PaymentAttempt | None:
    """Return the attempt that this very cart and form made before, if it can still be paid."""
    pending = pending_order_of_cart(db, cart.id)
    attempt = latest_attempt(db, pending.id) if pending else None
    if attempt is None:
        return None
    same = attempt.fingerprint == fingerprint and attempt.release_asked_at is None
    if same and attempt.can_be_paid(now):
        return attempt
    raise HoldInTheWay(attempt.id, attempt.order_id)


def _leave_some_for_others(
    db: Session, cart: Cart, buyer: Buyer, placed_from: str, wishes: Preferences, now: datetime
) -> None:
    """Refuse one hold more than an e-mail address or a network may have, or anybody could hold
    the whole shelf for nothing.
    """
    holds, email = holds_of_others(db, cart.id), buyer.email.casefold()
    of_email = [hold.expires_at for hold in holds if hold.email.casefold() == email]
    of_network = [hold.expires_at for hold in holds if hold.placed_from == placed_from != ""]
    for ends, most in (of_email, wishes.holds_per_email), (of_network, wishes.holds_per_network):
        if len(ends) >= most:
            first = sorted(ends)[len(ends) - most]
            raise TooManyHolds(free_again(first, now=now), by_email=ends is of_email)


def _delivery(
    db: Session, shown: ShownCart, buyer: Buyer, choice: Choice, seller: Seller, now: datetime
) -> DeliveryOption:
    options = delivery_options(db, buyer.country, shown.parcel, local_day(now))
    chosen = next((option for option in options if option.method == choice.method), None)
    if chosen is None:
        raise DeliveryUnavailable
    if not can_be_paid(Money(shown.subtotal_amount + chosen.amount, seller.preferences.currency)):
        raise CannotBePaid
    if choice.shown_subtotal != shown.subtotal_amount or choice.shown_shipping != chosen.amount:
        raise PriceChanged
    return chosen


def _write_order(  # noqa: PLR0913, PLR0917 - all that an order is made of
    db: Session,
    cart: Cart,
    shown: ShownCart,
    buyer: Buyer,
    placed_from: str,
    delivery: DeliveryOption,
    seller: Seller,
    now: datetime,
) -> tuple[Order, list[OrderLine]]:
    wishes, today = seller.preferences, local_day(now)
    rate_bp = vat_rate_bp(db, wishes.country, today) if wishes.vat_registered else 0
    lines = [
        OrderLine(
            variant_id=line.variant.id,
            quantity=line.quantity,
            from_stock=not line.availability.made_to_order,
            name=line.product.text(buyer.locale).name,
            sku=line.variant.sku,
            photo_hash=line.product.photos[0].hash if line.product.photos else None,
            currency=wishes.currency,
            price_amount=line.price_amount,
            vat_rate_bp=rate_bp,
            vat_amount=vat_included(line.total_amount, rate_bp),
        )
        for line in shown.to_order
    ]
    shipping_vat = vat_included(delivery.amount, rate_bp)
    order = Order(
        number=next_number(db),
        cart_id=cart.id,
        placed_from=placed_from,
        placed_at=now,
        **asdict(buyer),
        shipping_method=delivery.method,
        dispatch_by=dispatch_date(today, wishes.dispatch_days, shown.lead_time_days),
        currency=wishes.currency,
        subtotal_amount=shown.subtotal_amount,
        discount_amount=0,
        shipping_amount=delivery.amount,
        shipping_vat_amount=shipping_vat,
        vat_amount=sum(line.vat_amount for line in lines) + shipping_vat,
        total_amount=shown.subtotal_amount + delivery.amount,
    )
    order.lines = lines
    db.add(order)
    db.flush()  # the database gives the order its id, which its links and its ledger name
    write_entry(db, order.id, "placed", by="buyer", now=now)
    return order, lines
