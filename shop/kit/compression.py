"""Bodies made smaller, for whoever says that they can read them so."""

import gzip
from collections.abc import Callable
from functools import lru_cache

import brotli
import zstandard
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Send

TEXTS = ("application/atom+xml", "application/json", "application/xml", "image/svg+xml")
WORTH_IT = 1000  # bytes; below, the header that tells of it costs as much as it saves

# The smallest first. What is sent many times may take its time to be made.
MADE_ONCE: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=11),
    "zstd": lambda body: zstandard.ZstdCompressor(level=19).compress(body),
    "gzip": lambda body: gzip.compress(body, compresslevel=9, mtime=0),
}
MADE_EACH_TIME: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "zstd": lambda body: zstandard.ZstdCompressor(level=6).compress(body),
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),
}


@lru_cache(maxsize=128)
def best_encoding(accepted: str) -> str:
    """Return the best encoding that an Accept-Encoding header allows; "" for the body as it is."""
    allowed: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        allowed[name.strip()] = weight.strip().removeprefix("q=").strip("0.") != "" or not weight
    anything = allowed.get("*", False)
    return next((name for name in MADE_ONCE if allowed.get(name, anything)), "")


def compressed(send: Send, encoding: str) -> Send:
    """Return a *send* that makes a text smaller on its way; other answers pass as they are.

    So does what may not be stored: a page that holds somebody's secret shows nothing by its length.
    And so does what comes in pieces.
    """
    if not encoding:
        return send
    start: Message | None = None

    async def smaller(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            if _is_text_for_all(Headers(raw=message["headers"])):
                start = message
                return
        elif start is not None:
            if len(message["body"]) >= WORTH_IT and not message.get("more_body"):
                message = {**message, "body": MADE_EACH_TIME[encoding](message["body"])}
                headers = MutableHeaders(raw=start["headers"])
                headers["Content-Encoding"] = encoding
                headers["Content-Length"] = str(len(message["body"]))
                headers.add_vary_header("Accept-Encoding")
            await send(start)
            start = None
        await send(message)

    return smaller


def _is_text_for_all(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0]
    return (
        (kind.startswith("text/") or kind in TEXTS)
        and "content-encoding" not in headers
        and "no-store" not in headers.get("cache-control", "")
    )
