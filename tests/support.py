"""What many tests need: a shop with something in it, and a buyer who knows the way."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest
import uvicorn
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalogue.models import Photo, Product, ProductText, Status, Variant
from shop.catalogue.queries import product_by_id, products_in
from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences
from shop.shipping.models import ShippingRate, ShippingZone
from shop.stock.actions import put_on_shelf
from shop.tax.models import VatRate

on_both_databases = pytest.mark.parametrize(
    "db_url",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
    indirect=True,
)
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)  # a Monday, noon in Stockholm
ANNA = {
    "name": "Anna Ek",
    "email": "anna@example.se",
    "address": "Strandvägen 1",
    "postal_code": "76340",
    "city": "Hallstavik",
    "country": "SE",
    "phone": "",
}
GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"


def product_by_slug(db: Session, slug: str) -> Product | None:
    """Return a product as its owner sees it, with all that belongs to it."""
    product_id = db.scalar(select(Product.id).where(Product.slug == slug))
    return product_by_id(db, product_id) if product_id is not None else None


def all_products(db: Session) -> list[Product]:
    return [product for status in Status for product in products_in(db, status)]


class FixedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **parts: float) -> None:
        self.at += timedelta(**parts)


def open_shop(db: Session) -> None:
    """Give an empty database what every shop has: a seller, postage and VAT."""
    set_preferences(
        db,
        shop_name="Provbutiken",
        legal_name="Provbutiken Ek",
        street="Storgatan 1",
        postal_code="763 40",
        city="Hallstavik",
        email="butik@example.se",
    )
    sweden = ShippingZone(
        name="Sverige",
        position=0,
        countries="SE",
        free_from_amount=60000,
        days_least=1,
        days_most=3,
    )
    eu = ShippingZone(name="EU", position=1, countries="DE,FI,DK", days_least=3, days_most=8)
    db.add_all([sweden, eu])
    db.flush()  # the zones' ids are needed for their rates
    rates = [
        (sweden, "letter", 100, 30, 3600),
        (sweden, "letter", 250, 30, 5400),
        (sweden, "tracked_parcel", 2000, 350, 7900),
        (eu, "letter", 2000, 30, 7900),
    ]
    db.add_all(
        ShippingRate(
            zone_id=zone.id,
            method=method,
            valid_from=date(2026, 1, 1),
            max_g=grams,
            max_mm=thick,
            amount=amount,
        )
        for zone, method, grams, thick, amount in rates
    )
    db.add(VatRate(country="SE", valid_from=date(1990, 7, 1), rate_bp=2500))


@dataclass
class Shelf:
    """Puts products on the shelf of a test's shop."""

    sessions: Sessions
    made: int = field(default=0)

    def add(self, slug: str = "raven", on_hand: int = 1, **values: Any) -> int:
        """Publish a product and return its variant's id."""
        self.made += 1
        kind = values.pop("kind", "unique" if on_hand == 1 else "batch")
        price = values.pop("price_amount", 24500)
        names = values.pop("names", {"sv": slug.capitalize(), "en": f"{slug.capitalize()} (en)"})
        facts = {"status": "published", "weight_g": 20, "thickness_mm": 25} | values
        with self.sessions.begin() as db:
            product = Product(slug=slug, kind=kind, created_at=NOON, published_at=NOON, **facts)
            product.texts = [ProductText(locale=code, name=name) for code, name in names.items()]
            variant = Variant(sku=f"SKU-{self.made}-{slug}", price_amount=price)
            product.variants = [variant]
            product.photos = [Photo(hash="0123456789abcdef", position=0)]
            db.add(product)
            db.flush()  # the variant's id is needed for its stock
            if kind != "made_to_order":
                put_on_shelf(db, variant.id, on_hand, by="owner", now=NOON)
            return variant.id


def free_socket(port: int = 0) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening


class _Server(uvicorn.Server):
    """Ends when it is told to, where uvicorn looks every tenth of a second and waits another."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # in which idle connections are closed
        await self._wait_tasks_to_complete()
        await self.lifespan.shutdown()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)


@contextmanager
def serving(app: Any, listening: socket.socket) -> Iterator[None]:
    """Serve *app* over real HTTP, on a thread, for the length of the block."""
    server = _Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server is too slow to start"
        time.sleep(0.002)
    try:
        yield
    finally:
        server.end()
        thread.join(10)


@dataclass
class Buyer:
    """A visitor with a browser's cookies and no JavaScript."""

    http: httpx2.Client
    prefix: str = ""

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(self.prefix + path)

    def post(self, path: str, **form: Any) -> httpx2.Response:
        return self.http.post(self.prefix + path, data=form)

    def add(self, variant_id: int, quantity: int = 1) -> httpx2.Response:
        return self.post("/cart", variant=str(variant_id), quantity=str(quantity))

    def checkout_fields(self, path: str = "/checkout") -> dict[str, str]:
        """Return what the checkout page would send as it stands: hidden fields and choices."""
        return fields_of(self.get(path).text, "checkout")

    def place(self, **changes: str) -> httpx2.Response:
        """Fill in the form as Anna and order; the answer leads to the payment page."""
        filled = ANNA | {k: v for k, v in changes.items() if k in ANNA}
        fields = self.checkout_fields() | filled | changes
        return self.post("/checkout", **fields)

    def pay(self, url: str, card: str = GOOD_CARD) -> httpx2.Response:
        """Pay on the stand-in's page by card, and follow back to the shop's order page."""
        page = self.http.get(url)
        action = re.search(r'<form[^>]*id="pay"[^>]*action="([^"]+)"', page.text)
        assert action is not None, page.text
        answer = self.http.post(
            urljoin(url, unescape(action[1])),
            data={"method": "card", "number": card, "exp": "12/34", "cvc": "123"},
        )
        return self.follow(answer)

    def follow(self, answer: httpx2.Response) -> httpx2.Response:
        while answer.is_redirect:
            answer = self.http.get(urljoin(str(answer.url), answer.headers["location"]))
        return answer

    def buy(self, variant_id: int, quantity: int = 1, **changes: str) -> httpx2.Response:
        """Do the whole purchase and return the order page."""
        self.add(variant_id, quantity)
        placed = self.place(**changes)
        assert placed.status_code == 303, placed.text
        return self.pay(placed.headers["location"])


def words_of(answer: httpx2.Response) -> str:
    """Return what somebody reads of the page's own part."""
    main = re.search(r"<main.*?</main>", answer.text, re.DOTALL)
    assert main is not None, answer.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main[0])).split())


def fields_of(html: str, form_id: str) -> dict[str, str]:
    """Return the names and values that a browser would send of a form as it stands."""
    found = re.search(rf'<form[^>]*id="{form_id}".*?</form>', html, re.DOTALL)
    assert found is not None, f"no form {form_id}"
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", found[0]):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        chosen = attributes.get("type") not in ("radio", "checkbox") or re.search(
            r"\schecked\b", tag
        )
        if "name" in attributes and chosen:
            fields[attributes["name"]] = unescape(attributes.get("value", ""))
    for name, options in re.findall(
        r'<select[^>]*name="([^"]+)".*?>(.*?)</select>', found[0], re.DOTALL
    ):
        selected = re.search(r'<option value="([^"]*)" selected', options)
        if selected:
            fields[name] = selected[1]
    return fields
