"""What a visitor brings along, between the shop's edge and its pages.

The source is read from the address or the Referer, counted where somebody arrives by it, and
carried on by the links and forms of the page itself. The visitor's browser keeps nothing of it but
the cart's cookie, once there is something in the cart.

Links are labelled when the page is finished, and not where it is made: so no template can forget
it, and what is remembered of a page is the same for everybody.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shop.blog.counts import Counts
from shop.blog.labels import read_label
from shop.blog.sources import KnownPosts, post_of_source, read_source, source_in
from shop.kit.clock import Clock, local_day
from shop.owner.cookies import SESSION
from shop.preferences.values import Preferences

OK = 200
PRODUCT = "/products/{slug}"
IN_A_FRAME = "/card"  # a card stands in the post itself: who sees it has not come
_A_PROGRAM = re.compile(
    "bot|crawl|spider|slurp|preview|monitor|archive|scrap|feed|validator", re.IGNORECASE
)
_LINK = re.compile(r'(<a\b[^>]*?\shref=")(/(?!/|media/|static/|feeds/|orders/|admin)[^"]*)"')
_FORM = re.compile(r'<form\b[^>]*?\saction="/(?!/)[^"]*"[^>]*>')
_CARRIED = re.compile(r"[?;&]from=")


def may_come_from(wishes: Preferences, path: str, referer: bytes) -> bool:
    """Say whether a request is a visit from one of the owner's blogs, which is counted.

    Asked by the page cache, which lets such requests pass by: their page carries the source on.
    Other Referers say nothing that is counted, and the next reader of the same page has the kept
    one; so a Referer costs no page its place in the cache.
    """
    if not wishes.sources_counted or path.endswith(IN_A_FRAME):
        return False
    parts = referer.split(b"/", 3)
    return len(parts) > 2 and _without_www(parts[2].decode("latin-1")) in wishes.blog_hosts  # noqa: PLR2004 - https://host


def _without_www(host: str) -> str:
    return host.lower().removeprefix("www.")


@dataclass
class Arrivals:
    app: ASGIApp
    wishes: Callable[[], Preferences]
    posts: KnownPosts
    counts: Counts
    host: str  # our own
    clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["state"]["source"] = ""
        if scope["path"].startswith("/admin"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope["state"]["source"] = self._source(scope, headers)
        if not self.wishes().sources_counted:
            await self.app(scope, receive, send)
            return
        pieces: list[Message] = []

        async def answer(message: Message) -> None:
            """Let through what is no page; a page is finished first."""
            if message["type"] == "http.response.start" and _is_page(message):
                pieces.append(message)
                return
            if not pieces:
                await send(message)
                return
            start = pieces.pop()
            source = scope["state"]["source"]  # which a form may have told only now
            if source and not message.get("more_body"):
                message["body"] = carried(message["body"].decode(), source).encode()
                length = str(len(message["body"]))
                MutableHeaders(scope=start)["content-length"] = length
            self._count(scope, headers, start["status"])
            await send(start)
            await send(message)

        await self.app(scope, receive, answer)

    def _source(self, scope: Scope, headers: Headers) -> str:
        if not self.wishes().sources_counted:
            return ""
        label = self.own(source_in(scope["query_string"].decode("latin-1")))
        referer = headers.get("referer", "")
        if label or not may_come_from(self.wishes(), scope["path"], referer.encode("latin-1")):
            return label
        probable = self.posts.current.probable(scope["path"].removeprefix("/products/"))
        blog = urlsplit(referer).hostname if not probable else ""
        return probable or read_label(_without_www(blog or ""))

    def own(self, label: str) -> str:
        """Return *label*, unless it stands for a post that there is not."""
        return label if post_of_source(label) is None or self.posts.knows(label) else ""

    def _count(self, scope: Scope, headers: Headers, status: int) -> None:
        source = scope["state"]["source"]
        if not source or status != OK or not self._arrives(scope, headers):
            return
        route = scope.get("route")
        slug = scope["path_params"]["slug"] if route and route.path == PRODUCT else ""
        self.counts.visit(local_day(self.clock()), source, slug)

    def _arrives(self, scope: Scope, headers: Headers) -> bool:
        """Say whether a person has just come: who goes on from page to page brings our Referer."""
        return (
            scope["method"] == "GET"
            and not scope["path"].endswith(IN_A_FRAME)
            and headers.get("sec-fetch-dest", "document") == "document"
            and urlsplit(headers.get("referer", "")).netloc != self.host
            and f"{SESSION}=" not in headers.get("cookie", "")  # the owner, trying a link
            and is_a_person(headers)
        )


def is_a_person(headers: Mapping[str, str]) -> bool:
    """Say whether it looks like a browser that shows the page now. Every browser calls itself
    Mozilla; what fetches ahead says so, and may never be looked at.
    """
    purposes = (headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz"))
    ahead = any("prefetch" in purpose or "prerender" in purpose for purpose in purposes)
    agent = headers.get("user-agent", "")
    return not ahead and agent.startswith("Mozilla/") and not _A_PROGRAM.search(agent)


def _is_page(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


# --- carrying it on -------------------------------------------------------------------------------


def carried(html: str, source: str) -> str:
    """Return the page with the source in each link and form that stays in the shop."""
    value = quote(source, safe="~")
    hidden = f'<input type="hidden" name="from" value="{escape(source)}">'

    def labelled(link: re.Match[str]) -> str:
        path, sign, fragment = link[2].partition("#")
        if _CARRIED.search(path):
            return link[0]
        joint = "&amp;" if "?" in path else "?"
        return f'{link[1]}{path}{joint}from={value}{sign}{fragment}"'

    return _FORM.sub(lambda form: form[0] + hidden, _LINK.sub(labelled, html))


def last_source(request: Request, form: FormData, before: str) -> str:
    """Return where the sender of a form came from last: as its page says, or else as *before*.

    The answer carries it on.
    """
    state: Any = request.state
    if not state.preferences.current.sources_counted:
        return ""
    state.source = state.arrivals.own(read_source(str(form.get("from", "")))) or state.source
    return state.source or before


def count_cart(request: Request, source: str, slug: str) -> None:
    """Count that something was put in the cart."""
    state: Any = request.state
    if state.preferences.current.sources_counted:
        state.arrivals.counts.cart(local_day(state.till.now()), source, slug)
