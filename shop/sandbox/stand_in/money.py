"""Amounts in whole minor units (öre), and what Stripe takes for a payment."""

import re

NO_DECIMALS = frozenset({"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf",
                         "ugx", "vnd", "vuv", "xaf", "xof", "xpf"})  # fmt: skip
# The least that can be charged, by currency, in minor units (docs.stripe.com/currencies).
LEAST = {"sek": 300, "nok": 300, "dkk": 250, "eur": 50, "gbp": 30, "usd": 50}
MOST = 99_999_999
KLARNA = frozenset({"sek", "nok", "dkk", "eur", "gbp", "usd", "chf", "pln", "czk"})
SEPA = frozenset({"eur"})
SWISH = frozenset({"sek"})
EEA = frozenset({"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
                 "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE",
                 "SI", "SK"})  # fmt: skip
# Parts in ten thousand of the amount, and the fixed part by currency in minor units.
EEA_RATE, UK_RATE, ABROAD_RATE = 150, 250, 325
FIXED = {"sek": 180, "nok": 200, "dkk": 180, "eur": 25, "gbp": 20, "usd": 30}
SEPA_DEBIT = 35  # euro cents
# What a dispute costs; given back when it is won.
DISPUTE_FEE = {"sek": 20_000, "nok": 20_000, "dkk": 20_000, "eur": 2_000, "gbp": 2_000,
               "usd": 2_000}  # fmt: skip


def methods_for(currency: str) -> list[str]:
    """The ways to pay that an account in Sweden can offer in *currency*."""
    offered = {
        "card": True,
        "klarna": currency in KLARNA,
        "sepa_debit": currency in SEPA,
        "swish": currency in SWISH,
    }
    return [method for method, can in offered.items() if can]


def fee(amount: int, currency: str, method: str, country: str | None) -> int:
    """What Stripe keeps of a payment over *amount*, both in minor units.

    The Swedish list prices: for cards by where they were issued; a SEPA debit costs the same
    whatever it is over. Klarna and Swish have prices of their own; that of a card issued in the
    EEA stands in for them.
    """
    if method == "sepa_debit":
        return SEPA_DEBIT
    per_ten_thousand = EEA_RATE if method != "card" or country in EEA else ABROAD_RATE
    if method == "card" and country == "GB":
        per_ten_thousand = UK_RATE
    return (amount * per_ten_thousand + 5_000) // 10_000 + FIXED[currency]


def spoken(amount: int, currency: str, locale: str) -> str:
    """The amount for people: `231 kr`, `1 231,50 kr`, `SEK 231.00`."""
    digits = 0 if currency in NO_DECIMALS else 2
    if amount < 0:
        return f"−{spoken(-amount, currency, locale)}"
    whole, part = divmod(amount, 10**digits)
    if locale != "sv":
        return f"{currency.upper()}\u00a0{whole:,}" + (f".{part:0{digits}}" if digits else "")
    text = f"{whole:,}".replace(",", "\u00a0") + (f",{part:0{digits}}" if part else "")
    return f"{text}\u00a0{'kr' if currency == 'sek' else currency.upper()}"


def minor(text: str, currency: str) -> int | None:
    """The amount that a person wrote, `231` or `12,50`, in minor units; None when it is none."""
    digits = 0 if currency in NO_DECIMALS else 2
    match = re.fullmatch(rf"(\d{{1,7}})(?:[.,](\d{{{digits}}}))?", re.sub(r"\s", "", text))
    return int(match[1] + (match[2] or "0" * digits)) if match else None
