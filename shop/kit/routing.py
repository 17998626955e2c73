"""Routes declare who may come in and which pool of threads does the work.

Handlers are plain functions: ``(request) -> Response`` for reading, ``(request, form) ->
Response`` for writing. They run in threads, never on the event loop. A pool's place is taken
while waiting costs nothing but a coroutine; handlers that wait for Stripe have their own pool, so
that a slow Stripe never slows the shelf.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeVar

import anyio
import anyio.to_thread
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from shop.kit import i18n
from shop.kit.body_limit import drop, limited
from shop.kit.csrf import comes_from_elsewhere
from shop.kit.garbage import collect_if_due

Read = Callable[[Request], Response]
Write = Callable[[Request, FormData], Response]
Raw = Callable[[Request, bytes], Response]
PoolName = Literal["db", "stripe", "files"]
Made = TypeVar("Made")


class Access(StrEnum):
    PUBLIC = "public"
    OWNER = "owner"
    ENTERING = "entering"  # the owner, on the way in from a one-time link


PUBLIC, OWNER, ENTERING = Access.PUBLIC, Access.OWNER, Access.ENTERING
FORM_LIMIT = 64 * 1024
FIELD_LIMIT = 512 * 1024  # a text in a route that takes more; files are not held in memory
MOST_FILES = 40  # in one form, where pictures are asked for; elsewhere none
WAIT_FOR_A_PLACE = 10.0  # seconds


class Busy(HTTPException):
    """No place came free in time, or the database did not serve; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(503, headers={"Retry-After": "10"})


@dataclass
class Pools:
    """Places for work in threads, made on the running event loop."""

    one_writer: bool  # SQLite has one writer at a time: the others wait here, not in threads
    _limiters: dict[str, anyio.CapacityLimiter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes = {"db": 4, "write": 1 if self.one_writer else 4, "stripe": 20, "files": 1}
        self._limiters = {name: anyio.CapacityLimiter(size) for name, size in sizes.items()}
        self._threads = anyio.CapacityLimiter(sum(sizes.values()))

    def run_here(self, work: Callable[[], Response]) -> Response:
        """Do on the event loop what takes less time than to hand it to a thread: SQLite reads
        without waiting for anybody, and the pages of a short read take a millisecond.
        """
        response = work()
        collect_if_due()
        return response

    async def run(self, name: str, work: Callable[[], Made]) -> Made:
        limiter, place = self._limiters[name], object()
        try:
            with anyio.fail_after(WAIT_FOR_A_PLACE):
                await limiter.acquire_on_behalf_of(place)
        except TimeoutError:
            raise Busy from None
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        finally:
            limiter.release_on_behalf_of(place)
            collect_if_due()


class ShopRoute(Route):
    """A route that says who may use it, what it takes in, and whether it speaks languages."""

    kept: tuple[str, ...] | None = None

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        *,
        methods: list[str],
        access: Access,
        localized: bool,
        body_limit: int,
        any_origin: bool = False,
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.access = access
        self.localized = localized
        self.body_limit = body_limit
        self.any_origin = any_origin

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what must not reach the handler, before a byte of the body is read."""
        headers = Headers(scope=scope)
        if scope["state"]["prefixed"] and not self.localized:
            raise HTTPException(404)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            raise HTTPException(404)  # no address of ours has it, and PostgreSQL takes no such text
        if scope["method"] == "POST":
            if not self.any_origin and comes_from_elsewhere(headers):
                raise HTTPException(403)
            receive = await limited(receive, headers, self.body_limit)
        await super().handle(scope, receive, send)


def Get(  # noqa: N802 - reads as a declaration beside Post
    path: str,
    handler: Read,
    *,
    access: Access,
    pool: PoolName = "db",
    localized: bool = True,
    kept: tuple[str, ...] | None = None,
    short: bool = False,
) -> ShopRoute:
    """Declare a page. *kept* are the query parameters that it reads, where it may be kept for
    everybody (``shop/kit/page_cache.py``); None where it is each visitor's own. A *short* one asks
    little of the database, unless parameters ask for more.
    """

    async def endpoint(request: Request) -> Response:
        at_once = short and not request.scope["query_string"]
        return await _run(request, pool, access, lambda: handler(request), at_once=at_once)

    endpoint.__name__ = handler.__name__
    localized = localized and access is PUBLIC
    route = ShopRoute(
        path, endpoint, methods=["GET"], access=access, localized=localized, body_limit=0
    )
    route.kept = kept
    return route


def Post(  # noqa: N802 - a declaration
    path: str,
    handler: Write,
    *,
    access: Access,
    pool: PoolName = "db",
    localized: bool = True,
    body_limit: int = FORM_LIMIT,
) -> ShopRoute:
    async def endpoint(request: Request) -> Response:
        if (turned_away := await _turned_away_unread(request, access)) is not None:
            return turned_away
        if not _is_utf_8(request.headers):
            raise HTTPException(400)
        form = await request.form(
            max_files=MOST_FILES if pool == "files" else 0,
            max_fields=2000,
            max_part_size=min(body_limit, FIELD_LIMIT),
        )
        place = "write" if pool == "db" else pool
        try:
            return await _run(request, place, PUBLIC, lambda: handler(request, form))
        finally:
            await form.close()

    endpoint.__name__ = handler.__name__
    localized = localized and access is PUBLIC
    return ShopRoute(
        path, endpoint, methods=["POST"], access=access, localized=localized, body_limit=body_limit
    )


def Hook(  # noqa: N802 - a declaration
    path: str, handler: Raw, *, pool: PoolName, body_limit: int
) -> ShopRoute:
    """Take a POST from another machine: the raw body, no form, any origin, no language."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await _run(request, pool, PUBLIC, lambda: handler(request, body))

    endpoint.__name__ = handler.__name__
    return ShopRoute(
        path,
        endpoint,
        methods=["POST"],
        access=PUBLIC,
        localized=False,
        body_limit=body_limit,
        any_origin=True,
    )


def Direct(  # noqa: N802 - a declaration
    path: str, endpoint: Callable[[Request], Awaitable[Response]]
) -> ShopRoute:
    """Answer on the event loop, from memory: for what takes no database and no thread."""
    return ShopRoute(path, endpoint, methods=["GET"], access=PUBLIC, localized=False, body_limit=0)


def _is_utf_8(headers: Headers) -> bool:
    """Say whether a form is in the one encoding that browsers send. The sender may name any that
    Python knows, and some take a second of the event loop for one field.
    """
    _kind, options = parse_options_header(headers.get("content-type"))
    return options.get(b"charset", b"utf-8").lower() == b"utf-8"


async def _turned_away_unread(request: Request, access: Access) -> Response | None:
    """Ask the guard before a stranger's upload is kept anywhere; the body is read off unkept."""
    if access is PUBLIC:
        return None
    allowed = Response()
    answer = await _run(request, "db", access, lambda: allowed)
    if answer is allowed:
        return None
    await drop(request.receive)
    return answer


async def _run(
    request: Request,
    pool: str,
    access: Access,
    handle: Callable[[], Response],
    *,
    at_once: bool = False,
) -> Response:
    def work() -> Response:
        with i18n.speaking(request.state.locale):
            return _turned_away(request, access) or handle()

    pools: Pools = request.state.pools
    return pools.run_here(work) if at_once and pools.one_writer else await pools.run(pool, work)


def _turned_away(request: Request, access: Access) -> Response | None:
    guard: Callable[[Request], Response | None] = request.state.guard
    return None if access is PUBLIC else guard(request)
