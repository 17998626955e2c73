"""What is sent as it lies: static files, and photos. None ever changes under its name."""

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from shop.kit.compression import best_encoding
from shop.kit.routing import Direct
from shop.kit.static import StaticFile

HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
OF_PICTURES = HEADERS | {"Content-Security-Policy": "default-src 'none'; sandbox"}


def picture(body: bytes | None, media_type: str) -> Response:
    """Return a picture that was drawn, or raise a 404 for None."""
    if body is None:
        raise HTTPException(404)
    return Response(body, headers=OF_PICTURES, media_type=media_type)


async def static_file(request: Request) -> Response:
    file: StaticFile | None = request.state.static.get(request.path_params["name"])
    if file is None:
        return PlainTextResponse("No such file.\n", status_code=404)
    headers = HEADERS | {"Vary": "Accept-Encoding"}
    encoding = best_encoding(request.headers.get("accept-encoding", ""))
    if encoding in file.smaller:
        headers["Content-Encoding"] = encoding
    return Response(
        file.smaller.get(encoding, file.body), headers=headers, media_type=file.media_type
    )


async def media_file(request: Request) -> Response:
    path = request.state.media.path(request.path_params["name"])
    if path is None:
        return PlainTextResponse("No such picture.\n", status_code=404)
    headers = OF_PICTURES | {"ETag": f'"{path.parent.name}-{path.name}"'}  # named by its content
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    body = await anyio.to_thread.run_sync(path.read_bytes)
    return Response(body, headers=headers, media_type=f"image/{path.suffix.removeprefix('.')}")


routes = [
    Direct("/static/{name:path}", static_file),
    Direct("/media/{name:path}", media_file),
]
