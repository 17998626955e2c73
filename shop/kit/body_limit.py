"""Refuse a body that is too large, in a way that the sender gets to see.

A server that answers and closes while the browser is still sending shows the sender a broken
connection instead of the answer, so what is too large is first read off and dropped, up to a
bound.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

DROPPED_AT_MOST = 256 * 1024 * 1024


async def limited(receive: Receive, headers: Headers, limit: int) -> Receive:
    """Return a *receive* that raises HTTPException(413) past *limit* bytes; at once if the
    sender's own Content-Length says so.
    """
    if int(headers.get("content-length") or 0) > limit:
        await drop(receive)
        raise HTTPException(413)
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            if message.get("more_body"):  # after the last piece there is nothing to wait for
                await drop(receive)
            raise HTTPException(413)
        return message

    return counted


async def drop(receive: Receive) -> None:
    """Read the body off without keeping it."""
    dropped = 0
    while dropped < DROPPED_AT_MOST:
        message = await receive()
        dropped += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
