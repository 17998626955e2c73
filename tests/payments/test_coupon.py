"""The coupon of a discounted order: whatever gets lost, there is one coupon, one page, one sum."""

import json

import pytest
from sqlalchemy import select

from shop.discounts.actions import add_discount
from shop.discounts.models import Discount
from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments import conversations
from shop.payments.conversations import open_session, settle
from shop.payments.errors import PaymentUnknown
from shop.payments.models import PaymentAttempt
from shop.payments.reconciler import reconcile
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.discounts.tools import new_discount
from tests.payments.test_crash_points import Killed, dying_in
from tests.payments.tools import placed, read, stand
from tests.support import Buyer, FixedClock, Shelf, on_both_databases

COUPONS = "/v1/coupons"
SUM = 24500 - 5000 + 3600


@pytest.fixture
def raven(shelf: Shelf, sessions: Sessions) -> int:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000, most_uses=1))
    return shelf.add("raven")


@pytest.fixture
def attempt(raven: int, sessions: Sessions, till: Till) -> PaymentAttempt:
    return placed(sessions, till, raven, code="JUL25", discount=5000)


def coupons(till: Till) -> list[tuple[str, int, int | None, str | None]]:
    """Return every coupon that Stripe has: its id, what it takes off, how often, and its name."""
    client = till.gateway._client  # type: ignore[attr-defined] # what the shop does not read
    return [
        (found.id, found.amount_off, found.max_redemptions, found.name)
        for found in client.v1.coupons.list({"limit": 100}).data
    ]


def made(stand_in: StandInServer) -> int:
    return sum(row["what"] == "session.created" for row in stand_in.log())


def pay_and_look(
    attempt: PaymentAttempt, raven: int, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """Pay, and see that there is one coupon and one session, and that the sum is right."""
    assert coupons(till) == [(attempt.id, 5000, 1, "JUL25")]
    assert made(stand_in) == 1
    session = till.gateway.retrieve_session(str(read(sessions, attempt.id).session_id))
    assert session.amount_total == SUM
    stand_in.control(f"sessions/{session.id}/pay")
    settle(till, attempt.id)
    assert stand(sessions, raven) == ([("paid", "paid")], 0, 0)
    assert [r["amount"] for r in stand_in.log() if r["what"] == "session.paid"] == [SUM]
    with sessions.begin() as db:
        assert db.scalars(select(Order.total_amount)).one() == SUM
        assert db.scalars(select(Discount.uses)).one() == 1


@on_both_databases
def test_a_page_of_a_discounted_order(
    attempt: PaymentAttempt, raven: int, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    assert coupons(till) == []
    open_session(till, attempt.id)
    pay_and_look(attempt, raven, sessions, till, stand_in)


@pytest.mark.parametrize(
    ("when", "kind"),
    [
        ("before", "reset"),
        ("before", "500"),
        ("after", "reset"),
        ("after", "500"),
        ("after", "cut"),
    ],
)
def test_a_lost_answer_about_the_coupon_makes_no_second_one(  # noqa: PLR0917 - fixtures
    when: str,
    kind: str,
    attempt: PaymentAttempt,
    raven: int,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    stand_in.control("faults", kind=kind, path=COUPONS, when=when, times=3)
    with pytest.raises(PaymentUnknown):
        open_session(till, attempt.id)
    assert len(coupons(till)) == (when == "after")
    assert (read(sessions, attempt.id).status, made(stand_in)) == ("creating", 0)
    clock.advance(seconds=31)
    assert reconcile(till).done == 1
    pay_and_look(attempt, raven, sessions, till, stand_in)


@on_both_databases
def test_killed_between_the_coupon_and_the_page(
    attempt: PaymentAttempt,
    raven: int,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    """The coupon is at Stripe, and nothing here says so."""
    with dying_in(type(till.gateway), "create_coupon", after=True), pytest.raises(Killed):
        open_session(till, attempt.id)
    assert len(coupons(till)) == 1
    assert (read(sessions, attempt.id).status, made(stand_in)) == ("creating", 0)
    clock.advance(seconds=31)
    assert reconcile(till).done == 1
    pay_and_look(attempt, raven, sessions, till, stand_in)


@on_both_databases
def test_killed_before_the_page_was_written_down(
    attempt: PaymentAttempt,
    raven: int,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    with dying_in(conversations, "record_session"), pytest.raises(Killed):
        open_session(till, attempt.id)
    assert (len(coupons(till)), made(stand_in)) == (1, 1)
    clock.advance(seconds=31)
    assert reconcile(till).done == 1
    pay_and_look(attempt, raven, sessions, till, stand_in)


def test_a_coupon_whose_key_stripe_has_forgotten_will_do(
    attempt: PaymentAttempt, raven: int, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    till.gateway.create_coupon(json.loads(attempt.coupon or ""), "a key of long ago")
    open_session(till, attempt.id)
    pay_and_look(attempt, raven, sessions, till, stand_in)


def test_the_buyer_who_presses_again_gets_the_page(
    raven: int, buyer: Buyer, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """The whole way, over HTTP: the coupon's answer is lost, and the same form is sent again."""
    buyer.add(raven)
    fields = {"code": "JUL25", "shown_discount": "5000"}
    stand_in.control("faults", kind="reset", path=COUPONS, when="after", times=3)
    assert buyer.place(**fields).status_code == 503
    again = buyer.place(**fields)
    assert again.status_code == 303
    with sessions.begin() as db:
        attempt = db.scalars(select(PaymentAttempt)).one()
    assert again.headers["location"] == attempt.url
    pay_and_look(attempt, raven, sessions, till, stand_in)
