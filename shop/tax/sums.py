"""What an order comes to: its discount and its VAT, line by line, exact to the last öre."""

from collections.abc import Sequence
from dataclasses import dataclass

from shop.tax.vat import vat_included


@dataclass(frozen=True)
class Line:
    """What is bought; the price is of one piece, in minor units with its VAT."""

    price_amount: int
    quantity: int
    rate_bp: int

    @property
    def amount(self) -> int:
        return self.price_amount * self.quantity


@dataclass(frozen=True)
class LineSums:
    discount_amount: int  # the line's share of the order's
    vat_amount: int  # in what is left of it


@dataclass(frozen=True)
class Sums:
    lines: Sequence[LineSums]
    subtotal_amount: int
    discount_amount: int
    shipping_vat_amount: int
    vat_amount: int
    total_amount: int


def sums(
    lines: Sequence[Line], *, shipping_amount: int, shipping_rate_bp: int, discount_amount: int
) -> Sums:
    """Return what an order of *lines* comes to. The discount is of the goods, not of the postage.

    ValueError for a discount that is more than the goods cost.
    """
    shares = shared_out(discount_amount, [line.amount for line in lines])
    of_lines = [
        LineSums(share, vat_included(line.amount - share, line.rate_bp))
        for line, share in zip(lines, shares, strict=True)
    ]
    subtotal = sum(line.amount for line in lines)
    shipping_vat = vat_included(shipping_amount, shipping_rate_bp)
    return Sums(
        lines=of_lines,
        subtotal_amount=subtotal,
        discount_amount=discount_amount,
        shipping_vat_amount=shipping_vat,
        vat_amount=sum(line.vat_amount for line in of_lines) + shipping_vat,
        total_amount=subtotal - discount_amount + shipping_amount,
    )


def shared_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Split *amount* in proportion to *weights*, none getting more than it weighs.

    What rounding down leaves over goes, one each, to the largest remainders; of equal ones to the
    first.
    """
    whole = sum(weights)
    if not 0 <= amount <= whole:
        raise ValueError(f"{amount} cannot be taken off {whole}")
    if amount == 0:
        return [0] * len(weights)
    shares = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: -(amount * weights[n] % whole))
    for n in by_remainder[: amount - sum(shares)]:
        shares[n] += 1
    return shares
