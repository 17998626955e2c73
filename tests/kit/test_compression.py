"""What a reader can take is sent as small as it can be."""

import asyncio
import gzip
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import brotli
import httpx2
import pytest
import zstandard
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Message

from shop.config import Config
from shop.kit.compression import MADE_EACH_TIME, MADE_ONCE, best_encoding, compressed

TEXT = "Räven Ragnar sitter på ett pekfinger. " * 100
BACK: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", ""),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("zstd;q=1.0, gzip", "zstd"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br;q=0.000, zstd;q=0, gzip;q=0", ""),
        ("*", "br"),
        ("*;q=0", ""),
        ("br;q=0, *", "zstd"),
        ("identity", ""),
        (";;,,=q", ""),
        ("br;q=nonsense", "br"),
    ],
)
def test_the_best_that_is_allowed(accepted: str, chosen: str) -> None:
    assert best_encoding(accepted) == chosen


@pytest.mark.parametrize("made", [MADE_ONCE, MADE_EACH_TIME])
@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip"])
def test_it_comes_back_as_it_was(made: dict[str, Callable[[bytes], bytes]], encoding: str) -> None:
    small = made[encoding](TEXT.encode())
    assert BACK[encoding](small) == TEXT.encode()
    assert len(small) < 150


def messages_of(response: Response, encoding: str) -> list[Message]:
    """Return what leaves for a reader of *encoding*."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("nobody hangs up here")

    async def answer() -> None:
        await response({"type": "http", "method": "GET"}, receive, compressed(send, encoding))

    with ThreadPoolExecutor(1) as thread:  # this one may have a browser's loop
        thread.submit(lambda: asyncio.run(answer())).result()
    return messages


def sent(response: Response, encoding: str = "gzip") -> tuple[dict[str, str], bytes]:
    messages = messages_of(response, encoding)
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    return headers, b"".join(message.get("body", b"") for message in messages[1:])


def test_a_page_leaves_small() -> None:
    headers, body = sent(HTMLResponse(TEXT))
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding"
    assert headers["content-length"] == str(len(body))
    assert gzip.decompress(body) == TEXT.encode()


@pytest.mark.parametrize(
    "response",
    [
        PlainTextResponse("too short to be worth it"),
        HTMLResponse(TEXT, headers={"Cache-Control": "no-store"}),
        Response(TEXT.encode(), media_type="image/avif"),
        HTMLResponse(TEXT, headers={"Content-Encoding": "br"}),
    ],
    ids=["short", "secret", "picture", "small already"],
)
def test_these_leave_as_they_are(response: Response) -> None:
    headers, body = sent(response)
    assert body == bytes(response.body)
    assert headers.get("content-encoding") in (None, "br")
    assert headers["content-length"] == str(len(body))


def test_a_reader_who_takes_nothing_gets_it_as_it_is() -> None:
    headers, body = sent(HTMLResponse(TEXT), encoding="")
    assert body == TEXT.encode()
    assert "content-encoding" not in headers


def test_what_comes_in_pieces_is_passed_on_piece_by_piece() -> None:
    pieces = [TEXT.encode(), TEXT.encode()]

    async def stream() -> Any:
        for piece in pieces:
            yield piece

    messages = messages_of(StreamingResponse(stream(), media_type="text/html"), "gzip")
    assert [message.get("body") for message in messages] == [None, *pieces, b""]


def test_static_files_leave_small_and_are_kept_for_ever(shop: Config) -> None:
    with httpx2.Client(base_url=shop.base_url, timeout=30) as http:
        sheet = next(
            part for part in http.get("/").text.split('"') if part.startswith("/static/css/app.")
        )
        whole = http.get(sheet, headers={"Accept-Encoding": "identity"})
        for encoding in BACK:
            small = http.get(sheet, headers={"Accept-Encoding": encoding})
            assert small.headers["content-encoding"] == encoding
            assert small.headers["vary"] == "Accept-Encoding"
            assert small.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert int(small.headers["content-length"]) < len(whole.content) / 2
        font = next(part for part in http.get("/").text.split('"') if part.endswith(".woff2"))
        assert "content-encoding" not in http.get(font).headers
