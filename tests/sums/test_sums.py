"""Whatever is in the basket: what is shown, ordered, charged, mailed and given back is the same.

Whole sales go through the pages, Stripe's stand-in over HTTP, the mails and the refunds, some 0.1 s
each. Of the 5,000 baskets of `make test` 250 are sold so, and 4,750 ordered and looked at before
they are paid: the request to Stripe, by the stand-in's own sums, the books, the mail and the
order's page. `make prove` makes 100,000 whole sales. A failure prints its basket; the same part
has the same baskets.
"""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.sums.baskets import Basket, baskets
from tests.sums.counter import Counter


def each(part: int, count: int, do: Callable[[Basket], None], *, shorten: bool = True) -> None:
    """Do it with *count* random baskets; a *part* has always the same ones."""

    @seed(part)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shorten else [Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(baskets())
    def one(basket: Basket) -> None:
        do(basket)

    one()


@pytest.mark.parametrize("part", range(5))
def test_a_whole_sale_is_the_same_bill_everywhere(part: int, counter: Counter) -> None:
    each(part, 50, counter.serve)
    assert counter.breaches() == []


@pytest.mark.parametrize("part", range(100, 110))
def test_an_order_is_the_same_bill_before_it_is_paid(part: int, counter: Counter) -> None:
    each(part, 475, counter.write_up)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1000, 1020))
def test_a_hundred_thousand_whole_sales(part: int, counter: Counter) -> None:
    each(part, 5_000, counter.serve)
    assert counter.breaches() == []
