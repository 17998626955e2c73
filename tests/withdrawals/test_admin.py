"""What the owner sees of withdrawals, and does about them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.orders.actions import write_entry
from shop.orders.models import Order
from shop.owner.models import AuditEntry
from shop.preferences.actions import set_preferences
from shop.withdrawals.models import Withdrawal
from tests.support import Buyer, FixedClock, Shelf, words_of

CAME = datetime(2026, 12, 1, 13, 5, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(CAME)


@pytest.fixture(autouse=True)
def _in_english(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")


def put(sessions: Sessions, **facts: Any) -> int:
    values: dict[str, Any] = {
        "order_given": "1001",
        "name": "Anna Ek",
        "email": "anna@example.se",
        "locale": "sv",
        "at": CAME,
        "fingerprint": str(facts),
    }
    with sessions.begin() as db:
        withdrawal = Withdrawal(**values | facts)
        db.add(withdrawal)
        db.flush()
        return withdrawal.id


def buy(buyer: Buyer, shelf: Shelf, clock: FixedClock) -> None:
    clock.at = datetime.now(UTC)  # Stripe's stand-in lives today
    assert 'data-order="1001"' in buyer.buy(shelf.add("raven")).text
    clock.at = CAME


def test_nothing_to_see(owner: Buyer) -> None:
    page = owner.get("/admin/withdrawals")
    assert page.status_code == 200
    assert "Nobody has withdrawn from a purchase." in words_of(page)
    assert 'href="/admin/withdrawals"' in owner.get("/admin/more").text


def test_the_newest_first_with_what_was_said(owner: Buyer, sessions: Sessions) -> None:
    put(sessions, order_given="the blue one", message="Hello\nthere")
    put(sessions, name="Bo Berg", items="2 × Owl", at=CAME - timedelta(days=20))
    page = owner.get("/admin/withdrawals")
    seen = words_of(page)
    assert seen.index("Bo Berg") < seen.index("Anna Ek")
    assert "No order matches. The buyer wrote: the blue one" in seen
    assert "2 × Owl" in seen
    assert "“Hello there”" in seen
    assert "1 Dec 2026, 14:05" in seen or "1 Dec 2026 14:05" in seen
    assert "6 days late" in seen
    assert "14 days left" in seen


@pytest.mark.parametrize(
    ("days", "says"),
    [(0, "14 days left"), (13, "1 day left"), (14, "Last day today"), (15, "1 day late")],
)
def test_the_days_left_to_pay_back(
    owner: Buyer, sessions: Sessions, clock: FixedClock, days: int, says: str
) -> None:
    put(sessions)
    clock.advance(days=days)
    assert says in words_of(owner.get("/admin/withdrawals"))


@pytest.mark.parametrize(
    ("days", "says"),
    [(14, None), (15, "It came after the 14 days, which ended on 30 November 2026: you decide.")],
)
def test_in_time_or_not(
    owner: Buyer,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    clock: FixedClock,
    days: int,
    says: str | None,
) -> None:
    buy(buyer, shelf, clock)
    with sessions.begin() as db:
        order_id = db.scalars(select(Order.id)).one()
        db.execute(update(Order).values(status="delivered"))
        write_entry(db, order_id, "delivered", by="shop", now=CAME - timedelta(days=days))
    put(sessions, order_id=order_id)
    seen = words_of(owner.get("/admin/withdrawals"))
    assert "Order 1001 · SEK 281" in seen
    assert ("you decide" in seen) is (says is not None)
    assert says is None or says in seen


def test_an_unknown_day_of_arrival_counts_for_the_buyer(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions, clock: FixedClock
) -> None:
    buy(buyer, shelf, clock)
    with sessions.begin() as db:
        order_id = db.scalars(select(Order.id)).one()
    put(sessions, order_id=order_id)
    assert "treat it as in time" in words_of(owner.get("/admin/withdrawals"))


def test_nothing_is_owed_for_what_was_never_paid(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions, clock: FixedClock
) -> None:
    buy(buyer, shelf, clock)
    with sessions.begin() as db:
        order_id = db.scalars(select(Order.id)).one()
        db.execute(update(Order).values(status="expired"))
    put(sessions, order_id=order_id)
    seen = words_of(owner.get("/admin/withdrawals"))
    assert "Never paid" in seen
    assert "days left" not in seen


def test_it_is_seen_to(owner: Buyer, sessions: Sessions, clock: FixedClock) -> None:
    withdrawal_id = put(sessions)
    assert "1 withdrawal to see to" in words_of(owner.get("/admin"))
    assert "by Tuesday 15 December at the latest" in words_of(owner.get("/admin"))
    clock.advance(days=2)
    seen_to = owner.post(f"/admin/withdrawals/{withdrawal_id}/seen-to")
    assert seen_to.status_code == 303
    assert seen_to.headers["location"] == "/admin/withdrawals?note=withdrawal-seen-to"
    clock.advance(days=1)
    assert owner.post(f"/admin/withdrawals/{withdrawal_id}/seen-to").status_code == 303
    with sessions.begin() as db:  # a second press changes nothing
        assert db.get_one(Withdrawal, withdrawal_id).handled_at == CAME + timedelta(days=2)
    page = owner.follow(seen_to)
    assert "Marked as seen to." in words_of(page)
    assert "Seen to 3 December" in words_of(page)
    assert "days left" not in words_of(page)
    assert "to see to" not in words_of(owner.get("/admin"))
    with sessions.begin() as db:
        deeds = [row.action for row in db.scalars(select(AuditEntry))]
    assert deeds.count("withdrawal-seen-to") == 1


def test_the_home_page_says_when_it_is_too_late(
    owner: Buyer, sessions: Sessions, clock: FixedClock
) -> None:
    put(sessions)
    clock.advance(days=14)
    assert "Overdue" not in words_of(owner.get("/admin"))
    clock.advance(days=1)
    assert "Overdue" in words_of(owner.get("/admin"))


@pytest.mark.parametrize("wrong", ["2", "0", "x", "9" * 30, "-1"])
def test_what_is_not_there_cannot_be_seen_to(owner: Buyer, sessions: Sessions, wrong: str) -> None:
    put(sessions)
    assert owner.post(f"/admin/withdrawals/{wrong}/seen-to").status_code == 404


def test_an_order_that_is_withdrawn_is_not_sent_by_habit(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions, clock: FixedClock
) -> None:
    buy(buyer, shelf, clock)
    fields = {"order_given": "1001", "name": "Anna", "email": "anna@example.se", "confirm": "1"}
    assert buyer.post("/withdrawal", **fields).status_code == 303
    assert "Nothing to send." in words_of(owner.get("/admin/orders"))
    assert owner.post("/admin/orders/1001/shipment").status_code == 409
    page = words_of(owner.get("/admin/orders/1001"))
    assert "The buyer has withdrawn, so do not send it." in page
    assert "The buyer withdrew from the purchase" in page
    owner.post("/admin/orders/1001/review")
    assert owner.post("/admin/orders/1001/shipment").status_code == 303


def test_a_stranger_sees_nothing(buyer: Buyer, sessions: Sessions) -> None:
    withdrawal_id = put(sessions)
    assert buyer.get("/admin/withdrawals").status_code in {303, 403}
    assert buyer.post(f"/admin/withdrawals/{withdrawal_id}/seen-to").status_code in {303, 403}
    with sessions.begin() as db:
        assert db.get_one(Withdrawal, withdrawal_id).handled_at is None
