from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import Receiver


@pytest.fixture(scope="session", autouse=True)
def _no_files_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stripe's SDK writes a file to the user's configuration folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInServer]:
    with StandInServer(tmp_path_factory.mktemp("stripe") / "stand-in.db") as server:
        yield server


@pytest.fixture
def stand_in(running: StandInServer) -> Iterator[StandInServer]:
    """An empty stand-in; the test fails when it broke Stripe's specification itself."""
    running.reset()
    yield running
    assert running.violations() == []


def connect(url: str, retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_shop",
        base_addresses={"api": url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(3, 15)),
    )


@pytest.fixture
def client(stand_in: StandInServer) -> stripe.StripeClient:
    return connect(stand_in.url)


@pytest.fixture
def browser(stand_in: StandInServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stand_in.url) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "stand-in.db"
