"""What makes some thousand runs of pytest bearable: no rule of any test is different here.

Mutmut keeps one process that has read the tests, and forks a child of it for each mutant. What
costs every child the same is made in that process once; the tests that found the mutant before this
one come first, then those of its own room, the quick before the slow.
"""

import gc
import json
import os
import shutil
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from hypothesis import Phase, settings

from shop.kit.migrations import migrate
from shop.sandbox.stand_in.guard import the_guard

FOUND = Path("found-by")  # per function, the tests that found its mutants; the latest first
LOG = Path("found-by.log")  # each mutant that was found, and the test that did
UNFIT = Path("left-out")  # tests that fail here without any mutant; they prove nothing
PATIENCE = float(os.environ.get("MUTANTS_SECONDS", "30"))  # of tests, until a mutant has survived

BEFORE_IT_BEGINS = {"sessions": 0.05, "stand_in": 0.2, "shop": 1.0}
WITHOUT_A_MUTANT = {"stats", ""}

_made: list[Path] = []  # the migrated, empty database, once it is there
_durations: dict[str, float] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # A failure is enough; the smallest one that hypothesis could find takes minutes.
    settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], deadline=None)
    settings.load_profile("mutants")
    memory = Path("/dev/shm")  # noqa: S108 - only a place that a folder of our own is made in
    place = memory if memory.is_dir() else Path(gettempdir())
    config.option.basetemp = place / f"mutants-{os.getpid()}"
    if os.environ.get("MUTANT_UNDER_TEST") in WITHOUT_A_MUTANT:
        config.option.maxfail = 0  # one test that fails is left out, and all others are run
    if mutant := _mutant():
        config.args = _likeliest(config.args, *mutant)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.option.basetemp, ignore_errors=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly:
        return
    template = Path("template.db").absolute()
    template.unlink(missing_ok=True)
    migrate(f"sqlite:///{template}")
    _made.append(template)
    the_guard()
    known = Path("mutmut-stats.json")
    measured = json.loads(known.read_text())["duration_by_test"] if known.exists() else {}
    for item in session.items:  # mutmut has not measured what a test needs before it begins
        needs = getattr(item, "fixturenames", ())
        serving = sum(seconds for name, seconds in BEFORE_IT_BEGINS.items() if name in needs)
        _durations[item.nodeid] = measured.get(item.nodeid, 0) + serving
    gc.freeze()  # pytest collects garbage at each end; what was read here is none


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: Any) -> Any:
    if fixturedef.argname != "sqlite_template" or not _made:
        return None
    fixturedef.cached_result = (_made[0], fixturedef.cache_key(request), None)
    return _made[0]


def _mutant() -> tuple[str, str] | None:
    """Return the room and the function of the mutant that is being tested."""
    name = os.environ.get("MUTANT_UNDER_TEST", "")
    function, mark, _ = name.rpartition("__mutmut_")
    return (name.split(".")[1], function) if mark else None


def _likeliest(tests: list[str], room: str, function: str) -> list[str]:
    """Return as many of *tests* as patience allows, first what may find the mutant soonest."""
    file = FOUND / function
    found = file.read_text().splitlines() if file.exists() else []

    def place(test: str) -> tuple[int, bool, float]:
        before = found.index(test) if test in found else len(found)
        return before, f"tests/{room}/" not in test, _durations.get(test, 0)

    chosen: list[str] = []
    spent = 0.0
    for test in sorted(tests, key=place):
        spent += _durations.get(test, 0)
        if chosen and spent > PATIENCE:
            break
        chosen.append(test)
    return chosen


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unfit = set(UNFIT.read_text().splitlines()) if UNFIT.exists() else set()
    items[:] = [item for item in items if item.nodeid not in unfit]
    if _mutant() is not None:
        order = {test: number for number, test in enumerate(config.args)}
        items.sort(key=lambda item: order.get(item.nodeid, len(order)))
    elif os.environ.get("MUTANT_UNDER_TEST") == "" and not config.option.collectonly:
        del items[1:]  # all have passed when it was asked what they walk through


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.failed:
        return
    mutant = _mutant()
    if mutant is None:
        if os.environ.get("MUTANT_UNDER_TEST") in WITHOUT_A_MUTANT:
            _add(UNFIT, report.nodeid)
        return
    _add(LOG, f"{os.environ['MUTANT_UNDER_TEST']}\t{report.nodeid}")
    FOUND.mkdir(exist_ok=True)
    file = FOUND / mutant[1]
    before = file.read_text().splitlines() if file.exists() else []
    latest = [report.nodeid, *(test for test in before if test != report.nodeid)]
    file.write_text("\n".join(latest[:20]))


def _add(file: Path, line: str) -> None:
    with file.open("a") as opened:
        opened.write(f"{line}\n")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("MUTANT_UNDER_TEST") in WITHOUT_A_MUTANT and session.testscollected:
        session.exitstatus = pytest.ExitCode.OK
