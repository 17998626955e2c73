"""A served shop in which every page and every state can be looked at."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx2
import stripe
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shop import app
from shop.blog.counts import Place, add_counts
from shop.blog.mentions import write_post
from shop.blog.reading import Post
from shop.catalogue.models import Kind, Product, ProductText, Variant
from shop.commissions.models import Commission
from shop.config import Config
from shop.kit.clock import local_day, system_clock
from shop.kit.db import Sessions, write_sessions
from shop.kit.ids import Signer
from shop.kit.routing import PUBLIC, Get, ShopRoute
from shop.mail.models import Message
from shop.orders.models import Order, Status
from shop.owner.actions import invite_owner
from shop.payments.gateway import API_VERSION
from shop.payments.provider import EVENTS
from shop.preferences.actions import set_preferences
from shop.stock.models import StockLevel
from shop.withdrawals.models import Withdrawal
from shop.withdrawals.queries import withdrawal_token
from tests.demo_shelf import MEDIA, fill_with_the_demo
from tests.support import ANNA, Buyer, free_socket, product_by_slug, serving

STRIPE_KEY = "sk_test_of_the_audit"
SECRET = "a secret key of the audit, long enough"
BLOG = "https://blogg.example.se/"
CHEAP = "harvagnen"  # what the orders are for; there are many of it


@dataclass(frozen=True)
class Stage:
    shop: Config
    sessions: Sessions
    names: dict[str, str] = field(default_factory=dict)  # what stands in braces in a state's path
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)  # of those who came before

    @property
    def base(self) -> str:
        return self.shop.base_url


@contextmanager
def served_stage(
    database: Path, stand_in_url: str, *, env: Literal["demo", "production"] = "demo"
) -> Iterator[Stage]:
    """Serve a shop on *database*, which has been migrated and is empty, and fill it."""
    with ExitStack() as stack:
        sessions = write_sessions(f"sqlite:///{database}")
        stack.callback(sessions.engine.dispose)
        fill_with_the_demo(sessions, system_clock(), photos=2)
        listening = stack.enter_context(free_socket())
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = Config(
            env=env,
            data=database.parent,
            base_url=base_url,
            secret_keys=(SECRET,),
            database_url=f"sqlite:///{database}",
            media=MEDIA,
            stripe_secret_key=STRIPE_KEY,
            stripe_webhook_secrets=(_endpoint(stand_in_url, base_url),),
            stripe_api_base=stand_in_url,
            smtp_url="",
            trusted_proxies=(),
            worker=False,
        )
        stage = Stage(config, sessions)
        _put_on_shelf(stage)
        stack.enter_context(serving(_app_that_can_fail(config), listening))
        _fill_the_books(stage)
        yield stage


def _endpoint(stand_in_url: str, base_url: str) -> str:
    client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": stand_in_url})
    endpoint = client.v1.webhook_endpoints.create(
        {
            "url": f"{base_url}/webhooks/stripe",
            "enabled_events": [*EVENTS],
            "api_version": API_VERSION,
        }
    )
    return str(endpoint.secret)


def _app_that_can_fail(config: Config) -> object:
    """Return the shop with one page more: the one that fails as it is told to."""
    routes = app.routes

    def fails(request: Request) -> Response:
        status = int(request.path_params["status"])
        if status == 500:
            raise RuntimeError("as it was told to")
        raise HTTPException(status)

    def and_one() -> list[ShopRoute]:
        return [*routes(), Get("/fails/{status}", fails, access=PUBLIC)]

    app.routes = and_one
    try:
        return app.create_app(config)
    finally:
        app.routes = routes


# --- what is on the shelf -------------------------------------------------------------------------


def _put_on_shelf(stage: Stage) -> None:
    """Have a product in each state; the demo's own have names that the states know."""
    with stage.sessions.begin() as db:
        _stock(db, "ugglan-ulla", on_hand=0)  # the only one, sold
        _stock(db, "algen-algot", on_hand=1, reserved=1)  # somebody is paying
        _stock(db, "tomten-torsten", on_hand=0)  # all of them sold
        db.execute(
            update(Product).where(Product.slug == "domherren-didrik").values(status="archived")
        )
        db.execute(
            update(Product).where(Product.slug == "faret-fia").values(takes_personal_text=True)
        )
        herrings = product_by_slug(db, "tre-strommingar")
        assert herrings is not None
        small = Variant(
            product_id=herrings.id,
            position=1,
            sku="S-2",
            options="Två strömmingar",
            price_amount=19500,
        )
        herrings.variants[0].options = "Tre strömmingar"
        db.add(small)
        db.flush()  # its id is needed for its stock
        db.add(StockLevel(variant_id=small.id, on_hand=0, reserved=0))
        _many(db)
        last = Product.slug == f"{CHEAP}-19"
        db.execute(update(Product).where(last).values(status="draft", published_at=None))
        set_preferences(db, holds_per_network=100, blog_url=BLOG)
        told = {"raven-ragnar": "sagostund", "haren-hilma": "", "ugglan-ulla": ""}
        write_post(db, Post(f"{BLOG}sagostund/", "Sagostund i november", told), now=system_clock())
        today = local_day(system_clock())
        seen = {Place(today, source, "raven-ragnar"): 41 for source in ("sagostund", "~1", "mejl")}
        add_counts(db, seen, {Place(today, "", "raven-ragnar"): 3})
    stage.names.update(
        available="raven-ragnar",
        batch="haren-hilma",
        made="bjornen-bodil",
        personal="faret-fia",
        variants="tre-strommingar",
        sold="ugglan-ulla",
        sold_out="tomten-torsten",
        held="algen-algot",
        withdrawn="domherren-didrik",
        draft=f"{CHEAP}-19",
        collection="skogen",
    )


def _stock(db: Session, slug: str, **values: int) -> None:
    mine = select(Variant.id).join(Product).where(Product.slug == slug).scalar_subquery()
    db.execute(update(StockLevel).where(StockLevel.variant_id == mine).values(**values))


def _many(db: Session) -> None:
    """Put so much more on the shelf that a list has several pages."""
    now = system_clock()
    for number in range(20):
        slug = f"{CHEAP}-{number}"
        product = Product(
            slug=slug,
            kind=Kind.BATCH,
            status="published",
            weight_g=20,
            thickness_mm=25,
            created_at=now,
            published_at=now.replace(year=2020),
        )
        product.texts = [
            ProductText(locale="sv", name=f"Härvagnen {number}"),
            ProductText(locale="en", name=f"Carriage {number}"),
        ]
        product.variants = [Variant(sku=f"HV-{number}", price_amount=9500)]
        db.add(product)
        db.flush()  # the variant's id is needed for its stock
        db.add(StockLevel(variant_id=product.variants[0].id, on_hand=50, reserved=0))


# --- what was bought ------------------------------------------------------------------------------


def _fill_the_books(stage: Stage) -> None:
    """Have an order in each state, carts that something has happened to, and the owner's mail."""
    for status in (*Status, "review"):
        stage.names[f"order_{status}"] = _order(stage, status)
    stage.cookies["cart"] = _cart(stage, "haren-hilma", f"{CHEAP}-1", "tre-strommingar")
    stage.cookies["blocked"] = _blocked(stage)
    stage.cookies["gone"] = _cart(stage, "kapten-konrad", "salen-selma", quantity=3)
    stage.cookies["all gone"] = _cart(stage, "mormor-marta")
    stage.cookies["owner"] = _owner(stage)
    with stage.sessions.begin() as db:
        _stock(db, "kapten-konrad", on_hand=0)
        _stock(db, "salen-selma", on_hand=2)
        _stock(db, "mormor-marta", on_hand=1, reserved=1)
        withdrawn = Withdrawal(
            order_given="1001",
            name="Anna Ek",
            email=ANNA["email"],
            locale="sv",
            at=system_clock(),
            fingerprint="audit",
        )
        raven = db.scalars(select(Product.id).where(Product.slug == "ugglan-ulla")).one()
        wished = Commission(
            product_id=raven,
            name="Anna Ek",
            email=ANNA["email"],
            locale="sv",
            wish="En uggla till, men grå.",
            asked_at=system_clock(),
        )
        db.add_all([withdrawn, wished])
        db.flush()  # its id is needed for its receipt
        stage.names["withdrawal"] = withdrawal_token(Signer((SECRET,)), withdrawn.id)
        stage.names["mail"] = str(db.scalars(select(Message.id).order_by(Message.id)).first())
        stage.names["variant"] = str(db.scalars(select(Variant.id).order_by(Variant.id)).first())
        stage.names["number"] = "1001"


def _variant(stage: Stage, slug: str) -> int:
    with stage.sessions.begin() as db:
        found = select(Variant.id).join(Product).where(Product.slug == slug)
        return db.scalars(found.order_by(Variant.position)).first() or 0


def _order(stage: Stage, status: str) -> str:
    """Buy something and return its order's secret, once the order is in *status*."""
    with httpx2.Client(base_url=stage.base, timeout=60) as http:
        page = Buyer(http).buy(_variant(stage, f"{CHEAP}-0"))
    token = page.url.path.rpartition("/")[2]
    values = {"review": "paid_late"} if status == "review" else {"status": status}
    with stage.sessions.begin() as db:
        db.execute(update(Order).where(Order.id == int(token.partition("-")[0])).values(**values))
    return token


def _cart(stage: Stage, *slugs: str, quantity: int = 1) -> dict[str, str]:
    with httpx2.Client(base_url=stage.base, timeout=60) as http:
        for slug in slugs:
            Buyer(http).add(_variant(stage, slug), quantity if slug != slugs[0] else 1)
        return dict(http.cookies)


def _blocked(stage: Stage) -> dict[str, str]:
    """Return the cart of somebody who has as many unpaid orders as one may have."""
    for _ in range(3):
        with httpx2.Client(base_url=stage.base, timeout=60) as http:
            buyer = Buyer(http)
            buyer.add(_variant(stage, f"{CHEAP}-2"))
            assert buyer.place(email="many@example.se").status_code == 303
    return _cart(stage, f"{CHEAP}-2")


def _owner(stage: Stage) -> dict[str, str]:
    with stage.sessions.begin() as db:
        token = invite_owner(db, "agare@example.se", now=system_clock())
    with httpx2.Client(base_url=stage.base, timeout=60) as http:
        assert http.post(f"/admin/sign-in/{token}").status_code == 303
        return dict(http.cookies)  # of the owner in the demo; elsewhere there is more to do
