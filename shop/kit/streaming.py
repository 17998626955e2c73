"""Answers too long for the memory: made and sent piece by piece."""

from collections.abc import AsyncIterator, Generator, Mapping

from starlette.requests import Request
from starlette.responses import StreamingResponse

from shop.kit import i18n
from shop.kit.routing import Pools


def in_pieces(
    request: Request,
    pieces: Generator[str],
    *,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> StreamingResponse:
    """Return an answer of *pieces*, each made in a thread when the one before has been sent.

    Between two of them nothing is held: no thread, and no transaction if *pieces* ends its own
    before it yields. A reader who takes an hour costs nobody anything.
    """
    pools: Pools = request.state.pools
    locale = request.state.locale

    def next_one() -> str | None:
        with i18n.speaking(locale):
            return next(pieces, None)

    async def sent() -> AsyncIterator[str]:
        try:
            while (
                request.method != "HEAD" and (piece := await pools.run("db", next_one)) is not None
            ):
                yield piece
        finally:
            pieces.close()

    return StreamingResponse(sent(), media_type=media_type, headers=headers)
