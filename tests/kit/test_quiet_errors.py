"""What a database refuses is somebody's: the error names the rule, and not the row."""

import traceback

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from shop.kit.db import Sessions
from shop.orders.models import Order
from tests.support import Buyer, Shelf, on_both_databases


@on_both_databases
@pytest.mark.parametrize(
    ("values", "rule"),
    [({"total_amount": -1}, "total_"), ({"number": 1001}, "number"), ({"email": None}, "email")],
)
def test_an_error_names_nobody(
    values: dict[str, object],
    rule: str,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
) -> None:
    variant_id = shelf.add(on_hand=2)
    buyer.buy(variant_id)
    buyer.buy(variant_id)
    with pytest.raises(IntegrityError) as refused, sessions.begin() as db:
        db.execute(update(Order).where(Order.number == 1002).values(values))
    told = "".join(traceback.format_exception(refused.value))
    assert rule in told
    for private in ("anna@example.se", "Anna Ek", "Strandvägen"):
        assert private not in told
