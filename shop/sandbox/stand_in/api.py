"""The API: who asks, what for, is it well formed, has it been asked before, do it, answer."""

import asyncio
import base64
import binascii
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from shop.sandbox.stand_in import idempotency
from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.errors import (
    GuardBreach,
    Json,
    StripeError,
    invalid,
    not_modelled,
    unauthorised,
)
from shop.sandbox.stand_in.expand import expand
from shop.sandbox.stand_in.faults import ERRORS, ONLY_BEFORE, Fault, refusal, spoil
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.operations import HANDLERS
from shop.sandbox.stand_in.parameters import coerce, decode
from shop.sandbox.stand_in.timers import run_due
from shop.sandbox.stand_in.world import Cause, World

logger = logging.getLogger(__name__)
_TEST_KEY = re.compile(r"(sk|rk)_test_\w+")


@dataclass(frozen=True)
class Result:
    """What goes back: *body* is JSON text, *first* the request that had this result first."""

    status: int
    body: str
    first: str | None = None
    retry: str | None = None


@dataclass(frozen=True)
class Asked:
    """A request as far as it is understood before anything is done."""

    id: str
    key: str | None
    mark: str
    call: Call


async def serve(request: Request, world: World) -> Response:
    """Answer any request under /v1."""
    run_due(world)
    request_id = new_id("request")
    fault = world.faults.take(request.method, request.url.path)
    try:
        asked = await _understand(request, world, request_id)
        if fault and fault.kind in ONLY_BEFORE:
            raise refusal(fault)
        result = await _once(world, asked, fault)
    except StripeError as error:
        result = _failure(error)
    if result is None and fault:
        return await spoil(request, fault)
    return _response(request, world, request_id, result)


def check_key(header: str | None) -> None:
    """Only test keys pass. Raises StripeError(401)."""
    key = _key(header or "")
    if not key:
        raise unauthorised("You did not provide an API key. Send it as Authorization: Bearer …")
    if re.match(r"(sk|rk)_live_", key):
        raise unauthorised(
            "This is a live key, and this is a stand-in for Stripe that takes test keys only. "
            "Nothing was done. Keep live keys away from it."
        )
    if not _TEST_KEY.fullmatch(key):
        raise unauthorised(f"Invalid API Key provided: {key[:8]}… (it must begin with sk_test_)")


def _key(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


async def _understand(request: Request, world: World, request_id: str) -> Asked:
    check_key(request.headers.get("authorization"))
    version = request.headers.get("stripe-version", world.spec.version)
    if version != world.spec.version:
        raise invalid(
            f"The stand-in for Stripe speaks API version {world.spec.version} only, not {version}."
        )
    path = request.url.path
    found = world.spec.find(request.method, path)
    if found is None:
        raise StripeError(
            404,
            f"Unrecognized request URL ({request.method}: {path}). If you are trying to list "
            "objects, remove the trailing slash. If you are trying to retrieve an object, make "
            "sure you passed a valid (non-empty) identifier in your code.",
        )
    operation, ids = found
    params = await _params(request)
    mark = idempotency.fingerprint(request.method, path, params)
    typed: Json = coerce(operation.params, params)
    world.guard.check_params(operation, typed)
    if operation.id not in HANDLERS:
        raise not_modelled(f"{request.method} {operation.path}")
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    return Asked(request_id, key, mark, Call(world, operation, typed, ids))


async def _params(request: Request) -> Json:
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0]
    if body and kind != "application/x-www-form-urlencoded":
        raise invalid(
            f"Invalid request: the body must be application/x-www-form-urlencoded, not {kind}."
        )
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise invalid("Invalid request: the body is not percent-encoded.") from None
    return decode("&".join(part for part in (request.url.query, text) if part))


async def _once(world: World, asked: Asked, fault: Fault | None) -> Result | None:
    """The result, from memory if the key is known. None: what the fault makes of it."""
    if asked.key is None:
        return await _with_fault(fault, lambda: _execute(world, asked))
    kept = idempotency.begin(world, asked.key, asked.id, asked.mark)
    if kept:
        again = Result(kept.status, kept.answer, first=kept.request)
        return await _with_fault(fault, lambda: again)
    try:
        return await _with_fault(fault, lambda: _execute(world, asked))
    except StripeError as error:
        if error.saved:
            idempotency.keep(world, asked.key, error.status, _failure(error).body)
        raise
    finally:
        idempotency.forget_running(world, asked.key)


async def _with_fault(fault: Fault | None, work: Callable[[], Result]) -> Result | None:
    """Do *work* and lose what the fault says: the request, or only the answer."""
    if fault is None:
        return work()
    if fault.kind != "timeout":  # which waits when the connection is cut
        await asyncio.sleep(fault.delay)
    result = work() if fault.when == "after" or fault.kind == "delay" else None
    if fault.kind in ERRORS:
        raise refusal(fault)
    return result if fault.kind == "delay" else None


def _execute(world: World, asked: Asked) -> Result:
    """The operation, its events and its result under the key: one transaction."""
    call = asked.call
    try:
        with world.acting(Cause("api", asked.id, asked.key)):
            answer = expand(world, HANDLERS[call.operation.id](call), call.params.get("expand", []))
            world.guard.check_answer(call.operation, answer)
            text = json.dumps(answer, ensure_ascii=False, indent=2)
            if asked.key is not None:
                idempotency.keep(world, asked.key, 200, text)
    except GuardBreach as breach:
        world.blame(breach)
        message = f"The stand-in for Stripe broke Stripe's specification: {breach}"
        raise StripeError(500, message, kind="api_error") from breach
    return Result(200, text)


def broken() -> Response:
    """The answer when the stand-in itself has failed; its log says how."""
    error = StripeError(500, "The stand-in for Stripe has failed.", kind="api_error")
    return Response(_failure(error).body, 500, media_type="application/json")


def _failure(error: StripeError) -> Result:
    text = json.dumps(error.body(), ensure_ascii=False, indent=2)
    return Result(error.status, text, retry=error.headers.get("Stripe-Should-Retry"))


def _response(request: Request, world: World, request_id: str, result: Result | None) -> Response:
    result = result or _failure(StripeError(500, "No result.", kind="api_error"))
    headers = {"Request-Id": request_id, "Stripe-Version": world.spec.version}
    key = request.headers.get("idempotency-key")
    if key and request.method == "POST":
        headers["Idempotency-Key"] = key
        headers["Original-Request"] = result.first or request_id
    if result.first:
        headers["Idempotent-Replayed"] = "true"
    if result.retry:
        headers["Stripe-Should-Retry"] = result.retry
    return Response(result.body, result.status, headers, media_type="application/json")
