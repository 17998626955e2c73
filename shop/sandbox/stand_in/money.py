"""Amounts in whole minor units (öre), and what Stripe takes for a payment."""

NO_DECIMALS = frozenset({"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf",
                         "ugx", "vnd", "vuv", "xaf", "xof", "xpf"})  # fmt: skip
# The least that can be charged, by currency, in minor units (docs.stripe.com/currencies).
LEAST = {"sek": 300, "nok": 300, "dkk": 250, "eur": 50, "gbp": 30, "usd": 50}
MOST = 99_999_999
KLARNA = frozenset({"sek", "nok", "dkk", "eur", "gbp", "usd", "chf", "pln", "czk"})
SWISH = frozenset({"sek"})


def methods_for(currency: str) -> list[str]:
    """The ways to pay that an account in Sweden can offer in *currency*."""
    offered = {"card": True, "klarna": currency in KLARNA, "swish": currency in SWISH}
    return [method for method, can in offered.items() if can]


def fee(amount: int, method: str, country: str | None) -> int:
    """What Stripe keeps of *amount*, both in minor units.

    The Swedish list prices for cards: 1.5 % + 1.80 within the EEA, 3.25 % + 1.80 elsewhere. Other
    methods have prices of their own; the card price inside the EEA stands in for them.
    """
    abroad = method == "card" and country not in {"SE", "FR", "DE"}
    per_ten_thousand = 325 if abroad else 150
    return (amount * per_ten_thousand + 5_000) // 10_000 + 180


def spoken(amount: int, currency: str, locale: str) -> str:
    """The amount for people: `231 kr`, `1 231,50 kr`, `SEK 231.00`."""
    digits = 0 if currency in NO_DECIMALS else 2
    whole, part = divmod(amount, 10**digits)
    if locale != "sv":
        return f"{currency.upper()}\u00a0{whole:,}" + (f".{part:0{digits}}" if digits else "")
    text = f"{whole:,}".replace(",", "\u00a0") + (f",{part:0{digits}}" if part else "")
    return f"{text}\u00a0{'kr' if currency == 'sek' else currency.upper()}"
