"""A crowd of buyers on one event loop, at the doors of two shop processes with one database.

Threads and a full HTTP client for each of two hundred would wait for each other more than for the
shop; a buyer here is a socket per request and a cart cookie.
"""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx2
import stripe

from shop.cli import _web_command
from shop.config import Config
from shop.kit.i18n import gettext, speaking
from shop.kit.processes import answers
from shop.payments.gateway import API_VERSION
from shop.payments.provider import EVENTS
from tests.support import Buyer, fields_of, free_socket

REAL = "shop.asgi:application"
SECRET_KEY = "a key that both processes sign with and it is long enough"
TIME_TO_START, TIME_TO_ANSWER = 60, 60  # seconds
GONE = (
    "Something in your basket is no longer available. Nothing has been charged. Change the basket, "
    "or continue with what there is."
)

# --- the shop -------------------------------------------------------------------------------------


@contextmanager
def two_processes(config: Config, app: str = REAL) -> Iterator[list[str]]:
    """Serve the shop of *config* as ``shop serve`` does, twice, and yield both addresses.

    Each hears of every payment by a webhook of its own. What they log stands in ``serve-*.log``.
    """
    with ExitStack() as stack:
        # Bound and never listened on: nobody else is given these ports while the shop runs.
        held = [stack.enter_context(free_socket()) for _ in range(2)]
        ports = [one.getsockname()[1] for one in held]
        running = [stack.enter_context(_process(config, app, port)) for port in ports]
        addresses = [f"http://127.0.0.1:{port}" for port in ports]
        deadline = time.monotonic() + TIME_TO_START
        for process, address in zip(running, addresses, strict=True):
            while not answers(f"{address}/readyz"):
                assert process.poll() is None, "a shop process ended; serve-*.log says why"
                assert time.monotonic() < deadline, "a shop process is too slow to start"
                time.sleep(0.05)
        yield addresses


@contextmanager
def _process(config: Config, app: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [app if part == REAL else part for part in _web_command("127.0.0.1", port, 1)]
    environ = _environ(config, f"http://127.0.0.1:{port}")
    with (
        (config.data / f"serve-{port}.log").open("wb") as log,
        subprocess.Popen([sys.executable, "-m", *command], env=environ, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def _environ(config: Config, base_url: str) -> dict[str, str]:
    client = stripe.StripeClient(
        config.stripe_secret_key, base_addresses={"api": config.stripe_api_base}
    )
    endpoint = client.v1.webhook_endpoints.create(
        {
            "url": f"{base_url}/webhooks/stripe",
            "enabled_events": [*EVENTS],
            "api_version": API_VERSION,
        }
    )
    return os.environ | {
        "SHOP_ENV": "demo",
        "SHOP_DATA": str(config.data),
        "SHOP_BASE_URL": base_url,
        "SHOP_SECRET_KEY": SECRET_KEY,
        "SHOP_DATABASE_URL": config.database_url,
        "SHOP_STRIPE_API_BASE": config.stripe_api_base,
        "SHOP_STRIPE_SECRET_KEY": config.stripe_secret_key,
        "SHOP_STRIPE_WEBHOOK_SECRET": str(endpoint.secret),
        "SHOP_TRUSTED_PROXIES": "127.0.0.1",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


# --- the buyers -----------------------------------------------------------------------------------


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Visitor:
    """A buyer at an address of their own, as a proxy in front of the shop would name it."""

    number: int
    shop: str
    locale: str
    cart: str = ""
    statuses: list[int] = field(default_factory=list)

    async def ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Answer:
        prefix = "" if self.locale == "sv" else f"/{self.locale}"
        host, body = urlsplit(self.shop).netloc, urlencode(form or {})
        head = [
            f"{method} {prefix}{path} HTTP/1.1",
            f"Host: {host}",
            f"X-Forwarded-For: 10.0.{self.number // 250}.{self.number % 250 + 1}",
            f"Cookie: cart={self.cart}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        name, _, port = host.partition(":")
        reader, writer = await asyncio.open_connection(name, int(port))
        try:
            writer.write("\r\n".join([*head, "", body]).encode())
            raw = await asyncio.wait_for(reader.read(), TIME_TO_ANSWER)
        finally:
            writer.close()
        answer = _read(raw.decode())
        self.statuses.append(answer.status)
        if cookie := re.match(r"cart=([^;]*)", answer.headers.get("set-cookie", "")):
            self.cart = cookie[1]
        return answer


def _read(raw: str) -> Answer:
    head, _, text = raw.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    fields = (line.partition(": ") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value for name, _, value in fields}, text)


@dataclass
class Outcome:
    """What became of everybody."""

    answers: Counter[int]  # to the orders of the crowd
    all_statuses: Counter[int]  # to every request there was
    paid: int  # who saw the page of a paid order
    told: int  # who was told, in their own language, that it is gone and nothing was charged
    late: int  # the answer to one more, who ordered when all the others had been answered


def race(shops: Sequence[str], variant_id: int, buyers: int) -> Outcome:
    """Let *buyers* fill their carts, wait for the last one, and order at the same moment; who gets
    a payment page pays while the others are still being answered.
    """
    *crowd, latecomer = [
        Visitor(number, shops[number % len(shops)], "sv" if number % 4 < 2 else "en")
        for number in range(buyers + 1)
    ]
    *results, (late, _) = asyncio.run(_run(crowd, latecomer, variant_id))
    return Outcome(
        answers=Counter(answer.status for answer, _ in results),
        all_statuses=Counter(s for visitor in [*crowd, latecomer] for s in visitor.statuses),
        paid=sum(has_paid for _, has_paid in results),
        told=sum(
            answer.status == 409 and _words(GONE, visitor.locale) in unescape(answer.text)
            for visitor, (answer, _) in zip(crowd, results, strict=True)
        ),
        late=late.status,
    )


def _words(english: str, locale: str) -> str:
    with speaking(locale):
        return gettext(english)


async def _run(
    crowd: Sequence[Visitor], latecomer: Visitor, variant_id: int
) -> list[tuple[Answer, bool]]:
    start, late = asyncio.Barrier(len(crowd)), asyncio.Event()
    last = asyncio.create_task(_buy(latecomer, variant_id, late.wait))
    results = await asyncio.gather(*(_buy(one, variant_id, start.wait) for one in crowd))
    late.set()
    return [*results, await last]


async def _buy(
    visitor: Visitor, variant_id: int, turn: Callable[[], Awaitable[object]]
) -> tuple[Answer, bool]:
    """Fill the cart and the form, wait, order, and pay if there is a payment page."""
    await visitor.ask("POST", "/cart", {"variant": str(variant_id), "quantity": "1"})
    page = await visitor.ask("GET", "/checkout")
    form = fields_of(page.text, "checkout") | _details(visitor.number)
    await turn()
    answer = await visitor.ask("POST", "/checkout", form)
    if answer.status != 303:
        return answer, False
    return answer, await asyncio.to_thread(_pay, visitor, answer.headers["location"])


def _details(number: int) -> dict[str, str]:
    return {
        "name": f"Buyer {number}",
        "email": f"buyer{number}@example.se",
        "address": "Vägen 1",
        "postal_code": "763 40",
        "city": "Hallstavik",
        "country": "SE",
    }


def _pay(visitor: Visitor, payment_page: str) -> bool:
    """Pay, come back, and say whether the page that follows shows a paid order."""
    with httpx2.Client(timeout=TIME_TO_ANSWER, cookies={"cart": visitor.cart}) as http:
        shown = Buyer(http).pay(payment_page)
    visitor.statuses.append(shown.status_code)
    return "data-order=" in shown.text
