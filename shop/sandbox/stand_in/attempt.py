"""What a buyer pays with, and Stripe's test accounts for SEPA direct debit."""

from dataclasses import dataclass

from shop.sandbox.stand_in.cards import Card

_SOON, _LATER = 3.0, 183.0  # seconds until the bank has answered


@dataclass(frozen=True)
class Account:
    """A test account. *settles*: whether the debit succeeds, *after* so many seconds."""

    iban: str
    settles: bool = True
    after: float = _SOON
    disputed: bool = False


ACCOUNTS = {
    account.iban: account
    for account in (
        Account("AT611904300234573201"),
        Account("AT321904300235473204", after=_LATER),
        Account("AT861904300235473202", settles=False),
        Account("AT051904300235473205", settles=False, after=_LATER),
        Account("AT591904300235473203", disputed=True),
    )
}


@dataclass(frozen=True)
class Attempt:
    """What the buyer entered. *method*: card, klarna, swish or sepa_debit.

    *card* and *account* with their methods only. *waits*: whether it is known only later if the
    money comes; so it always is with an account.
    """

    method: str
    email: str
    card: Card | None = None
    account: Account | None = None
    waits: bool = False
