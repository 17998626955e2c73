"""A page that takes a millisecond is made on the event loop; whatever may take longer is not."""

import threading
from collections.abc import Callable

import pytest
from starlette.responses import Response

from shop.config import Config
from shop.kit.routing import Pools
from tests.support import Buyer, Shelf, on_both_databases

SHORT = ("/", "/products", "/products/raven", "/cart", "/en/products")
LONGER = ("/products?page=1", "/products/raven?country=SE", "/search", "/sold", "/pages/contact")


@pytest.fixture
def made_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what grows by the thread of each page that is made on the event loop."""
    threads: list[str] = []
    run_here = Pools.run_here

    def noted(pools: Pools, work: Callable[[], Response]) -> Response:
        threads.append(threading.current_thread().name)
        return run_here(pools, work)

    monkeypatch.setattr(Pools, "run_here", noted)
    return threads


@on_both_databases
def test_which_pages_are_short(
    made_here: list[str], shelf: Shelf, shop: Config, buyer: Buyer
) -> None:
    shelf.add()
    for path in (*SHORT, *LONGER):
        before = len(made_here)
        assert buyer.get(path).status_code in (200, 404)
        here = len(made_here) > before
        assert here is (path in SHORT and shop.database_url.startswith("sqlite")), path
