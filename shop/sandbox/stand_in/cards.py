"""Stripe's published test cards, and what each of them does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """*decline*: the decline code, if it is refused; *secure*: it asks for 3-D Secure first.

    *refund*: what becomes of a refund to it: at once, `pending` first, or `failed` later.
    *dispute*: the reason for which the payment is disputed some moments later; *inquiry*: its bank
    only asks, and takes no money yet. *available_at_once*: the money needs no days to come.
    """

    number: str
    brand: str = "visa"
    country: str = "US"
    decline: str | None = None
    secure: bool = False
    refund: str = "succeeded"
    dispute: str | None = None
    inquiry: bool = False
    available_at_once: bool = False

    @property
    def code(self) -> str:
        """The error code; most declines share one, some have their own."""
        own = {"expired_card", "incorrect_cvc", "processing_error"}
        return self.decline if self.decline in own else "card_declined"


_ALL = (
    Card("4242424242424242"),
    Card("5555555555554444", brand="mastercard"),
    Card("4000007520000008", country="SE"),
    Card("4000008260000000", country="GB"),
    Card("4000000000000002", decline="generic_decline"),
    Card("4000000000009995", decline="insufficient_funds"),
    Card("4000000000009987", decline="lost_card"),
    Card("4000000000009979", decline="stolen_card"),
    Card("4000000000000069", decline="expired_card"),
    Card("4000000000000127", decline="incorrect_cvc"),
    Card("4000000000000119", decline="processing_error"),
    Card("4000002500003155", country="FR", secure=True),
    Card("4000002760003184", country="DE", secure=True),
    Card("4000008400001629", secure=True, decline="generic_decline"),
    Card("4000000000000259", dispute="fraudulent"),
    Card("4000000000002685", dispute="product_not_received"),
    Card("4000000000001976", dispute="fraudulent", inquiry=True),
    Card("4000000000000077", available_at_once=True),
    Card("4000000000007726", refund="pending"),
    Card("4000000000005126", refund="failed"),
)
CARDS = {card.number: card for card in _ALL}


def luhn_valid(number: str) -> bool:
    """Whether the digits could be a card number at all."""
    if not number.isdigit() or not 12 <= len(number) <= 19:  # noqa: PLR2004 - shortest and longest
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(number))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0  # noqa: PLR2004 - the check itself
