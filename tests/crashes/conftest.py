from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import stripe

from shop.config import Config
from shop.kit.db import Sessions
from shop.payments.gateway import API_VERSION, StripeGateway
from shop.payments.provider import EVENTS
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from shop.worker import make_post_office
from tests.conftest import STRIPE_KEY
from tests.crashes.killing import Executioner, NamedPoints, Starter, Strace, strace_works
from tests.crashes.stage import NO_TLS, AheadClock, Stage
from tests.support import Buyer, Shelf, free_socket


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    running = Starter(tmp_path_factory.mktemp("starter"))
    yield running
    running.stop()


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture(scope="session")
def can_trace(starter: Starter) -> bool:
    return strace_works(starter.pid)


@pytest.fixture
def executioner(request: pytest.FixtureRequest, can_trace: bool, tmp_path: Path) -> Executioner:
    """Return the best there is here, or what the test asks for."""
    by_name = getattr(request, "param", "strace") == "by name" or not can_trace
    return NamedPoints(tmp_path) if by_name else Strace(tmp_path)


@pytest.fixture
def stage(  # noqa: PLR0917 - a shop is made of much
    config: Config,
    sessions: Sessions,
    shelf: Shelf,
    clock: AheadClock,
    stand_in: StandInServer,
    starter: Starter,
    executioner: Executioner,
    tmp_path: Path,
) -> Iterator[Stage]:
    """Yield a shop with nothing on its shelf, and nobody serving it yet."""
    with free_socket() as its_port:  # kept for the shop, which binds it anew each time it starts
        base_url = f"http://127.0.0.1:{its_port.getsockname()[1]}"
        client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": stand_in.url})
        endpoint = client.v1.webhook_endpoints.create(
            {
                "url": f"{base_url}/webhooks/stripe",
                "enabled_events": [*EVENTS],
                "api_version": API_VERSION,
            }
        )
        stand_in.control("webhooks", mode="drop")  # the tests bring them
        served = replace(
            config,
            base_url=base_url,
            secret_keys=("a secret key of the tests long enough",),
            stripe_webhook_secrets=(str(endpoint.secret),),
        )
        gateway = StripeGateway(STRIPE_KEY, (), stand_in.url, sleep=lambda _: None)
        office = replace(make_post_office(served), now=clock)
        http = httpx2.Client(base_url=base_url, timeout=30, verify=NO_TLS)
        opened = Stage(
            config=served,
            sessions=sessions,
            till=Till(sessions, gateway, clock),
            office=office,
            clock=clock,
            shelf=shelf,
            stand_in=stand_in,
            starter=starter,
            executioner=executioner,
            folder=tmp_path,
            owner=Buyer(http),
        )
        yield opened
        opened.close()
        http.close()
        office.sessions.engine.dispose()
        office.reads.engine.dispose()
