"""The main way, over real HTTP: from the shelf to a paid order."""

import re

from sqlalchemy import select

from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel, StockMovement
from tests.support import Buyer, Shelf, on_both_databases


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
