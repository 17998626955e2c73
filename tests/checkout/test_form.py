"""The checkout's form by itself: what it takes, what it asks for again, why a code is refused."""

from collections.abc import Iterator
from datetime import date

import pytest
from starlette.datastructures import FormData

from shop.checkout.forms import LONGEST, Buyer, CheckoutForm, why_refused
from shop.discounts.errors import BelowMinimum, CodeRefused, NotYet, Over, UnknownCode, UsedUp
from shop.kit.i18n import speaking
from tests.support import ANNA

COUNTRIES = ["DE", "SE", "FI", "DK"]


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with speaking("en"):
        yield


def form(home: str = "SE", **changes: str) -> CheckoutForm:
    return CheckoutForm(FormData(ANNA | changes), countries=COUNTRIES, home=home)


def wrong(filled: CheckoutForm) -> dict[str, str]:
    """Return what the page says at each field: the first of its messages."""
    valid = filled.validate()
    errors = {field.name: str(field.errors[0]) for field in filled if field.errors}
    assert valid is not bool(errors)
    return errors


def test_what_a_buyer_is_made_of() -> None:
    filled = form(phone=" 070-1 ", name=" Anna\tEk ")
    assert wrong(filled) == {}
    assert filled.buyer("en") == Buyer(
        name="Anna Ek",
        email="anna@example.se",
        address="Strandvägen 1",
        postal_code="763 40",
        city="Hallstavik",
        country="SE",
        phone="070-1",
        locale="en",
    )


def test_a_form_of_which_nothing_came_has_no_holes() -> None:
    empty = CheckoutForm(FormData({"country": "SE"}), countries=COUNTRIES, home="SE")
    assert wrong(empty) == {
        "name": "Enter your name, so that the post can find you.",
        "email": "Enter your e-mail address: the confirmation goes there.",
        "address": "Enter the street and number.",
        "postal_code": "Enter the postal code.",
        "city": "Enter the town.",
    }
    nobody = Buyer("", "", "", "", "", "SE", "", "sv")
    assert empty.buyer("sv") == nobody
    for field in (empty.name, empty.email, empty.address, empty.postal_code, empty.city):
        field.data = None
    empty.phone.data = None
    assert empty.buyer("sv") == nobody


@pytest.mark.parametrize(("name", "most"), LONGEST.items())
def test_how_long_each_text_may_be(name: str, most: int) -> None:
    country = {"country": "DE"} if name == "postal_code" else {}

    def of(length: int) -> str:
        if name == "email":
            return f"{'a' * 60}@{'b' * (length - 64)}.se"
        return "x" * length

    short = 80 if name == "email" else most  # the address itself has closer limits than we
    assert wrong(form(**{name: of(short)}, **country)) == {}
    filled = form(**{name: of(most + 1)}, **country)
    assert wrong(filled) == {name: f"Too long: use at most {most} characters."}
    assert filled[name].data == of(most + 1)


def test_the_limits_are_what_the_page_says() -> None:
    assert LONGEST == {
        "name": 100,
        "email": 254,
        "address": 200,
        "city": 100,
        "postal_code": 12,
        "phone": 30,
        "code": 40,
        "recipient": 100,
        "gift_note": 300,
    }


@pytest.mark.parametrize("home", COUNTRIES)
def test_home_comes_first_and_the_others_by_name(home: str) -> None:
    found = CheckoutForm(None, countries=COUNTRIES, home=home)
    names = {"DE": "Germany", "SE": "Sweden", "FI": "Finland", "DK": "Denmark"}
    others = sorted((code for code in COUNTRIES if code != home), key=names.__getitem__)
    assert found.country.choices == [(code, names[code]) for code in [home, *others]]
    assert found.country.data == home


def test_home_is_chosen_only_where_nothing_else_was() -> None:
    assert CheckoutForm(None, countries=COUNTRIES, home="SE", country="DE").country.data == "DE"
    assert CheckoutForm(None, countries=COUNTRIES, home="SE", country="US").country.data == "SE"
    typed = form(country="US")
    assert typed.country.data == "US"
    assert wrong(typed) == {
        "country": "We do not send to that country yet. "
        "Write to us, and we will see what we can do."
    }


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("76340", "SE", "763 40"),
        ("763 40", "SE", "763 40"),
        (" 763 40 ", "SE", "763 40"),
        ("10115", "DE", "10115"),
        ("1234", "DK", "1234"),
    ],
)
def test_a_postal_code_is_kept_as_it_is_written(typed: str, country: str, kept: str) -> None:
    filled = form(postal_code=typed, country=country)
    assert wrong(filled) == {}
    assert filled.postal_code.data == kept


@pytest.mark.parametrize("typed", ["7634", "763400", "7634 0", "SE-763 40", "٧٦٣٤٠"])
def test_what_is_no_swedish_postal_code(typed: str) -> None:
    filled = form(postal_code=typed)
    assert wrong(filled) == {
        "postal_code": "A Swedish postal code has five digits, such as 763 40."
    }


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("anna@EXAMPLE.se", "anna@example.se"), ("Anna@example.se", "Anna@example.se")],
)
def test_an_address_is_kept_in_its_usual_form(typed: str, kept: str) -> None:
    filled = form(email=typed)
    assert wrong(filled) == {}
    assert filled.email.data == kept


def test_an_address_that_is_none() -> None:
    assert wrong(form(email="anna@")) == {
        "email": "Enter a complete e-mail address, such as anna@example.se."
    }


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (NotYet(date(2026, 12, 1)), "That code can be used from 1 December 2026 on."),
        (Over(), "That code is no longer valid. Take it away, and go on without it."),
        (
            BelowMinimum(30050),
            "That code needs goods for at least SEK 300.50, postage aside.",
        ),
        (UsedUp(), "That code has been used up. Take it away, and go on without it."),
        (
            UnknownCode(),
            "We do not know that code. Check how it is spelt, or go on without it.",
        ),
        (
            CodeRefused(),
            "We do not know that code. Check how it is spelt, or go on without it.",
        ),
    ],
)
def test_why_a_code_is_refused(problem: CodeRefused, words: str) -> None:
    assert why_refused(problem, "SEK").replace("\u00a0", " ") == words
