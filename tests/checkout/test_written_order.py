"""What an order writes down of the cart, the form and the shop, field by field, and when it is not
written at all.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from shop.cart.cookie import Cart, CartLine
from shop.catalogue.models import Photo
from shop.checkout.actions import Choice, Seller, _fingerprint, place_order
from shop.checkout.errors import (
    CannotBeOrdered,
    CannotBePaid,
    DeliveryUnavailable,
    DiscountChanged,
    EmptyCart,
    HoldInTheWay,
    PriceChanged,
)
from shop.checkout.forms import Buyer
from shop.discounts.actions import add_discount
from shop.discounts.errors import BelowMinimum, NotYet, Over, UnknownCode, UsedUp
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.money import Money
from shop.kit.urls import Urls
from shop.orders.models import Order, OrderEntry, OrderLine
from shop.orders.queries import order_token
from shop.payments.limits import LEAST, MOST, can_be_paid, limits
from shop.payments.models import PaymentAttempt, Status
from shop.payments.queries import latest_attempt
from shop.preferences.values import Preferences
from shop.stock.models import StockLevel
from tests.discounts.tools import new_discount
from tests.support import ANNA, NOON, Shelf, on_both_databases

SIGNER = Signer(("a key that is long enough",))
SELLER = Seller(Preferences(), Urls("https://shop.example", "sv"), SIGNER)
WHO = Buyer(**ANNA | {"phone": "070-123 45 67"}, locale="sv")
LETTER = Choice("letter", 24500, 3600)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def raven(shelf: Shelf) -> int:
    return shelf.add("raven")


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


def cart(*lines: tuple[int, int], id_: str = "a-cart") -> Cart:
    return Cart(id_, tuple(CartLine(variant_id, count) for variant_id, count in lines))


def place(
    db: Session,
    what: Cart,
    choice: Choice = LETTER,
    who: Buyer = WHO,
    seller: Seller = SELLER,
    **how: Any,
) -> PaymentAttempt:
    return place_order(db, what, who, choice, seller, **({"now": NOON} | how))


def the_order(db: Session) -> Order:
    return db.scalars(select(Order).order_by(Order.id.desc()).limit(1)).one()


def change(db: Session, table: type[Any], **values: Any) -> None:
    db.execute(update(table).values(**values).execution_options(synchronize_session=False))


# --- the order ------------------------------------------------------------------------------------


@on_both_databases
def test_each_field_of_the_order(raven: int, db: Session) -> None:
    place(db, replace(cart((raven, 1)), source="sagostund"), placed_from="203.0.113.7")
    db.flush()
    db.expire_all()
    order = the_order(db)
    facts = {c.key: getattr(order, c.key) for c in Order.__table__.columns}
    assert facts == {
        "id": order.id,
        "number": 1001,
        "status": "pending",
        "review": None,
        "disputed": False,
        "locale": "sv",
        "cart_id": "a-cart",
        "placed_from": "203.0.113.7",
        "source": "sagostund",
        "placed_at": NOON,
        "paid_at": None,
        "email": "anna@example.se",
        "name": "Anna Ek",
        "address": "Strandvägen 1",
        "postal_code": "76340",
        "city": "Hallstavik",
        "country": "SE",
        "phone": "070-123 45 67",
        "buyer_name": "",
        "gift_note": "",
        "shipping_method": "letter",
        "dispatch_by": date(2026, 11, 25),
        "arrives_by": date(2026, 11, 30),
        "currency": "SEK",
        "subtotal_amount": 24500,
        "discount_code": "",
        "discount_amount": 0,
        "shipping_amount": 3600,
        "shipping_vat_amount": 720,
        "vat_amount": 5620,
        "total_amount": 28100,
    }
    [entry] = db.scalars(select(OrderEntry))
    assert (entry.order_id, entry.kind, entry.by) == (order.id, "placed", "buyer")
    assert (entry.note, entry.at) == ("", NOON)


def test_each_field_of_a_line(shelf: Shelf, sessions: Sessions) -> None:
    moss = shelf.add("moss", on_hand=5, price_amount=9999)
    cap = shelf.add("cap", kind="made_to_order", lead_time_days=3, price_amount=5000)
    with sessions.begin() as db:
        db.execute(update(Photo).where(Photo.product_id == 2).values(hash="another"))
        db.add(Photo(product_id=2, hash="the second", position=1))
        db.flush()
        place(db, cart((moss, 2), (cap, 1)), Choice("letter", 24998, 3600))
        db.expire_all()
        rows = db.scalars(select(OrderLine).order_by(OrderLine.id)).all()
        facts = [{c.key: getattr(row, c.key) for c in OrderLine.__table__.columns} for row in rows]
        common = {
            "order_id": 1,
            "personal_text": "",
            "currency": "SEK",
            "vat_rate_bp": 2500,
            "discount_amount": 0,
        }
        assert facts == [
            common
            | {
                "id": 1,
                "variant_id": moss,
                "quantity": 2,
                "from_stock": True,
                "name": "Moss",
                "sku": "SKU-1-moss",
                "photo_hash": "0123456789abcdef",
                "price_amount": 9999,
                "vat_amount": 4000,
            },
            common
            | {
                "id": 2,
                "variant_id": cap,
                "quantity": 1,
                "from_stock": False,
                "name": "Cap",
                "sku": "SKU-2-cap",
                "photo_hash": "another",
                "price_amount": 5000,
                "vat_amount": 1000,
            },
        ]
        assert db.get_one(StockLevel, moss).reserved == 2


def test_a_product_without_a_photo_has_none(raven: int, db: Session) -> None:
    db.execute(delete(Photo))
    place(db, cart((raven, 1)))
    assert db.scalars(select(OrderLine.photo_hash)).one() is None


@pytest.mark.parametrize(("registered", "rate", "vat"), [(True, 2500, 5620), (False, 0, 0)])
def test_who_is_not_registered_charges_no_vat(
    registered: bool, rate: int, vat: int, raven: int, db: Session
) -> None:
    seller = replace(SELLER, preferences=Preferences(vat_registered=registered))
    place(db, cart((raven, 1)), seller=seller)
    order = the_order(db)
    assert (order.vat_amount, order.total_amount) == (vat, 28100)
    assert order.shipping_vat_amount == (720 if registered else 0)
    assert db.scalars(select(OrderLine.vat_rate_bp)).one() == rate


@pytest.mark.parametrize(("days", "by"), [(0, 23), (1, 24), (2, 25), (4, 27), (5, 30)])
def test_it_is_promised_in_as_many_working_days_as_the_owner_takes(
    days: int, by: int, raven: int, db: Session
) -> None:
    seller = replace(SELLER, preferences=Preferences(dispatch_days=days))
    place(db, cart((raven, 1)), seller=seller)
    assert the_order(db).dispatch_by == date(2026, 11, by)


def test_the_day_is_stockholms(raven: int, db: Session) -> None:
    """Half past eleven at night, Greenwich time, is tomorrow here."""
    place(db, cart((raven, 1)), now=NOON + timedelta(hours=12, minutes=30))
    assert the_order(db).dispatch_by == date(2026, 11, 26)


def test_where_it_came_from_need_not_be_known(raven: int, db: Session) -> None:
    place(db, cart((raven, 1)))
    assert the_order(db).placed_from == ""


@pytest.mark.parametrize(("locale", "prefix"), [("sv", ""), ("en", "/en")])
def test_its_links_lead_back_in_the_buyers_language(
    locale: str, prefix: str, raven: int, db: Session
) -> None:
    attempt = place(db, cart((raven, 1)), who=replace(WHO, locale=locale))
    request = json.loads(attempt.request)
    token = order_token(SIGNER, the_order(db).id)
    back = f"https://shop.example{prefix}/checkout"
    assert request["cancel_url"] == f"{back}?order={token}"
    assert request["success_url"] == (
        f"{back}/return?order={token}&session_id={{CHECKOUT_SESSION_ID}}"
    )
    assert request["locale"] == locale
    assert the_order(db).locale == locale
    [line] = db.scalars(select(OrderLine.name))
    assert line == ("Raven" if locale == "sv" else "Raven (en)")


# --- the same again, and what is different --------------------------------------------------------


@on_both_databases
def test_the_same_again_is_the_same_attempt_until_it_can_no_longer_be_paid(
    raven: int, db: Session
) -> None:
    first = place(db, cart((raven, 1)))
    again = place(db, cart((raven, 1)), now=NOON + 5 * MINUTE - timedelta(seconds=1))
    assert again.id == first.id
    with pytest.raises(HoldInTheWay) as hold:
        place(db, cart((raven, 1)), now=NOON + 5 * MINUTE)
    assert (hold.value.attempt_id, hold.value.order_id) == (first.id, first.order_id)
    assert str(hold.value) == first.id
    change(db, PaymentAttempt, status="open")
    db.expire_all()
    later = NOON + 35 * MINUTE
    assert place(db, cart((raven, 1)), now=later - timedelta(seconds=1)).id == first.id
    with pytest.raises(HoldInTheWay):
        place(db, cart((raven, 1)), now=later)
    assert len(db.scalars(select(Order)).all()) == 1


def test_what_the_buyer_has_asked_back_is_not_gone_on_with(raven: int, db: Session) -> None:
    place(db, cart((raven, 1)))
    change(db, PaymentAttempt, release_asked_at=NOON)
    db.expire_all()
    with pytest.raises(HoldInTheWay):
        place(db, cart((raven, 1)))


def test_a_pending_order_of_which_no_attempt_is_known_is_in_nobodys_way(
    raven: int, db: Session
) -> None:
    """Of a restored database, say; the rule of one pending order for a cart still holds."""
    assert latest_attempt(db, 1) is None
    attempt = place(db, cart((raven, 1)))
    assert latest_attempt(db, attempt.order_id) is attempt
    facts = {c.key: getattr(attempt, c.key) for c in PaymentAttempt.__table__.columns}
    for name, at in [("zz", NOON - MINUTE), ("aa", NOON), ("bb", NOON)]:
        row = facts | {"id": name, "created_at": at, "status": Status.EXPIRED}
        db.execute(insert(PaymentAttempt).values(row))
    latest = latest_attempt(db, attempt.order_id)
    assert latest is not None
    assert latest.id == max(attempt.id, "bb")  # of those that are as young, not the older one
    change(db, PaymentAttempt, created_at=NOON)
    latest = latest_attempt(db, attempt.order_id)
    assert latest is not None
    assert latest.id == "zz"


def test_the_lines_of_a_cart_are_the_same_in_any_order(raven: int, shelf: Shelf) -> None:
    moss = shelf.add("moss", on_hand=3)
    forwards, backwards = cart((raven, 1), (moss, 2)), cart((moss, 2), (raven, 1))
    prints = {_fingerprint(what, WHO, LETTER) for what in (forwards, backwards)}
    assert len(prints) == 1
    for field in asdict(WHO):
        other = replace(WHO, **{field: "x"})
        assert _fingerprint(forwards, other, LETTER) not in prints, field
    for field, value in asdict(LETTER).items():
        changed: dict[str, Any] = {field: 1 if isinstance(value, int) else "x"}
        other_choice = replace(LETTER, **changed)
        assert _fingerprint(forwards, WHO, other_choice) not in prints, field
    assert _fingerprint(cart((raven, 1), (moss, 1)), WHO, LETTER) not in prints
    assert _fingerprint(replace(forwards, id="another"), WHO, LETTER) in prints


# --- when it is not written -----------------------------------------------------------------------


def test_an_empty_cart_and_one_that_is_bought_are_no_order(raven: int, db: Session) -> None:
    with pytest.raises(EmptyCart):
        place(db, cart())
    place(db, cart((raven, 1)))
    change(db, Order, status="paid")
    with pytest.raises(EmptyCart):
        place(db, cart((raven, 1)))


def test_more_than_there_is_or_what_is_gone_cannot_be_ordered(
    shelf: Shelf, sessions: Sessions
) -> None:
    moss, gone = shelf.add("moss", on_hand=2), shelf.add("gone", on_hand=0, kind="unique")
    with sessions.begin() as db:
        for what in (cart((moss, 3)), cart((gone, 1)), cart((moss, 1), (gone, 1))):
            with pytest.raises(CannotBeOrdered):
                place(db, what, Choice("letter", 24500, 3600))
        place(db, cart((moss, 2)), Choice("letter", 49000, 3600))


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        (Choice("tracked_parcel", 24500, 7900), None),
        (Choice("tracked_parcel", 24500, 3600), PriceChanged),
        (Choice("pigeon", 24500, 3600), DeliveryUnavailable),
        (Choice("letter", 24501, 3600), PriceChanged),
        (Choice("letter", 24499, 3600), PriceChanged),
        (Choice("letter", 24500, 3601), PriceChanged),
        (Choice("letter", 24500, 3600, "", 1), DiscountChanged),
        (Choice("letter", 24501, 3600, "", 1), PriceChanged),
    ],
)
def test_what_was_not_shown_is_not_charged(
    choice: Choice, error: type[Exception] | None, raven: int, db: Session
) -> None:
    if error is None:
        assert place(db, cart((raven, 1)), choice).amount == 24500 + 7900
        return
    with pytest.raises(error) as raised:
        place(db, cart((raven, 1)), choice)
    assert type(raised.value) is error


def test_where_nothing_is_sent_nothing_is_ordered(raven: int, db: Session) -> None:
    with pytest.raises(DeliveryUnavailable):
        place(db, cart((raven, 1)), who=replace(WHO, country="US"))
    attempt = place(db, cart((raven, 1)), Choice("letter", 24500, 7900), replace(WHO, country="DE"))
    assert attempt.amount == 24500 + 7900


# --- codes ----------------------------------------------------------------------------------------


@on_both_databases
def test_a_code_that_was_shown_is_redeemed(raven: int, db: Session) -> None:
    add_discount(db, new_discount(kind="amount", value=5000, most_uses=1))
    place(db, cart((raven, 1)), Choice("letter", 24500, 3600, " jul 25 ", 5000))
    db.expire_all()
    order = the_order(db)
    assert (order.discount_code, order.discount_amount) == ("JUL25", 5000)
    assert (order.subtotal_amount, order.total_amount) == (24500, 23100)
    assert db.scalars(select(OrderLine.discount_amount)).one() == 5000
    assert order.vat_amount == 3900 + 720
    [use] = db.scalars(select(Redemption))
    assert (use.order_id, use.amount, use.at) == (order.id, 5000, NOON)
    assert db.scalars(select(Discount.uses)).one() == 1


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"code": "OTHER"}, UnknownCode),
        ({"starts_on": date(2026, 11, 24)}, NotYet),
        ({"ends_on": date(2026, 11, 22)}, Over),
        ({"minimum_amount": 24501}, BelowMinimum),
        ({"most_uses": 1, "uses": 1}, UsedUp),
    ],
)
@pytest.mark.parametrize("shown", [0, 5000])
def test_a_code_that_takes_nothing_off_is_refused_or_has_changed(
    shown: int, facts: dict[str, Any], error: type[Exception], raven: int, db: Session
) -> None:
    """If it counted when the page was shown, the page is shown again with the new total."""
    add_discount(db, new_discount(kind="amount", value=5000, **facts))
    with pytest.raises(DiscountChanged if shown else error):
        place(db, cart((raven, 1)), Choice("letter", 24500, 3600, "JUL25", shown))
    assert db.scalars(select(Order)).all() == []


@pytest.mark.parametrize("shown", [0, 4999, 5001])
def test_another_sum_than_was_shown_is_not_taken_off(shown: int, raven: int, db: Session) -> None:
    add_discount(db, new_discount(kind="amount", value=5000))
    with pytest.raises(DiscountChanged):
        place(db, cart((raven, 1)), Choice("letter", 24500, 3600, "JUL25", shown))


def test_a_code_that_comes_to_nothing_is_no_use_of_it(shelf: Shelf, sessions: Sessions) -> None:
    """One percent of half a krona."""
    cheap = shelf.add("cheap", price_amount=49)
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="percent", value=1))
        place(db, cart((cheap, 1)), Choice("letter", 49, 3600, "JUL25", 0))
        order = the_order(db)
        assert (order.discount_code, order.discount_amount) == ("", 0)
        assert db.scalars(select(Redemption)).all() == []


@pytest.mark.parametrize("code", ["", "  ", "\u00a0"])
def test_no_code_is_no_code(code: str, raven: int, db: Session) -> None:
    add_discount(db, new_discount())
    place(db, cart((raven, 1)), Choice("letter", 24500, 3600, code, 0))
    assert the_order(db).discount_code == ""


def test_who_comes_second_for_the_last_use_pays_nothing_unseen(
    raven: int, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when it was reckoned, and is gone when it is taken."""
    add_discount(db, new_discount(kind="amount", value=5000, most_uses=1))

    def reserve_and_lose(db: Session, _quantities: object) -> None:
        db.execute(update(Discount).values(uses=1))

    monkeypatch.setattr("shop.checkout.actions.reserve", reserve_and_lose)
    with pytest.raises(DiscountChanged):
        place(db, cart((raven, 1)), Choice("letter", 24500, 3600, "JUL25", 5000))


# --- what can be paid -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "least"),
    [("SEK", 300), ("NOK", 300), ("DKK", 250), ("EUR", 50), ("GBP", 30), ("USD", 50), ("CHF", 1)],
)
def test_the_least_and_the_most_of_a_payment(currency: str, least: int) -> None:
    assert limits(currency) == (Money(least, currency), Money(99_999_999, currency))
    assert can_be_paid(Money(least - 1, currency)) is False
    assert can_be_paid(Money(least, currency)) is True
    assert can_be_paid(Money(MOST, currency)) is True
    assert can_be_paid(Money(MOST + 1, currency)) is False
    assert LEAST.get(currency, 1) == least


def test_what_comes_to_nothing_cannot_be_paid(shelf: Shelf, sessions: Sessions) -> None:
    """Postage is free from 600 kr, and a code can take off all of it but 2.99 kr."""
    doll = shelf.add("doll", price_amount=70000)
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=69701))
        choice = Choice("letter", 70000, 0, "JUL25", 69701)
        with pytest.raises(CannotBePaid):
            place(db, cart((doll, 1)), choice)
        db.execute(update(Discount).values(value=69700))
        assert place(db, cart((doll, 1)), replace(choice, shown_discount=69700)).amount == 300
