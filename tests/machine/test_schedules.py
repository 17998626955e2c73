"""The shop, its buyers, its owner and Stripe at random: whatever happens, the books are right.

`make test` plays the schedules of the seeds 0 to 199, `make prove` 20,000 others. A failure names
its seed and the few steps that it takes; the same again is played by

    SCHEDULE=1234 .venv/bin/pytest tests/machine -k one_seed --no-cov -n 0
"""

import os

import pytest

from tests.machine.play import Outcome, Step, schedule

IN_A_TEST, IN_A_PROOF, PARTS = 20, 2000, 10


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
