"""One HTTP/1.1 POST over asyncio, enough to bring a webhook to an endpoint and to be cancelled."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

MOST_BYTES_READ = 64 * 1024


class BadAnswer(Exception):
    """What came back is not HTTP."""


async def post(url: str, body: bytes, headers: Mapping[str, str], within: float) -> int:
    """Send *body* and give back the status; redirects are not followed.

    Raises OSError, TimeoutError (after *within* seconds in all) or BadAnswer.
    """
    async with asyncio.timeout(within):
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
        try:
            writer.write(_head(url, len(body), headers) + body)
            await writer.drain()
            status = await _status(reader)
            await reader.read(MOST_BYTES_READ)
        finally:
            writer.close()
        return status


def _head(url: str, length: int, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Length: {length}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _status(reader: asyncio.StreamReader) -> int:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
        raise BadAnswer("The answer is not HTTP or was cut off.") from problem
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():  # noqa: PLR2004 - version and status
        raise BadAnswer("The answer is not HTTP.")
    return int(words[1])
