"""The shop, its buyers, its owner and Stripe at random: whatever happens, the books are right.

`make test` plays the schedules 0 to 249, `make prove` 20,000 others. A failure names its schedule,
and the few steps that it takes; they can be pasted into a test as they are. The same again, on its
own, is played by

    SCHEDULE=1234 .venv/bin/pytest tests/machine -k one_schedule --no-cov -n 0
"""

import os
from collections.abc import Sequence

import pytest

from tests.machine.schedules import Outcome, Step, play_one

IN_A_TEST, IN_A_PROOF, PARTS = 25, 1000, 20

FOUND: dict[str, list[Step]] = {
    "paid back at Stripe while the owner's refund waits to be sent": [
        ("place", 0),
        ("pay", 1),
        ("refund_at_stripe", 0),
        ("kill", 2),
        ("owner_refunds_all", 0),
        ("compare_at_night", 0),
    ],
}


@pytest.mark.parametrize("steps", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_once_is_right_now(steps: list[Step], outcome: Outcome) -> None:
    assert outcome(steps) == []


@pytest.mark.parametrize("first", range(0, 250, IN_A_TEST))
def test_whatever_happens_the_books_are_right(first: int, outcome: Outcome) -> None:
    for number in range(first, first + IN_A_TEST):
        play_one(number, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_the_books_are_right_twenty_thousand_times(part: int, outcome: Outcome) -> None:
    first = 1000 + part * IN_A_PROOF
    for number in range(first, first + IN_A_PROOF):
        play_one(number, outcome)


def test_one_schedule(outcome: Outcome) -> None:
    play_one(int(os.environ.get("SCHEDULE", "250")), outcome)


def test_what_finds_something_is_made_short_and_can_be_pasted() -> None:
    def outcome(steps: Sequence[Step]) -> list[str]:
        names = " ".join(name for name, _ in steps)
        return ["paid by the dead"] if "pay" in names.partition("kill")[2].split() else []

    with pytest.raises(AssertionError) as caught:
        play_one(13, outcome)  # of 24 steps
    words = "['paid by the dead']\n[('place', 0), ('kill', 0), ('pay', 0)]\n(SCHEDULE=13)"
    assert words in str(caught.value)
