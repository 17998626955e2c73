"""The stand-in as a process, and over a restart."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from shop.sandbox.stand_in.__main__ import main
from shop.sandbox.stand_in.server import StandInServer, create_app, listening_socket
from tests.sandbox.conftest import connect
from tests.sandbox.tools import Receiver, card, order, until


@contextmanager
def started(database: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A stand-in as a process, and its address; it is gone afterwards whatever happens."""
    with subprocess.Popen(
        [sys.executable, "-m", "shop.sandbox.stand_in", "--port", "0", "--db", str(database)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1].rstrip("/")
        finally:
            process.kill()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_when_told(database: Path, ending: signal.Signals) -> None:
    with started(database) as (process, url):
        session = connect(url, retries=2).v1.checkout.sessions.create(order())
        assert session.url == f"{url}/c/pay/{session.id}"
        process.send_signal(ending)
        process.wait(60)


def test_it_loses_nothing_when_killed(database: Path, receiver: Receiver) -> None:
    with started(database) as (process, url):
        client = connect(url, retries=2)
        client.v1.webhook_endpoints.create(
            {"url": receiver.url, "enabled_events": ["checkout.session.completed"]}
        )
        receiver.answers = [500]
        session = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
        waiting = client.v1.checkout.sessions.create(order())
        assert session.url is not None
        with pytest.raises(httpx2.TimeoutException):
            httpx2.post(f"{session.url}/confirm", data=card(), timeout=0.3)
        receiver.wait_for(1)
        process.kill()
        process.wait(60)

    with StandInServer(database) as server:
        client = connect(server.url)
        again = client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
        assert again.id == session.id
        assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
        moved = client.v1.checkout.sessions.retrieve(waiting.id)
        assert moved.url == f"{server.url}/c/pay/{waiting.id}"
        assert [e["what"] for e in server.log()].count("session.paid") == 1
        (delivery,) = server.control("webhooks")["deliveries"]
        assert delivery["attempts"] == 1
        server.control("webhooks/redeliver", event=delivery["event"])
        until(lambda: len(receiver.received) == 2)


def test_the_clock_outlives_a_restart(database: Path) -> None:
    with StandInServer(database) as server:
        server.control("clock", advance=3_600)
        frozen = server.control("clock", freeze=True)["now"]
    with StandInServer(database) as server:
        assert server.control("clock")["now"] == frozen
        assert server.control("clock", set=5_000.0)["now"] == 5_000.0
        server.reset()
        assert abs(server.control("clock")["now"] - time.time()) < 600


def test_a_shop_that_dies_in_the_middle_of_asking_has_asked_nothing(
    stand_in: StandInServer,
) -> None:
    """That is no breach of the specification, neither by the shop nor by the stand-in."""
    address = stand_in.url.removeprefix("http://")
    with socket.create_connection((address.split(":")[0], int(address.split(":")[1]))) as dying:
        dying.sendall(
            f"POST /v1/checkout/sessions HTTP/1.1\r\nHost: {address}\r\n"
            "Authorization: Bearer sk_test_shop\r\nContent-Length: 90\r\n\r\nmode=pay".encode()
        )
        time.sleep(0.05)
    time.sleep(0.05)
    assert stand_in.violations() == []
    assert connect(stand_in.url).v1.checkout.sessions.list().data == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "shop.example", "", "::"])
def test_another_address_than_loopback_is_refused(
    capsys: pytest.CaptureFixture[str], database: Path, host: str
) -> None:
    with pytest.raises(ValueError, match="use 127\\.0\\.0\\.1"):
        listening_socket(host, 0)
    with pytest.raises(ValueError, match="use 127\\.0\\.0\\.1"):
        create_app(database, base_url=f"http://{host}:80")
    assert main(["--host", host, "--port", "0", "--db", str(database)]) == 2
    assert "use 127.0.0.1" in capsys.readouterr().err
    assert not database.exists()


def test_a_live_key_is_refused_at_the_start(
    capsys: pytest.CaptureFixture[str], database: Path
) -> None:
    assert main(["--db", str(database), "--key", "sk_live_secret"]) == 2
    assert "live key" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_in_words(
    capsys: pytest.CaptureFixture[str], database: Path
) -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--port", port, "--db", str(database)]) == 2
    assert f"Cannot serve 127.0.0.1:{port}" in capsys.readouterr().err


def test_the_file_of_an_earlier_stand_in_is_taken_over(database: Path) -> None:
    with StandInServer(database) as server:
        session = connect(server.url).v1.checkout.sessions.create(order())
        before = server.log()
    old = sqlite3.connect(database)
    old.executescript(
        "DROP TABLE deliveries; CREATE TABLE deliveries (id INTEGER); PRAGMA user_version = 0"
    )
    old.close()

    with StandInServer(database) as server:
        assert connect(server.url).v1.checkout.sessions.retrieve(session.id).status == "open"
        assert server.control("webhooks")["deliveries"] == []
        assert server.log() == before
