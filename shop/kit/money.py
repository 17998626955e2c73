"""Money is a whole number of minor units (öre) with its currency; no float comes near it."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import total_ordering
from typing import Self

# Currencies whose smallest unit is the unit itself (Stripe's list of zero-decimal currencies).
ZERO_DECIMAL = {
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG"),
    *("RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
}


class CurrencyMismatch(TypeError):
    """Two currencies met in one sum."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    amount: int
    currency: str

    def __add__(self, other: Self) -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Self) -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.amount * quantity, self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._same(other)

    def _same(self, other: Self) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix")
        return other.amount

    @property
    def decimal(self) -> Decimal:
        """The amount in whole units, exact: 24550 öre is Decimal("245.50")."""
        return Decimal(self.amount).scaleb(-minor_digits(self.currency))


def minor_digits(currency: str) -> int:
    return 0 if currency in ZERO_DECIMAL else 2


def round_half_up(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_HALF_UP))
