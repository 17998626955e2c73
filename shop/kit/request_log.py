"""The outermost layer: an id for every request, and one line in the log."""

import logging
import secrets
import time
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("shop.requests")
GONE = 499  # in the log alone: who asked hung up before there was an answer
PROBES = ("/healthz", "/readyz", "/metrics")  # asked every few seconds: logged when they fail


class RequestLog:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, began, status = secrets.token_hex(5), time.perf_counter(), GONE
        scope.setdefault("state", {})["request_id"] = request_id

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            took = (time.perf_counter() - began) * 1000
            # the pattern and not the path, which may hold the key to an order
            route = getattr(scope.get("route"), "path", "-")
            level = logging.DEBUG if route in PROBES and status == HTTPStatus.OK else logging.INFO
            log.log(level, "%s %s %s %d %.1fms", request_id, scope["method"], route, status, took)
