"""How many unpaid orders one e-mail address or network may have: which count, and which not."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.errors import HoldInTheWay, TooManyHolds
from shop.checkout.forms import Buyer
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.network import network_of
from shop.kit.urls import Urls
from shop.orders.models import Order, OrderLine
from shop.payments.holds import Hold, held_until, holds_of_others
from shop.payments.models import PaymentAttempt, Status
from shop.preferences.values import Preferences
from shop.stock.models import StockLevel
from tests.support import ANNA, NOON, Shelf, on_both_databases

HERE = "203.0.113.7"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def moss(shelf: Shelf) -> int:
    return shelf.add("moss", on_hand=40)


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


def order(
    db: Session,
    variant_id: int,
    cart: str,
    *,
    email: str = "anna@example.se",
    network: str = "",
    now: datetime = NOON,
    quantity: int = 1,
    **wishes: Any,
) -> PaymentAttempt:
    seller = Seller(
        Preferences(**wishes), Urls("https://shop.example", "sv"), Signer(("a long enough key",))
    )
    postage = 3600 if quantity == 1 else 0
    return place_order(
        db,
        Cart(cart, (CartLine(variant_id, quantity),)),
        Buyer(**(ANNA | {"email": email}), locale="sv"),
        Choice("letter", 24500 * quantity, postage),
        seller,
        placed_from=network,
        now=now,
    )


def fill(db: Session, variant_id: int, count: int, **facts: Any) -> None:
    """Place *count* orders, each a minute after the one before it."""
    for n in range(count):
        each: dict[str, Any] = {name: value.format(n=n) for name, value in facts.items()}
        order(db, variant_id, f"cart-{n}", now=NOON + n * MINUTE, **each)


def change(db: Session, table: type[Any], **values: Any) -> None:
    db.execute(update(table).values(**values).execution_options(synchronize_session=False))


def free_at(minutes: int) -> datetime:
    """Return when a hold is free again that was begun *minutes* after noon."""
    return NOON + timedelta(minutes=35 + 2 + minutes)


@on_both_databases
@pytest.mark.parametrize(
    ("facts", "wishes", "most", "by_email"),
    [
        ({"email": "Anna@Example.se"}, {}, 3, True),
        ({"email": "anna@example.se"}, {"holds_per_email": 1}, 1, True),
        ({"email": "anna@example.se"}, {"holds_per_email": 5}, 5, True),
        ({"email": "b{n}@example.se", "network": HERE}, {}, 20, False),
        ({"email": "b{n}@example.se", "network": HERE}, {"holds_per_network": 2}, 2, False),
    ],
)
def test_one_more_than_the_limit_waits_and_the_last_one_did_not(
    facts: dict[str, Any],
    wishes: dict[str, Any],
    most: int,
    by_email: bool,
    moss: int,
    db: Session,
) -> None:
    for n in range(most):
        each: dict[str, Any] = {name: value.format(n=n) for name, value in facts.items()}
        order(db, moss, f"cart-{n}", now=NOON + n * MINUTE, **each, **wishes)
    with pytest.raises(TooManyHolds) as many:
        order(db, moss, "one-more", network=HERE, **wishes)
    assert many.value.by_email is by_email
    assert many.value.until == free_at(0)
    assert str(many.value) == f"wait until {free_at(0)}"


def test_who_is_past_both_limits_is_told_of_the_address(moss: int, db: Session) -> None:
    fill(db, moss, 3, network=HERE)
    with pytest.raises(TooManyHolds) as many:
        order(db, moss, "one-more", network=HERE, holds_per_network=3)
    assert many.value.by_email is True


@pytest.mark.parametrize(("limit", "minutes"), [(4, 0), (3, 1), (2, 2), (1, 3)])
def test_the_time_is_when_enough_of_them_have_ended(
    limit: int, minutes: int, moss: int, db: Session
) -> None:
    """The limit may have been higher when they were begun."""
    for n in (2, 0, 3, 1):  # in whatever order
        order(db, moss, f"cart-{n}", now=NOON + n * MINUTE, holds_per_email=9)
    with pytest.raises(TooManyHolds) as many:
        order(db, moss, "one-more", holds_per_email=limit)
    assert many.value.until == free_at(minutes)


def test_a_hold_that_should_have_ended_is_free_in_two_minutes(moss: int, db: Session) -> None:
    fill(db, moss, 3)
    now = NOON + timedelta(hours=1, seconds=1)
    with pytest.raises(TooManyHolds) as many:
        order(db, moss, "one-more", now=now)
    assert many.value.until == NOON + timedelta(hours=1, minutes=3)


@pytest.mark.parametrize("status", Status)
def test_only_what_can_still_be_paid_counts(status: Status, moss: int, db: Session) -> None:
    fill(db, moss, 3)
    change(db, PaymentAttempt, status=status)
    if status in {Status.CREATING, Status.OPEN, Status.PROCESSING}:
        with pytest.raises(TooManyHolds):
            order(db, moss, "one-more")
    else:
        assert order(db, moss, "one-more").status == "creating"


@pytest.mark.parametrize("status", ["paid", "shipped", "expired", "cancelled"])
def test_an_order_that_is_paid_or_over_does_not_count(status: str, moss: int, db: Session) -> None:
    fill(db, moss, 3, network=HERE)
    change(db, Order, status=status)
    assert order(db, moss, "one-more", network=HERE, holds_per_network=3).status == "creating"


def test_the_hold_of_the_same_cart_does_not_count(moss: int, db: Session) -> None:
    """It is closed first when something is changed."""
    fill(db, moss, 3, network=HERE)
    own = db.scalars(select(Order.id).where(Order.cart_id == "cart-1")).one()
    again = order(db, moss, "cart-1", now=NOON + MINUTE, network=HERE, holds_per_network=3)
    assert again.order_id == own
    with pytest.raises(HoldInTheWay):
        order(db, moss, "cart-1", network=HERE, quantity=3)
    assert len(holds_of_others(db, "cart-1", email="anna@example.se", placed_from="")) == 2
    assert len(holds_of_others(db, "one-more", email="", placed_from=HERE)) == 3


def test_nobody_knows_from_where_is_no_network(moss: int, db: Session) -> None:
    fill(db, moss, 3, email="b{n}@example.se", network="")
    assert order(db, moss, "one-more", holds_per_network=1).status == "creating"


@pytest.mark.parametrize(
    ("held_from", "comes_from", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("2001:db8:0:1::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", False),
        ("not an address", "nor this", True),
    ],
)
def test_a_network_is_an_address_or_the_half_of_a_long_one(
    held_from: str, comes_from: str, same: bool, moss: int, db: Session
) -> None:
    order(db, moss, "cart", email="b@example.se", network=network_of(held_from))
    if same:
        with pytest.raises(TooManyHolds):
            order(db, moss, "one-more", network=network_of(comes_from), holds_per_network=1)
    else:
        order(db, moss, "one-more", network=network_of(comes_from), holds_per_network=1)


def test_nothing_is_kept_of_one_hold_too_many(moss: int, sessions: Sessions) -> None:
    with sessions.begin() as db:
        fill(db, moss, 3)
    with pytest.raises(TooManyHolds), sessions.begin() as db:
        order(db, moss, "one-more")
    with sessions.begin() as db:
        assert db.get_one(StockLevel, moss).reserved == 3
        assert len(db.scalars(select(Order)).all()) == 3


@on_both_databases
@pytest.mark.parametrize(
    ("email", "network", "same"),
    [
        ("b@Example.se", HERE, [(True, True)]),
        ("b@example.se", "203.0.113.8", [(True, False)]),
        ("c@example.se", HERE, [(False, True)]),
        ("c@example.se", "203.0.113.8", []),
        ("c@example.se", "", []),
    ],
)
def test_what_a_hold_has_in_common_with_who_asks(
    email: str, network: str, same: list[tuple[bool, bool]], moss: int, db: Session
) -> None:
    order(db, moss, "cart", email="B@example.se", network=HERE)
    order(db, moss, "from-nowhere", email="d@example.se")
    found = holds_of_others(db, "another", email=email, placed_from=network)
    assert found == [Hold(*each, NOON + 35 * MINUTE) for each in same]


# --- until when -----------------------------------------------------------------------------------


@on_both_databases
def test_the_first_hold_to_end_says_when_a_piece_is_free(moss: int, db: Session) -> None:
    assert held_until(db, [moss], now=NOON) == {}
    assert held_until(db, [], now=NOON) == {}
    order(db, moss, "later", now=NOON + 5 * MINUTE)
    order(db, moss, "first", email="b@example.se")
    assert held_until(db, [moss], now=NOON) == {moss: free_at(0)}
    assert held_until(db, [moss + 1], now=NOON) == {}


@pytest.mark.parametrize("status", Status)
def test_only_a_page_that_ends_says_when(status: Status, moss: int, db: Session) -> None:
    order(db, moss, "cart")
    change(db, PaymentAttempt, status=status)
    ends = status in {Status.CREATING, Status.OPEN}
    assert held_until(db, [moss], now=NOON) == ({moss: free_at(0)} if ends else {})


def test_what_holds_nothing_says_nothing(moss: int, db: Session) -> None:
    order(db, moss, "cart")
    change(db, OrderLine, from_stock=False)
    assert held_until(db, [moss], now=NOON) == {}
    change(db, OrderLine, from_stock=True)
    change(db, Order, status="expired")
    assert held_until(db, [moss], now=NOON) == {}
