"""What machines ask of the shop: whether it lives, whether it can serve, how it is doing."""

from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from shop.kit.routing import PUBLIC, Direct, Get
from shop.kit.schema import is_current
from shop.reports.queries import samples

LOOPBACK = ("127.0.0.1", "::1")
NO_STORE = {"Cache-Control": "no-store"}


async def healthz(request: Request) -> Response:  # noqa: ARG001 - the process answers: that is all
    return PlainTextResponse("ok\n", headers=NO_STORE)


def readyz(request: Request) -> Response:
    """Say whether this process can serve: the database answers and has the right schema."""
    with request.state.reads.begin() as db:
        db.execute(text("SELECT 1"))
        current = is_current(db.connection())
    body = {"database": "ok", "schema": "current" if current else "not migrated"}
    return JSONResponse(body, status_code=200 if current else 503, headers=NO_STORE)


def metrics(request: Request) -> Response:
    """Answer in Prometheus' text format, to this machine alone."""
    through_a_proxy = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    if request.client is None or request.client.host not in LOOPBACK or through_a_proxy:
        raise HTTPException(404)
    with request.state.reads.begin() as db:
        lines = [
            f"{name}{_labels(labels)} {value}"
            for name, labels, value in samples(db, request.state.till.now())
        ]
    return PlainTextResponse("\n".join(lines) + "\n", headers=NO_STORE)


def _labels(labels: dict[str, str]) -> str:
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


routes = [
    Direct("/healthz", healthz),
    Get("/readyz", readyz, access=PUBLIC, localized=False),
    Get("/metrics", metrics, access=PUBLIC, localized=False),
]
