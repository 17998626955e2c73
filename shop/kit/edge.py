"""The shop's edge: which shop is meant, in which language, and what every answer carries.

It wraps the whole application, so that its headers and its error page are on every answer,
whatever went wrong inside.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shop.kit import i18n
from shop.kit.compression import best_encoding, compressed
from shop.kit.headers import SecurityHeaders
from shop.kit.routing import Busy

log = logging.getLogger("shop.requests")
LAST_WORDS = (
    "Något gick fel hos oss, och det är antecknat. Har du betalat är betalningen inte borta.\n"
    "Something went wrong on our side, and is noted. If you have paid, your payment is not lost.\n"
    "%s\n"
)
ErrorPage = Callable[[Request, int], Response]


@dataclass
class Edge:
    app: ASGIApp
    base_url: str
    languages: Callable[[], Sequence[str]]
    owner_language: Callable[[], str]
    headers: SecurityHeaders
    error_page: ErrorPage
    state: dict[str, Any]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["state"].update(self.state, locale="en")
        accepted = Headers(scope=scope).get("accept-encoding", "")
        send = compressed(send, best_encoding(accepted))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.headers.add(message["headers"], scope.get("route"))
            await send(message)

        try:
            await self._answer(scope, receive, answer)
        except ClientDisconnect:
            pass  # the sender hung up while sending: no fault of ours, nobody to answer
        except Exception:
            # The page has been sent by the handler below; this is the trace for the log.
            log.exception("%s failed", scope["state"]["request_id"])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        turned = self._other_address(scope)
        self._read_language(scope)
        await (turned or self.app)(scope, receive, send)

    def _read_language(self, scope: Scope) -> None:
        """Take a leading language off the path: /en/cart is the cart, in English. The owner's
        side speaks the owner's language.
        """
        languages, path = self.languages(), scope["path"]
        owners = path == "/admin" or path.startswith("/admin/")
        locale = self.owner_language() if owners else languages[0]
        scope["state"].update(locale=locale, prefixed=False)
        first, _, rest = path.removeprefix("/").partition("/")
        if first in languages[1:]:
            scope["state"].update(locale=first, prefixed=True)
            scope["path"] = f"/{rest}"

    def _other_address(self, scope: Scope) -> Response | None:
        """Answer for a host that is not ours, and for one slash too many. Addresses are never made
        from what a stranger sends.
        """
        host, path = Headers(scope=scope).get("host", ""), scope["path"]
        if path == "/healthz":
            return None
        reading = scope["method"] in ("GET", "HEAD")
        if host == urlsplit(self.base_url).netloc:
            return self._redirect(scope) if reading and path[1:].endswith("/") else None
        if reading and host.partition(":")[0] == "localhost":
            return self._redirect(scope)
        return PlainTextResponse(f"This shop is at {self.base_url}\n", status_code=400)

    def _redirect(self, scope: Scope) -> Response:
        """Send the reader to the same page at its own address, which has no slash at its end."""
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        path = scope["path"].rstrip("/") or "/"
        return RedirectResponse(f"{self.base_url}{path}{query}", status_code=308)


def exception_handlers(error_page: ErrorPage) -> dict[Any, Any]:
    """Return Starlette's handlers: every error is one of our own pages."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
        with i18n.speaking(request.state.locale):
            response = error_page(request, error.status_code)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    async def busy(request: Request, error: Exception) -> Response:
        """The database was locked, full or away: nothing was changed, and it passes."""
        log.error("%s: the database did not serve", request.state.request_id, exc_info=error)
        return await refused(request, Busy())

    async def failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
        try:
            with i18n.speaking(request.state.locale):
                return error_page(request, 500)
        except Exception:
            log.exception("%s: the error page failed as well", request.state.request_id)
            return PlainTextResponse(LAST_WORDS % request.state.request_id, status_code=500)

    return {HTTPException: refused, OperationalError: busy, Exception: failed}
