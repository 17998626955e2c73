"""The ASGI application, and a server for tests that runs it on a thread."""

import asyncio
import contextlib
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shop.sandbox.stand_in import api, control, dashboard, pages
from shop.sandbox.stand_in.endpoints import is_loopback
from shop.sandbox.stand_in.errors import GuardBreach, Json
from shop.sandbox.stand_in.idempotency import forget_unfinished
from shop.sandbox.stand_in.sessions import move
from shop.sandbox.stand_in.timers import tick
from shop.sandbox.stand_in.world import World, open_world

logger = logging.getLogger(__name__)
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"]
LARGEST_BODY = 2 * 1024 * 1024


def create_app(
    db: Path | str, *, base_url: str, wait_for_webhook: float = 10.0, schedule: str = "sandbox"
) -> ASGIApp:
    """The stand-in over the SQLite file *db*.

    *base_url*: its own address, for the links it hands out. *wait_for_webhook*: seconds a buyer who
    has paid waits for the shop to take the webhook. *schedule*: of retries, see `deliveries`.
    Raises ValueError when *base_url* is not on this machine.
    """
    refuse_other_hosts(base_url.partition("://")[2].rpartition(":")[0])
    world = open_world(db, wait_for_webhook=wait_for_webhook, schedule=schedule)
    world.base_url = base_url

    async def v1(request: Request) -> Response:
        return await api.serve(request, world)

    async def failed(request: Request, error: Exception) -> Response:
        own = GuardBreach(request.url.path, [f"{type(error).__name__}: {error}"])
        world.blame(error if isinstance(error, GuardBreach) else own)
        return api.broken() if request.url.path.startswith("/v1/") else pages.broken(request)

    async def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)  # to nobody: who asked hung up in the middle

    return _Outermost(
        Starlette(
            routes=[
                Route("/v1/{rest:path}", v1, methods=METHODS),
                *control.routes(world),
                *pages.routes(world),
                *dashboard.routes(world),
            ],
            exception_handlers={
                ClientDisconnect: gone,
                GuardBreach: failed,
                Exception: failed,
            },
            lifespan=lambda _app: _lifespan(world),
            max_body_size=LARGEST_BODY,
        )
    )


def refuse_other_hosts(host: str) -> None:
    """Raise ValueError unless *host* can only be reached from this machine."""
    if not is_loopback(host.strip("[]")):
        raise ValueError(
            f"The stand-in for Stripe takes no money and checks no secret, so it serves this "
            f"machine only: use 127.0.0.1, not {host or 'an empty host'}."
        )


class _Outermost:
    """Turns away other hosts' names, and keeps the connection at hand for faults that cut it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            if not is_loopback(name.strip("[]")):
                await Response("Unknown host.", 400)(scope, receive, send)
                return
            cycle = getattr(receive, "__self__", None)
            scope["stand_in.transport"] = getattr(cycle, "transport", None)
        await self._app(scope, receive, send)


@contextlib.asynccontextmanager
async def _lifespan(world: World) -> AsyncIterator[None]:
    forget_unfinished(world)
    move(world)
    tasks = [
        asyncio.create_task(_again_and_again(world.deliveries.work)),
        asyncio.create_task(_again_and_again(lambda: tick(world))),
    ]
    try:
        yield
    finally:
        world.deliveries.forget()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        world.store.close()


async def _again_and_again(work: Callable[[], Awaitable[None]]) -> None:
    """Begin anew after an error, so that one of them does not end webhooks or time for good."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("A task of the stand-in failed and is started again.")
            await asyncio.sleep(1)


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises OSError when the port is taken."""
    refuse_other_hosts(host)
    # Named as TCP, for only then does asyncio switch off Nagle's 40 ms wait on each answer.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def make_server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app, lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
    )


class StandInServer:
    """A stand-in on a thread of this process, on 127.0.0.1.

    >>> with StandInServer(tmp_path / "stripe.db") as stripe_stand_in:
    ...     client = StripeClient("sk_test_x", base_addresses={"api": stripe_stand_in.url})

    *db* may be ":memory:". *schedule* of webhook retries: "fast" counts milliseconds of real time,
    the others go by the stand-in's clock (`deliveries.SCHEDULES`).

    A test that wants to bring the events to the shop itself, in its own order and as often as it
    likes, holds them back and takes them:

    >>> stand_in.control("webhooks", mode="hold")
    >>> for event in stand_in.control("webhooks/take")["taken"]:
    ...     answer = post(event["body"].encode(), event["headers"])
    ...     stand_in.control("webhooks/answer", delivery=event["delivery"], status=answer)

    Taking gives what is due at that moment, each delivery once; the rules of `modes` apply. Without
    an answer a delivery counts as not delivered; with one that is not 2xx it is due again later.
    The signature's timestamp is real time, whatever the stand-in's clock says.
    """

    def __init__(
        self,
        db: Path | str,
        port: int = 0,
        wait_for_webhook: float = 0.0,
        schedule: str = "fast",
    ) -> None:
        self._db = db
        self._port = port
        self._wait = wait_for_webhook
        self._schedule = schedule
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end; known once it has started."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Serve; comes back when it answers. Raises OSError or RuntimeError when it cannot."""
        sock = listening_socket("127.0.0.1", self._port)
        self._port = sock.getsockname()[1]
        app = create_app(
            self._db, base_url=self.url, wait_for_webhook=self._wait, schedule=self._schedule
        )
        server = make_server(app)
        thread = threading.Thread(
            target=_run, args=(server, sock), name="stripe-stand-in", daemon=True
        )
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("The stand-in for Stripe did not start; its log says why.")
            time.sleep(0.005)
        self._server, self._thread = server, thread
        return self

    def stop(self) -> None:
        """End it; the file stays. Does nothing when it does not run."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(10)
        self._server = self._thread = None

    def reset(self) -> None:
        """Empty everything: objects, endpoints, faults, deliveries, log, clock."""
        self.control("reset")

    def log(self) -> list[Json]:
        """What happened, oldest first; see `World.log`."""
        entries: list[Json] = self.control("log")["log"]
        return entries

    def violations(self) -> list[Json]:
        """What the stand-in itself did against the specification; a test session fails on any."""
        found: list[Json] = self.control("log")["violations"]
        return found

    def control(self, path: str, /, **given: Any) -> Json:
        """POST *given* to `/_ctl/<path>`; ValueError with its words when it is refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", f"/_ctl/{path.strip('/')}", body=json.dumps(given))
            response = connection.getresponse()
            text = response.read().decode()
        if response.status != 200:  # noqa: PLR2004 - OK
            raise ValueError(f"{path}: {response.status} {text}")
        answer: Json = json.loads(text)
        return answer

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _run(server: uvicorn.Server, sock: socket.socket) -> None:
    with asyncio.Runner() as runner:
        runner.run(server.serve(sockets=[sock]))
