"""Run one room's mutants, from where it was left off: `make mutants ROOM=tax`.

docs/mutants.md says what this is, and lists the mutants that survive.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut.__main__ import create_mutants
from mutmut.configuration import reset_config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

ROOT = Path(__file__).parents[2]
NEEDED = ("alembic", "docs", "shop", "static", "templates", "tests")
CODE = {"money": "shop/kit/money.py"}  # of any other room it is what lies in its folder
TESTS = {
    "money": ["tests/kit/test_money.py", "tests/tax"],
    "tax": ["tests/tax", "tests/kit/test_money.py"],
    "stock": ["tests/stock", "tests/catalogue/test_actions.py", "tests/owner/test_home.py"],
    "discounts": ["tests/discounts"],
    "checkout": ["tests/checkout", "tests/cart", "tests/discounts", "tests/storefront"],
    "payments": [
        "tests/payments",
        "tests/orders",
        "tests/checkout/test_held_words.py",
        "tests/checkout/test_holds.py",
        "tests/discounts/test_late.py",
        "tests/owner/test_home.py",
        "tests/mail/test_refund_mails.py",
        "tests/checkout/test_hold_limits.py",
        "tests/checkout/test_written_order.py",
        "--deselect=tests/payments/test_event_storm.py",  # long, and told by many short ones
    ],
}
IN_PROCESS = ["-m", "not slow and not stripe_live and not browser and not postgresql"]
MADE = Path("mutants")  # within the room's folder
LOG, UNFIT = MADE / "mutmut.log", MADE / "left-out"
FOUND = {"killed", "timeout", "segfault"}


def enter(room: str) -> None:
    """Go to the room's own folder: the whole tree is there, with its own settings of mutmut."""
    folder = ROOT / "mutants" / room
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for name in NEEDED:
        if not Path(name).is_symlink():
            Path(name).symlink_to(ROOT / name)
    own = {
        "only_mutate": [CODE.get(room, f"shop/{room}/*")],
        "pytest_add_cli_args_test_selection": [*IN_PROCESS, *TESTS[room]],
    }
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in own.items())
    shared = (ROOT / "pyproject.toml").read_text()
    Path("pyproject.toml").write_text(shared.replace("[tool.mutmut]\n", f"[tool.mutmut]\n{lines}"))
    reset_config()  # it was read where we came from


def outcomes(module: str) -> dict[str, str]:
    """Return what became of each mutant: not checked, killed, survived, timeout, no tests, …"""
    return {
        name: status_by_exit_code[code]
        for meta in sorted(MADE.glob(f"shop/**/{module}.py.meta"))
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items()
    }


def run(module: str, *, again: bool) -> None:
    MADE.mkdir(exist_ok=True)
    with contextlib.redirect_stdout(None):
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(1)
    test(to_be_tested(module, {"survived", "no tests"} if again else set()))
    # other tests, or other settings, are reason for mutmut to forget what it knew
    test(to_be_tested(module, set()))


def to_be_tested(module: str, too: set[str]) -> list[str]:
    found = outcomes(module)
    return [name for name, outcome in found.items() if outcome in {"not checked", *too}]


def test(names: list[str]) -> None:
    if not names:
        return
    mutmut = Path(sys.executable).with_name("mutmut")
    with LOG.open("w") as log:
        command = [str(mutmut), "run", "--max-children", "1", *names]
        if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
            sys.exit(f"mutmut could not run; {LOG.absolute()} says why")


def source(name: str) -> Path:
    return Path(*name.split(".")[:-1]).with_suffix(".py")


def report(room: str, module: str) -> None:
    found = outcomes(module)
    for name, outcome in found.items():
        if outcome not in FOUND | {"not checked"}:
            changed = get_diff_for_mutant(name, path=source(name)).splitlines()[3:]
            lines = [line for line in changed if line[:1] in {"-", "+", "@"}]
            sys.stdout.write("\n".join([f"{outcome}: {name}", *lines, "", ""]))
    if UNFIT.exists():
        sys.stdout.write(f"left out, for they failed without a mutant:\n{UNFIT.read_text()}")
    for part in sorted({str(source(name)) for name in found}):
        tell(part, [outcome for name, outcome in found.items() if str(source(name)) == part])
    tell(room if module == "*" else f"{room}/{module}", list(found.values()))


def tell(what: str, found: list[str]) -> None:
    counts = Counter(found)
    checked = len(found) - counts["not checked"]
    score = 100 * sum(counts[outcome] for outcome in FOUND) / (checked or 1)
    parts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    sys.stdout.write(f"{what}: {score:.1f} % of {checked} ({parts})\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", help=f"{', '.join(TESTS)}, or a module such as payments/ledger")
    parser.add_argument("--again", action="store_true", help="test those that survived once more")
    parser.add_argument("--report", action="store_true", help="only say what is known")
    asked = parser.parse_args()
    room, _, module = asked.place.partition("/")
    if room not in TESTS:
        parser.error(f"there is no room {room} here")
    enter(room)
    if not asked.report:
        run(module or "*", again=asked.again)
    report(room, module or "*")


if __name__ == "__main__":
    main()
