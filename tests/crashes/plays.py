"""One death of the shop, from the moment before to the end of what comes after."""

import random
from dataclasses import replace
from enum import StrEnum

import httpx2

from tests.crashes.afterwards import check_books, check_promise, come_back, stay_away
from tests.crashes.killing import Act, Point, Victim
from tests.crashes.operations import Deed, Operation
from tests.crashes.stage import Purchase, Stage, a_purchase


class Ending(StrEnum):
    COMES_BACK = "comes back"  # the buyer, Stripe's event, the worker: once more
    STAYS_AWAY = "stays away"
    DIES_AGAIN = "dies again"  # in the second try, at some point; the third succeeds
    IS_LEFT = "is left"  # as it fell: only looked at


TO_THE_END = (Ending.COMES_BACK, Ending.STAYS_AWAY, Ending.DIES_AGAIN)


def rehearse(stage: Stage, operation: Operation) -> list[Point]:
    """Do *operation* unharmed, up to its answer, and return the points that it passes."""
    with a_purchase(stage) as purchase:
        deed = operation.prepare(purchase)
        victim, act = _on_stage(purchase, operation, deed)
        points = stage.executioner.points(victim, act)
        _look(purchase, victim)
        come_back(purchase, operation, deed)
        return points


def play(stage: Stage, operation: Operation, point: Point, ending: Ending, seed: object) -> bool:
    """Kill the shop at *point* of *operation*, then see it through; say whether it died there."""
    chance = random.Random(f"{seed} {operation.name} {point.thread} {point.call} {point.nth}")
    try:
        with a_purchase(stage) as purchase:
            return _played(purchase, operation, point, ending, chance)
    except BaseException as problem:
        problem.add_note(f"{operation.name}: {ending}, killed at {point}, seed {seed}")
        raise


def _played(
    purchase: Purchase, operation: Operation, point: Point, ending: Ending, chance: random.Random
) -> bool:
    deed = operation.prepare(purchase)
    died = _die(purchase, operation, deed, point, chance)
    if ending is Ending.DIES_AGAIN:
        again = replace(point, nth=chance.randint(1, point.nth))
        _die(purchase, operation, deed, again, chance)
    if ending is Ending.STAYS_AWAY:
        stay_away(purchase, operation, chance)
    elif ending is not Ending.IS_LEFT:
        come_back(purchase, operation, deed)
    return died


def _die(
    purchase: Purchase,
    operation: Operation,
    deed: Deed | None,
    point: Point,
    chance: random.Random,
) -> bool:
    stage = purchase.stage
    victim, act = _on_stage(purchase, operation, deed)
    if chance.random() < 0.5:
        stage.leave_alone()
    elif deed is not None:
        stage.employ()
    died = stage.executioner.kill(victim, act, point)
    _look(purchase, victim)
    return died


def _look(purchase: Purchase, victim: Victim) -> None:
    """Make sure that the shop is dead, and look at what it left."""
    victim.kill()
    check_books(purchase)
    while purchase.answers:
        check_promise(purchase, purchase.answers.pop())


def _on_stage(purchase: Purchase, operation: Operation, deed: Deed | None) -> tuple[Victim, Act]:
    """Return who is to die, and what it does meanwhile."""
    stage = purchase.stage
    if deed is None:
        return stage.worker(operation.job, operation.ahead)

    def act() -> bool:
        try:
            purchase.answers.append(deed())
        except httpx2.TransportError:
            return False  # it died meanwhile
        return True

    return stage.open(), act
