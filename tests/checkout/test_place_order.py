"""The action itself: what an order promises and what it writes down, in one transaction."""

from datetime import date

import pytest
from sqlalchemy import select

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.errors import (
    CannotBeOrdered,
    DeliveryUnavailable,
    EmptyCart,
    HoldInTheWay,
    PriceChanged,
)
from shop.checkout.forms import Buyer
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.orders.models import Order, OrderEntry, OrderLine
from shop.payments.actions import SESSION_LIFE
from shop.payments.models import PaymentAttempt
from shop.preferences.values import Preferences
from shop.stock.models import StockLevel
from tests.support import ANNA, NOON, Shelf, on_both_databases

SELLER = Seller(
    Preferences(), Urls("https://shop.example", "sv"), Signer(("a key that is long enough",))
)
WHO = Buyer(**ANNA, locale="sv")
LETTER = Choice("letter", 24500, 3600)


def cart(*variant_ids: int, quantity: int = 1) -> Cart:
    return Cart("a-cart", tuple(CartLine(variant_id, quantity) for variant_id in variant_ids))


def placed(sessions: Sessions, what: Cart, choice: Choice = LETTER, who: Buyer = WHO) -> Order:
    with sessions.begin() as db:
        attempt = place_order(db, what, who, choice, SELLER, now=NOON)
        return db.get_one(Order, attempt.order_id)


@pytest.mark.parametrize(
    ("lead_times", "sent_by"),
    [
        ([None], date(2026, 11, 25)),  # two working days after Monday 23 November
        ([0], date(2026, 11, 25)),
        ([10], date(2026, 12, 7)),  # Thursday 3 December, and two working days over a weekend
        ([5, 21], date(2026, 12, 16)),  # the slowest one counts
        ([None, 10], date(2026, 12, 7)),
    ],
)
def test_what_is_made_to_order_moves_the_promised_day(
    lead_times: list[int | None], sent_by: date, sessions: Sessions, shelf: Shelf
) -> None:
    ids = [
        shelf.add(f"p{n}", kind="made_to_order", lead_time_days=days)
        if days is not None
        else shelf.add(f"p{n}")
        for n, days in enumerate(lead_times)
    ]
    choice = Choice("letter", 24500 * len(ids), 3600)
    assert placed(sessions, cart(*ids), choice).dispatch_by == sent_by


@on_both_databases
def test_the_whole_order_is_there_before_anybody_is_asked_for_money(
    sessions: Sessions, shelf: Shelf
) -> None:
    variant_id = shelf.add("moss", on_hand=5)
    order = placed(sessions, cart(variant_id, quantity=2), Choice("letter", 49000, 3600))
    assert (order.number, order.status, order.placed_at) == (1001, "pending", NOON)
    assert (order.subtotal_amount, order.total_amount, order.vat_amount) == (49000, 52600, 10520)
    with sessions.begin() as db:
        level = db.get_one(StockLevel, variant_id)
        assert (level.on_hand, level.reserved) == (5, 2)
        entry = db.scalars(select(OrderEntry)).one()
        assert (entry.kind, entry.by, entry.at) == ("placed", "buyer", NOON)
        attempt = db.scalars(select(PaymentAttempt)).one()
        assert (attempt.status, attempt.amount, attempt.session_id) == ("creating", 52600, None)
        assert attempt.expires_at == NOON + SESSION_LIFE


@on_both_databases
def test_the_same_again_is_the_same_attempt(sessions: Sessions, shelf: Shelf) -> None:
    what = cart(shelf.add())
    assert placed(sessions, what).id == placed(sessions, what).id
    with sessions.begin() as db:
        assert len(db.scalars(select(PaymentAttempt)).all()) == 1


@on_both_databases
def test_anything_else_meets_the_hold_of_the_first(sessions: Sessions, shelf: Shelf) -> None:
    variant_id = shelf.add("moss", on_hand=5)
    placed(sessions, cart(variant_id))
    with pytest.raises(HoldInTheWay):
        placed(sessions, cart(variant_id, quantity=2), Choice("letter", 49000, 3600))
    with pytest.raises(HoldInTheWay):
        placed(sessions, cart(variant_id), who=Buyer(**(ANNA | {"city": "Uppsala"}), locale="sv"))
    with pytest.raises(HoldInTheWay):
        placed(sessions, cart(variant_id), Choice("tracked_parcel", 24500, 7900))
    with pytest.raises(HoldInTheWay):
        placed(sessions, Cart("a-cart", (CartLine(variant_id, 1, "Ida"),)))
    with pytest.raises(HoldInTheWay):
        placed(sessions, cart(variant_id), who=Buyer(**ANNA, locale="sv", gift_note="Grattis!"))


@on_both_databases
@pytest.mark.parametrize(
    ("choice", "error"),
    [
        (Choice("letter", 24499, 3600), PriceChanged),
        (Choice("letter", None, 3600), PriceChanged),
        (Choice("letter", 24500, 3599), PriceChanged),
        (Choice("letter", 24500, None), PriceChanged),
        (Choice("pigeon", 24500, 3600), DeliveryUnavailable),
        (Choice("", 24500, 0), DeliveryUnavailable),
    ],
    ids=["too little", "no sum", "cheaper postage", "no postage", "no such way", "no way"],
)
def test_what_was_not_shown_is_not_ordered(
    choice: Choice, error: type[Exception], sessions: Sessions, shelf: Shelf
) -> None:
    variant_id = shelf.add()
    with pytest.raises(error):
        placed(sessions, cart(variant_id), choice)
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []
        assert db.get_one(StockLevel, variant_id).reserved == 0


def test_nothing_is_no_order(sessions: Sessions) -> None:
    with pytest.raises(EmptyCart):
        placed(sessions, cart())


def test_a_cart_with_something_that_is_gone_is_not_ordered_without_it(
    sessions: Sessions, shelf: Shelf
) -> None:
    here, gone = shelf.add("raven"), shelf.add("ugglan", on_hand=0, kind="unique")
    for what in (cart(here, gone), cart(gone), cart(4711)):
        with pytest.raises(CannotBeOrdered):
            placed(sessions, what)


def test_what_no_page_shows_is_in_nobodys_way(sessions: Sessions, shelf: Shelf) -> None:
    """A variant that the database does not know, as after going back to an older backup."""
    order = placed(sessions, cart(shelf.add("raven"), 4711))
    assert order.subtotal_amount == 24500


def test_an_order_keeps_the_name_in_the_buyers_language(sessions: Sessions, shelf: Shelf) -> None:
    variant_id = shelf.add("raven")
    placed(sessions, cart(variant_id), who=Buyer(**ANNA, locale="en"))
    with sessions.begin() as db:
        assert db.scalars(select(OrderLine.name)).all() == ["Raven (en)"]
        request = db.scalars(select(PaymentAttempt.request)).one()
    assert '"https://shop.example/en/checkout/return?order=' in request
    assert "&session_id={CHECKOUT_SESSION_ID}" in request
