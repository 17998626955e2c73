"""Orders placed a second: reserved, written down with their payment attempt, safe on the disk."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from sqlalchemy import func, select, update

from shop.cart.cookie import Cart, CartLine, cart_text, new_cart
from shop.catalogue.models import Variant
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.forms import Buyer
from shop.kit.clock import system_clock
from shop.kit.db import Sessions, write_sessions
from shop.kit.garbage import collect_between_requests
from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.orders.models import Order
from shop.payments.models import PaymentAttempt
from shop.preferences.actions import set_preferences
from shop.preferences.queries import preferences
from shop.stock.models import StockLevel
from tests.benchmarks import load as load_module
from tests.benchmarks import ours
from tests.benchmarks.databases import NotInstalled, databases
from tests.benchmarks.kept import keep
from tests.benchmarks.load import Ask, Load, load
from tests.benchmarks.machine import wait_for_quiet
from tests.benchmarks.pages import folder_of
from tests.benchmarks.say import say, say_load
from tests.support import ANNA, fields_of, free_socket

THREADS = 8
SECONDS, RUNS = 3.0, 3
ORDERS_OVER_HTTP = 1500  # of each run, at the most
POSTAGE = 3600  # for one doll by letter, as every test's shop has it
SIGNER = Signer((ours.SETTINGS["SHOP_SECRET_KEY"],))


def measure() -> None:
    for kind in ("sqlite", "postgresql"):
        try:
            _measure(kind)
        except NotInstalled:
            say("PostgreSQL is not installed: left out")


def _measure(kind: str) -> None:
    with folder_of("orders") as folder, databases(kind, folder) as new:
        url = ours.filled(new("orders"))
        sessions = write_sessions(url)
        with sessions.begin() as db:
            set_preferences(db, holds_per_email=99, holds_per_network=9999)  # one machine buys all
        rates = [_run(sessions) for _ in range(1 if load_module.quick else RUNS)]
        found = {
            "rate": round(median(rates), 1),
            "least": round(min(rates), 1),
            "most": round(max(rates), 1),
        }
        keep("orders", f"{kind}/actions", found)
        span = f"({found['least']:.0f}..{found['most']:.0f})"
        say(f"{kind:10} orders placed, {THREADS} threads {found['rate']:12,.0f}/s {span}")
        for processes in (2, 1):
            over_http = _over_http(url, folder, sessions, processes)
            keep("orders", f"{kind}/http/{processes}", over_http)
            say_load(f"{kind:10} the whole POST, {processes} processes", over_http)
        sessions.engine.dispose()


def _run(sessions: Sessions) -> float:
    """Let threads place orders for a while; return how many came in a second."""
    _end_all(sessions)
    collect_between_requests()
    with sessions.begin() as db:
        prices = dict(db.execute(select(Variant.id, Variant.price_amount)).tuples().all())
        seller = Seller(preferences(db), Urls("http://127.0.0.1:1", "sv"), SIGNER)
        before = db.scalar(select(func.count()).select_from(Order)) or 0
    turn = count()
    if not load_module.quick:
        wait_for_quiet()
    began = time.monotonic()

    def buy() -> None:
        while time.monotonic() < began + SECONDS:
            n = next(turn)
            variant_id = n % len(prices) + 1
            cart = Cart(new_cart().id, (CartLine(variant_id, 1),))
            buyer = Buyer(**ANNA | {"email": f"kund{n}@example.se"}, locale="sv")
            choice = Choice("letter", prices[variant_id], POSTAGE)
            with sessions.begin() as db:
                place_order(db, cart, buyer, choice, seller, now=system_clock())

    threads = [threading.Thread(target=buy) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    with sessions.begin() as db:
        placed = (db.scalar(select(func.count()).select_from(Order)) or 0) - before
        held = db.scalar(select(func.sum(StockLevel.reserved)))
    assert placed == held == next(turn), (placed, held)
    return placed / took


def _end_all(sessions: Sessions) -> None:
    """End what is unpaid, as a shop's worker would: nobody has thousands of them at a time."""
    with sessions.begin() as db:
        db.execute(update(Order).values(status="expired"))
        db.execute(update(PaymentAttempt).values(status="expired"))
        db.execute(update(StockLevel).values(reserved=0))


def _over_http(url: str, folder: Path, sessions: Sessions, processes: int) -> Load:
    """Send whole checkout forms; each answer is the address of a payment page."""
    with stand_in(folder) as payments:
        environ = {"SHOP_STRIPE_API_BASE": payments}
        with ours.served(url, folder, processes=processes, cache=True, **environ) as shop:
            fields = {n: _fields(shop, n) for n in range(1, 21)}
            runs = []
            for _ in range(1 if load_module.quick else RUNS):
                _end_all(sessions)
                asks = [_order(fields, n) for n in range(ORDERS_OVER_HTTP)]
                runs.append(load(shop, asks, runs=1, warm=False))
                assert runs[-1].requests <= ORDERS_OVER_HTTP, "the last were no new orders"
                assert runs[-1].refused == 0, runs[-1]
    runs.sort(key=lambda run: run.rate)
    middle = runs[len(runs) // 2]
    return Load(
        **{
            **middle.__dict__,
            "least": runs[0].rate,
            "most": runs[-1].rate,
            "requests": sum(run.requests for run in runs),
        }
    )


def _fields(shop: ours.Served, variant_id: int) -> dict[str, str]:
    """Return what the checkout page of one doll would send, filled in."""
    page = ours.get(shop, "/checkout", Cookie=_cookie(variant_id))
    assert page.status_code == 200, page.text
    return fields_of(page.text, "checkout") | ANNA


def _cookie(variant_id: int) -> str:
    return f"cart={cart_text(Cart(new_cart().id, (CartLine(variant_id, 1),)), SIGNER)}"


def _order(fields: dict[int, dict[str, str]], n: int) -> Ask:
    variant_id = n % len(fields) + 1
    form = fields[variant_id] | {"email": f"kund{n}@example.se"}
    return Ask("/checkout", {"Cookie": _cookie(variant_id)}, urlencode(form))


@contextmanager
def stand_in(folder: Path) -> Iterator[str]:
    with ExitStack() as stack:
        with free_socket() as listening:
            port = listening.getsockname()[1]
        url, database = f"http://127.0.0.1:{port}", str(folder / f"stripe-{port}.db")
        command = [sys.executable, "-m", "shop.sandbox.stand_in", "--port", str(port)]
        home = folder / f"stand-in-{port}"
        home.mkdir()
        stack.enter_context(ours.started([*command, "--db", database], {}, url, home))
        yield url
