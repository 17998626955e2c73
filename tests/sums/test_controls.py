"""With its arithmetic bent by an öre, the shop is found out by what a basket is held against."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest

from shop.kit import i18n
from shop.kit.money import Money
from shop.orders.models import OrderLine
from shop.payments import actions as payments
from shop.payments import refunds
from shop.payments.models import PaymentAttempt
from shop.tax import sums, vat
from tests.sums.counter import Counter
from tests.sums.test_sums import each

Patch = pytest.MonkeyPatch


def floored(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_FLOOR))


def vat_of_the_whole_order(patch: Patch) -> None:
    """Round it once, and not line by line."""
    reckon = sums.sums

    def once(lines: Sequence[sums.Line], **facts: Any) -> sums.Sums:
        found = reckon(lines, **facts)
        whole = vat.vat_included(found.total_amount, lines[0].rate_bp)
        return replace(found, vat_amount=whole)

    patch.setattr("shop.cart.bill.sums", once)


def vat_rounded_down(patch: Patch) -> None:
    patch.setattr(vat, "round_half_up", floored)


def discount_shared_out_line_by_line(patch: Patch) -> None:
    """Round each line's share by itself: they are not the whole any more."""

    def rounded(amount: int, weights: Sequence[int]) -> list[int]:
        return [amount * weight // sum(weights) for weight in weights]

    patch.setattr(sums, "shared_out", rounded)


def discount_on_the_first_lines(patch: Patch) -> None:
    def greedy(amount: int, weights: Sequence[int]) -> list[int]:
        shares = []
        for weight in weights:
            shares.append(min(weight, amount))
            amount -= shares[-1]
        return shares

    patch.setattr(sums, "shared_out", greedy)


def no_coupon_at_stripe(patch: Patch) -> None:
    start = payments.start_attempt

    def without(*given: Any, **named: Any) -> PaymentAttempt:
        attempt = start(*given, **named)
        request = json.loads(attempt.request)
        request.pop("discounts", None)
        attempt.request, attempt.coupon = json.dumps(request), None
        return attempt

    patch.setattr("shop.checkout.actions.start_attempt", without)


def no_ore_above_a_thousand(patch: Patch) -> None:
    """Show large amounts in whole kronor."""
    show = i18n.format_money

    def short(money: Money, locale: str | None = None) -> str:
        ore = money.amount % 100 if money.amount > 100_000 else 0
        return show(Money(money.amount - ore, money.currency), locale)

    patch.setattr(i18n, "format_money", short)


def parts_rounded_one_by_one(patch: Patch) -> None:
    """Round each part that goes back by itself, whatever went before."""

    def alone(line: OrderLine, _before: int, quantity: int) -> int:
        net = line.price_amount * line.quantity - line.discount_amount
        return round(net * quantity / line.quantity)

    patch.setattr(refunds, "line_amount", alone)


def percents_rounded_down(patch: Patch) -> None:
    patch.setattr("shop.discounts.queries.round_half_up", floored)


def parts_without_the_discount(patch: Patch) -> None:
    patch.setattr(refunds, "line_amount", lambda line, _, quantity: line.price_amount * quantity)


@pytest.mark.parametrize(
    "bent",
    [
        vat_of_the_whole_order,
        vat_rounded_down,
        discount_shared_out_line_by_line,
        discount_on_the_first_lines,
        no_coupon_at_stripe,
        no_ore_above_a_thousand,
    ],
)
def test_a_wrong_order_is_found(
    bent: Callable[[Patch], None], counter: Counter, monkeypatch: Patch
) -> None:
    each(200, 20, counter.write_up)
    bent(monkeypatch)
    with pytest.raises(AssertionError) as found:
        each(200, 200, counter.write_up, shorten=False)
    assert "basket=Basket(" in "".join(found.value.__notes__)


@pytest.mark.parametrize(
    "bent", [percents_rounded_down, parts_rounded_one_by_one, parts_without_the_discount]
)
def test_a_wrong_sale_is_found(
    bent: Callable[[Patch], None], counter: Counter, monkeypatch: Patch
) -> None:
    bent(monkeypatch)
    with pytest.raises(AssertionError) as found:
        each(200, 200, counter.serve, shorten=False)
    assert "basket=Basket(" in "".join(found.value.__notes__)
