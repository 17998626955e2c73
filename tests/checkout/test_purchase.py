"""The main way, over real HTTP: from the shelf to a paid order."""

import re
from collections.abc import Callable

from sqlalchemy import select

from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel, StockMovement
from tests.support import ANNA, Buyer, Shelf, fields_of, on_both_databases


@on_both_databases
def test_a_doll_is_bought(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add("raven")

    page = buyer.buy(variant_id)

    assert page.status_code == 200
    assert re.findall(r'data-order="(\d+)"', page.text) == ["1001"]
    assert 'data-total="28100"' in page.text  # 245 kr and a letter for 36 kr
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
        assert (order.number, order.status, order.total_amount) == (1001, "paid", 28100)
        assert (order.vat_amount, order.shipping_vat_amount) == (5620, 720)
        level = db.get_one(StockLevel, variant_id)
        assert (level.on_hand, level.reserved) == (0, 0)
        ledger = [(m.delta, m.reason, m.order_id) for m in db.scalars(select(StockMovement))]
        assert ledger == [(1, "counted", None), (-1, "sold", order.id)]
        entries = [entry.kind for entry in db.scalars(select(OrderEntry))]
        assert entries == ["placed", "paid"]
        mails = {(m.kind, m.recipient) for m in db.scalars(select(Message))}
        assert mails == {
            ("order_confirmation", "anna@example.se"),
            ("order_notice", "butik@example.se"),
        }


def test_the_rest_is_bought_when_one_thing_is_gone_and_nothing_typed_is_lost(
    new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions
) -> None:
    fox, owl = shelf.add("raven"), shelf.add("ugglan", price_amount=32500)
    slow = new_buyer()
    slow.add(fox)
    slow.add(owl)
    fields = slow.checkout_fields() | ANNA | {"name": "Karin Öberg"}
    new_buyer().buy(fox)

    told = slow.post("/checkout", **fields)
    assert told.status_code == 409
    assert 'name="without-gone"' in told.text
    again = slow.post("/checkout", **fields, **{"without-gone": "1"})

    assert again.status_code == 200
    shown = fields_of(again.text, "checkout")
    assert (shown["name"], shown["subtotal"]) == ("Karin Öberg", "32500")
    placed = slow.post("/checkout", **shown)
    assert 'data-order="1002"' in slow.pay(placed.headers["location"]).text
    with sessions.begin() as db:
        order = db.scalars(select(Order).where(Order.number == 1002)).one()
        assert (order.name, order.total_amount) == ("Karin Öberg", 36100)
