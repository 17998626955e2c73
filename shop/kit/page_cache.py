"""Whole pages in memory, in front of the routing: nobody waits for a page that somebody has had.

A page is kept when its route says so, it was answered with 200, and the request carried no cookie
and no label of where the visitor came from. It is kept by its path and the query parameters that
the route declares; all others are dropped. Pages are of one generation: with the next, which begins
when what buyers read has changed, they count no more. Whatever happens, a page dies after a minute,
and at midnight, when promised dates change.
"""

import asyncio
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shop.kit.clock import LOCAL, Clock
from shop.kit.compression import MADE_EACH_TIME, WORTH_IT, best_encoding
from shop.kit.routing import ShopRoute

SECONDS = 60.0
MOST_BYTES = 16 * 1024 * 1024  # of bodies, in each process
LONGEST_QUERY = 512
# A visit that says where it came from is counted, and its links carry that on; a note is for one.
PASS_BY = frozenset({"from", "ref", "source", "utm_source", "note"})
NOT_MODIFIED = 304

Header = tuple[bytes, bytes]
Key = tuple[str, bytes]


class Answer(NamedTuple):
    """One encoding of a page, ready to be sent but for the request's id."""

    etag: bytes
    headers: list[Header]
    headers_of_304: list[Header]
    body: bytes


@dataclass
class KeptPage:
    route: ShopRoute
    headers: list[Header]  # those that all encodings share
    body: bytes
    generation: int
    until: float  # of time.monotonic
    _answers: dict[str, Answer] = field(default_factory=dict)

    def answer(self, encoding: str) -> Answer:
        if encoding not in self._answers:
            self._answers[encoding] = self._made(encoding)
        return self._answers[encoding]

    def _made(self, encoding: str) -> Answer:
        if encoding and len(self.body) < WORTH_IT:
            return self.answer("")
        body = MADE_EACH_TIME[encoding](self.body) if encoding else self.body
        digest = hashlib.sha256(self.body).hexdigest()[:20]
        etag = f'"{digest}-{encoding}"' if encoding else f'"{digest}"'
        shared = [*self.headers, (b"etag", etag.encode())]
        told = [(b"content-encoding", encoding.encode())] if encoding else []
        length = (b"content-length", str(len(body)).encode())
        kept_for_304 = [header for header in shared if header[0] != b"content-type"]
        return Answer(etag.encode(), [*shared, *told, length], kept_for_304, body)


class Asked(NamedTuple):
    """What a request for a page that may be kept says of it."""

    key: Key
    encoding: str
    has: bytes  # the header If-None-Match


class PageCache:
    """The kept pages of one process, as a layer before *app*. A generation may be ended from any
    thread; all else is the event loop's.
    """

    def __init__(
        self,
        app: ASGIApp,
        base_url: str,
        routes: Iterable[ShopRoute],
        languages: Callable[[], Sequence[str]],
        clock: Clock,
        is_counted: Callable[[str, bytes], bool],
    ) -> None:
        self._app = app
        self._host = urlsplit(base_url).netloc.encode("latin-1")
        self._routes = [
            (route.path_regex, route.kept) for route in routes if route.kept is not None
        ]
        self._languages = languages
        self._clock = clock
        self._is_counted = is_counted  # by path and Referer: such a visit passes by, as a label's
        self._generation = 0
        self._lock = threading.Lock()
        self._bytes = 0
        self._pages: OrderedDict[Key, KeptPage] = OrderedDict()
        self._in_the_making: dict[Key, asyncio.Future[KeptPage | None]] = {}

    def forget(self) -> None:
        """Begin the next generation: what buyers read has changed."""
        with self._lock:
            self._generation += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = self._asked(scope) if scope["type"] == "http" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        page = self._get(asked.key)
        if page is None:
            page = await self._make(asked.key, scope, receive, send)
        if page is not None:
            scope["route"] = page.route
            await _send(page, asked, send)

    # --- what is asked for ------------------------------------------------------------------------

    def _asked(self, scope: Scope) -> Asked | None:
        """Return which page *scope* asks for, or None if it is none that may be kept."""
        if scope["method"] not in ("GET", "HEAD"):
            return None
        host = encoding = has = b""
        for name, value in scope["headers"]:
            if name == b"cookie":
                return None
            if name == b"host":
                host = value
            elif name == b"accept-encoding":
                encoding = value
            elif name == b"if-none-match":
                has = value
            elif name == b"referer" and self._is_counted(scope["path"], value):
                return None
        if host != self._host:
            return None
        path, query = scope["path"], scope["query_string"]
        key = (path, query) if (path, query) in self._pages else self._key(path, query)
        return Asked(key, best_encoding(encoding.decode("latin-1")), has) if key else None

    def _key(self, path: str, query: bytes) -> Key | None:
        """Return the one way to write this address, or None if its page is not kept."""
        parameters = self._parameters(path)
        if parameters is None or len(query) > LONGEST_QUERY:
            return None
        if not query:
            return path, b""
        given = parse_qsl(query.decode("latin-1"))
        if any(name in PASS_BY for name, _ in given):
            return None
        # of one that is given twice pages read the last
        chosen = {name: value for name, value in given if name in parameters}
        return path, urlencode(sorted(chosen.items())).encode()

    def _parameters(self, path: str) -> tuple[str, ...] | None:
        first, _, rest = path[1:].partition("/")
        if first in self._languages()[1:]:
            path = f"/{rest}"
        return next((kept for pattern, kept in self._routes if pattern.match(path)), None)

    # --- what is there ----------------------------------------------------------------------------

    def _get(self, key: Key) -> KeptPage | None:
        page = self._pages.get(key)
        if page is None:
            return None
        if page.generation != self._generation or page.until < time.monotonic():
            self._drop(key)
            return None
        self._pages.move_to_end(key)
        return page

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> KeptPage | None:
        """Have the page made and keep it; whoever asks meanwhile waits for it.

        Where it is none to keep, send what was answered and return None.
        """
        if (in_the_making := self._in_the_making.get(key)) is not None:
            page = await asyncio.shield(in_the_making)
            if page is None or page.generation != self._generation:
                await self._app(scope, receive, send)
                return None
            return page
        making = self._in_the_making[key] = asyncio.get_running_loop().create_future()
        page, generation = None, self._generation
        messages: list[Message] = []

        async def listen(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(_for_everybody(scope, key), receive, listen)
            page = self._kept(messages, generation, scope)
            if page is not None and generation == self._generation:
                self._keep(key, page)
        finally:
            del self._in_the_making[key]
            making.set_result(page)
        if page is None:
            for message in messages:
                await send(message)
        return page

    def _kept(self, messages: list[Message], generation: int, scope: Scope) -> KeptPage | None:
        """Return the page that *messages* make; None if it is not for everybody."""
        if not messages or messages[0]["status"] != 200:  # noqa: PLR2004 - OK
            return None
        headers: list[Header] = messages[0]["headers"]
        if any(name == b"set-cookie" for name, _ in headers):
            return None
        own = (b"content-length", b"cache-control", b"vary")
        shared = [header for header in headers if header[0] not in own]
        shared.append((b"cache-control", b"public, no-cache"))
        shared.append((b"vary", b"Accept-Encoding, Cookie"))
        shared = [_one(header) for header in shared]
        body = b"".join(message.get("body", b"") for message in messages[1:])
        until = time.monotonic() + self._lifetime()
        return KeptPage(scope["route"], shared, body, generation, until)

    def _lifetime(self) -> float:
        now = self._clock().astimezone(LOCAL)
        tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), LOCAL)
        return min(SECONDS, (tomorrow - now).total_seconds())

    def _keep(self, key: Key, page: KeptPage) -> None:
        if key in self._pages:
            self._drop(key)
        self._pages[key] = page
        self._bytes += len(page.body)
        while self._bytes > MOST_BYTES:
            self._drop(next(iter(self._pages)))

    def _drop(self, key: Key) -> None:
        self._bytes -= len(self._pages.pop(key).body)


@lru_cache(maxsize=256)
def _one(header: Header) -> Header:
    """Return the one that stands for all that are the same: the server looks at every letter of
    every header, and those of a thousand pages would not stay in the processor's own memory.
    """
    return header


def _for_everybody(scope: Scope, key: Key) -> Scope:
    """Turn *scope* into a request without what is this visitor's own; return it."""
    scope["query_string"] = key[1]
    own = (b"accept-encoding", b"referer")
    scope["headers"] = [header for header in scope["headers"] if header[0] not in own]
    return scope


async def _send(page: KeptPage, asked: Asked, send: Send) -> None:
    """Send *page*, or say that the browser has it."""
    answer = page.answer(asked.encoding)
    status, headers, body = 200, answer.headers, answer.body
    if answer.etag in asked.has:
        status, headers, body = NOT_MODIFIED, answer.headers_of_304, b""
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": body})
