"""What can be paid at once: Stripe has a floor and a ceiling for a payment."""

from shop.kit.money import Money

# In minor units, by currency: docs.stripe.com/currencies
LEAST = {"SEK": 300, "NOK": 300, "DKK": 250, "EUR": 50, "GBP": 30, "USD": 50}
MOST = 99_999_999


def limits(currency: str) -> tuple[Money, Money]:
    """Return the least and the most that one payment in *currency* can be."""
    return Money(LEAST.get(currency, 1), currency), Money(MOST, currency)


def can_be_paid(total: Money) -> bool:
    least, most = limits(total.currency)
    return least.amount <= total.amount <= most.amount
