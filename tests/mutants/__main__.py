"""Run one room's mutants, from where it was left off: `make mutants ROOM=tax`.

docs/mutants.md says what this is, and lists the mutants that survive.
"""

import argparse
import contextlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut.__main__ import create_mutants
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

FOLDER = Path("mutants")
LOG = FOLDER / "mutmut.log"
UNFIT = FOLDER / "left-out"
ROOMS = {
    "money": "shop/kit/money.py",
    **{room: f"shop/{room}/*.py" for room in ("tax", "stock", "discounts", "checkout", "payments")},
}
FOUND = {"killed", "timeout", "segfault"}


def files(place: str) -> list[Path]:
    """Return what has mutants in a room, or in one of its modules (payments/ledger)."""
    return sorted(Path().glob(ROOMS.get(place, f"shop/{place}.py")))


def outcomes(place: str) -> dict[str, str]:
    """Return what became of each mutant: not checked, killed, survived, timeout, no tests, …"""
    return {
        name: status_by_exit_code[code]
        for path in files(place)
        if (meta := FOLDER / f"{path}.meta").exists()
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items()
    }


def run(place: str, *, again: bool) -> None:
    FOLDER.mkdir(exist_ok=True)
    with contextlib.redirect_stdout(None):
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(1)
    wanted = [
        name
        for name, outcome in outcomes(place).items()
        if outcome == "not checked" or (again and outcome not in FOUND)
    ]
    if not wanted:
        return
    mutmut = Path(sys.executable).with_name("mutmut")
    with LOG.open("w") as log:
        command = [str(mutmut), "run", "--max-children", "1", *wanted]
        if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
            sys.exit(f"mutmut could not run; {LOG} says why")


def report(place: str) -> None:
    found = outcomes(place)
    for name, outcome in found.items():
        if outcome not in FOUND:
            sys.stdout.write(f"{outcome:12} {name}\n")
    if UNFIT.exists():
        sys.stdout.write(f"left out, for they failed without a mutant:\n{UNFIT.read_text()}")
    counts = Counter(found.values())
    checked = sum(counts.values()) - counts["not checked"]
    score = 100 * sum(counts[outcome] for outcome in FOUND) / (checked or 1)
    parts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    sys.stdout.write(f"{place}: {score:.1f} % of {checked} ({parts})\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", help=f"{', '.join(ROOMS)}, or a module such as payments/ledger")
    parser.add_argument("--again", action="store_true", help="test those that survived once more")
    parser.add_argument("--report", action="store_true", help="only say what is known")
    asked = parser.parse_args()
    if not files(asked.place):
        parser.error(f"there is no {asked.place}")
    if not asked.report:
        run(asked.place, again=asked.again)
    report(asked.place)


if __name__ == "__main__":
    main()
