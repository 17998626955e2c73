from decimal import Decimal

import pytest

from shop.kit.money import CurrencyMismatch, Money, minor_digits, round_half_up

KRONOR, EUROS = Money(24550, "SEK"), Money(24550, "EUR")


def test_sums_stay_whole() -> None:
    assert Money(10, "SEK") + Money(20, "SEK") == Money(30, "SEK")
    assert Money(10, "SEK") - Money(20, "SEK") == Money(-10, "SEK")
    assert Money(333, "SEK") * 3 == Money(999, "SEK")
    assert Money(1, "SEK") < Money(2, "SEK")
    assert not Money(2, "SEK") < Money(2, "SEK")
    assert max(Money(1, "SEK"), Money(2, "SEK")) == Money(2, "SEK")


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(CurrencyMismatch, match="SEK and EUR do not mix"):
        _ = KRONOR + EUROS


def test_two_currencies_do_not_subtract() -> None:
    with pytest.raises(CurrencyMismatch):
        _ = KRONOR - EUROS


def test_two_currencies_have_no_order() -> None:
    with pytest.raises(CurrencyMismatch):
        _ = KRONOR < EUROS


def test_the_same_number_of_two_currencies_is_not_the_same() -> None:
    assert KRONOR != EUROS


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        KRONOR.amount = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("currency", "digits", "whole"),
    [("SEK", 2, "245.50"), ("EUR", 2, "245.50"), ("JPY", 0, "24550"), ("KRW", 0, "24550")],
)
def test_whole_units_are_exact(currency: str, digits: int, whole: str) -> None:
    assert minor_digits(currency) == digits
    assert Money(24550, currency).decimal == Decimal(whole)


@pytest.mark.parametrize(
    ("value", "rounded"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("2.4999", 2), ("-0.5", -1)]
)
def test_halves_round_away_from_zero(value: str, rounded: int) -> None:
    assert round_half_up(Decimal(value)) == rounded
