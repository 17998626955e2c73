"""Without one of its guards, the shop is found out by what the schedules are held against."""

from collections.abc import Callable

import pytest

from shop.payments.models import Status
from tests.machine.play import Outcome, Step, schedule
from tests.races import without

Patch = pytest.MonkeyPatch
LOST_ANSWER = [("fault", 1), ("place", 0), ("place_again", 0)]


def the_states_that_can_be_paid(patch: Patch) -> None:
    """Take a payment each time that somebody tells of it."""
    without.attempt_guard(patch, status=Status.LATE)


@pytest.mark.parametrize(
    ("guard", "steps", "words"),
    [
        (the_states_that_can_be_paid, schedule(5), "RefundTooLarge"),
        (without.one_key, LOST_ANSWER, "became 2 sessions"),
    ],
)
def test_a_missing_guard_is_found(
    guard: Callable[[Patch], None],
    steps: list[Step],
    words: str,
    outcome: Outcome,
    monkeypatch: Patch,
) -> None:
    assert outcome(steps) == []
    guard(monkeypatch)
    assert any(words in found for found in outcome(steps))
