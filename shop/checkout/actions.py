"""From a cart to an order with its payment attempt, all in the caller's one transaction."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shop.cart.bill import sums_of
from shop.cart.cookie import Cart
from shop.cart.queries import ShownCart, shown_cart
from shop.checkout.errors import (
    CannotBeOrdered,
    CannotBePaid,
    DeliveryUnavailable,
    DiscountChanged,
    EmptyCart,
    HoldInTheWay,
    PriceChanged,
    TooManyHolds,
)
from shop.checkout.forms import Buyer
from shop.discounts.actions import redeem
from shop.discounts.errors import CodeRefused
from shop.discounts.queries import discount_by_code, normalised, worth
from shop.kit.clock import local_day
from shop.kit.ids import Signer
from shop.kit.money import Money
from shop.kit.urls import Urls
from shop.orders.actions import next_number, take_turn, write_entry
from shop.orders.models import Order, OrderLine
from shop.orders.queries import (
    dealings,
    from_stock,
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
from shop.shipping.queries import DeliveryOption, delivery_options, with_pickup
from shop.stock.actions import reserve
from shop.tax.queries import sellers_rate_bp
from shop.tax.sums import Sums


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
    code: str = ""
    shown_discount: int = 0


@dataclass(frozen=True)
class Reduction:
    """What a code takes off this order; nothing without one."""

    amount: int = 0
    code: str = ""
    discount_id: int | None = None


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
    DeliveryUnavailable, TooManyHolds, HoldInTheWay, OutOfStock, or CodeRefused for a code whose
    discount was not shown: the caller's transaction then undoes everything.
    """
    take_turn(db)
    fingerprint = _fingerprint(cart, buyer, choice)
    before = dealings(db, cart.id)
    if before.unpaid:
        if (again := _unpaid_before(db, cart, fingerprint, now)) is not None:
            return again
        before = dealings(db, cart.id)  # between the two looks it was paid, or has ended
    if not cart.lines or before.bought:
        raise EmptyCart
    shown = shown_cart(db, cart, before.held, buyer.locale)
    if len(shown.to_order) != len(shown.lines) or not shown.can_be_ordered:
        raise CannotBeOrdered
    delivery = _delivery(db, shown, buyer, choice, seller.preferences, now)
    reduction = _reduction(db, shown, choice, now)
    _check_what_was_shown(shown, delivery, reduction, choice, seller)
    _leave_some_for_others(db, cart, buyer, placed_from, seller.preferences, now)
    order = _order(db, cart, shown, buyer, placed_from, delivery, reduction, seller, now)
    # The shelf first, then the code, as whoever gives them back: or two could wait for each other.
    reserve(db, from_stock(order.lines))
    db.add(order)
    db.flush()  # the database gives the order its id, which its links and its ledger name
    _redeem(db, order, reduction, now)
    write_entry(db, order.id, "placed", by="buyer", now=now)
    token = order_token(seller.signer, order.id)
    return start_attempt(
        db,
        order,
        order.lines,
        shipping_name=method_name(delivery.method),
        success_url=seller.urls.absolute(f"/checkout/return?order={token}", buyer.locale)
        + "&session_id={CHECKOUT_SESSION_ID}",
        cancel_url=seller.urls.absolute(f"/checkout?order={token}", buyer.locale),
        fingerprint=fingerprint,
        now=now,
    )


def _fingerprint(cart: Cart, buyer: Buyer, choice: Choice) -> str:
    facts = [sorted(line.facts for line in cart.lines), vars(buyer), vars(choice)]
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
    holds = holds_of_others(db, cart.id, email=buyer.email, placed_from=placed_from)
    of_email = [hold.expires_at for hold in holds if hold.same_email]
    of_network = [hold.expires_at for hold in holds if hold.same_network]
    for ends, most in (of_email, wishes.holds_per_email), (of_network, wishes.holds_per_network):
        if len(ends) >= most:
            first = sorted(ends)[len(ends) - most]
            raise TooManyHolds(free_again(first, now=now), by_email=ends is of_email)


def _delivery(
    db: Session,
    shown: ShownCart,
    buyer: Buyer,
    choice: Choice,
    wishes: Preferences,
    now: datetime,
) -> DeliveryOption:
    sent = delivery_options(db, buyer.country, shown.parcel, local_day(now))
    options = with_pickup(sent, wishes)
    chosen = next((option for option in options if option.method == choice.method), None)
    if chosen is None:
        raise DeliveryUnavailable
    return chosen


def _reduction(db: Session, shown: ShownCart, choice: Choice, now: datetime) -> Reduction:
    if not normalised(choice.code):
        return Reduction()
    try:
        discount = discount_by_code(db, choice.code)
        amount = worth(discount, shown.subtotal_amount, local_day(now))
    except CodeRefused:
        if choice.shown_discount:
            raise DiscountChanged from None  # it counted when the page was shown
        raise
    return Reduction(amount, discount.code, discount.id) if amount else Reduction()


def _check_what_was_shown(
    shown: ShownCart,
    delivery: DeliveryOption,
    reduction: Reduction,
    choice: Choice,
    seller: Seller,
) -> None:
    total = shown.subtotal_amount - reduction.amount + delivery.amount
    if not can_be_paid(Money(total, seller.preferences.currency)):
        raise CannotBePaid
    if choice.shown_subtotal != shown.subtotal_amount or choice.shown_shipping != delivery.amount:
        raise PriceChanged
    if choice.shown_discount != reduction.amount:
        raise DiscountChanged


def _redeem(db: Session, order: Order, reduction: Reduction, now: datetime) -> None:
    if reduction.discount_id is None:
        return
    try:
        redeem(db, reduction.discount_id, order_id=order.id, amount=reduction.amount, now=now)
    except CodeRefused:
        raise DiscountChanged from None  # somebody else has had its last use meanwhile


def _order(  # noqa: PLR0913, PLR0917 - all that an order is made of
    db: Session,
    cart: Cart,
    shown: ShownCart,
    buyer: Buyer,
    placed_from: str,
    delivery: DeliveryOption,
    reduction: Reduction,
    seller: Seller,
    now: datetime,
) -> Order:
    wishes, today = seller.preferences, local_day(now)
    rate_bp = sellers_rate_bp(db, wishes, today)
    found = sums_of(shown, delivery, rate_bp, reduction.amount)
    dispatch = dispatch_date(today, wishes.dispatch_days, shown.lead_time_days)
    order = Order(
        number=next_number(db),
        cart_id=cart.id,
        placed_from=placed_from,
        source=cart.source,
        placed_at=now,
        **vars(buyer),
        shipping_method=delivery.method,
        dispatch_by=dispatch,
        arrives_by=delivery.arrives_by(dispatch),
        currency=wishes.currency,
        subtotal_amount=found.subtotal_amount,
        discount_code=reduction.code,
        discount_amount=found.discount_amount,
        shipping_amount=delivery.amount,
        shipping_vat_amount=found.shipping_vat_amount,
        vat_amount=found.vat_amount,
        total_amount=found.total_amount,
    )
    order.lines = _order_lines(shown, found, wishes.currency, rate_bp)
    return order


def _order_lines(shown: ShownCart, sums: Sums, currency: str, rate_bp: int) -> list[OrderLine]:
    return [
        OrderLine(
            variant_id=line.goods.variant_id,
            quantity=line.quantity,
            from_stock=not line.availability.made_to_order,
            name=line.goods.name,
            sku=line.goods.sku,
            personal_text=line.words,
            photo_hash=line.goods.photo_hash,
            currency=currency,
            price_amount=line.price_amount,
            vat_rate_bp=rate_bp,
            **vars(of_line),
        )
        for line, of_line in zip(shown.to_order, sums.lines, strict=True)
    ]
