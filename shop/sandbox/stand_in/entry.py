"""What the buyer typed into the payment form, checked field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shop.sandbox.stand_in.attempt import ACCOUNTS, Attempt
from shop.sandbox.stand_in.cards import CARDS, luhn_valid
from shop.sandbox.stand_in.errors import Json

_EXPIRY = re.compile(r"(\d{1,2})\s*[/ .-]?\s*(\d{4}|\d{2})")


@dataclass(frozen=True)
class Entry:
    """*problems*: field name to the key of a text. *attempt* is there when there are none."""

    values: Mapping[str, str]
    problems: Mapping[str, str]
    attempt: Attempt | None


def read(session: Json, form: Mapping[str, str], now: float) -> Entry:
    """The form as an attempt to pay *session*, or what is wrong with it."""
    values = {name: text.strip()[:200] for name, text in form.items()}
    email = session["customer_email"] or values.get("email", "")
    methods = session["payment_method_types"]
    method = methods[0] if len(methods) == 1 else values.get("method", "")
    problems: dict[str, str] = {}
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        problems["email"] = "bad_email"
    number = re.sub(r"[\s-]", "", values.get("number", ""))
    iban = re.sub(r"\s", "", values.get("iban", "")).upper()
    if session["amount_total"] == 0:
        method = "none"
    elif method not in methods:
        problems["method"] = "bad_method"
    elif method == "card":
        problems |= _card_problems(number, values, now)
    elif method == "sepa_debit" and iban not in ACCOUNTS:
        problems["iban"] = "not_a_test_account" if iban else "no_iban"
    if problems:
        return Entry(values, problems, None)
    if method == "sepa_debit":
        return Entry(values, {}, Attempt(method, email, account=ACCOUNTS[iban], waits=True))
    return Entry(values, {}, Attempt(method, email, CARDS[number] if method == "card" else None))


def _card_problems(number: str, values: Mapping[str, str], now: float) -> dict[str, str]:
    found = {
        "number": _number_problem(number),
        "exp": _expiry_problem(values.get("exp", ""), now),
        "cvc": None if re.fullmatch(r"\d{3,4}", values.get("cvc", "")) else "bad_cvc",
    }
    return {name: problem for name, problem in found.items() if problem}


def _number_problem(number: str) -> str | None:
    if not number:
        return "no_number"
    if not luhn_valid(number):
        return "bad_number"
    return None if number in CARDS else "not_a_test_card"


def _expiry_problem(text: str, now: float) -> str | None:
    match = _EXPIRY.fullmatch(text)
    if not match or not 1 <= int(match[1]) <= 12:  # noqa: PLR2004 - months
        return "bad_exp"
    year = int(match[2]) + (2000 if len(match[2]) == 2 else 0)  # noqa: PLR2004 - two digits
    today = datetime.fromtimestamp(now, UTC)
    return "past_exp" if (year, int(match[1])) < (today.year, today.month) else None
