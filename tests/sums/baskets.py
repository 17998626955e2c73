"""Random baskets with all that decides what they cost, and what they come to, reckoned here anew.

Nothing of the shop's own arithmetic is used: what it says is held against this.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import strategies as st

KINDS, COUNTED = 20, 12  # of goods, as many as a basket takes; the first are counted
LEAST, MOST = 300, 99_999_999  # of one payment
RATES = (2500, 1200, 600, 0)  # Sweden's three, and a country whose rate nobody has set
METHODS = ("letter", "tracked_parcel")


@dataclass(frozen=True)
class Bill:
    """What one page, mail or payment says an order comes to; lines are (pieces, amount)."""

    lines: tuple[tuple[int, int], ...]
    subtotal: int
    discount: int
    shipping: int
    total: int


@dataclass(frozen=True)
class Goods:
    kind: int
    price: int
    quantity: int

    @property
    def amount(self) -> int:
        return self.price * self.quantity


@dataclass(frozen=True)
class Offer:
    """A code: percent or an amount off, from some subtotal on."""

    kind: str
    value: int
    minimum: int

    def off(self, subtotal: int) -> int:
        if subtotal < self.minimum:
            return 0
        if self.kind == "percent":
            return half_up(subtotal * self.value, 100)
        return min(self.value, subtotal)


@dataclass(frozen=True)
class Basket:
    goods: tuple[Goods, ...]
    rate_bp: int
    postage: tuple[int, int]  # by letter, by parcel
    free_from: int | None
    method: int
    offer: Offer | None
    locale: str
    pieces_back: tuple[tuple[int, ...], ...] = ()  # in each refund: of each line so many, if left
    postage_back: int = 0  # in which of them
    amounts_back: tuple[int, ...] = ()  # or: so many thousandths of what is left
    restock: bool = False

    @property
    def subtotal(self) -> int:
        return sum(line.amount for line in self.goods)

    @property
    def discount(self) -> int:
        return self.offer.off(self.subtotal) if self.offer else 0

    @property
    def shipping(self) -> int:
        return self.offered[self.method]

    @property
    def offered(self) -> tuple[int, int]:
        free = self.free_from is not None and self.subtotal >= self.free_from
        return (0, 0) if free else self.postage

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + self.shipping

    @property
    def bill(self) -> Bill:
        lines = tuple((line.quantity, line.amount) for line in self.goods)
        return Bill(lines, self.subtotal, self.discount, self.shipping, self.total)


def half_up(number: int, parts: int) -> int:
    return (2 * number + parts) // (2 * parts)


def vat_in(gross: int, rate_bp: int) -> int:
    return half_up(gross * rate_bp, 10_000 + rate_bp)


def fair(amount: int, weights: Sequence[int]) -> list[Fraction]:
    """Return each one's part of *amount*, to the last fraction of an öre."""
    return [Fraction(amount * weight, sum(weights)) for weight in weights]


# --- at random ------------------------------------------------------------------------------------

SIZES = (1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12, 20)  # most baskets are small
HIGHEST = (1_000, 100_000, 9_999_999)
OFFERS = (None, "percent", "amount", "all of it")


@st.composite
def baskets(draw: st.DrawFn) -> Basket:
    """What a basket is made of is drawn, and can be made less; its numbers are one draw of chance,
    for to draw each of them takes as long as to sell the basket.
    """
    chance = Random(draw(st.binary(min_size=8, max_size=8)))
    goods = _within_a_payment(_goods(chance, draw(st.sampled_from(SIZES))))
    subtotal = sum(line.amount for line in goods)
    basket = Basket(
        goods,
        rate_bp=draw(st.sampled_from(RATES)),
        postage=(_postage(chance), _postage(chance)),
        free_from=draw(st.sampled_from([None, _near(chance, subtotal)])),
        method=draw(st.integers(0, 1)),
        offer=_offer(chance, draw(st.sampled_from(OFFERS)), subtotal),
        locale=draw(st.sampled_from(["sv", "en"])),
        restock=draw(st.booleans()),
        **_refunds(chance, goods, draw(st.integers(0, 2)), by_pieces=draw(st.booleans())),
    )
    return _worth_paying(basket)


def _goods(chance: Random, count: int) -> list[Goods]:
    first = chance.randrange(KINDS)
    kinds = [(first + more) % KINDS for more in range(count)]
    return [
        Goods(
            kind,
            chance.randint(1, chance.choice(HIGHEST)),
            chance.randint(1, chance.choice((3, 99)) if kind < COUNTED else 10),
        )
        for kind in kinds
    ]


def _postage(chance: Random) -> int:
    return chance.choice((0, chance.randint(1, 20_000)))


def _offer(chance: Random, kind: str | None, subtotal: int) -> Offer | None:
    if kind is None:
        return None
    minimum = chance.choice((0, 0, _near(chance, subtotal)))
    if kind == "percent":
        return Offer(kind, chance.randint(1, 100), minimum)
    some = chance.randint(1, min(subtotal, chance.choice(HIGHEST)))
    return Offer("amount", some if kind == "amount" else _near(chance, subtotal), minimum)


def _refunds(
    chance: Random, goods: Sequence[Goods], parts: int, *, by_pieces: bool
) -> dict[str, Any]:
    """Return what goes back before the rest does."""
    if not by_pieces:
        return {"amounts_back": tuple(chance.randint(1, 999) for _ in range(parts))}
    some = (tuple(chance.randint(0, line.quantity) for line in goods) for _ in range(parts))
    return {"pieces_back": tuple(some), "postage_back": chance.randint(0, parts)}


def _near(chance: Random, amount: int) -> int:
    return max(1, amount + chance.choice((-1, 0, 0, 1)))


def _within_a_payment(goods: Sequence[Goods]) -> tuple[Goods, ...]:
    """Take pieces out until it can be paid at once, postage and all."""
    left, kept = MOST - 50_000, []
    for line in goods:
        quantity = min(line.quantity, left // line.price)
        if quantity:
            kept.append(replace(line, quantity=quantity))
            left -= line.price * quantity
    return tuple(kept)


def _worth_paying(basket: Basket) -> Basket:
    """Let the postage make up for what would be too little for a payment."""
    if basket.total >= LEAST:
        return basket
    letter, parcel = basket.postage
    return replace(basket, free_from=None, postage=(letter + LEAST, parcel + LEAST))
