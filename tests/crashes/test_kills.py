"""The shop is killed with -9 wherever it writes, waits for the disk or sends: in a checkout, in
hearing of a payment, in giving a hold back, in mailing. Started again, its books hold, nobody has
paid twice, what was paid is sent, what was not is for sale again, and the buyer can go on.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from shop.preferences.actions import set_preferences
from tests.crashes import sabotage
from tests.crashes.operations import OPERATIONS, Operation
from tests.crashes.plays import TO_THE_END, Ending, play, rehearse
from tests.crashes.stage import Stage

SEED = 1
SAMPLE = {"sqlite": 2, "postgresql": 1}  # points of each operation
BEYOND = 12  # more points than in the rehearsal, at the most: a database page more, a query more

every_operation = pytest.mark.parametrize(
    ("operation", "db_url"),
    [
        pytest.param(
            operation,
            database,
            marks=[pytest.mark.postgresql] if database == "postgresql" else [],
            id=f"{operation.name}-{database}",
        )
        for operation in OPERATIONS
        for database in operation.databases
    ],
    indirect=["db_url"],
)
WAYS = [*(("strace", ending) for ending in TO_THE_END), ("by name", Ending.COMES_BACK)]


def test_no_write_is_left_out(can_trace: bool) -> None:
    if not can_trace:
        pytest.skip("strace cannot be used here: the shop is killed at named points only")


@every_operation
def test_killed_here_and_there(operation: Operation, stage: Stage) -> None:
    points = rehearse(stage, operation)
    database = stage.sessions.engine.name
    chance = random.Random(f"{SEED} {operation.name} {database}")
    for point in chance.sample(points, SAMPLE[database]):
        play(stage, operation, point, chance.choice(TO_THE_END), SEED)


@pytest.mark.slow
@pytest.mark.parametrize(("executioner", "ending"), WAYS, indirect=["executioner"])
@every_operation
def test_killed_at_every_point(
    operation: Operation, ending: Ending, stage: Stage, record_property: Callable[..., None]
) -> None:
    rehearsed = rehearse(stage, operation)
    died = [p for p in rehearsed if play(stage, operation, p, ending, SEED)]
    for last in {(point.thread, point.call): point for point in rehearsed}.values():
        for more in range(1, 1 + BEYOND):
            point = replace(last, nth=last.nth + more)
            if not play(stage, operation, point, ending, SEED):
                break  # it was done before it came so far
            died.append(point)
    record_property("kills", len(died))
    assert len(died) >= 0.9 * len(rehearsed)


NAMED = {operation.name: operation for operation in OPERATIONS}
BROKEN = [  # how, where it tells, in which end, and what is found
    (sabotage.the_hold_comes_after_the_order, "checkout", Ending.IS_LEFT, "what is promised"),
    (sabotage.the_address_goes_out_before_it_is_recorded, "checkout", Ending.IS_LEFT, "not know"),
    (sabotage.every_try_has_a_key_of_its_own, "checkout", Ending.COMES_BACK, "paid twice"),
    (sabotage.every_try_has_a_key_of_its_own, "a part back", Ending.COMES_BACK, "back twice"),
    (
        sabotage.the_pieces_leave_the_shelf_after_the_order_is_paid,
        "return",
        Ending.IS_LEFT,
        "left the shelf",
    ),
    (
        sabotage.the_event_counts_as_done_before_stripe_was_asked,
        "webhook",
        Ending.IS_LEFT,
        "counts as done",
    ),
    (
        sabotage.the_pieces_are_given_back_before_the_page_is_closed,
        "expiry",
        Ending.COMES_BACK,
        "held for nobody",
    ),
    (
        sabotage.the_money_to_give_back_is_written_down_afterwards,
        "late return",
        Ending.IS_LEFT,
        "came late",
    ),
    (sabotage.the_mail_is_ticked_off_before_it_is_sent, "mail", Ending.COMES_BACK, "never was"),
]


@pytest.mark.parametrize(
    "executioner", ["by name", pytest.param("strace", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.parametrize(
    ("broken", "name", "ending", "found"),
    BROKEN,
    ids=[f"{broken.__name__}-{name}" for broken, name, *_ in BROKEN],
)
def test_a_shop_that_only_a_crash_shows_to_be_wrong_is_found_out(
    broken: Callable[[], None], name: str, ending: Ending, found: str, stage: Stage
) -> None:
    """The control: each of these goes well as long as nobody dies."""
    operation = NAMED[name]
    stage.sabotage = broken.__name__
    with stage.sessions.begin() as db:  # each point leaves its payment page open
        set_preferences(db, holds_per_network=1000)

    def die_everywhere() -> None:
        for point in rehearse(stage, operation):
            play(stage, operation, point, ending, SEED)

    with pytest.raises(AssertionError, match=found):
        die_everywhere()
