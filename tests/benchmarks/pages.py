"""Pages and the cart: ours, the limits and the peer, on one database, one after the other."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from tests.benchmarks import limit, ours, peer
from tests.benchmarks.databases import databases
from tests.benchmarks.kept import FOLDER, keep
from tests.benchmarks.load import CONNECTIONS, Ask, Load, load
from tests.benchmarks.machine import memory_mb
from tests.benchmarks.say import say, say_load

CACHED = ("list", "product")  # what the page cache keeps
# as many different requests as ours: to choose one takes wrk some time too
LIKE = {"list": [Ask("/")], "product": [Ask(f"/?{n}") for n in range(ours.PRODUCTS)]}
MEASURED: dict[str, Callable[[ours.Served], list[Ask]]] = {
    "list": ours.list_page,
    "product": ours.product_page,
    "cart": ours.cart_with_a_line,
    "add": ours.add_to_cart,
    "search": ours.search,
}
OF_OSCAR: dict[str, Callable[[ours.Served], list[Ask]]] = {
    "list": peer.catalogue_page,
    "product": peer.product_page,
    "cart": peer.basket_with_a_line,
    "add": peer.add_to_basket,
}


def measure(kind: str) -> None:
    """Measure all on *kind* of database; figures are named who/processes/cache/what."""
    with folder_of(kind) as folder, databases(kind, folder) as new:
        url = ours.filled(new("ours"))
        say(f"{kind}: {ours.PRODUCTS} products, 24 a page, {CONNECTIONS} connections")
        sizes: dict[str, int] = {}
        headers: dict[str, str] = {}
        for processes in (2, 1):
            found, headers = _ours(kind, url, folder, processes)
            sizes |= found
        if kind == "sqlite":
            _limits(kind, sizes, headers, folder)
        if not peer.install():
            say("django-oscar could not be installed: left out")
            return
        keep(kind, "oscar/version", peer.version())
        theirs = peer.filled(new("oscar"), folder)
        _oscar(kind, theirs, folder)


@contextmanager
def folder_of(part: str) -> Iterator[Path]:
    """Yield a folder on the disk where a shop would have its data, and not in memory."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{part}-", dir=FOLDER) as name:
        yield Path(name)


def _ours(
    kind: str, url: str, folder: Path, processes: int
) -> tuple[dict[str, int], dict[str, str]]:
    """Return the size of each page, and the headers that all of them have."""
    sizes = {}
    with ours.served(url, folder, processes=processes, cache=False) as shop:
        for what, ask in MEASURED.items():
            found = _measured(kind, f"ours/{processes}/off/{what}", shop, ask(shop))
            sizes[what] = found.size
        memory = sorted(memory_mb(pid) for pid in shop.processes)
        keep(kind, f"ours/{processes}/off/memory", memory)
    with ours.served(url, folder, processes=processes, cache=True) as shop:
        for what in CACHED:
            _measured(kind, f"ours/{processes}/on/{what}", shop, MEASURED[what](shop))
        headers = ours.headers(shop, "/products")
        tag = ours.etag(shop, "/products")
        again = [Ask("/products", {"If-None-Match": tag})]
        _measured(kind, f"ours/{processes}/on/not modified", shop, again)
        memory = sorted(memory_mb(pid) for pid in shop.processes)
        keep(kind, f"ours/{processes}/on/memory", memory)
    return sizes, headers


def _limits(kind: str, sizes: dict[str, int], headers: dict[str, str], folder: Path) -> None:
    for processes, what in product((2, 1), CACHED):
        for name, told in (("-", {}), ("headers", headers)):
            with limit.constant_served(
                sizes[what], folder, processes=processes, headers=told
            ) as server:
                _measured(kind, f"limit/{processes}/{name}/{what}", server, LIKE[what])
    if limit.nginx() is None:
        say("nginx is not installed: left out")
        return
    keep(kind, "nginx/version", limit.nginx_version())
    for what in CACHED:
        with limit.file_served(sizes[what]) as server:
            _measured(kind, f"nginx/2/-/{what}", server, LIKE[what])


def _oscar(kind: str, url: str, folder: Path) -> None:
    with peer.served(url, folder) as shop:
        for what, ask in OF_OSCAR.items():
            _measured(kind, f"oscar/2/-/{what}", shop, ask(shop), seconds=5)
        memory = sorted(memory_mb(pid) for pid in shop.processes)
        keep(kind, "oscar/2/-/memory", memory)
    if kind == "sqlite":  # where its default refuses most
        with peer.served(url, folder, immediate=True) as shop:
            asks = peer.add_to_basket(shop)
            _measured(kind, "oscar/2/-/add, immediate", shop, asks, seconds=5)


def _measured(
    kind: str, name: str, server: ours.Served, asks: list[Ask], seconds: float = 3
) -> Load:
    found = load(server, asks, seconds=seconds)
    keep(kind, name, found)
    say_load(f"{kind:10} {name}", found)
    return found
