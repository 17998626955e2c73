"""A coupon on a session."""

from typing import Any

import httpx2
import pytest
import stripe

from shop.sandbox.stand_in.coupons import shares
from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import order, with_shipping


def lines(*amounts: int) -> list[dict[str, Any]]:
    return [
        {
            "quantity": 1,
            "price_data": {
                "currency": "sek",
                "unit_amount": amount,
                "product_data": {"name": f"Doll {amount}"},
            },
        }
        for amount in amounts
    ]


def coupon(client: stripe.StripeClient, **changes: Any) -> stripe.Coupon:
    params: Any = {"id": "o1001a1", "amount_off": 5_000, "currency": "sek", "duration": "once"}
    return client.v1.coupons.create(params | {"max_redemptions": 1} | changes)


def test_it_comes_off_the_goods_and_not_off_the_shipping(
    client: stripe.StripeClient, browser: httpx2.Client
) -> None:
    coupon(client)
    params = order(line_items=lines(10_000, 20_000), discounts=[{"coupon": "o1001a1"}])
    session = client.v1.checkout.sessions.create(params | with_shipping(), {})

    assert (session.amount_subtotal, session.amount_total) == (30_000, 28_900)
    assert session.total_details is not None
    assert session.total_details.amount_discount == 5_000
    assert session.total_details.amount_shipping == 3_900
    items = client.v1.checkout.sessions.line_items.list(session.id).data
    assert [(i.amount_discount, i.amount_total) for i in items] == [(1_666, 8_334), (3_334, 16_666)]
    assert session.discounts is not None
    assert session.discounts[0].coupon == "o1001a1"
    assert "−50\xa0kr" in browser.get(str(session.url)).text


def test_it_is_used_up(client: stripe.StripeClient, stand_in: StandInServer) -> None:
    coupon(client)
    params = order(discounts=[{"coupon": "o1001a1"}])
    session = client.v1.checkout.sessions.create(params)
    stand_in.control(f"sessions/{session.id}/pay")

    used = client.v1.coupons.retrieve("o1001a1")

    assert (used.times_redeemed, used.valid) == (1, False)
    assert stand_in.log()[-1]["amount"] == 18_100
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.create(params)
    assert caught.value.code == "coupon_expired"


def test_the_whole_amount_off_leaves_nothing_to_pay(client: stripe.StripeClient) -> None:
    coupon(client, amount_off=99_000)
    session = client.v1.checkout.sessions.create(order(discounts=[{"coupon": "o1001a1"}]))
    assert (session.amount_total, session.payment_status) == (0, "no_payment_required")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"percent_off": 10}, "exactly one"),
        ({"amount_off": 0}, "greater than or equal"),
        ({"metadata": {"k": "v" * 501}}, "500 characters"),
    ],
)
def test_a_coupon_that_cannot_be_is_refused(
    client: stripe.StripeClient, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=message):
        coupon(client, **changes)


def test_the_same_coupon_is_made_once_and_can_be_taken_away(client: stripe.StripeClient) -> None:
    coupon(client)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        coupon(client)
    assert caught.value.code == "resource_already_exists"
    assert [c.id for c in client.v1.coupons.list().data] == ["o1001a1"]

    client.v1.coupons.delete("o1001a1")

    with pytest.raises(stripe.InvalidRequestError) as gone:
        client.v1.checkout.sessions.create(order(discounts=[{"coupon": "o1001a1"}]))
    assert (gone.value.http_status, gone.value.code) == (400, "resource_missing")


@pytest.mark.parametrize(
    ("coupon", "amounts", "expected"),
    [
        (None, [100, 200], [0, 0]),
        ({"amount_off": 100, "percent_off": None}, [33, 33, 34], [33, 33, 34]),
        ({"amount_off": 1, "percent_off": None}, [50, 50, 50], [0, 0, 1]),
        ({"amount_off": None, "percent_off": 25.0}, [999, 1], [249, 1]),
        ({"amount_off": None, "percent_off": 100.0}, [0, 0], [0, 0]),
    ],
)
def test_the_shares_add_up(
    coupon: dict[str, Any] | None, amounts: list[int], expected: list[int]
) -> None:
    assert shares(coupon, amounts) == expected
