from collections.abc import Callable

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
