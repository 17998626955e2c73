"""The order page says in each state what has happened, and no more than is true."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from shop.kit.db import Sessions
from shop.orders.models import Order, Shipment
from tests.support import NOON, Buyer, Shelf


@pytest.fixture
def order_path(buyer: Buyer, shelf: Shelf) -> str:
    page = buyer.buy(shelf.add("raven"))
    return str(page.url.path).removeprefix("/en")


def shown(buyer: Buyer, sessions: Sessions, path: str, **values: object) -> str:
    with sessions.begin() as db:
        db.execute(update(Order).values(**values))
    return buyer.http.get(f"/en{path}").text


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        ("pending", "We are confirming your payment"),
        ("paid", "Thank you, Anna Ek"),
        ("shipped", "Your order is on its way"),
        ("delivered", "Your order has arrived"),
        ("refunded", "Your money has been sent back"),
        ("expired", "This order was not paid"),
        ("cancelled", "This order was not paid"),
    ],
)
def test_each_state_in_words(
    buyer: Buyer, sessions: Sessions, order_path: str, status: str, heading: str
) -> None:
    page = shown(buyer, sessions, order_path, status=status)
    assert re.findall(r"<h1>(.*?)</h1>", page) == [heading]
    bought = status in ("paid", "shipped", "delivered", "refunded")
    assert ("data-order=" in page) is bought
    assert ("Nothing was charged" in page) is (status in ("expired", "cancelled"))
    assert 'data-total="28100"' in page
    assert '<meta name="robots" content="noindex">' in page
    assert 'rel="canonical"' not in page


@pytest.mark.parametrize("status", ["paid", "expired"])
def test_an_order_under_review_promises_nothing(
    buyer: Buyer, sessions: Sessions, order_path: str, status: str
) -> None:
    page = shown(buyer, sessions, order_path, status=status, review="paid_late")
    assert "<h1>The shop is looking at your order</h1>" in page
    assert "Nothing was charged" not in page


def test_a_tracking_number_is_shown(buyer: Buyer, sessions: Sessions, order_path: str) -> None:
    with sessions.begin() as db:
        order_id = db.query(Order.id).scalar()
        db.add(Shipment(order_id=order_id, sent_at=NOON + timedelta(days=1), tracking="UA1SE"))
    page = shown(buyer, sessions, order_path, status="shipped")
    assert "<code>UA1SE</code>" in page


def test_the_timeline_keeps_the_owner_s_notes_to_the_owner(
    buyer: Buyer, sessions: Sessions, order_path: str
) -> None:
    page = shown(buyer, sessions, order_path, status="paid", review="mismatch_amount")
    assert "You ordered." in page
    assert "The payment came in." in page
    assert "mismatch_amount" not in page
