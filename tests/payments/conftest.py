import os
from collections.abc import Callable, Generator

import pytest

from shop.config import Config
from shop.kit.clock import system_clock
from shop.sandbox.stand_in.server import StandInServer
from tests.support import FixedClock


@pytest.fixture
def shop(start_shop: Callable[..., Config], stand_in: StandInServer) -> Config:
    """Serve a shop that hears of no payment unless the test tells it or lets the webhooks go."""
    config = start_shop()
    stand_in.control("webhooks", mode="hold")
    return config


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(system_clock())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failure at Stripe itself without what was handed from call to call: the key is
    among it.
    """
    report = yield
    key = os.environ.get("SHOP_STRIPE_TEST_KEY", "")
    if key and item.get_closest_marker("stripe_live") is not None:
        if report.failed and call.excinfo is not None:
            report.longrepr = str(call.excinfo.getrepr(style="short")).replace(key, "…")
        report.sections = [(name, text.replace(key, "…")) for name, text in report.sections]
    return report
