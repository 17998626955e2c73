"""The machine: what it is, what else runs on it, and what a program and its children take of it."""

import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

QUIET = 0.15  # of a core
PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
also_ours: set[int] = set()  # servers we started that are nobody's children


class Others:
    """What programs use that are not ours: neither this one nor its children.

    Those that have ended meanwhile are counted with the one that started them.
    """

    def __init__(self) -> None:
        self._began, self._all, self._ours = time.monotonic(), _busy(), _ours()

    def cores(self) -> float:
        took = time.monotonic() - self._began
        return round((_busy() - self._all - (_ours() - self._ours)) / took, 2) if took else 0.0


def wait_for_quiet(seconds: float = 10) -> bool:
    """Wait until other programs leave the processors alone, or *seconds* have passed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        others = Others()
        time.sleep(0.3)
        if others.cores() < QUIET:
            return True
    return False


def tree(pid: int) -> list[int]:
    """Return *pid* and all that come of it."""
    children = defaultdict(list)
    for child, fields in _stats():
        children[int(fields[1])].append(child)
    found = [pid]
    for one in found:
        found.extend(children[one])
    return found


def memory_mb(pid: int) -> float:
    """Return the memory of one process in MB (10^6 bytes), shared pages by their share (PSS)."""
    for line in (PROC / f"{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise LookupError(pid)


def command_of(pid: int) -> str:
    return (PROC / f"{pid}/cmdline").read_text().replace("\0", " ")


def description() -> dict[str, str]:
    models = [
        line.partition(":")[2].strip()
        for line in (PROC / "cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{len(models)} x {models[0]}" if models else platform.processor(),
        "memory": f"{memory:.0f} GiB",
        "system": platform.system() + " " + platform.release().partition("-")[0],
        "python": platform.python_version(),
    }


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Yield each process with what stands after its name in its line of `stat`."""
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended


def _busy() -> float:
    """Return the seconds of processor that all programs have used since the machine started."""
    fields = [int(one) for one in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:7])) / TICKS  # without idle, waiting, stolen


def _ours() -> float:
    return spent(os.getpid(), *also_ours)


def spent(*roots: int) -> float:
    """Return the seconds of processor that *roots* and all that come of them have used."""
    used = {pid: sum(int(one) for one in fields[11:15]) for pid, fields in _stats()}
    return sum(used.get(pid, 0) for root in roots for pid in tree(root)) / TICKS
