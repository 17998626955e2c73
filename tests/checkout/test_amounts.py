"""What Stripe takes for one payment has a floor and a ceiling: past them the buyer is told so."""

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.shipping.models import ShippingZone
from tests.support import Buyer, Shelf


@pytest.fixture
def free_postage(sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.execute(update(ShippingZone).values(free_from_amount=1))


@pytest.mark.usefixtures("free_postage")
@pytest.mark.parametrize(("price", "quantity"), [(299, 1), (99_999_999, 2), (99_999_999, 99)])
def test_an_order_that_nobody_could_pay_is_not_placed(
    price: int, quantity: int, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.prefix = "/en"
    buyer.add(shelf.add(on_hand=100, price_amount=price), quantity)
    answer = buyer.place()
    assert answer.status_code == 409
    assert "between SEK\u00a03 and SEK\u00a0999,999.99" in answer.text.replace("kr", "SEK")
    assert "Anna Ek" in answer.text
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []


@pytest.mark.usefixtures("free_postage")
@pytest.mark.parametrize("price", [300, 99_999_999])
def test_the_least_and_the_most_can_be_paid(price: int, buyer: Buyer, shelf: Shelf) -> None:
    page = buyer.buy(shelf.add(price_amount=price))
    assert f'data-total="{price}"' in page.text
    assert 'data-order="1001"' in page.text
