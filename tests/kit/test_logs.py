"""The log: one line an event, and none lost when the server ends."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from shop.kit.logs import EachLine
from shop.kit.request_log import RequestLog


def test_each_line_of_a_message_begins_alike() -> None:
    record = logging.LogRecord("shop.requests", logging.INFO, "", 1, "one\ntwo", None, None)
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(
        f"({moment}) INFO shop.requests one\n\\1 INFO shop.requests two", EachLine().format(record)
    )


def test_a_trace_follows_its_message_as_it_is() -> None:
    try:
        raise ValueError("wrong")  # noqa: TRY301 - it is to be shown
    except ValueError as error:
        told = (type(error), error, error.__traceback__)
    record = logging.LogRecord("shop", logging.ERROR, "", 1, "it failed", None, told)
    lines = EachLine().format(record).split("\n")
    assert lines[0].endswith(" ERROR shop it failed")
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: wrong"


async def teapot(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_what_waits_to_be_written_is_written_when_the_server_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "shop.requests")
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def serve() -> None:
        app = RequestLog(teapot)
        await app({"type": "http", "method": "GET"}, receive, send)
        await app({"type": "http", "method": "HEAD"}, receive, send)
        assert caplog.messages == []
        await app({"type": "lifespan"}, receive, send)

    with ThreadPoolExecutor() as pool:  # in this thread a browser may have a loop of its own
        pool.submit(anyio.run, serve).result()
    ids = [dict(message["headers"])[b"x-request-id"].decode() for message in sent[::2]]
    (said,) = caplog.messages
    assert [line.split(" ")[:4] for line in said.split("\n")] == [
        [ids[0], "GET", "-", "418"],
        [ids[1], "HEAD", "-", "418"],
    ]
