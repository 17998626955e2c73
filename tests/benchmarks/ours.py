"""Our shop, as it is sold: `shop serve` in processes of its own."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from shop.kit.db import write_sessions
from shop.kit.migrations import migrate
from tests.benchmarks import catalogue
from tests.benchmarks.load import FORM, Ask
from tests.benchmarks.machine import tree
from tests.support import free_socket

PRODUCTS = 200
VISITORS = 32
SETTINGS = {
    "SHOP_ENV": "production",
    "SHOP_SECRET_KEY": "the secret key of the benchmark is long enough",
    "SHOP_STRIPE_SECRET_KEY": "sk_test_of_the_benchmark",
    "SHOP_STRIPE_WEBHOOK_SECRET": "whsec_of_the_benchmark",
    "SHOP_WORKER": "off",
}


@dataclass(frozen=True)
class Served:
    url: str
    started_s: float  # from the command to the first answer
    pid: int

    @property
    def processes(self) -> list[int]:
        return tree(self.pid)


def filled(
    database_url: str, products: int = PRODUCTS, collections: int = catalogue.COLLECTIONS
) -> str:
    migrate(database_url)
    sessions = write_sessions(database_url)
    catalogue.fill(sessions, products, collections=collections)
    sessions.engine.dispose()
    return database_url


@contextmanager
def served(
    database_url: str, folder: Path, *, processes: int, cache: bool, **environ: str
) -> Iterator[Served]:
    """Serve the shop of *database_url* for the length of the block."""
    with free_socket() as listening:
        port = listening.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = SETTINGS | {
        "SHOP_DATA": str(folder),
        "SHOP_BASE_URL": url,
        "SHOP_DATABASE_URL": database_url,
        "SHOP_PAGE_CACHE": "on" if cache else "off",
    }
    command = ["shop.cli", "serve", "--port", str(port), "--processes", str(processes)]
    with started([sys.executable, "-m", *command], settings | environ, url, folder) as server:
        yield server


@contextmanager
def started(
    command: list[str], environ: dict[str, str], url: str, folder: Path, path: str = "/"
) -> Iterator[Served]:
    """Run a server until the end of the block; wait until it answers *path* with 200."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SHOP_")}
    log = folder / "log"
    began = time.monotonic()
    with log.open("ab") as out:
        server = subprocess.Popen(command, env=kept | environ, stdout=out, stderr=out)
    try:
        while not _answers(url, path):
            assert server.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() - began < 60, f"no answer from {url}{path}; see {log}"
            time.sleep(0.005)
        yield Served(url, round(time.monotonic() - began, 3), server.pid)
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.unlink(missing_ok=True)


def _answers(url: str, path: str) -> bool:
    asking = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        asking.request("GET", path)
        return asking.getresponse().status == 200
    except OSError:
        return False
    finally:
        asking.close()


# --- what is asked, each after one look at whether it answers what it should ----------------------


def get(shop: Served, path: str, **headers: str) -> httpx2.Response:
    """Ask as wrk does: without compression; and wait for a machine that has much to do."""
    plain = {"Accept-Encoding": "identity"}
    return httpx2.get(shop.url + path, headers=plain | headers, timeout=60)


def list_page(shop: Served) -> list[Ask]:
    page = get(shop, "/products")
    assert page.status_code == 200
    assert sum(f'/products/{catalogue.slug(n)}"' in page.text for n in _newest()) == 24, page.text
    return [Ask("/products")]


def _newest() -> range:
    return range(PRODUCTS - 23, PRODUCTS + 1)


def product_page(shop: Served) -> list[Ask]:
    """Every product in turn, as visitors do."""
    paths = [f"/products/{catalogue.slug(n)}" for n in range(1, PRODUCTS + 1)]
    page = get(shop, paths[0])
    assert page.status_code == 200
    assert 'id="add-to-cart"' in page.text
    return [Ask(path) for path in paths]


def cart_with_a_line(shop: Served) -> list[Ask]:
    cookies = [_cookie_of_cart(shop, n) for n in range(1, VISITORS + 1)]
    page = get(shop, "/cart", Cookie=cookies[0])
    assert page.text.count('id="quantity-') == 1, page.text
    return [Ask("/cart", {"Cookie": cookie}) for cookie in cookies]


def add_to_cart(shop: Served) -> list[Ask]:
    """By visitors who come for the first time: each makes a cart."""
    _cookie_of_cart(shop, 1)
    return [Ask("/cart", body=f"variant={n}&quantity=1") for n in range(1, PRODUCTS + 1)]


def _cookie_of_cart(shop: Served, variant_id: int) -> str:
    form = {"variant": variant_id, "quantity": 1}
    added = httpx2.post(f"{shop.url}/cart", data=form, timeout=60)
    assert added.status_code == 303, added.text
    assert added.headers["location"].startswith("/cart"), added.headers
    return added.headers["set-cookie"].partition(";")[0]


def search(shop: Served) -> list[Ask]:
    """What buyers type; `q` is never cached."""
    words = ["r%C3%A4v", "ragnar", "%C3%A4lgen", "fox", "ull", "igelkott", "selma", "lodjur"]
    page = get(shop, f"/search?q={words[0]}")
    assert page.status_code == 200
    assert "/products/docka-" in page.text, page.text
    return [Ask(f"/search?q={word}") for word in words]


def headers(shop: Served, path: str) -> dict[str, str]:
    """Return the headers of a page but for those that its server adds to any answer."""
    added = ("date", "content-length", "content-type")
    return {name: value for name, value in get(shop, path).headers.items() if name not in added}


def etag(shop: Served, path: str) -> str:
    page = get(shop, path)
    return page.headers["etag"]


def answer(shop: Served, ask: Ask) -> tuple[int, str]:
    """Return the status and the text of one answer; sent as it stands, past any library's care."""
    asking = http.client.HTTPConnection(shop.url.removeprefix("http://"), timeout=30)
    try:
        asking.putrequest("POST" if ask.body else "GET", ask.path)
        headers = ask.headers | ({**FORM, "Content-Length": str(len(ask.body))} if ask.body else {})
        for name, value in headers.items():
            asking.putheader(name, value)
        asking.endheaders(ask.body.encode() if ask.body else None)
        answered = asking.getresponse()
        return answered.status, answered.read().decode()
    finally:
        asking.close()
