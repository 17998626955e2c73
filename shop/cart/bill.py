"""What a cart comes to, for each way that it can get to its buyer."""

from collections.abc import Iterable
from dataclasses import dataclass

from shop.cart.queries import ShownCart
from shop.shipping.queries import DeliveryOption
from shop.shipping.ways import Way
from shop.tax.sums import Line, Sums, sums


@dataclass(frozen=True)
class Bill:
    """What all of it comes to if it goes one way."""

    way: Way
    sums: Sums

    @property
    def method(self) -> str:
        return self.way.option.method

    @property
    def postage_amount(self) -> int:
        return self.way.option.amount

    @property
    def total_amount(self) -> int:
        return self.sums.total_amount


def bills(
    cart: ShownCart, ways: Iterable[Way], *, rate_bp: int, discount_amount: int = 0
) -> list[Bill]:
    """Return what *cart* comes to by each of *ways*."""
    return [Bill(way, sums_of(cart, way.option, rate_bp, discount_amount)) for way in ways]


def sums_of(cart: ShownCart, option: DeliveryOption, rate_bp: int, discount_amount: int) -> Sums:
    """Return what an order of all that can be had in *cart* comes to; all of it has one rate."""
    return sums(
        [Line(line.price_amount, line.quantity, rate_bp) for line in cart.to_order],
        shipping_amount=option.amount,
        shipping_rate_bp=rate_bp,
        discount_amount=discount_amount,
    )
