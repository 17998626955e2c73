"""`shop demo` as people start it: its four lines, a purchase, Ctrl-C, and a second start."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from shop.config import read_config
from shop.kit.migrations import migrate
from shop.kit.processes import CannotStart, need_free_port
from shop.sandbox.demo import load_demo
from tests.support import Buyer, free_socket

THREE = ("raven-ragnar", "haren-hilma", "ugglan-ulla")
PATIENCE = 60  # seconds: it hangs
TIME_TO_END = 10  # seconds, as promised to whoever presses Ctrl-C


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a demo with three dolls in it, on ports of its own."""
    settings = {"SHOP_ENV": "demo", "SHOP_DATA": str(tmp_path / "demo")}
    config = read_config(settings)
    migrate(config.database_url)
    load_demo(config, only=THREE)
    return os.environ | settings | {"PORT": str(two_free_ports())}


def two_free_ports() -> int:
    """Return a port that is free with its next one, below those that the system hands out."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(CannotStart):
            need_free_port(port)
            need_free_port(port + 1)
            return port


@contextmanager
def demo(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run the demo for the length of the block; yield what it printed, by name."""
    command = [sys.executable, "-m", "shop.cli", "demo"]
    began = time.monotonic()
    log = Path(environ["SHOP_DATA"]) / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, env=dict(environ), stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            printed: dict[str, str] = {}
            while "Mail" not in printed:
                line = process.stdout.readline()
                assert line, log.read_text()
                if found := re.match(r"(Shop|Owner|Payments|Mail) +(\S.*)$", line):
                    printed[found[1]] = found[2]
            assert time.monotonic() - began < PATIENCE
            yield printed
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(TIME_TO_END)


def test_the_demo_sells_and_keeps_what_it_sold(environ: dict[str, str]) -> None:
    shop = f"http://127.0.0.1:{environ['PORT']}"
    payments = f"http://127.0.0.1:{int(environ['PORT']) + 1}"
    with demo(environ) as printed:
        assert printed["Shop"] == f"{shop}/"
        assert re.fullmatch(rf"{shop}/admin/sign-in/[a-z0-9]+", printed["Owner"])
        assert printed["Payments"] == (
            f"{payments}/  (stand-in for Stripe; card 4242 4242 4242 4242)"
        )
        assert printed["Mail"] == f"{environ['SHOP_DATA']}/mail/   (one .eml per message)"
        first_link = printed["Owner"]
        assert httpx2.get(payments).status_code == 200
        with httpx2.Client(base_url=shop, timeout=20) as http:
            buyer = Buyer(http)
            page = buyer.get("/products/raven-ragnar").text
            assert '<meta name="robots" content="noindex' in page
            variant = re.search(r'name="variant"[^>]*value="(\d+)"', page)
            assert variant is not None
            assert 'data-order="1001"' in buyer.buy(int(variant[1])).text
        wait_for_mails(Path(environ["SHOP_DATA"]) / "mail", 2)

    moved = environ | {"PORT": str(two_free_ports())}
    with demo(moved) as printed:
        assert printed["Shop"] == f"http://127.0.0.1:{moved['PORT']}/"
        assert printed["Owner"].rsplit("/", 1)[1] != first_link.rsplit("/", 1)[1]
        with httpx2.Client(base_url=printed["Shop"], timeout=20) as http:
            assert 'form id="add-to-cart"' not in http.get("/products/raven-ragnar").text
            buyer = Buyer(http)
            variant = re.search(
                r'name="variant"[^>]*value="(\d+)"', buyer.get("/products/haren-hilma").text
            )
            assert variant is not None
            assert 'data-order="1002"' in buyer.buy(int(variant[1])).text


def wait_for_mails(folder: Path, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob("*.eml"))) < count:
        assert time.monotonic() < deadline, "the mails did not come"
        time.sleep(0.1)


def test_a_taken_port_is_said_in_words(tmp_path: Path) -> None:
    environ = os.environ | {"SHOP_DATA": str(tmp_path)}
    with free_socket() as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "shop.cli", "demo"],
            env=environ | {"PORT": port},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr == (
        f"Port {port} is taken. Choose another: the shop takes PORT, payments the next one.\n"
    )
