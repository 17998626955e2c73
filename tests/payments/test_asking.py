"""Asking Stripe about a payment: what is written down of each answer, and of none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments.conversations import (
    ask_about_disputes,
    ask_about_refunds,
    expire,
    settle,
)
from shop.payments.errors import NoSuchSession, PaymentMisconfigured, PaymentUnknown
from shop.payments.models import Dispute, PaymentAttempt, Refund
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.test_disputes import charge_of
from tests.payments.tools import mails, opened, paid, placed, read, stand, timeline
from tests.support import FixedClock, Shelf, on_both_databases

SESSION = "/v1/checkout/sessions/[^/]*"
EXPIRE = "/v1/checkout/sessions/.*/expire"
SILENT = [
    ("500", PaymentUnknown),
    ("429", PaymentUnknown),
    ("reset", PaymentUnknown),
    ("401", PaymentMisconfigured),
]
PLACED = ("placed", "buyer", "")


def change(sessions: Sessions, attempt_id: str, **values: Any) -> None:
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).where(PaymentAttempt.id == attempt_id).values(**values))


def review(sessions: Sessions) -> str | None:
    with sessions.begin() as db:
        return db.scalars(select(Order.review)).one()


# --- settle ---------------------------------------------------------------------------------------


@on_both_databases
def test_an_open_page_changes_nothing_but_when_it_was_asked_about(
    shelf: Shelf, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    clock.advance(minutes=3)
    settle(till, attempt.id)
    after = read(sessions, attempt.id)
    assert after.checked_at == clock()
    assert (after.status, after.url) == ("open", attempt.url)
    assert stand(sessions, variant_id) == ([("pending", "open")], 1, 1)
    assert timeline(sessions) == [PLACED]


@on_both_databases
def test_a_payment_is_taken_with_all_that_belongs_to_it(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer, clock: FixedClock
) -> None:
    variant_id = shelf.add("moss", on_hand=5)
    attempt = opened(sessions, till, variant_id, 2)
    payment = stand_in.control(f"sessions/{attempt.session_id}/pay")["payment_intent"]
    clock.advance(minutes=4)
    for _ in range(2):
        settle(till, attempt.id)
    after = read(sessions, attempt.id)
    assert (after.status, after.url, after.payment_intent_id) == ("paid", None, payment)
    assert (after.payment_method, after.checked_at) == ("card", clock())
    assert after.release_asked_at is None
    with sessions.begin() as db:
        order = db.get_one(Order, attempt.order_id)
        assert (order.status, order.paid_at, order.review) == ("paid", clock(), None)
    assert stand(sessions, variant_id) == ([("paid", "paid")], 3, 0)
    assert timeline(sessions) == [PLACED, ("paid", "stripe", "")]
    assert mails(sessions) == [
        ("order_confirmation", 1, "anna@example.se", "sv"),
        ("order_notice", 1, "butik@example.se", "sv"),
    ]


@pytest.mark.parametrize(("kind", "error"), SILENT)
def test_without_an_answer_nothing_is_written_down(
    kind: str,
    error: type[Exception],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    stand_in.control("faults", kind=kind, path=SESSION, times=3)
    with pytest.raises(error):
        settle(till, attempt.id)
    after = read(sessions, attempt.id)
    assert (after.status, after.checked_at, after.last_error) == ("open", None, None)
    assert stand(sessions, variant_id) == ([("pending", "open")], 1, 1)


def test_a_page_that_was_closed_at_stripe_frees_its_piece(
    shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    till.gateway.expire_session(str(attempt.session_id))
    for _ in range(2):
        settle(till, attempt.id)
    assert stand(sessions, variant_id) == ([("expired", "expired")], 1, 0)
    assert timeline(sessions) == [PLACED, ("expired", "shop", "")]
    assert read(sessions, attempt.id).url is None


def test_what_went_back_before_anybody_knew_of_the_payment_is_asked_about(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = opened(sessions, till, shelf.add())
    payment = stand_in.control(f"sessions/{attempt.session_id}/pay")["payment_intent"]
    charge = charge_of(stand_in, payment)
    stand_in.control(f"charges/{charge}/refund", amount=1000)
    stand_in.control(f"charges/{charge}/dispute")
    settle(till, attempt.id)
    with sessions.begin() as db:
        refund, dispute = db.scalars(select(Refund)).one(), db.scalars(select(Dispute)).one()
        assert (refund.amount, refund.origin, refund.status) == (1000, "dashboard", "succeeded")
        assert (dispute.order_id, dispute.status) == (attempt.order_id, "needs_response")
        order = db.get_one(Order, attempt.order_id)
        assert (order.status, order.disputed) == ("paid", True)


def test_what_did_not_change_since_is_not_asked_about(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = opened(sessions, till, shelf.add())
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    stand_in.control("faults", kind="500", path="/v1/(refunds|disputes)", times=9)
    settle(till, attempt.id)
    assert stand_in.control("faults")["faults"][0]["seen"] == 0


# --- a session that Stripe does not know ----------------------------------------------------------


@pytest.mark.parametrize(("past", "given_up"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("ask", [settle, expire])
def test_an_unknown_session_is_given_up_a_day_after_its_end(
    ask: Callable[[Till, str], None],
    past: int,
    given_up: bool,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    change(sessions, attempt.id, session_id="cs_test_of_another_account")
    clock.at = attempt.expires_at + timedelta(days=1, seconds=past)
    if not given_up:
        with pytest.raises(NoSuchSession):
            ask(till, attempt.id)
        assert stand(sessions, variant_id) == ([("pending", "open")], 1, 1)
        assert read(sessions, attempt.id).last_error is None
        return
    ask(till, attempt.id)
    assert stand(sessions, variant_id) == ([("expired", "expired")], 1, 0)
    assert timeline(sessions) == [
        PLACED,
        ("expired", "shop", ""),
        ("review", "shop", "unknown_to_stripe"),
    ]
    assert review(sessions) == "unknown_to_stripe"
    error = read(sessions, attempt.id).last_error or ""
    assert error.endswith(": No such checkout.session: '…'")


def test_an_unknown_session_of_what_is_over_flags_nothing(
    shelf: Shelf, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    attempt = opened(sessions, till, shelf.add())
    expire(till, attempt.id)
    change(sessions, attempt.id, session_id="cs_test_of_another_account")
    clock.advance(days=3)
    settle(till, attempt.id)
    assert review(sessions) is None
    assert timeline(sessions) == [PLACED, ("expired", "shop", "")]


# --- expire ---------------------------------------------------------------------------------------


@on_both_databases
@pytest.mark.parametrize("asked", [True, False])
def test_who_changed_the_cart_has_cancelled_and_who_left_has_let_it_expire(
    asked: bool, shelf: Shelf, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    if asked:
        change(sessions, attempt.id, release_asked_at=clock())
    expire(till, attempt.id)
    end = "cancelled" if asked else "expired"
    assert stand(sessions, variant_id) == ([(end, "expired")], 1, 0)
    assert timeline(sessions) == [PLACED, (end, "shop", "")]
    after = read(sessions, attempt.id)
    assert (after.url, after.checked_at) == (None, clock())
    assert till.gateway.retrieve_session(str(attempt.session_id)).status == "expired"


@pytest.mark.parametrize(("kind", "error"), SILENT)
def test_what_stripe_did_not_close_is_still_held(
    kind: str,
    error: type[Exception],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    stand_in.control("faults", kind=kind, path=EXPIRE, times=3)
    with pytest.raises(error):
        expire(till, attempt.id)
    assert stand(sessions, variant_id) == ([("pending", "open")], 1, 1)
    assert read(sessions, attempt.id).url == attempt.url


def test_a_page_that_nobody_has_made_yet_is_made_and_closed(
    shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    """Stripe may have made it without our hearing of it: the same request tells."""
    variant_id = shelf.add()
    attempt = placed(sessions, till, variant_id)
    expire(till, attempt.id)
    assert stand(sessions, variant_id) == ([("expired", "expired")], 1, 0)
    session_id = str(read(sessions, attempt.id).session_id)
    assert till.gateway.retrieve_session(session_id).status == "expired"


@pytest.mark.parametrize(
    "status", ["processing", "paid", "failed", "expired", "review", "late", "refunded"]
)
def test_only_an_open_page_is_closed(
    status: str, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    attempt = opened(sessions, till, shelf.add())
    change(sessions, attempt.id, status=status)
    expire(till, attempt.id)
    assert till.gateway.retrieve_session(str(attempt.session_id)).status == "open"
    assert read(sessions, attempt.id).status == status


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("complete", ("paid", "paid", 0, 0)), ("processing", ("pending", "processing", 1, 1))],
)
def test_a_page_that_was_paid_first_is_settled_instead(
    outcome: str,
    expected: tuple[str, str, int, int],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    stand_in.control(f"sessions/{attempt.session_id}/pay", outcome=outcome)
    expire(till, attempt.id)
    [order], *levels = stand(sessions, variant_id)
    assert (*order, *levels) == expected


# --- refunds and disputes -------------------------------------------------------------------------


def test_what_was_never_paid_has_no_refunds_to_ask_about(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = opened(sessions, till, shelf.add())
    stand_in.control("faults", kind="500", path="/v1/refunds", times=9)
    ask_about_refunds(till, attempt.id)
    assert stand_in.control("faults")["faults"][0]["seen"] == 0


@pytest.mark.parametrize(("kind", "error"), SILENT)
def test_no_answer_about_refunds_or_disputes_changes_nothing(
    kind: str,
    error: type[Exception],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    attempt = paid(sessions, till, stand_in, shelf.add())
    payment = str(attempt.payment_intent_id)
    charge = charge_of(stand_in, payment)
    stand_in.control(f"charges/{charge}/refund", amount=1000)
    stand_in.control(f"charges/{charge}/dispute")
    stand_in.control("faults", kind=kind, path="/v1/(refunds|disputes)", times=6)
    with pytest.raises(error):
        ask_about_refunds(till, attempt.id)
    with pytest.raises(error):
        ask_about_disputes(till, payment)
    with sessions.begin() as db:
        assert db.scalars(select(Refund)).all() == []
        assert db.scalars(select(Dispute)).all() == []


def test_what_was_captured_is_asked_for_only_of_what_does_not_fit(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = paid(sessions, till, stand_in, shelf.add())
    stand_in.control("faults", kind="500", path=SESSION, times=9)
    ask_about_refunds(till, attempt.id)
    assert stand_in.control("faults")["faults"][0]["seen"] == 0
    change(sessions, attempt.id, status="review")
    with pytest.raises(PaymentUnknown):
        ask_about_refunds(till, attempt.id)
    change(sessions, attempt.id, session_id=None)
    ask_about_refunds(till, attempt.id)


def test_a_payment_that_no_bank_questions_has_no_disputes(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt = paid(sessions, till, stand_in, shelf.add())
    ask_about_disputes(till, str(attempt.payment_intent_id))
    with sessions.begin() as db:
        assert db.scalars(select(Dispute)).all() == []
    assert len(timeline(sessions)) == 2
