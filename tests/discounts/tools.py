"""What the tests of discounts need."""

from typing import Any

from sqlalchemy import select

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.forms import Buyer
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.preferences.values import Preferences
from tests.support import ANNA, NOON, Shelf

SELLER = Seller(
    Preferences(), Urls("https://shop.example", "sv"), Signer(("a key that is long enough",))
)


def new_discount(**facts: Any) -> Discount:
    usual = {"code": "JUL25", "kind": "percent", "value": 10, "minimum_amount": 0, "uses": 0}
    return Discount(**(usual | {"created_at": NOON} | facts))


def unpaid_orders(sessions: Sessions, shelf: Shelf, count: int) -> list[int]:
    """Place *count* orders, without a code, and return their ids."""
    variant_id = shelf.add("moss", on_hand=count + 1)
    ids = []
    for n in range(count):
        who = Buyer(**(ANNA | {"email": f"b{n}@example.se"}), locale="sv")
        with sessions.begin() as db:
            attempt = place_order(
                db,
                Cart(f"cart-{n}", (CartLine(variant_id, 1),)),
                who,
                Choice("letter", 24500, 3600),
                SELLER,
                now=NOON,
            )
            ids.append(attempt.order_id)
    return ids


def uses_and_redemptions(sessions: Sessions) -> tuple[int, list[tuple[int, int]]]:
    """Return how often the one discount was used, and by which orders for how much."""
    with sessions.begin() as db:
        rows = db.execute(
            select(Redemption.order_id, Redemption.amount).order_by(Redemption.order_id)
        ).all()
        return db.scalars(select(Discount.uses)).one(), [(row[0], row[1]) for row in rows]
