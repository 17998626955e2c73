"""Measure the shop beside its limits and a peer, and write down what was seen.

    python -m tests.benchmarks [--quick] [PART …]

Each part keeps its figures in var/bench/; the page docs/performance.md is written from them all,
so that parts can be measured one at a time. Docs: docs/performance.md, "How it was measured".
"""

import argparse
import sys
import time
import traceback

from tests.benchmarks import bad_input, footprint, growth, load, orders, pages, stand_in, verify
from tests.benchmarks.databases import NotInstalled
from tests.benchmarks.kept import begin, keep
from tests.benchmarks.report import write
from tests.benchmarks.say import say

MEASURES = {
    "sqlite": lambda: pages.measure("sqlite"),
    "postgresql": lambda: pages.measure("postgresql"),
    "orders": orders.measure,
    "footprint": footprint.measure,
    "growth": growth.measure,
    "input": bad_input.measure,
    "stand-in": stand_in.main,
    "verify": verify.main,
}
NEED_NO_WRK = {"stand-in", "verify", "footprint"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join([*MEASURES, "report"]))
    parser.add_argument("--quick", action="store_true", help="one short run each, to see it work")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {*MEASURES, "report"}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    load.quick = asked.quick
    complete = True
    for part in asked.parts or MEASURES:
        if part != "report":
            complete &= measure(part)
    write()
    return 0 if complete else 1


def measure(part: str) -> bool:
    if part not in NEED_NO_WRK and not load.installed():
        say(f"{part}: left out. {load.NEEDED}")
        return False
    say(f"\n== {part}")
    began = time.monotonic()
    begin(part)
    try:
        MEASURES[part]()
    except NotInstalled:
        say(f"{part}: left out, because PostgreSQL is not installed")
        return False
    except Exception:  # noqa: BLE001 - the other parts have figures too
        traceback.print_exc()
        say(f"{part}: broken off")
        return False
    keep(part, "minutes", round((time.monotonic() - began) / 60, 1))
    return True


if __name__ == "__main__":
    sys.exit(main())
