from collections.abc import Callable

import pytest

from shop.config import Config
from shop.kit.clock import system_clock
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.races.scene import Scene
from tests.support import Buyer, FixedClock, Shelf


@pytest.fixture
def shop(start_shop: Callable[..., Config], stand_in: StandInServer) -> Config:
    """Serve a shop that hears of no payment unless the test tells it."""
    config = start_shop()
    stand_in.control("webhooks", mode="hold")
    return config


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(system_clock())


@pytest.fixture
def guarded() -> bool:
    """Say whether the shop has its guard; `pair` runs a test with it, and then without."""
    return True


@pytest.fixture
def scene(
    guarded: bool,
    shop: Config,
    till: Till,
    shelf: Shelf,
    stand_in: StandInServer,
    monkeypatch: pytest.MonkeyPatch,
    new_buyer: Callable[[], Buyer],
) -> Scene:
    """Set the scene. The till is that of another process: it shares the database alone."""
    return Scene(shop, till, shelf, stand_in, monkeypatch, new_buyer, guarded=guarded)
