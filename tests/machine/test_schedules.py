"""The shop, its buyers, its owner and Stripe at random: whatever happens, the books are right.

`make test` plays the schedules of the seeds 0 to 199, `make prove` 20,000 others. A failure names
its seed and the few steps that it takes; the same again is played by

    SCHEDULE=1234 .venv/bin/pytest tests/machine -k one_seed --no-cov -n 0
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shop.kit.db import write_sessions
from shop.sandbox.stand_in.server import StandInServer
from tests.machine.books import breaches
from tests.machine.play import PRICES, START, Step, playing, schedule
from tests.support import Shelf, open_shop

IN_A_TEST, IN_A_PROOF, PARTS = 20, 2000, 10
Outcome = Callable[[Sequence[Step]], list[str]]


@pytest.fixture(scope="module")
def furnished(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with a shop in it: one piece of one kind, and three of another."""
    path = tmp_path_factory.mktemp("furnished") / "shop.db"
    shutil.copy(sqlite_template, path)
    sessions = write_sessions(f"sqlite:///{path}")
    with sessions.begin() as db:
        open_shop(db)
    shelf = Shelf(sessions)
    for variant_id, name in (1, "raven"), (2, "moss"):
        made = shelf.add(name, START[variant_id], price_amount=PRICES[variant_id], thickness_mm=5)
        assert made == variant_id
    sessions.engine.dispose()
    return path


class Faults(logging.Handler):
    """Hears of errors of our own that the reconciler has survived."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.heard.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return where the databases lie: in memory if that goes, for there is no power to fail."""
    memory = Path("/dev/shm")  # noqa: S108 - only a place that a folder of our own is made in
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as made:
        yield Path(made)


@pytest.fixture
def outcome(furnished: Path, stand_in: StandInServer, folder: Path) -> Outcome:
    """Return a function that plays a schedule, and tells what is wrong at the end."""
    log = logging.getLogger("shop.payments")

    def play_out(steps: Sequence[Step]) -> list[str]:
        for left in folder.iterdir():
            left.unlink()
        shutil.copy(furnished, folder / "shop.db")
        faults = Faults()
        log.addHandler(faults)
        log.propagate = False
        try:
            with playing(stand_in, folder / "shop.db") as play:
                try:
                    for step in steps:
                        play.do(step)
                    play.come_to_rest()
                except Exception as error:  # noqa: BLE001 - of the shop's: that is a finding
                    return [f"{error!r}", *faults.heard]
                return [*breaches(play), *faults.heard]
        finally:
            log.propagate = True
            log.removeHandler(faults)

    return play_out


def shortened(outcome: Outcome, steps: list[Step]) -> list[Step]:
    """Leave out of *steps* whatever it does not take."""
    at = 0
    while at < len(steps):
        without = steps[:at] + steps[at + 1 :]
        if outcome(without):
            steps = without
        else:
            at += 1
    return steps


def play_all(outcome: Outcome, seeds: range) -> None:
    for seed in seeds:
        if found := outcome(schedule(seed)):
            steps = shortened(outcome, schedule(seed))
            pytest.fail(f"seed {seed}: {found}\n{steps}: {outcome(steps)}")


@pytest.mark.parametrize("first", range(0, 200, IN_A_TEST))
def test_whatever_happens_the_books_are_right(first: int, outcome: Outcome) -> None:
    play_all(outcome, range(first, first + IN_A_TEST))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_the_books_are_right_twenty_thousand_times(part: int, outcome: Outcome) -> None:
    first = 1000 + part * IN_A_PROOF
    play_all(outcome, range(first, first + IN_A_PROOF))


def test_one_seed(outcome: Outcome) -> None:
    seed = int(os.environ.get("SCHEDULE", "200"))
    play_all(outcome, range(seed, seed + 1))
