"""The application: every room's routes, and what each request finds at hand."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from shop.blog import admin as blog_admin
from shop.blog import pages as blog_pages
from shop.blog.arrivals import Arrivals, may_come_from
from shop.blog.counts import Counts
from shop.blog.sources import KnownPosts
from shop.cart import pages as cart_pages
from shop.cart.cookie import COOKIE, read_cart
from shop.catalogue import admin as catalogue_admin
from shop.catalogue import pages as catalogue_pages
from shop.checkout import pages as checkout_pages
from shop.commissions import admin as commissions_admin
from shop.commissions import pages as commissions_pages
from shop.config import Config
from shop.discounts import admin as discounts_admin
from shop.kit import files
from shop.kit.clock import Clock, local_day, system_clock
from shop.kit.cookies import get_cookie
from shop.kit.db import Sessions, is_sqlite, read_sessions, write_sessions
from shop.kit.edge import Edge, exception_handlers
from shop.kit.headers import SecurityHeaders
from shop.kit.ids import Signer
from shop.kit.media import MediaFolder
from shop.kit.page_cache import PageCache
from shop.kit.request_log import RequestLog
from shop.kit.routing import Pools, ShopRoute
from shop.kit.static import FOLDER as STATIC_FOLDER
from shop.kit.static import StaticFiles
from shop.kit.templating import make_environment, page
from shop.listings import pages as listings_pages
from shop.listings import structured_data as heads
from shop.listings.storefront import Sending, Storefront
from shop.mail import admin as mail_admin
from shop.orders import admin as orders_admin
from shop.orders import pages as orders_pages
from shop.owner import admin as owner_admin
from shop.owner import pages as owner_pages
from shop.payments import admin as payments_admin
from shop.payments import pages as payments_pages
from shop.payments.gateway import StripeGateway
from shop.payments.till import Till
from shop.preferences import admin as preferences_admin
from shop.preferences import pages as preferences_pages
from shop.preferences.forms import language_name
from shop.preferences.live import LivePreferences
from shop.reports import pages as reports_pages
from shop.shipping import admin as shipping_admin
from shop.stock import admin as stock_admin
from shop.stock import pages as stock_pages
from shop.withdrawals import admin as withdrawals_admin
from shop.withdrawals import pages as withdrawals_pages

log = logging.getLogger("shop")
ERROR_PAGES = {400, 403, 404, 405, 413, 429, 500, 503}
SECONDS_BETWEEN_COUNTS = 5  # so many a crash may lose, of visits


def create_app(config: Config, clock: Clock = system_clock) -> ASGIApp:
    """Return the shop as one ASGI application. The database must have been migrated."""
    till = Till(
        sessions=write_sessions(config.database_url),
        gateway=StripeGateway(
            config.stripe_secret_key, config.stripe_webhook_secrets, config.stripe_api_base
        ),
        now=clock,
    )
    reads = read_sessions(config.database_url)
    live = LivePreferences(reads, config.base_url)
    version = live.refresh()
    posts = KnownPosts(reads)
    posts.refresh()
    counts = Counts(lambda source: posts.knows(source) or source in live.current.blog_hosts)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 - Starlette's shape
        async with anyio.create_task_group() as beside:
            beside.start_soon(keep_up, live, posts, version, till.sessions.forget)
            beside.start_soon(write_down, counts, till.sessions)
            yield
            beside.cancel_scope.cancel()  # a read under way gives its connection back first
        counts.write_down(till.sessions)
        till.sessions.engine.dispose()
        reads.engine.dispose()

    all_routes = routes()
    app = Starlette(
        routes=all_routes, lifespan=lifespan, exception_handlers=exception_handlers(error_page)
    )
    app.router.redirect_slashes = False  # the edge does it, by our own address
    host = urlsplit(config.base_url).netloc
    arrivals = Arrivals(app, lambda: live.current, posts, counts, host, clock)
    state = at_hand(config, till, reads, live) | {"arrivals": arrivals}
    edge = Edge(
        app=arrivals,
        base_url=config.base_url,
        languages=lambda: live.current.languages,
        owner_language=lambda: live.current.owner_language,
        headers=SecurityHeaders(config.payment_page_origin, https=config.https),
        error_page=error_page,
        state=state,
    )
    if not config.page_cache:
        return RequestLog(edge)
    pages = PageCache(
        edge,
        config.base_url,
        all_routes,
        lambda: live.current.languages,
        clock,
        lambda path, referer: may_come_from(live.current, path, referer),
    )
    till.sessions.forget = pages.forget
    return RequestLog(pages)


def at_hand(config: Config, till: Till, reads: Sessions, live: LivePreferences) -> dict[str, Any]:
    """Return what every request finds in its ``state``."""
    static = StaticFiles(STATIC_FOLDER)
    return {
        "config": config,
        "till": till,
        "reads": reads,
        "preferences": live,
        "static": static,
        "media": MediaFolder(config.media),
        "signer": Signer(config.secret_keys),
        "templates": make_environment(
            html=True, static_url=static.url, heads=heads, Sending=Sending
        ),
        "surroundings": surroundings,
        "pools": Pools(one_writer=is_sqlite(config.database_url)),
        "guard": owner_pages.guard,
    }


def routes() -> list[ShopRoute]:
    return [
        # what buyers ask for most is looked for first
        *catalogue_pages.routes,
        *cart_pages.routes,
        *checkout_pages.routes,
        *orders_pages.routes,
        *listings_pages.routes,
        *stock_pages.routes,
        *commissions_pages.routes,
        *blog_pages.routes,
        *withdrawals_pages.routes,
        *payments_pages.routes,
        *preferences_pages.routes,
        *catalogue_admin.routes,
        *stock_admin.routes,
        *commissions_admin.routes,
        *blog_admin.routes,
        *orders_admin.routes,
        *withdrawals_admin.routes,
        *mail_admin.routes,
        *payments_admin.routes,
        *preferences_admin.routes,
        *shipping_admin.routes,
        *discounts_admin.routes,
        *owner_pages.routes,
        *owner_admin.routes,
        *reports_pages.routes,
        *files.routes,
    ]


async def keep_up(
    live: LivePreferences, posts: KnownPosts, seen: int, forget: Callable[[], None]
) -> None:
    """Notice within a second what another process has changed since version *seen*."""
    while True:
        await asyncio.sleep(1)
        try:
            version = await anyio.to_thread.run_sync(live.refresh)
            if version != seen:
                await anyio.to_thread.run_sync(posts.refresh)
        except SQLAlchemyError:
            log.exception("the preferences could not be read; the last ones stay in force")
            continue
        if version != seen:
            seen = version
            forget()


async def write_down(counts: Counts, sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_COUNTS)
        await anyio.to_thread.run_sync(counts.write_down, sessions)


def surroundings(request: Request) -> dict[str, Any]:
    """Return what every template may ask for, beside what its own page hands it."""
    state = request.state
    live: LivePreferences = state.preferences
    locale, urls, path = state.locale, live.urls, request.scope["path"]
    asked = request.scope["query_string"].decode(errors="replace")
    cookie = get_cookie(request, COOKIE)
    return {
        "shop": live.current,
        "demo": state.config.demo,
        "locale": locale,
        "path": path,
        "link": lambda to: urls.link(to, locale),
        "absolute": lambda to: urls.absolute(to, locale),
        "other_languages": {
            other: urls.link(path, other) + (f"?{asked}" if asked else "")
            for other in live.current.languages
            if other != locale
        },
        "alternates": {
            language: urls.absolute(path, language) for language in live.current.languages
        },
        "front": Storefront(live.current, urls, locale, local_day(state.till.now())),
        "language_name": language_name,
        "cart_count": read_cart(cookie, state.signer).count if cookie else 0,
        "request_id": state.request_id,
        "note": request.query_params.get("note", ""),
    }


def error_page(request: Request, status: int) -> Response:
    known = status if status in ERROR_PAGES else (404 if status < 500 else 500)  # noqa: PLR2004
    return page(request, f"errors/{known}.html", status=status)
