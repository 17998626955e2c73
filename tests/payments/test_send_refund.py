"""Sending a refund that was written down: what each answer of Stripe's makes of it."""

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments.conversations import send_refund
from shop.payments.errors import NoSuchSession, PaymentMisconfigured, PaymentUnknown
from shop.payments.models import PaymentAttempt, Refund
from shop.payments.provider import StripeRefund
from shop.payments.reconciler import send_refunds
from shop.payments.refunds import Wish, given_back, request_refund
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.test_disputes import charge_of
from tests.payments.tools import mails, paid, read, timeline
from tests.support import FixedClock, Shelf, on_both_databases

REFUNDS = "/v1/refunds"
BOUGHT = [("placed", "buyer", ""), ("paid", "stripe", "")]


@pytest.fixture
def bought(shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer) -> PaymentAttempt:
    return paid(sessions, till, stand_in, shelf.add("moss", on_hand=5))


def ask(sessions: Sessions, till: Till, attempt: PaymentAttempt, amount: int = 5000) -> int:
    with sessions.begin() as db:
        wish = Wish({}, other_amount=amount)
        seen = given_back(db, attempt.id)
        return request_refund(db, attempt.order_id, wish, seen=seen, now=till.now()).id


def the_refund(sessions: Sessions) -> tuple[str, str | None, datetime | None, bool]:
    """Return the last refund's status, trouble, when it was asked about, and if Stripe has it."""
    with sessions.begin() as db:
        found = db.scalars(select(Refund).order_by(Refund.id.desc()).limit(1)).one()
        return found.status, found.last_error, found.checked_at, found.stripe_id is not None


def order(sessions: Sessions) -> tuple[str, str | None]:
    with sessions.begin() as db:
        found = db.scalars(select(Order)).one()
        return found.status, found.review


def sent(stand_in: StandInServer) -> list[int]:
    return [row["amount"] for row in stand_in.log() if row["what"] == "refund.created"]


@on_both_databases
def test_it_is_sent_once_and_the_buyer_is_told_once(
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought)
    before = timeline(sessions)
    clock.advance(minutes=1)
    for _ in range(2):
        send_refund(till, refund_id)
    assert the_refund(sessions) == ("succeeded", None, clock(), True)
    assert before == BOUGHT
    assert timeline(sessions) == [*BOUGHT, ("money_back", "owner", "5000")]
    assert mails(sessions)[2:] == [("refund", refund_id, "anna@example.se", "sv")]
    assert sent(stand_in) == [5000]
    [made] = till.gateway.refunds_of(str(bought.payment_intent_id))
    with sessions.begin() as db:
        found = db.get_one(Refund, refund_id)
        assert (made.id, made.token) == (found.stripe_id, found.token)
        assert found.idempotency_key == f"rf:{found.token}"


def test_it_says_at_stripe_which_order_it_is_of(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    send_refund(till, ask(sessions, till, bought))
    client = till.gateway._client  # type: ignore[attr-defined] # what the shop does not read
    [made] = client.v1.refunds.list({"payment_intent": bought.payment_intent_id}).data
    with sessions.begin() as db:
        token = db.scalars(select(Refund.token)).one()
    assert made.metadata.to_dict() == {"order_id": str(bought.order_id), "refund_id": token}


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("500", PaymentUnknown, "An unknown error occurred."),
        ("429", PaymentUnknown, "Request rate limit exceeded."),
        ("401", PaymentMisconfigured, "Invalid API Key provided."),
    ],
)
def test_without_an_answer_it_waits_and_goes_out_later(  # noqa: PLR0917 - fixtures
    kind: str,
    error: type[Exception],
    words: str,
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought)
    clock.advance(seconds=5)
    stand_in.control("faults", kind=kind, path=REFUNDS, times=3)
    with pytest.raises(error):
        send_refund(till, refund_id)
    status, trouble, asked_at, at_stripe = the_refund(sessions)
    assert (status, asked_at, at_stripe) == ("requested", clock(), False)
    assert re.fullmatch(rf"Request req_\w+: {re.escape(words)}", trouble or "")
    assert timeline(sessions) == BOUGHT
    stand_in.control("faults", clear=True)
    clock.advance(seconds=31)
    assert send_refunds(till).done == 1
    assert the_refund(sessions)[0] == "succeeded"
    assert sent(stand_in) == [5000]


def refuse(stand_in: StandInServer, attempt: PaymentAttempt) -> None:
    """Leave so little of the payment at Stripe that it refuses what the shop asks for."""
    charge = charge_of(stand_in, str(attempt.payment_intent_id))
    stand_in.control(f"charges/{charge}/refund", amount=25000)


@on_both_databases
def test_what_stripe_refuses_is_ours_again_and_flagged(
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought, 28100)
    assert order(sessions) == ("refunded", None)
    refuse(stand_in, bought)
    clock.advance(minutes=1)
    for _ in range(2):
        send_refund(till, refund_id)
    assert order(sessions) == ("paid", "refund_failed")
    with sessions.begin() as db:
        refused = db.get_one(Refund, refund_id)
        assert refused.status == "failed"
        assert "greater than unrefunded amount" in (refused.last_error or "")
        assert given_back(db, bought.id) == 25000
    assert timeline(sessions) == [
        *BOUGHT,
        ("refunded", "shop", ""),
        ("money_back", "dashboard", "25000"),
        ("refund_failed", "stripe", "28100"),
        ("review", "shop", "refund_failed"),
        ("refund_taken_back", "shop", "paid"),
    ]
    assert sent(stand_in) == [25000]


def test_what_is_refused_because_it_was_made_before_is_no_failure(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """Stripe has forgotten the key earlier than it says, and nothing is left to give back."""
    refund_id = ask(sessions, till, bought, 28100)
    stand_in.control("faults", kind="cut", path=REFUNDS, when="after", times=3)
    with pytest.raises(PaymentUnknown):
        send_refund(till, refund_id)
    stand_in.control("clock", advance=25 * 3600)
    send_refund(till, refund_id)
    assert the_refund(sessions)[0] == "succeeded"
    assert order(sessions) == ("refunded", None)
    assert timeline(sessions) == [
        *BOUGHT,
        ("refunded", "shop", ""),
        ("money_back", "owner", "28100"),
    ]
    assert sent(stand_in) == [28100]


def test_while_nobody_says_whether_it_was_made_before_it_is_not_called_refused(
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought, 28100)
    refuse(stand_in, bought)
    clock.advance(seconds=5)
    stand_in.control("faults", kind="500", method="GET", path=REFUNDS, times=3)
    with pytest.raises(PaymentUnknown):
        send_refund(till, refund_id)
    status, trouble, asked_at, at_stripe = the_refund(sessions)
    assert (status, asked_at, at_stripe) == ("requested", clock(), False)
    assert (trouble or "").endswith(": An unknown error occurred.")
    assert order(sessions) == ("refunded", None)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("after", [timedelta(0), timedelta(days=2)])
def test_a_payment_that_stripe_does_not_know_cannot_go_back(  # noqa: PLR0917 - fixtures
    after: timedelta,
    listed: bool,
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was taken under another key: in the days before going live, say. Whether the refunds of
    an unknown payment are none, or an error, Stripe does not promise.
    """

    def unknown(payment_intent_id: str) -> list[StripeRefund]:
        raise NoSuchSession(payment_intent_id)

    if not listed:
        monkeypatch.setattr(till.gateway, "refunds_of", unknown)
    refund_id = ask(sessions, till, bought)
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(payment_intent_id="pi_of_another_account"))
    clock.at += after
    send_refund(till, refund_id)
    status, trouble, _, at_stripe = the_refund(sessions)
    assert (status, at_stripe) == ("failed", False)
    assert "No such payment_intent" in (trouble or "")
    assert order(sessions) == ("paid", "refund_failed")
    assert sent(stand_in) == []


# --- a key that Stripe may have forgotten ---------------------------------------------------------


@pytest.mark.parametrize(("past", "looked"), [(-1, 0), (0, 0), (1, 1)])
def test_after_twenty_three_hours_it_looks_first_whether_it_was_made(
    past: int,
    looked: int,
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought)
    stand_in.control("faults", kind="delay", method="GET", path=REFUNDS, times=9)
    clock.advance(hours=23, seconds=past)
    send_refund(till, refund_id)
    assert stand_in.control("faults")["faults"][0]["seen"] == looked
    assert the_refund(sessions) == ("succeeded", None, clock(), True)
    assert sent(stand_in) == [5000]


def test_one_that_was_made_is_written_down_and_not_made_again(
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought)
    stand_in.control("faults", kind="cut", path=REFUNDS, when="after", times=3)
    with pytest.raises(PaymentUnknown):
        send_refund(till, refund_id)
    clock.advance(hours=25)
    stand_in.control("clock", advance=25 * 3600)
    send_refund(till, refund_id)
    assert the_refund(sessions)[0] == "succeeded"
    assert timeline(sessions) == [*BOUGHT, ("money_back", "owner", "5000")]
    assert sent(stand_in) == [5000]


def test_one_that_was_not_made_is_made_though_others_were(
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    refund_id = ask(sessions, till, bought)
    charge = charge_of(stand_in, str(bought.payment_intent_id))
    stand_in.control(f"charges/{charge}/refund", amount=5000)
    clock.advance(hours=25)
    stand_in.control("clock", advance=25 * 3600)
    send_refund(till, refund_id)
    assert sent(stand_in) == [5000, 5000]
    with sessions.begin() as db:
        rows = db.execute(select(Refund.origin, Refund.status).order_by(Refund.id))
        assert [tuple(row) for row in rows] == [("owner", "succeeded"), ("dashboard", "succeeded")]


@pytest.mark.parametrize("status", ["pending", "succeeded", "failed", "canceled"])
def test_only_what_stripe_has_not_answered_for_is_sent(
    status: str,
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    refund_id = ask(sessions, till, bought)
    with sessions.begin() as db:
        db.execute(update(Refund).values(status=status))
    send_refund(till, refund_id)
    assert the_refund(sessions)[0] == status
    assert sent(stand_in) == []


def test_what_was_never_paid_is_not_sent_back(
    bought: PaymentAttempt, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    refund_id = ask(sessions, till, bought)
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(payment_intent_id=None))
    send_refund(till, refund_id)
    assert the_refund(sessions) == ("requested", None, None, False)
    assert read(sessions, bought.id).status == "paid"
    assert sent(stand_in) == []
