"""Requests at a server from many connections: how many a second, how long each waits, how many
are refused. `wrk` sends them; it takes less of the machine than anything written in Python.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

from tests.benchmarks.machine import Others, also_ours, spent, wait_for_quiet

quick = False  # one short run each: to see whether it works, and no figure to tell of
SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 32
WARM = 2  # seconds
NEEDED = "wrk is not installed (Debian: apt-get install wrk; macOS: brew install wrk)."
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def line(self) -> str:
        headers = self.headers | (FORM if self.body else {})
        pairs = "\1".join(f"{name}={value}" for name, value in headers.items())
        return "\t".join(["POST" if self.body else "GET", self.path, pairs, self.body])


class Server(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int: ...


@dataclass(frozen=True)
class Load:
    """What came of several runs of the same requests: the median, and how far they lay apart."""

    rate: float  # requests a second
    least: float
    most: float
    p50_ms: float
    p99_ms: float
    requests: int  # of all runs
    refused: int  # of these: answered with 4xx or 5xx
    broken: int  # connections that failed, or waited for longer than wrk does
    size: int  # bytes of an answer with its headers
    processor_ms: float  # that the server and its database spent on each, other programs or not
    others: float  # cores that other programs used meanwhile, in the worst run


def installed() -> bool:
    return shutil.which("wrk") is not None


def load(
    server: Server,
    asks: Sequence[Ask],
    *,
    seconds: float = 3,
    runs: int = 5,
    connections: int = CONNECTIONS,
    warm: bool = True,
) -> Load:
    """Send *asks* round and round; unless told not to, a first short run warms the server up."""
    if quick:
        seconds, runs = 1, 1
    with tempfile.NamedTemporaryFile("w", prefix="shop-asks-") as plan:
        plan.write("".join(f"{ask.line}\n" for ask in asks))
        plan.flush()
        if warm:
            _run(server.url, plan.name, 1 if quick else WARM, connections)
        rows = []
        before = spent(server.pid, *also_ours)
        for _ in range(runs):
            if not quick:
                wait_for_quiet()
            others = Others()
            rows.append(
                _run(server.url, plan.name, seconds, connections) | {"others": others.cores()}
            )
        used = spent(server.pid, *also_ours) - before
    rates = [row["requests"] / row["seconds"] for row in rows]
    middle = rows[rates.index(sorted(rates)[len(rates) // 2])]
    requests = int(sum(row["requests"] for row in rows))
    return Load(
        rate=round(median(rates), 1),
        least=round(min(rates), 1),
        most=round(max(rates), 1),
        p50_ms=middle["p50_ms"],
        p99_ms=middle["p99_ms"],
        requests=requests,
        refused=int(sum(row["refused"] for row in rows)),
        broken=int(sum(row["broken"] for row in rows)),
        size=int(sum(row["bytes"] for row in rows) / max(1, requests)),
        processor_ms=round(used * 1000 / max(1, requests), 3),
        others=max(row["others"] for row in rows),
    )


def _run(url: str, plan: str, seconds: float, connections: int) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    said = subprocess.run(
        [*command, "-s", str(SCRIPT), url, "--", plan],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    row: dict[str, float] = json.loads(said.splitlines()[-1])
    return row
