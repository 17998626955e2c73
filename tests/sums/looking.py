"""Each place where an order's sums stand, held against what its basket comes to."""

import json
import re

import stripe

from shop.kit.i18n import speaking
from shop.mail.letters import Mail
from shop.orders.models import Order
from shop.payments.models import PaymentAttempt, Refund
from shop.sandbox.stand_in.coupons import shares
from shop.sandbox.stand_in.lines import amounts
from shop.shipping.names import method_name
from tests.sums.baskets import METHODS, Basket, Bill, fair, vat_in
from tests.sums.reading import (
    amount,
    bill_in_html,
    bill_in_text,
    bill_on,
    first_amount,
    in_cart,
    parts_in_html,
    parts_in_text,
    sums_on,
    words,
)

CODE = "REA"


def look_into_the_cart(page: str, basket: Basket) -> None:
    """It knows of no code yet, and of the ways to send it shows the cheapest."""
    assert in_cart(page, basket.locale) == basket.bill.lines
    least = min(basket.offered)
    sums = [amount(value, basket.locale) for _label, value in sums_on(page)]
    assert sums == [basket.subtotal, least, basket.subtotal + least]
    gross = [*(line.amount for line in basket.goods), least]
    vat = sum(vat_in(amount_, basket.rate_bp) for amount_ in gross)
    assert re.findall(r'data-vat="(\d+)"', page) == [str(vat)]


def look_at_the_checkout(page: str, basket: Basket) -> None:
    total = f"{words('Total', basket.locale)} ({_method(basket)})"
    assert _bill_on(page, basket, total) == basket.bill


def look_at_the_order(page: str, order: Order, basket: Basket) -> None:
    assert _bill_on(page, basket, words("Total", basket.locale)) == basket.bill
    vat = dict(sums_on(page)).get(words("VAT included", basket.locale))
    assert (amount(vat, basket.locale) if vat is not None else 0) == order.vat_amount


def look_in_the_books(order: Order, basket: Basket) -> None:
    """The discount is shared out as fairly as whole öre allow, and each line has the VAT in what is
    left of it.
    """
    assert basket.bill == Bill(
        tuple((line.quantity, line.total.amount) for line in order.lines),
        order.subtotal_amount,
        order.discount_amount,
        order.shipping_amount,
        order.total_amount,
    )
    gross = [line.amount for line in basket.goods]
    assert sum(line.discount_amount for line in order.lines) == basket.discount
    parts = fair(basket.discount, gross)
    for line, all_of_it, part in zip(order.lines, gross, parts, strict=True):
        assert 0 <= line.discount_amount <= all_of_it
        assert abs(part - line.discount_amount) < 1
        assert line.vat_amount == vat_in(all_of_it - line.discount_amount, basket.rate_bp)
    both = list(zip(order.lines, parts, strict=True))
    up = [part % 1 for line, part in both if line.discount_amount > part]
    down = [part % 1 for line, part in both if line.discount_amount < part]
    assert min(up, default=1) >= max(down, default=0)
    assert order.shipping_vat_amount == vat_in(basket.shipping, basket.rate_bp)
    of_goods = sum(line.vat_amount for line in order.lines)
    assert order.vat_amount == of_goods + order.shipping_vat_amount


def look_at_the_request(attempt: PaymentAttempt, basket: Basket) -> None:
    """Reckon what the stand-in would ask for, by its own sums, from what the shop will send."""
    request = json.loads(attempt.request)
    coupon = json.loads(attempt.coupon) if attempt.coupon else None
    goods = amounts(request["line_items"])
    taken_off = sum(shares(coupon, goods))
    [option] = request["shipping_options"]
    postage = option["shipping_rate_data"]["fixed_amount"]["amount"]
    assert basket.bill == Bill(
        tuple(
            (line["quantity"], of) for line, of in zip(request["line_items"], goods, strict=True)
        ),
        sum(goods),
        taken_off,
        postage,
        sum(goods) - taken_off + postage,
    )
    assert attempt.amount == basket.total


def look_at_the_payment_page(session: stripe.checkout.Session, basket: Basket) -> None:
    """What Stripe's session says the buyer is asked to pay, and for what."""
    details, cost, items = session.total_details, session.shipping_cost, session.line_items
    assert details is not None
    assert cost is not None
    assert items is not None
    lines = list(items.auto_paging_iter())
    assert basket.bill == Bill(
        tuple((line.quantity or 0, line.amount_subtotal) for line in lines),
        session.amount_subtotal or 0,
        details.amount_discount,
        cost.amount_total,
        session.amount_total or 0,
    )
    assert sum(line.amount_total for line in lines) == basket.subtotal - basket.discount
    assert details.amount_shipping == basket.shipping


def read_the_confirmation(mail: Mail, order: Order, basket: Basket) -> None:
    expected = basket.bill, order.vat_amount
    assert bill_in_text(mail.text, basket.locale, code=CODE) == expected
    assert bill_in_html(mail.html, basket.locale, code=CODE) == expected


def read_the_refund(mail: Mail, refund: Refund, locale: str) -> None:
    parts = [part.amount for part in refund.lines]
    assert sum(parts) == refund.amount
    for body, told in (
        (mail.text, parts_in_text(mail.text, locale)),
        (mail.html, parts_in_html(mail.html)),
    ):
        assert first_amount(body, locale) == refund.amount
        assert [amount(price, locale) for price in told] == parts


def _bill_on(page: str, basket: Basket, total: str) -> Bill:
    return bill_on(page, basket.locale, method=_method(basket), code=CODE, total=total)


def _method(basket: Basket) -> str:
    with speaking(basket.locale):
        return method_name(METHODS[basket.method])
