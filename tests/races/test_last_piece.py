"""Two hundred buyers, one piece, two processes: exactly one of them pays, and nobody else does."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from shop.config import Config
from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments.models import PaymentAttempt
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.races.crowd import Outcome, race, two_processes
from tests.races.without import drop_the_checks
from tests.support import ANNA, Buyer, Shelf, on_both_databases

BUYERS = 200
UNGUARDED = "tests.races.unguarded:application"


def each_piece_is_sold_once(
    outcome: Outcome, pieces: int, variant_id: int, sessions: Sessions, stand_in: StandInServer
) -> None:
    """Say it of what the buyers saw, of the books, and of Stripe's own log."""
    assert outcome.answers == {303: pieces, 409: BUYERS - pieces}
    assert [status for status in outcome.all_statuses if status >= 500] == []
    assert (outcome.paid, outcome.told, outcome.late) == (pieces, BUYERS - pieces, 409)
    with sessions.begin() as db:
        level = db.get_one(StockLevel, variant_id)
        assert (level.on_hand, level.reserved) == (0, 0)
        assert [finding.invariant.rule for finding in verify(db) if not finding.holds] == []
        orders = db.execute(
            select(Order.status, PaymentAttempt.session_id).join_from(
                Order, PaymentAttempt, PaymentAttempt.order_id == Order.id
            )
        ).all()
    assert {status for status, _ in orders} == {"paid"}
    assert sorted(str(session_id) for _, session_id in orders) == sorted(charged(stand_in))


def charged(stand_in: StandInServer) -> list[str]:
    """Return the sessions for which Stripe took money: one entry for each time it did."""
    return [row["session"] for row in stand_in.log() if row["what"] == "session.paid"]


def rounds(
    counts: list[int], config: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    with two_processes(config) as shops:
        for pieces in counts:
            variant_id = shelf.add(f"raven-{pieces}", on_hand=pieces)
            outcome = race(shops, variant_id, BUYERS)
            each_piece_is_sold_once(outcome, pieces, variant_id, sessions, stand_in)


@on_both_databases
def test_no_more_are_sold_than_there_are(
    config: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    rounds([1, 7], config, shelf, sessions, stand_in)


@pytest.mark.slow
@on_both_databases
@pytest.mark.parametrize("round_", range(50))
def test_no_more_are_sold_in_any_of_many_rounds(
    round_: int, config: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    """Each round is a shop of its own, so that any of them can be run again alone."""
    rounds([1, 7], config, shelf, sessions, stand_in)


@on_both_databases
def test_without_the_guard_too_many_are_sold(
    config: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    """The control: a shop that looks first and takes afterwards oversells in the same race. When
    nobody is in a hurry it does not, so it is the race that shows.
    """
    drop_the_checks(sessions)
    variant_id = shelf.add("raven", on_hand=1)
    with two_processes(config, UNGUARDED) as shops:
        outcome = race(shops, variant_id, BUYERS)

    assert outcome.paid > 1
    assert len(charged(stand_in)) == outcome.paid
    assert outcome.late == 409
    with sessions.begin() as db:
        assert db.get_one(StockLevel, variant_id).on_hand == 1 - outcome.paid
        broken = {finding.invariant.code for finding in verify(db) if not finding.holds}
    assert broken == {"I1", "I2"}


@on_both_databases
def test_the_database_itself_refuses_to_promise_what_is_not_there(
    shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("raven", on_hand=1)
    with pytest.raises(IntegrityError, match="reserved_on_hand"), sessions.begin() as db:
        db.execute(update(StockLevel).values(reserved=2))
    with sessions.begin() as db:
        assert db.get_one(StockLevel, variant_id).reserved == 0


@on_both_databases
def test_a_double_click_is_one_order(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add("raven", on_hand=5)
    buyer.add(variant_id)
    fields = buyer.checkout_fields() | ANNA
    clicks = 4
    barrier = threading.Barrier(clicks)

    def click(_: int) -> str:
        barrier.wait(30)
        answer = buyer.post("/checkout", **fields)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    with ThreadPoolExecutor(clicks) as pool:
        addresses = set(pool.map(click, range(clicks)))

    assert len(addresses) == 1
    with sessions.begin() as db:
        assert len(db.scalars(select(Order)).all()) == 1
        assert db.get_one(StockLevel, variant_id).reserved == 1
    made = Counter(row["what"] for row in stand_in.log())["session.created"]
    assert made == 1
