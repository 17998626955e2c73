"""What is too large is refused so that the sender gets to see it, even while still sending."""

import asyncio
import http.client
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from shop.config import Config
from shop.kit.body_limit import limited
from shop.kit.routing import FORM_LIMIT
from shop.payments.pages import WEBHOOK_LIMIT


@contextmanager
def connected(shop: Config) -> Iterator[socket.socket]:
    parts = urlsplit(shop.base_url)
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=10)) as connection:
        yield connection


def head(shop: Config, path: str, *lines: str) -> bytes:
    host = urlsplit(shop.base_url).netloc
    kind = "Content-Type: application/x-www-form-urlencoded"
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: {host}", kind, *lines, "", ""]).encode()


def answer(connection: socket.socket) -> tuple[int, dict[str, str], str]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, response.read().decode()


def send(shop: Config, path: str, size: int) -> tuple[int, dict[str, str], str]:
    with connected(shop) as connection:
        connection.sendall(head(shop, path, f"Content-Length: {size}", "Connection: close"))
        connection.sendall(b"a=" + b"x" * (size - 2))
        return answer(connection)


def send_chunked(shop: Config, path: str, size: int) -> tuple[int, dict[str, str], str]:
    with connected(shop) as connection:
        connection.sendall(head(shop, path, "Transfer-Encoding: chunked", "Connection: close"))
        body, step = b"a=" + b"x" * (size - 2), 16 * 1024
        for at in range(0, size, step):
            part = body[at : at + step]
            connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        return answer(connection)


@pytest.fixture(params=[send, send_chunked], ids=["with its length", "in pieces"])
def sent(request: pytest.FixtureRequest) -> Callable[..., tuple[int, dict[str, str], str]]:
    sender: Callable[..., tuple[int, dict[str, str], str]] = request.param
    return sender


def test_the_limit_is_exact_and_the_refusal_is_our_own_page(
    shop: Config, sent: Callable[..., tuple[int, dict[str, str], str]]
) -> None:
    assert sent(shop, "/cart", FORM_LIMIT)[0] == 422  # read, and no known item
    status, headers, page = sent(shop, "/en/cart", FORM_LIMIT + 1)
    assert status == 413
    assert headers["x-request-id"] in page
    assert '<html lang="en"' in page
    assert "default-src 'none'" in headers["content-security-policy"]


def test_the_last_piece_can_be_the_one_too_much() -> None:
    """Nothing comes after it: whoever waited for more would wait until the sender hangs up."""
    pieces = iter(
        [
            {"type": "http.request", "body": b"12345", "more_body": True},
            {"type": "http.request", "body": b"6", "more_body": False},
        ]
    )

    async def receive() -> Any:
        return next(pieces)  # a third call is an error

    async def read() -> None:
        counted = await limited(receive, Headers(), 5)
        assert (await counted())["body"] == b"12345"
        with pytest.raises(HTTPException) as refused:
            await counted()
        assert refused.value.status_code == 413

    with ThreadPoolExecutor(1) as thread:  # the browser's driver may have a loop on this one
        thread.submit(lambda: asyncio.run(read())).result()


def test_who_is_still_sending_megabytes_sees_the_page(
    shop: Config, sent: Callable[..., tuple[int, dict[str, str], str]]
) -> None:
    status, _, page = sent(shop, "/cart", 24 * 1024 * 1024)
    assert status == 413
    assert '<html lang="sv"' in page


def test_a_webhook_has_its_own_limit(shop: Config) -> None:
    assert send(shop, "/webhooks/stripe", WEBHOOK_LIMIT)[0] == 400  # read, and not signed
    assert send(shop, "/webhooks/stripe", WEBHOOK_LIMIT + 1)[0] == 413


@pytest.mark.parametrize(
    "length", ["-1", "abc", "1e3", "0x10", "+5", "5, 5", "99999999999999999999"]
)
def test_a_length_that_is_none_harms_nobody(shop: Config, length: str) -> None:
    with connected(shop) as connection:
        connection.sendall(head(shop, "/cart", f"Content-Length: {length}", "Connection: close"))
        got = b""
        with suppress(OSError):  # the server may close on us before we are done
            connection.sendall(b"a=b&c")
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                got += part
    assert got == b"" or got.split()[1] in {b"400", b"413"}, got[:200]
    assert send(shop, "/cart", 10)[0] == 422  # the next one is served as ever


def test_who_hangs_up_in_the_middle_leaves_no_trace(
    shop: Config, caplog: pytest.LogCaptureFixture
) -> None:
    for size in (1000, FORM_LIMIT * 2):
        with connected(shop) as connection:
            connection.sendall(head(shop, "/cart", f"Content-Length: {size}"))
            connection.sendall(b"a=x")
    assert send(shop, "/cart", 10)[0] == 422
    assert [record for record in caplog.records if record.exc_info] == []
