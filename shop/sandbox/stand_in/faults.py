"""Failures on demand: which request fails, how, and whether before or after its commit."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from shop.sandbox.stand_in.errors import Json, StripeError

KINDS = ("500", "503", "429", "lock_timeout", "409", "401", "403", "reset", "timeout", "delay",
         "cut", "malformed", "502")  # fmt: skip
ONLY_BEFORE = ("429", "lock_timeout", "409", "401", "403")
ERRORS = ("500", "503")  # told instead of the result
OF_THE_KEY = {
    "401": "Invalid API Key provided.",
    "403": "The provided key does not have the required permissions.",
}
ONLY_AFTER = ("cut",)  # in the middle of the answer
LONGEST_SILENCE = 60.0
NOTICE = 0.01  # seconds for the server to see that the connection is gone


@dataclass
class Fault:
    """One rule.

    *kind*: an error of Stripe's (500, 503, 429, lock_timeout, 409, 401, 403), a connection that
    is reset, silent until it ends (timeout), slow (delay) or cut off in the middle of the answer,
    an answer that is no JSON (malformed), or a gateway's page in its place (502).

    The *nth* request (from 1) that matches *method* and *path* (a regular expression for the whole
    path; both default to any) fails, and the ones after it, *times* in all. *when*: before or after
    the commit. *delay*: seconds to wait first. *sticky*: a 500 is also what the idempotency key
    will answer from then on.
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    nth: int = 1
    times: int = 1
    when: str = "before"
    delay: float = 0.0
    sticky: bool = False
    seen: int = field(default=0)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault {self.kind!r}; there are {', '.join(KINDS)}.")
        if self.when not in {"before", "after"}:
            raise ValueError("A fault happens before or after the commit.")
        if self.when == "after" and self.kind in ONLY_BEFORE:
            raise ValueError(f"Stripe answers {self.kind} before it does anything.")
        if self.sticky and self.kind != "500":
            raise ValueError("Only a 500 is kept under an idempotency key.")
        if self.when == "before" and self.kind in ONLY_AFTER:
            raise ValueError("An answer can be cut off after the commit only.")
        re.compile(self.path)

    def hits(self, method: str, path: str) -> bool:
        """Count the request, and say whether it is to fail."""
        fits = re.fullmatch(self.method, method, re.IGNORECASE) and re.fullmatch(self.path, path)
        if not fits:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Faults:
    """The rules in force; the first that hits wins."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._rules.append(fault)

    def clear(self) -> None:
        self._rules.clear()

    def report(self) -> list[Json]:
        return [asdict(rule) for rule in self._rules]

    def take(self, method: str, path: str) -> Fault | None:
        hits = [rule for rule in self._rules if rule.hits(method, path)]
        return hits[0] if hits else None


def refusal(fault: Fault) -> StripeError:
    """The error answer of a fault that has one."""
    if fault.kind == "429":
        return StripeError(429, "Request rate limit exceeded.", code="rate_limit")
    if fault.kind == "lock_timeout":
        return StripeError(
            429,
            "This object cannot be accessed right now because another API request or Stripe "
            "process is currently accessing it.",
            code="lock_timeout",
        )
    if fault.kind in OF_THE_KEY:
        return StripeError(int(fault.kind), OF_THE_KEY[fault.kind])
    if fault.kind == "503":
        return StripeError(503, "Stripe is unavailable for a moment.", kind="api_error")
    if fault.kind == "409":
        return StripeError(
            409,
            "There is currently another in-progress request using this idempotency key.",
            kind="idempotency_error",
            code="idempotency_key_in_use",
        )
    return StripeError(500, "An unknown error occurred.", kind="api_error", saved=fault.sticky)


async def spoil(request: Request, fault: Fault) -> Response:
    """Answer with something else, or close the connection: at once, late, or in mid-answer."""
    if fault.kind == "malformed":
        return Response('{"id": "cs_test_', media_type="application/json")
    if fault.kind == "502":
        return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
    transport = request.scope["stand_in.transport"]
    if fault.kind == "cut":
        return StreamingResponse(_half(transport), headers={"Content-Length": "4000"})
    if fault.kind == "timeout":
        await asyncio.sleep(fault.delay or LONGEST_SILENCE)
    transport.abort()
    await asyncio.sleep(NOTICE)
    return Response(status_code=500)


async def _half(transport: asyncio.Transport) -> AsyncIterator[bytes]:
    """The beginning of an answer, and then nothing."""
    yield b'{"id": '
    transport.close()
    await asyncio.sleep(NOTICE)
