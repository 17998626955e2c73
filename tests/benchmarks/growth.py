"""How cost grows with the catalogue: the same pages with 10 products and with 100,000."""

import http.client
import threading
import time
from statistics import median
from urllib.parse import quote

from shop.catalogue.models import Variant
from shop.kit.db import write_sessions
from shop.kit.public_version import raise_public_version
from tests.benchmarks import load as load_module
from tests.benchmarks import ours
from tests.benchmarks.catalogue import slug
from tests.benchmarks.kept import keep
from tests.benchmarks.load import Ask
from tests.benchmarks.machine import memory_mb, wait_for_quiet
from tests.benchmarks.pages import folder_of
from tests.benchmarks.say import say

PRODUCTS = (10, 100, 1_000, 10_000, 100_000)
COLLECTIONS = 2  # so that ten products have others beside them, as a hundred thousand have
PER_PAGE = 24
TIMES = 60  # each page, one after the other
STREAMED = ("/sitemap.xml", "/sitemaps/1.xml", "/feeds/google.xml", "/feeds/new.atom")
LONGEST = 60.0  # seconds for one answer


def measure() -> None:
    for products in PRODUCTS[:3] if load_module.quick else PRODUCTS:
        with folder_of("growth") as folder:
            began = time.monotonic()
            url = ours.filled(f"sqlite:///{folder / 'shop.db'}", products, COLLECTIONS)
            made = time.monotonic() - began
            say(f"{products:,} products, made in {made:.1f} s")
            keep("growth", f"{products}/made", {"ms": round(made * 1000)})
            with ours.served(url, folder, processes=1, cache=False) as shop:
                _pages(shop, products)
                _streamed(shop, products)
            with ours.served(url, folder, processes=1, cache=True) as shop:
                _refill(shop, url, products)


def _pages(shop: ours.Served, products: int) -> None:
    """Take the time of each page, asked for one at a time over one connection."""
    pages = {
        "list, first page": "/products",
        "list, last page": f"/products?page={-(-products // PER_PAGE)}",
        "product": f"/products/{slug(products // 2)}",
        "collection": "/collections/samling-1",
        "search, all of them": "/search?q=ull",
        "search, two words": "/search?q=ull+lin",
        "search, a tenth": f"/search?q={quote('räv')}",
        "search, one hit": f"/search?q={products}",
        "search, misspelt": "/search?q=igelkoten",
        "search, nothing": "/search?q=xyzzyq",
    }
    for name, path in pages.items():
        status, text = ours.answer(shop, Ask(path))
        assert status == 200, text
        if not load_module.quick:
            wait_for_quiet(3)
        seconds = _seconds(shop, path)
        cards = text.count('<li class="card')
        figure = {
            "ms": round(median(seconds) * 1000, 2),
            "least": round(min(seconds) * 1000, 2),
            "most": round(max(seconds) * 1000, 2),
            "cards": cards,
        }
        keep("growth", f"{products}/{name}", figure)
        say(f"{products:8,}  {name:20} {figure['ms']:9.2f} ms, {cards} cards")


def _seconds(shop: ours.Served, path: str) -> list[float]:
    asking = http.client.HTTPConnection(shop.url.removeprefix("http://"), timeout=LONGEST)
    taken: list[float] = []
    until = time.monotonic() + 10
    while len(taken) < TIMES + 5 and time.monotonic() < until:
        began = time.perf_counter()
        asking.request("GET", path)
        asking.getresponse().read()
        taken.append(time.perf_counter() - began)
    asking.close()
    return taken[5:] or taken


def _streamed(shop: ours.Served, products: int) -> None:
    """Take the time to the first byte and to the last, and what the process grows by meanwhile."""
    web = max(shop.processes, key=memory_mb)
    for path in STREAMED:
        before = memory_mb(web)
        peak = Peak(web)
        peak.start()
        first, whole, size, status = _fetch(shop, path)
        grown = max(0.0, peak.stop() - before)
        if status != 200:
            continue  # a part of the sitemap that so few do not fill
        figure = {
            "ms": round(first * 1000, 1),
            "whole_ms": round(whole * 1000, 1),
            "kb": round(size / 1000),
            "grown_mb": round(grown, 1),
        }
        keep("growth", f"{products}/{path}", figure)
        say(
            f"{products:8,}  {path:20} first byte {figure['ms']:9.1f} ms, last "
            f"{figure['whole_ms']:9.1f} ms, {figure['kb']:,} kB, memory + {figure['grown_mb']} MB"
        )


def _fetch(shop: ours.Served, path: str) -> tuple[float, float, int, int]:
    asking = http.client.HTTPConnection(shop.url.removeprefix("http://"), timeout=LONGEST)
    began = time.perf_counter()
    asking.request("GET", path)
    answer = asking.getresponse()
    size = len(answer.read(1))
    first = time.perf_counter() - began
    while piece := answer.read(65536):
        size += len(piece)
    asking.close()
    return first, time.perf_counter() - began, size, answer.status


class Peak(threading.Thread):
    """Looks at the memory of a process every now and then."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._most, self._end = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.02):
            self._most = max(self._most, memory_mb(self._pid))

    def stop(self) -> float:
        self._end.set()
        self.join()
        return max(self._most, memory_mb(self._pid))


def _refill(shop: ours.Served, url: str, products: int) -> None:
    """Change a price from beside, and take the time until its buyers read the new one, and what
    the pages cost that are made anew.
    """
    path = f"/products/{slug(1)}"
    sessions = write_sessions(url)
    seen, first = [], []
    for turn in range(1 if load_module.quick else 5):
        for page in ("/products", path):
            ours.answer(shop, Ask(page))
        price = f"{1000 + turn} kr"
        began = time.monotonic()
        with sessions.begin() as db:
            variant = db.get_one(Variant, 1)
            variant.price_amount = (1000 + turn) * 100
            raise_public_version(db)
        while not _says(ours.answer(shop, Ask(path))[1], price):
            assert time.monotonic() < began + 10, "the old price stays"
        seen.append(time.monotonic() - began)
        first.append(_fetch(shop, "/products")[1])
    sessions.engine.dispose()
    figure = {
        "ms": round(median(first) * 1000, 2),
        "least": round(min(first) * 1000, 2),
        "most": round(max(first) * 1000, 2),
        "seen_s": round(median(seen), 2),
    }
    keep("growth", f"{products}/list, after a change", figure)
    say(
        f"{products:8,}  after a change: seen after {figure['seen_s']} s, "
        f"the list made anew in {figure['ms']} ms"
    )


def _says(html: str, price: str) -> bool:
    return price in html.replace("\u00a0", "").replace("\u202f", "").replace("kr", " kr")
