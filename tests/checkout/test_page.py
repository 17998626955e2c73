"""The checkout's page: what it shows of the basket, the ways of delivery, the days and the sums."""

import re
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import update

from shop.discounts.actions import add_discount
from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences
from shop.shipping.models import ShippingZone
from shop.stock.models import StockLevel
from tests.discounts.tools import new_discount
from tests.support import ANNA, NOON, Buyer, FixedClock, Shelf, fields_of, words_of


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def english(buyer: Buyer) -> Buyer:
    buyer.prefix = "/en"
    return buyer


def totals(page: httpx2.Response) -> dict[str, int]:
    """Return the total of each way of delivery."""
    found = re.findall(r'data-total="(\d+)" data-method="(\w+)"', page.text)
    return {method: int(amount) for amount, method in found}


def prices(page: httpx2.Response) -> dict[str, str]:
    return dict(re.findall(r'name="price_(\w+)" value="(\d+)"', page.text))


def chosen(page: httpx2.Response) -> list[str]:
    return re.findall(r'name="delivery" value="(\w+)" checked', page.text)


def with_choices(buyer: Buyer, **changes: str) -> httpx2.Response:
    """Ask for the page again, as the button beside the country does."""
    return buyer.post("/checkout", **buyer.checkout_fields() | changes, update="1")


def test_what_it_costs_and_when_it_comes(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    page = english.get("/checkout")
    assert page.status_code == 200
    assert prices(page) == {"letter": "3600", "tracked_parcel": "7900"}
    assert totals(page) == {"letter": 28100, "tracked_parcel": 32400}
    assert chosen(page) == ["letter"]
    text = words_of(page)
    assert text.count("With you by Monday 30 November at the latest.") == 2
    assert "SEK 281 in all." in text
    assert "Sent by Wednesday 25 November at the latest." in text
    assert "VAT included (Letter) SEK 56.20" in text
    assert "Subtotal SEK 245" in text
    assert "Order and pay SEK 281" in text
    assert fields_of(page.text, "checkout")["subtotal"] == "24500"
    assert "Do you have a discount code?" not in text


@pytest.fixture
def days(request: pytest.FixtureRequest, sessions: Sessions) -> int:
    """Let the owner need so many working days, from before the shop is served."""
    with sessions.begin() as db:
        set_preferences(db, dispatch_days=request.param)
    return int(request.param)


@pytest.mark.parametrize(
    ("days", "sent", "there"),
    [
        (0, "Monday 23 November", "Thursday 26 November"),
        (5, "Monday 30 November", "Thursday 3 December"),
    ],
    indirect=["days"],
)
def test_the_days_follow_what_the_owner_needs(
    days: int, sent: str, there: str, english: Buyer, shelf: Shelf
) -> None:
    assert days in {0, 5}
    english.add(shelf.add("raven"))
    text = words_of(english.get("/checkout"))
    assert f"Sent by {sent} at the latest." in text
    assert f"With you by {there} at the latest." in text


def test_what_is_made_to_order_comes_later(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    english.add(shelf.add("cap", kind="made_to_order", lead_time_days=10))
    text = words_of(english.get("/checkout"))
    assert "Sent by Monday 7 December at the latest." in text
    assert "With you by Thursday 10 December at the latest." in text


def test_tomorrow_is_another_day(english: Buyer, shelf: Shelf, clock: FixedClock) -> None:
    english.add(shelf.add("raven"))
    clock.at += timedelta(hours=11, minutes=59)  # one minute to midnight in Stockholm
    assert "Sent by Wednesday 25 November" in words_of(english.get("/checkout"))
    clock.at += timedelta(minutes=1)
    assert "Sent by Thursday 26 November" in words_of(english.get("/checkout"))


def test_another_country_has_its_own_ways(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    page = with_choices(english, country="DE", delivery="tracked_parcel")
    assert page.status_code == 200
    assert (prices(page), totals(page)) == ({"letter": "7900"}, {"letter": 32400})
    assert chosen(page) == ["letter"]  # what was chosen does not go there
    assert "With you by Monday 7 December at the latest." in words_of(page)
    assert "in all." not in words_of(page)  # there is only one


def test_what_was_chosen_stays_chosen(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    assert chosen(with_choices(english, delivery="tracked_parcel")) == ["tracked_parcel"]
    assert chosen(with_choices(english, delivery="pigeon")) == ["letter"]


def test_where_nothing_goes_nothing_can_be_paid(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        db.execute(update(ShippingZone).where(ShippingZone.name == "EU").values(countries="FI"))
    english.add(shelf.add("raven"))
    page = with_choices(english, country="DE")
    assert (prices(page), totals(page), chosen(page)) == ({}, {}, [])
    assert "This basket cannot be sent to that country." in words_of(page)
    assert "Order and pay" not in words_of(page)


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ended", "asks"), [(False, True), (True, False)])
def test_a_code_is_asked_for_where_there_is_any(
    ended: bool, asks: bool, english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(ended_at=NOON if ended else None))
    english.add(shelf.add("raven"))
    text = words_of(english.get("/checkout"))
    assert ("Do you have a discount code?" in text) is asks


def test_what_a_code_takes_off_is_shown_before_it_is_paid(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000))
    english.add(shelf.add("raven"))
    page = with_choices(english, code=" jul 25 ")
    assert page.status_code == 200
    assert totals(page) == {"letter": 23100, "tracked_parcel": 27400}
    assert "Discount (JUL25) −SEK 50" in words_of(page)
    assert fields_of(page.text, "checkout")["shown_discount"] == "5000"
    assert 'data-discount="5000"' in page.text


@pytest.mark.parametrize("button", ["update", "order"])
def test_a_code_that_is_refused_is_said_at_its_field(
    button: str, english: Buyer, shelf: Shelf
) -> None:
    english.add(shelf.add("raven"))
    changes = ANNA | {"code": "NOPE"} | ({"update": "1"} if button == "update" else {})
    page = english.post("/checkout", **english.checkout_fields() | changes)
    assert page.status_code == 422
    sentence = "We do not know that code. Check how it is spelt, or go on without it."
    assert f'id="code-error">{sentence}<' in page.text
    assert "Do you have a discount code?" in words_of(page)
    assert fields_of(page.text, "checkout")["code"] == "NOPE"
    assert totals(page)["letter"] == 28100


def test_a_code_too_long_is_only_too_long(english: Buyer, shelf: Shelf) -> None:
    english.add(shelf.add("raven"))
    page = english.post("/checkout", **english.checkout_fields() | ANNA | {"code": "x" * 41})
    assert page.status_code == 422
    assert "Too long: use at most 40 characters." in page.text
    assert "We do not know that code." not in page.text


def test_the_use_of_the_own_unpaid_order_is_there_for_it(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    """And for no other code than the one that it has."""
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000, most_uses=1))
        add_discount(db, new_discount(code="GONE", kind="amount", value=100, most_uses=1, uses=1))
    english.add(shelf.add("raven"))
    assert english.place(code="JUL25", shown_discount="5000").status_code == 303
    assert totals(with_choices(english, code="JUL25"))["letter"] == 23100
    refused = with_choices(english, code="GONE")
    assert refused.status_code == 422
    assert "That code has been used up." in refused.text


def test_a_code_counts_from_its_day_in_stockholm(
    english: Buyer, shelf: Shelf, sessions: Sessions, clock: FixedClock
) -> None:
    with sessions.begin() as db:
        tomorrow = NOON.date() + timedelta(days=1)
        add_discount(db, new_discount(kind="amount", value=5000, starts_on=tomorrow))
    english.add(shelf.add("raven"))
    refused = with_choices(english, code="JUL25")
    assert "That code can be used from 24 November 2026 on." in refused.text
    clock.at += timedelta(hours=12)  # midnight in Stockholm, and eleven in Greenwich
    assert totals(with_choices(english, code="JUL25"))["letter"] == 23100


# --- what is gone ---------------------------------------------------------------------------------


def test_what_is_gone_is_not_counted_and_nothing_can_be_paid(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    raven, moss = shelf.add("raven"), shelf.add("moss", on_hand=3)
    english.add(raven)
    english.add(moss)
    with sessions.begin() as db:
        db.execute(update(StockLevel).where(StockLevel.variant_id == raven).values(on_hand=0))
    page = english.get("/checkout")
    assert page.status_code == 200
    assert "Something in your basket is no longer available." in words_of(page)
    assert "Order and pay" not in words_of(page)
    assert totals(page)["letter"] == 28100


def test_what_cannot_be_paid_says_between_what(
    english: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=70000))
    english.add(shelf.add("doll", price_amount=70000))
    fields = fields_of(with_choices(english, code="JUL25").text, "checkout") | ANNA
    page = english.post("/checkout", **fields)
    assert page.status_code == 409
    assert (
        "Nothing has been charged: an order must come to between SEK 3 and SEK 999,999.99. "
        "Change the basket, and order again."
    ) in words_of(page)
