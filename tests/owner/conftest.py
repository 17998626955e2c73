from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx2
import pytest

from shop.config import Config
from shop.kit.db import Sessions
from tests.support import NOON, FixedClock

AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)
Browser = Callable[[], httpx2.Client]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def production(start_shop: Callable[..., Config]) -> Config:
    """Return the config of a served shop that is no demo."""
    return start_shop(env="production")


@pytest.fixture
def new_browser() -> Iterator[Callable[[Config], httpx2.Client]]:
    """Return a function that opens one more browser at a shop."""
    with ExitStack() as stack:

        def arrive(shop: Config) -> httpx2.Client:
            client = httpx2.Client(
                base_url=shop.base_url, timeout=30, headers={"User-Agent": AGENT}
            )
            return stack.enter_context(client)

        yield arrive


@pytest.fixture
def invite(sessions: Sessions, clock: FixedClock) -> Callable[..., str]:
    """Return a function that makes a one-time link and tells its path."""
    from shop.owner.actions import invite_owner

    def link(email: str = "agare@example.se") -> str:
        with sessions.begin() as db:
            return f"/admin/sign-in/{invite_owner(db, email, now=clock())}"

    return link
