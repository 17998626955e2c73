"""Several programs as one: started together, ended together."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import FrameType

GRACE = 8.0  # seconds to end by themselves before they are made to


class CannotStart(RuntimeError):
    """Something that has to run beside us does not; the text says what."""


class Processes:
    """A group of child processes. SIGINT and SIGTERM end all of them; so does the end of one."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []
        self._stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked_to_stop)

    def start(self, command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start ``python -m <command>`` in a session of its own: Ctrl-C reaches us alone."""
        child = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-m", *command],
            env={**os.environ, **environ},
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def wait(self) -> int:
        """Wait until somebody asks to stop or a child ends; then end all. Return its exit code."""
        code = 0
        while not self._stop.wait(0.2):
            ended = [child for child in self._children if child.poll() is not None]
            if ended:
                code = ended[0].returncode or 1
                break
        self.end()
        return code

    def wait_for(self, url: str, seconds: float = 60) -> None:
        """Wait until *url* answers; CannotStart if a child ends first, or it takes too long."""
        deadline = time.monotonic() + seconds
        while not self._stop.is_set():
            if answers(url):
                return
            if any(child.poll() is not None for child in self._children):
                raise CannotStart(f"a process ended before {url} answered")
            if time.monotonic() > deadline:
                raise CannotStart(f"{url} did not answer within {seconds:.0f} seconds")
            time.sleep(0.05)
        raise SystemExit(0)

    def end(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + GRACE
        for child in self._children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stop.set()


def answers(url: str) -> bool:
    """Say whether *url*, one of our own, answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own http URL
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


def need_free_port(port: int) -> None:
    """Raise CannotStart, with the way out, if *port* is taken on this machine."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} is taken. Choose another: the shop takes PORT, payments the next one."
            ) from error
