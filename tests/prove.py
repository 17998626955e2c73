"""The long proofs, part by part; what has passed is not run again until something changes.

    python -m tests.prove [--again] [--processes N] [--minutes N] [PART …]

Each test that passes is written down at once with the seconds it took, in a file named after the
contents of everything that it depends on. A proof that was ended goes on where it was; after any
change it begins anew. No part begins another test when its minutes are over.
"""

# ruff: noqa: T201 - it prints

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "var/proof"
# docs/proof.md says what each proves
PARTS = {
    "races": "tests/races",
    "crashes": "tests/crashes",
    "schedules": "tests/machine",
    "events": "tests/payments",
    "sums": "tests/sums",
    "mail": "tests/mail",
}
MINUTES = 45  # and the longest test takes a quarter of an hour
DEPENDS_ON = [
    *("alembic", "shop", "static", "templates", "tests"),
    *("pyproject.toml", "requirements-dev.lock"),
]
ENVIRON = "SHOP_PROOF"  # names the file of what has passed, to pytest's processes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--again", action="store_true", help="run what has passed, too")
    parser.add_argument("--processes", default="2", help="of pytest; 2")
    parser.add_argument("--minutes", type=int, default=MINUTES, help=f"for each part; {MINUTES}")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    passed = KEPT / f"{fingerprint()}.jsonl"
    passed.parent.mkdir(parents=True, exist_ok=True)
    if asked.again:
        passed.unlink(missing_ok=True)
    proven = [
        prove(name, passed, asked.processes, asked.minutes * 60) for name in asked.parts or PARTS
    ]
    if f"{fingerprint()}.jsonl" != passed.name:
        passed.unlink(missing_ok=True)
        print("NOT PROVEN: something was changed meanwhile, and nobody knows what was run.")
        return 1
    return 0 if all(proven) else 1


def prove(name: str, passed: Path, processes: str, seconds: float) -> bool:
    """Run what has not passed yet of a part; tell whether all has, and how long that took."""
    began = time.time()
    code = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "slow", "--no-cov", "-p", "tests.prove"),
            *("-n", processes, "--dist", "worksteal", PARTS[name]),
        ],
        env=os.environ
        | {ENVIRON: str(passed), f"{ENVIRON}_PART": name, f"{ENVIRON}_END": str(began + seconds)},
        cwd=ROOT,
        check=False,
    ).returncode
    done = [row for row in read(passed) if row.part == name]
    minutes = (time.time() - began) / 60
    proven = code == 0 or (code == pytest.ExitCode.NO_TESTS_COLLECTED and bool(done))
    spent = sum(row.seconds for row in done) / 60
    counted: Counter[str] = Counter()
    for row in done:
        counted.update(row.counted)
    also = "".join(f", {number} {what}" for what, number in counted.items())
    figure = f"{len(done)} tests{also} have passed in {spent:.1f} minutes of one process"
    print(f"{name}: {'proven' if proven else 'NOT PROVEN'}, {figure}; {minutes:.1f} just now")
    if proven:
        write_figure(name, f"{figure}, {datetime.now(UTC).date()}")
    return proven


def write_figure(name: str, figure: str, page: Path = ROOT / "docs/proof.md") -> None:
    """Put what was seen into the row of its part."""
    row = f"| `make prove PART={name}` |"
    lines = page.read_text().splitlines(keepends=True)
    page.write_text(
        "".join(f"{row} {figure} |\n" if line.startswith(row) else line for line in lines)
    )


def fingerprint() -> str:
    """Return what changes with any file that a proof depends on, kept by git or new."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *DEPENDS_ON],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    whole = hashlib.sha256()
    for name in sorted(set(filter(None, listed.split("\0")))):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() else b""
        whole.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\0".encode())
    return whole.hexdigest()[:16]


class Passed(NamedTuple):
    part: str
    seconds: float
    test: str
    counted: dict[str, int]  # what the test has recorded, such as kills


def read(passed: Path) -> list[Passed]:
    if not passed.exists():
        return []
    return [Passed(*json.loads(line)) for line in passed.read_text().splitlines()]


# --- what pytest asks of a plugin -----------------------------------------------------------------

_seconds: dict[str, float] = {}
_not_passed: set[str] = set()


def pytest_configure(config: pytest.Config) -> None:
    """Decide once what is left out: every process of pytest must come to the same tests."""
    if not hasattr(config, "workerinput"):
        passed = Path(os.environ[ENVIRON])
        os.environ[f"{ENVIRON}_BEFORE"] = "\n".join(row.test for row in read(passed))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    before = set(os.environ[f"{ENVIRON}_BEFORE"].split("\n"))
    done = [item for item in items if item.nodeid in before]
    items[:] = [item for item in items if item.nodeid not in before]
    config.hook.pytest_deselected(items=done)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.time() > float(os.environ[f"{ENVIRON}_END"]):
        pytest.skip("its time is over; the same command goes on here")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test = report.nodeid
    _seconds[test] = _seconds.get(test, 0) + report.duration
    if not report.passed:
        _not_passed.add(test)
    if report.when == "teardown" and test not in _not_passed and not _is_worker():
        with Path(os.environ[ENVIRON]).open("a") as passed:
            part, seconds = os.environ[f"{ENVIRON}_PART"], round(_seconds[test], 1)
            row = Passed(part, seconds, test, _numbers(report))
            passed.write(json.dumps(row) + "\n")


def _numbers(report: pytest.TestReport) -> dict[str, int]:
    return {what: number for what, number in report.user_properties if isinstance(number, int)}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What was skipped, for want of time, of a database or of strace, is not proven."""
    if _not_passed and not _is_worker():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


if __name__ == "__main__":
    sys.exit(main())
