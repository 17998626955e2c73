"""What an order comes to: whatever is bought and taken off, the parts add up to the öre."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shop.tax.sums import Line, LineSums, shared_out, sums
from shop.tax.vat import vat_included

RATES = (2500, 1200, 600)  # Sweden's three
LINES = st.lists(
    st.builds(Line, st.integers(1, 1_000_000), st.integers(1, 99), st.sampled_from(RATES)),
    min_size=1,
    max_size=20,
)


def test_an_order_by_hand() -> None:
    """100 kr off 245 kr at 25 %, 2 à 89 kr at 6 % and 49 kr at 12 %, with a letter for 36 kr."""
    lines = [Line(24500, 1, 2500), Line(8900, 2, 600), Line(4900, 1, 1200)]
    found = sums(lines, shipping_amount=3600, shipping_rate_bp=2500, discount_amount=10000)
    assert list(found.lines) == [
        LineSums(5191, 3862),  # 5190.68 of 19309 -> 3861.8
        LineSums(3771, 794),  # 3771.19 of 14029 -> 794.09
        LineSums(1038, 414),  # 1038.14 of 3862 -> 413.79
    ]
    assert (found.subtotal_amount, found.discount_amount, found.total_amount) == (
        47200,
        10000,
        40800,
    )
    assert (found.shipping_vat_amount, found.vat_amount) == (720, 5790)


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        (0, [24500], [0]),
        (0, [], []),
        (1, [1, 1, 1], [1, 0, 0]),  # of equal remainders the first
        (2, [1, 1, 1], [1, 1, 0]),
        (100, [1, 1, 1], ValueError),
        (-1, [10], ValueError),
        (1, [], ValueError),
        (10, [1, 2, 7], [1, 2, 7]),  # all of it
        (9, [1, 2, 7], [1, 2, 6]),  # 0.9, 1.8, 6.3
        (5, [1, 9999], [0, 5]),
    ],
)
def test_single_splits(
    amount: int, weights: list[int], shares: list[int] | type[ValueError]
) -> None:
    if isinstance(shares, list):
        assert shared_out(amount, weights) == shares
    else:
        with pytest.raises(shares, match=f"^{amount} cannot be taken off {sum(weights)}$"):
            shared_out(amount, weights)


@settings(max_examples=5_000, deadline=None)
@given(LINES, st.integers(0, 100_000), st.sampled_from(RATES), st.data())
def test_the_parts_add_up(
    lines: list[Line], postage: int, postage_rate_bp: int, data: st.DataObject
) -> None:
    goods = sum(line.price_amount * line.quantity for line in lines)
    off = data.draw(st.integers(0, goods))

    found = sums(
        lines, shipping_amount=postage, shipping_rate_bp=postage_rate_bp, discount_amount=off
    )

    assert found.subtotal_amount == goods
    assert found.total_amount == goods - off + postage
    assert sum(line.discount_amount for line in found.lines) == off
    for line, of_line in zip(lines, found.lines, strict=True):
        gross = line.price_amount * line.quantity
        assert 0 <= of_line.discount_amount <= gross
        assert abs(Fraction(off * gross, goods) - of_line.discount_amount) < 1
        left = gross - of_line.discount_amount
        assert of_line.vat_amount == vat_included(left, line.rate_bp)
    assert found.shipping_vat_amount == vat_included(postage, postage_rate_bp)
    assert found.vat_amount == found.shipping_vat_amount + sum(
        line.vat_amount for line in found.lines
    )
    net = found.total_amount - found.vat_amount
    assert 0 <= net <= found.total_amount
