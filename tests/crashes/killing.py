"""How a shop is killed: which points there are in what it does, and how it dies at one of them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from tests.crashes.named_points import Tally
from tests.crashes.starter import Program

ROOT = Path(__file__).parents[2]
# every write, every wait for the disk, every send
CALLS = (
    *("write", "writev", "pwrite64", "pwritev", "ftruncate", "rename", "unlink"),
    *("fsync", "fdatasync", "sync_file_range"),
    *("connect", "sendto", "sendmsg", "sendmmsg", "sendfile", "shutdown"),
)
CALLED = re.compile(r"(?:(\d+) +)?(\w+)\((.*)")
FOLDERS = re.compile(r"(?<=<)/.*/(?=[^/]+>)")
PATIENCE = 30.0  # seconds for anything that should take a tenth of one
Act = Callable[[], bool]  # says whether the shop lived to answer


# --- the processes --------------------------------------------------------------------------------


class Starter:
    """The other end of starter.py."""

    def __init__(self, folder: Path) -> None:
        self._errors = folder / "errors"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.starter"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, program: Program) -> "Victim":
        given, answered = self._process.stdin, self._process.stdout
        assert given is not None
        assert answered is not None
        given.write(json.dumps(asdict(replace(program, errors=str(self._errors)))) + "\n")
        given.flush()
        return Victim(int(answered.readline()), program, self._errors)

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


@dataclass(frozen=True)
class Victim:
    """A running shop: its web process, or its worker."""

    pid: int
    program: Program
    errors: Path

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def wait_until_served(self) -> None:
        def served() -> bool:
            assert self.alive, self.errors.read_text(encoding="utf-8")
            with (
                suppress(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", self.program.port)),
            ):
                return True
            return False

        wait_until(served)

    def wait_until_gone(self) -> None:
        wait_until(lambda: not self.alive)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait_until_gone()

    @property
    def threads(self) -> dict[str, list[int]]:
        """Return the threads that are worth a kill: the event loop's, and those that do the work.
        A worker does its one job in its first thread.
        """
        if self.program.worker:
            return {"work": [self.pid]}
        others = sorted(int(task.name) for task in Path(f"/proc/{self.pid}/task").iterdir())
        others.remove(self.pid)
        return {"work": others, "answer": [self.pid]}


def wait_until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)


# --- the ways to die ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """Just before the *nth* *call* that the *thread* makes; what stood there in the dry run."""

    thread: str
    call: str
    nth: int
    there: str = ""

    def __str__(self) -> str:
        return f"{self.thread}: {self.call} {self.nth} {self.there}"


class Executioner(Protocol):
    def points(self, victim: Victim, act: Act) -> list[Point]:
        """Let the victim *act* unharmed and return every point that it passes, in program."""

    def kill(self, victim: Victim, act: Act, point: Point) -> bool:
        """Let the victim act and die at *point*; say whether it did, or got by."""

    def prepare(self, program: Program) -> Program:
        """Return *program* for a process that is to be killed."""


class Strace:
    """Kills at the entry of a system call: the call itself does not happen any more."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "strace"

    def prepare(self, program: Program) -> Program:
        return program

    def points(self, victim: Victim, act: Act) -> list[Point]:
        roles = {tid: role for role, tids in victim.threads.items() for tid in tids}
        self._trace(list(roles), ["-e", f"trace={','.join(f'?{c}' for c in CALLS)}"], act)
        seen: Counter[tuple[str, str]] = Counter()
        found = []
        for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines():
            if (called := CALLED.match(line)) is not None:
                role = roles[int(called[1] or victim.pid)]
                seen[role, called[2]] += 1
                there = FOLDERS.sub("", called[3])[:60]
                found.append(Point(role, called[2], seen[role, called[2]], there))
        return found

    def kill(self, victim: Victim, act: Act, point: Point) -> bool:
        call = point.call
        how = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={point.nth}"]
        self._trace(victim.threads[point.thread], how, act)
        return "+++ killed by SIGKILL" in self._log.read_text(encoding="utf-8", errors="replace")

    def _trace(self, tids: list[int], how: list[str], act: Act) -> None:
        """Trace the threads while they act."""
        which = [argument for tid in tids for argument in ("-p", str(tid))]
        with subprocess.Popen(
            ["strace", "-yy", "-o", str(self._log), *how, *which], stderr=subprocess.PIPE, text=True
        ) as strace:
            assert strace.stderr is not None
            lived = True
            try:
                for _ in tids:
                    line = strace.stderr.readline()
                    assert line.rstrip().endswith("attached"), line
                lived = act()
                if not lived:
                    strace.wait(PATIENCE)  # it ends with the last of those that it traces
            finally:
                strace.terminate()


def strace_works(pid: int) -> bool:
    """Say whether strace is there and may trace: a container or a system can forbid it."""
    if shutil.which("strace") is None:
        return False
    with subprocess.Popen(
        ["strace", "-o", os.devnull, "-p", str(pid)], stderr=subprocess.PIPE, text=True
    ) as trial:
        assert trial.stderr is not None
        attached = trial.stderr.readline().rstrip().endswith("attached")
        trial.terminate()
    return attached


class NamedPoints:
    """Kills in Python, where strace is not to be had: fewer points, none inside a commit."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tally"
        self._tally = Tally(self._path)

    def prepare(self, program: Program) -> Program:
        return replace(program, tally=str(self._path))

    def points(self, victim: Victim, act: Act) -> list[Point]:
        del victim
        self._tally.arm()
        act()
        return [Point("any", "named", nth + 1) for nth in range(self._tally.disarm())]

    def kill(self, victim: Victim, act: Act, point: Point) -> bool:
        self._tally.arm(point.nth)
        act()
        reached = self._tally.disarm()
        if reached >= point.nth:
            victim.wait_until_gone()
        return reached >= point.nth
