"""What the shop takes: memory under load, seconds to its first answer, room on the disk."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks import load as load_module
from tests.benchmarks import ours
from tests.benchmarks.kept import FOLDER, keep
from tests.benchmarks.load import Ask, installed, load
from tests.benchmarks.machine import command_of, memory_mb, wait_for_quiet
from tests.benchmarks.pages import folder_of
from tests.benchmarks.say import say

ROOT = Path(__file__).parents[2]
STARTS = 5


def measure() -> None:
    with folder_of("footprint") as folder:
        url = ours.filled(f"sqlite:///{folder / 'shop.db'}")
        for processes in (1, 2):
            seconds = [_start(url, folder, processes) for _ in range(STARTS)]
            keep("footprint", f"start/{processes}", seconds)
            span = f"({min(seconds):.2f}..{max(seconds):.2f})"
            say(f"first answer, {processes} processes: {median(seconds):.2f} s {span}")
        memory = _memory(url, folder)
        keep("footprint", "memory", memory)
        for name, mb in memory.items():
            say(f"memory after load, {name}: {mb} MB")
    size, packages = _installed()
    keep("footprint", "installed", {"mb": size, "packages": packages})
    say(f"installed: {size} MB with {packages} packages, pip aside")


def _start(url: str, folder: Path, processes: int) -> float:
    if not load_module.quick:
        wait_for_quiet()
    with ours.served(url, folder, processes=processes, cache=True) as shop:
        return shop.started_s


def _memory(url: str, folder: Path) -> dict[str, float]:
    """Return the memory of each process of `shop serve`, worker and all, after some load."""
    with ours.served(url, folder, processes=2, cache=True, SHOP_WORKER="on") as shop:
        asks = [*ours.product_page(shop), *ours.search(shop), *ours.cart_with_a_line(shop)]
        pages = [Ask(f"/products?page={n}") for n in range(1, 9)]
        if installed():
            load(shop, [*asks, *pages], seconds=10, runs=1)
        return {
            f"{_role(pid)} ({n})": memory_mb(pid) for n, pid in enumerate(shop.processes, start=1)
        }


def _role(pid: int) -> str:
    command = command_of(pid)
    if "spawn_main" in command:
        return "web process"
    names = {"uvicorn": "who watches the web processes", "shop.cli worker": "worker"}
    names |= {"resource_tracker": "Python's own", "shop.cli serve": "shop serve"}
    return next((role for name, role in names.items() if name in command), command[:40])


def _installed() -> tuple[int, int]:
    """Return megabytes and packages of an environment that has what runs the shop and no more.

    Made for the occasion by the same commands as `make demo`, from pip's own cache if it can.
    """
    with tempfile.TemporaryDirectory(prefix="venv-", dir=FOLDER) as name:
        home = Path(name)
        subprocess.run([sys.executable, "-m", "venv", name], check=True)
        pip = [str(home / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
        locked = str(ROOT / "requirements.lock")
        subprocess.run([*pip, "install", "--quiet", "--require-hashes", "-r", locked], check=True)
        listed = subprocess.run(
            [*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True
        ).stdout.split()
        packages = [line for line in listed if not line.startswith(("pip==", "setuptools=="))]
        for part in home.glob("lib/*/site-packages/pip"):
            shutil.rmtree(part)
        files = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
        return round(sum(path.stat().st_size for path in files) / 1e6), len(packages)
