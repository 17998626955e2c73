"""The outermost layer: an id for every request, and one line in the log.

The lines of a tenth of a second are written together: a line of its own would cost the logging
module as much time as a kept page takes altogether.
"""

import asyncio
import logging
import secrets
import time
from http import HTTPStatus
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("shop.requests")
GONE = 499  # in the log alone: who asked hung up before there was an answer
PROBES = ("/healthz", "/readyz", "/metrics")  # asked every few seconds: logged when they fail
TOGETHER = 0.1  # seconds


class RequestLog:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lines: list[str] = []
        self._process, self._numbers = secrets.token_hex(4), count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            try:
                await self._app(scope, receive, send)
            finally:
                self._write()  # the server's own scope ends with the server
            return
        request_id, began, status = self._name_request(), time.perf_counter(), GONE
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
            if status != HTTPStatus.OK or route not in PROBES:
                self._add(f"{request_id} {scope['method']} {route} {status} {took:.1f}ms")

    def _name_request(self) -> str:
        """Return an id that tells this request from all others, by whichever process."""
        return f"{self._process}{next(self._numbers):06x}"

    def _add(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(TOGETHER, self._write)
        self._lines.append(line)

    def _write(self) -> None:
        if self._lines:
            log.info("\n".join(self._lines))
            self._lines.clear()
