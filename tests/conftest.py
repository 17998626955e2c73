import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import stripe

from shop.app import create_app
from shop.config import Config
from shop.kit.clock import Clock, system_clock
from shop.kit.db import Sessions, read_sessions, write_sessions
from shop.kit.migrations import migrate
from shop.owner.actions import invite_owner
from shop.payments.gateway import API_VERSION, StripeGateway
from shop.payments.provider import EVENTS
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.browser import browser, new_page
from tests.compiled import statements_stay_compiled, templates_stay_compiled
from tests.postgres import postgresql, server_programs
from tests.support import Buyer, Shelf, free_socket, open_shop, serving

__all__ = [
    "browser",  # one for all: a thread has room for one Playwright
    "new_page",
    "statements_stay_compiled",
    "templates_stay_compiled",
]

STRIPE_KEY = "sk_test_of_the_tests"


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "shop.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    programs = server_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed, and nothing may be left out here")
        pytest.skip("PostgreSQL is not installed")
    with postgresql(programs) as url:
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE template_shop")
        migrate(f"{url}/template_shop")
        yield url


@pytest.fixture
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a migrated, empty database: SQLite unless the test asks for PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "shop.db")
        yield f"sqlite:///{tmp_path / 'shop.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop TEMPLATE template_shop")
        yield f"{server}/shop"
        gc.collect()  # a connection that was left open fails this test, and not a later one
        connection.execute("DROP DATABASE shop WITH (FORCE)")


@pytest.fixture
def sessions(db_url: str) -> Iterator[Sessions]:
    """Yield write sessions on a shop with a seller, postage and VAT, and nothing on the shelf."""
    opened = write_sessions(db_url)
    with opened.begin() as db:
        open_shop(db)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def reads(db_url: str) -> Iterator[Sessions]:
    opened = read_sessions(db_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def shelf(sessions: Sessions) -> Shelf:
    return Shelf(sessions)


@pytest.fixture(scope="session")
def stand_in_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInServer]:
    with StandInServer(tmp_path_factory.mktemp("stand-in") / "stripe.db") as server:
        yield server


@pytest.fixture
def stand_in(stand_in_server: StandInServer) -> Iterator[StandInServer]:
    """Yield the Stripe stand-in, empty; it must not have broken Stripe's specification itself."""
    stand_in_server.reset()
    yield stand_in_server
    assert stand_in_server.violations() == []


@pytest.fixture
def clock() -> Clock:
    """Return the shop's clock; a test that needs another defines this fixture anew."""
    return system_clock


@pytest.fixture
def config(db_url: str, tmp_path: Path, stand_in: StandInServer) -> Config:
    return Config(
        env="demo",
        data=tmp_path,
        base_url="http://127.0.0.1:1",
        secret_keys=("a secret key of the tests, long enough",),
        database_url=db_url,
        media=tmp_path / "media",
        stripe_secret_key=STRIPE_KEY,
        stripe_webhook_secrets=(),
        stripe_api_base=stand_in.url,
        smtp_url="",
        trusted_proxies=(),
        worker=False,
        page_cache=False,  # what a test changes by itself is seen at once
    )


@pytest.fixture
def till(config: Config, sessions: Sessions, clock: Clock) -> Till:
    gateway = StripeGateway(STRIPE_KEY, (), config.stripe_api_base, sleep=lambda _: None)
    return Till(sessions, gateway, clock)


@pytest.fixture
def start_shop(config: Config, sessions: Sessions, clock: Clock) -> Iterator[Callable[..., Config]]:
    """Return a function that serves the shop over HTTP, webhooks included, and tells its config."""
    with ExitStack() as stack:

        def start(**changes: Any) -> Config:
            listening = stack.enter_context(free_socket())
            base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": config.stripe_api_base})
            endpoint = client.v1.webhook_endpoints.create(
                {
                    "url": f"{base_url}/webhooks/stripe",
                    "enabled_events": [*EVENTS],
                    "api_version": API_VERSION,
                }
            )
            started = replace(
                config,
                base_url=base_url,
                stripe_webhook_secrets=(str(endpoint.secret),),
                **changes,
            )
            stack.enter_context(serving(create_app(started, clock), listening))
            return started

        yield start


@pytest.fixture
def shop(start_shop: Callable[..., Config]) -> Config:
    """Return the config of a shop that is being served; what is on its shelf is the test's."""
    return start_shop()


@pytest.fixture
def new_buyer(shop: Config) -> Iterator[Callable[[], Buyer]]:
    with ExitStack() as stack:

        def arrive() -> Buyer:
            http = httpx2.Client(base_url=shop.base_url, timeout=30, verify=False)
            return Buyer(stack.enter_context(http))

        yield arrive


@pytest.fixture
def buyer(new_buyer: Callable[[], Buyer]) -> Buyer:
    return new_buyer()


@pytest.fixture
def owner(shop: Config, sessions: Sessions, clock: Clock) -> Iterator[Buyer]:
    """Return the owner of the served shop, signed in by a one-time link."""
    with sessions.begin() as db:
        token = invite_owner(db, "agare@example.se", now=clock())
    with httpx2.Client(base_url=shop.base_url, timeout=30, verify=False) as http:
        assert http.post(f"/admin/sign-in/{token}").status_code == 303
        yield Buyer(http)
