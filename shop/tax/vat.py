"""Value added tax out of a price that includes it. docs/decisions/ has the worked table."""

from decimal import Decimal

from shop.kit.money import round_half_up


def vat_included(gross: int, rate_bp: int) -> int:
    """Return the VAT inside *gross*, both in minor units; *rate_bp* is hundredths of a percent.

    The share is gross * r / (100 + r), rounded half up: 24500 at 25 % holds 4900.
    """
    rate = Decimal(rate_bp) / 100
    return round_half_up(Decimal(gross) * rate / (100 + rate))
