"""The night's comparison: when it is due, what it asks about, and what it makes of strangers."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments import reconciler
from shop.payments.errors import PaymentUnknown
from shop.payments.models import Cursor, Dispute, Finding, PaymentAttempt, Refund, Status
from shop.payments.provider import CheckoutSession
from shop.payments.reconciler import (
    Outcome,
    compare_everything,
    everything,
    release_changed_carts,
)
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.test_disputes import charge_of
from tests.payments.tools import opened, paid, placed, read, stand
from tests.support import FixedClock, Shelf

NOTHING = Outcome()
CREATE = "/v1/checkout/sessions"


@pytest.fixture
def pauses() -> list[float]:
    return []


def compare(till: Till, pauses: list[float] | None = None) -> dict[str, Outcome]:
    sleep = (lambda _: None) if pauses is None else pauses.append
    return compare_everything(till, always=True, sleep=sleep)


def cursors(sessions: Sessions) -> dict[str, datetime]:
    with sessions.begin() as db:
        return {row.name: row.at for row in db.scalars(select(Cursor))}


def findings(sessions: Sessions) -> list[tuple[str, str, str]]:
    with sessions.begin() as db:
        rows = db.scalars(select(Finding).order_by(Finding.id))
        return [(row.kind, row.subject, row.detail) for row in rows]


def stranger(till: Till, attempt: PaymentAttempt, **metadata: str) -> CheckoutSession:
    """Open a payment page at Stripe of an attempt that this shop knows nothing of."""
    request = json.loads(attempt.request)
    about = {"order_id": "4711", "attempt_id": "of a lost database"} | metadata
    request |= {"metadata": about, "payment_intent_data": {"metadata": about}}
    return till.gateway.create_session(request | {"client_reference_id": "4711"}, "another key")


# --- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("later", "due"), [(-1, False), (0, True), (1, True)])
def test_it_is_due_twenty_hours_after_the_last(
    later: int, due: bool, till: Till, sessions: Sessions, clock: FixedClock
) -> None:
    first = clock()
    parts = {"sessions", "refunds", "disputes", "balance"}
    assert compare_everything(till) == dict.fromkeys(parts, NOTHING)
    assert cursors(sessions)["nightly"] == cursors(sessions)["nightly_tried"] == first
    clock.advance(hours=20, seconds=later)
    assert set(compare_everything(till)) == (parts if due else set())
    assert cursors(sessions)["nightly"] == (clock() if due else first)


@pytest.mark.parametrize(("later", "due"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("path", [CREATE, "/v1/refunds", "/v1/disputes", "/v1/balance"])
def test_when_a_part_of_it_failed_it_is_due_again_in_an_hour(  # noqa: PLR0917 - fixtures
    path: str,
    later: int,
    due: bool,
    till: Till,
    sessions: Sessions,
    clock: FixedClock,
    stand_in: StandInServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = {CREATE: "sessions"}.get(path, path.removeprefix("/v1/"))
    stand_in.control("faults", kind="500", path=path, times=3)
    done = compare_everything(till)
    parts = dict.fromkeys(["sessions", "refunds", "disputes", "balance"], NOTHING)
    assert done == parts | {name: Outcome(failed=1)}
    assert caplog.records[-1].getMessage().startswith(f"{name} wait: Request req_")
    assert "nightly" not in cursors(sessions)
    assert cursors(sessions)["nightly_tried"] == clock()
    clock.advance(hours=1, seconds=later)
    assert compare_everything(till) == (parts if due else {})


def test_the_owners_command_does_not_wait_for_the_night(till: Till, clock: FixedClock) -> None:
    parts = ["sessions", "refunds", "disputes", "balance"]
    before = ["changed carts", "half done", "refunds sent", "events"]
    for _ in range(2):
        done = everything(till, sleep=lambda _: None)
        assert done == dict.fromkeys([*before, *parts], NOTHING)
        assert [*done] == [*before, *parts]
        clock.advance(seconds=1)


def test_all_that_could_not_be_done_counts(
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moss = shelf.add("moss", on_hand=3)
    ids = [opened(sessions, till, moss, cart=cart).id for cart in ("one", "two", "three")]
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(release_asked_at=till.now()))

    def closing(_till: Till, attempt_id: str) -> None:
        if attempt_id == ids[0]:
            raise PaymentUnknown("no answer")
        if attempt_id == ids[1]:
            raise ZeroDivisionError("a fault of our own")

    monkeypatch.setattr(reconciler, "expire", closing)
    with caplog.at_level(logging.WARNING, logger="shop.payments"):
        assert release_changed_carts(till) == Outcome(done=1, failed=2)
    said = {record.getMessage(): record.levelname for record in caplog.records}
    assert said == {f"{ids[0]} waits: no answer": "WARNING", f"{ids[1]} failed": "ERROR"}
    assert Outcome(1, 2) + Outcome(10, 20) == Outcome(11, 22)


# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_who_is_behind_what_stripe_says_catches_up(
    status: Status,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    pauses: list[float],
) -> None:
    attempt = opened(sessions, till, shelf.add())
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(status=status))
    behind = status in {"creating", "open", "processing", "expired", "failed"}
    assert compare(till, pauses)["sessions"] == Outcome(done=int(behind))
    assert pauses == [0.2] * behind
    assert read(sessions, attempt.id).status == ("paid" if behind else status)


@pytest.mark.parametrize("known", [True, False])
def test_an_attempt_whose_session_was_not_written_down_is_found(
    known: bool, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    raven = shelf.add()
    attempt = opened(sessions, till, raven)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    if not known:
        with sessions.begin() as db:
            db.execute(update(PaymentAttempt).values(status="creating", session_id=None, url=None))
    assert compare(till)["sessions"] == Outcome(done=1)
    if not known:  # Stripe repeats what it answered then: the page is written down, as open
        assert read(sessions, attempt.id).session_id == attempt.session_id
        assert stand(sessions, raven) == ([("pending", "open")], 1, 1)
        assert compare(till)["sessions"] == Outcome(done=1)
    assert stand(sessions, raven) == ([("paid", "paid")], 0, 0)
    assert findings(sessions) == []


@pytest.mark.parametrize("outcome", ["open", "processing", "closed"])
def test_what_is_not_paid_is_left_to_its_own_time(
    outcome: str, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = opened(sessions, till, shelf.add())
    if outcome == "processing":
        stand_in.control(f"sessions/{attempt.session_id}/pay", outcome="processing")
    elif outcome == "closed":
        till.gateway.expire_session(str(attempt.session_id))
    assert compare(till)["sessions"] == NOTHING
    assert read(sessions, attempt.id).status == "open"


def test_who_is_behind_and_cannot_be_asked_is_asked_the_next_time(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = opened(sessions, till, shelf.add())
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    stand_in.control("faults", kind="500", path=f"{CREATE}/.*", times=3)
    assert compare(till)["sessions"] == Outcome(failed=1)
    assert "nightly" not in cursors(sessions)
    assert compare(till)["sessions"] == Outcome(done=1)
    assert "nightly" in cursors(sessions)


# --- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "met", "noted", "end"),
    [
        ("open", 1, False, "expired"),
        ("closed", 1, False, "expired"),
        ("paid", 1, True, "complete"),
        ("processing", 1, False, "complete"),
    ],
)
def test_a_page_of_a_lost_database_is_closed_and_what_was_paid_is_shown(  # noqa: PLR0917
    life: str,
    met: int,
    noted: bool,
    end: str,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    pauses: list[float],
) -> None:
    unknown = stranger(till, placed(sessions, till, shelf.add()))
    if life == "closed":
        till.gateway.expire_session(unknown.id)
    elif life != "open":
        outcome = "complete" if life == "paid" else "processing"
        stand_in.control(f"sessions/{unknown.id}/pay", outcome=outcome)
    assert compare(till, pauses)["sessions"] == Outcome(done=met)
    assert pauses == [0.2]
    expected = [("unknown_payment", unknown.id, "28100 SEK")] if noted else []
    assert findings(sessions) == expected
    assert till.gateway.retrieve_session(unknown.id).status == end
    compare(till)
    assert findings(sessions) == expected


def test_a_stranger_that_is_paid_this_moment_is_found_the_next_time(
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = stranger(till, placed(sessions, till, shelf.add()))
    listed = till.gateway.sessions_since

    def and_paid(at: datetime) -> list[CheckoutSession]:
        found = listed(at)
        stand_in.control(f"sessions/{unknown.id}/pay")
        return found

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, logger="shop.payments"):
        patch.setattr(till.gateway, "sessions_since", and_paid)
        assert compare(till)["sessions"] == Outcome(done=1)
    assert [r.getMessage() for r in caplog.records] == ["an unknown session could not be closed"]
    assert findings(sessions) == []
    assert compare(till)["sessions"] == Outcome(done=1)
    assert findings(sessions) == [("unknown_payment", unknown.id, "28100 SEK")]


def test_a_second_session_of_an_attempt_is_a_stranger(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """It cannot be, under one key; but money that came is never passed over."""
    attempt = opened(sessions, till, shelf.add())
    second = stranger(till, attempt, attempt_id=attempt.id)
    assert second.id != attempt.session_id
    assert compare(till)["sessions"] == Outcome(done=1)
    assert till.gateway.retrieve_session(second.id).status == "expired"
    assert till.gateway.retrieve_session(str(attempt.session_id)).status == "open"


def test_what_another_program_sells_with_the_same_account_is_not_ours(
    shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    foreign = stranger(till, placed(sessions, till, shelf.add()), attempt_id="")
    assert compare(till)["sessions"] == NOTHING
    assert till.gateway.retrieve_session(foreign.id).status == "open"


# --- refunds and disputes -------------------------------------------------------------------------


def test_what_was_refunded_or_disputed_is_asked_about_once_each(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer, pauses: list[float]
) -> None:
    moss = shelf.add("moss", on_hand=3)
    bought = [paid(sessions, till, stand_in, moss, cart=cart) for cart in ("one", "two", "three")]
    first, second = (charge_of(stand_in, str(b.payment_intent_id)) for b in bought[:2])
    for _ in range(2):
        stand_in.control(f"charges/{first}/refund", amount=1000)
    stand_in.control(f"charges/{second}/dispute")
    done = compare(till, pauses)
    assert (done["refunds"], done["disputes"]) == (Outcome(done=1), Outcome(done=1))
    assert pauses == [0.2, 0.2]
    with sessions.begin() as db:
        refunds = db.execute(select(Refund.order_id, Refund.amount)).all()
        assert [tuple(row) for row in refunds] == [(1, 1000), (1, 1000)]
        assert db.scalars(select(Dispute.order_id)).all() == [2]
        assert db.scalars(select(Order.disputed).order_by(Order.id)).all() == [False, True, False]


def test_a_dispute_is_asked_about_as_long_as_it_is_open_however_old(
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    attempt = paid(sessions, till, stand_in, shelf.add())
    charge = charge_of(stand_in, str(attempt.payment_intent_id))
    dispute = stand_in.control(f"charges/{charge}/dispute")
    assert compare(till)["disputes"] == Outcome(done=1)
    clock.advance(days=31)
    assert compare(till)["disputes"] == Outcome(done=1)
    stand_in.control(f"disputes/{dispute['id']}/close", outcome="won")
    assert compare(till)["disputes"] == Outcome(done=1)
    assert compare(till)["disputes"] == NOTHING
    with sessions.begin() as db:
        assert db.scalars(select(Dispute.status)).one() == "won"


def test_a_refund_of_a_payment_that_is_not_ours_is_not_asked_about(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    unknown = stranger(till, placed(sessions, till, shelf.add()))
    payment = stand_in.control(f"sessions/{unknown.id}/pay")["payment_intent"]
    stand_in.control(f"charges/{charge_of(stand_in, payment)}/refund", amount=1000)
    assert compare(till)["refunds"] == NOTHING
    with sessions.begin() as db:
        assert db.scalars(select(Refund)).all() == []


@pytest.mark.parametrize("part", ["sessions_since", "refunded_since", "disputes_since"])
def test_it_looks_back_for_thirty_days(
    part: str, till: Till, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    listed: Any = getattr(till.gateway, part)

    def since(at: datetime) -> Any:
        asked.append(at)
        return listed(at)

    monkeypatch.setattr(till.gateway, part, since)
    compare(till)
    assert asked == [clock() - timedelta(days=30)]


def test_money_that_came_under_a_wrong_sum_is_not_asked_about_for_ever(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = opened(sessions, till, shelf.add())
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(currency="EUR"))
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    assert compare(till)["sessions"] == Outcome(done=1)
    assert read(sessions, attempt.id).status == "review"
    assert compare(till)["sessions"] == NOTHING
