"""The owner's orders over HTTP: sent, taken back, held, looked at."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shop.kit.clock import system_clock
from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.actions import flag_for_review
from shop.orders.models import Order, OrderEntry, Shipment
from shop.owner.models import AuditEntry
from shop.payments.models import PaymentAttempt
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from tests.support import Buyer, Shelf


@pytest.fixture
def sold(buyer: Buyer, shelf: Shelf) -> int:
    """Sell one piece and return its order's number."""
    buyer.buy(shelf.add("raven"))
    return 1001


def state(sessions: Sessions) -> tuple[str, list[str], int, list[str]]:
    """Return the order's status, its timeline, its shipments and the dispatch mails that wait."""
    with sessions.begin() as db:
        assert [finding.invariant.rule for finding in verify(db) if not finding.holds] == []
        return (
            db.scalars(select(Order.status)).one(),
            list(db.scalars(select(OrderEntry.kind).order_by(OrderEntry.id))),
            len(db.scalars(select(Shipment)).all()),
            list(db.scalars(select(Message.status).where(Message.kind == "dispatch"))),
        )


def test_sent_with_a_tracking_number_and_taken_back(
    owner: Buyer, sold: int, sessions: Sessions
) -> None:
    sent = owner.post(f"/admin/orders/{sold}/shipment", tracking=" RR 123 SE\n")
    assert sent.headers["location"] == "/admin/orders/1001?note=order-sent"
    assert state(sessions) == ("shipped", ["placed", "paid", "shipped"], 1, ["queued"])
    with sessions.begin() as db:
        assert db.scalars(select(Shipment.tracking)).one() == "RR 123 SE"
        mail = db.scalars(select(Message).where(Message.kind == "dispatch")).one()
        assert mail.due_at - mail.queued_at == timedelta(seconds=30)
    assert "RR 123 SE" in owner.get("/admin/orders/1001").text

    back = owner.post(f"/admin/orders/{sold}/shipment/undo")
    assert back.headers["location"] == "/admin/orders/1001?note=sending-taken-back"
    assert state(sessions) == ("paid", ["placed", "paid", "shipped", "sending_taken_back"], 0, [])

    assert owner.post(f"/admin/orders/{sold}/shipment").status_code == 303
    assert state(sessions)[0] == "shipped"
    with sessions.begin() as db:
        actions = list(db.scalars(select(AuditEntry.action).where(AuditEntry.subject == "1001")))
    assert actions == ["order sent", "sending taken back", "order sent"]


def test_once_the_buyer_is_told_sent_stands(owner: Buyer, sold: int, sessions: Sessions) -> None:
    owner.post(f"/admin/orders/{sold}/shipment")
    with sessions.begin() as db:
        db.execute(update(Message).where(Message.kind == "dispatch").values(tries=1))
    refused = owner.post(f"/admin/orders/{sold}/shipment/undo")
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert state(sessions)[0] == "shipped"


def test_sent_twice_is_sent_once(owner: Buyer, sold: int, sessions: Sessions) -> None:
    assert owner.post(f"/admin/orders/{sold}/shipment").status_code == 303
    assert owner.post(f"/admin/orders/{sold}/shipment").status_code == 409
    assert state(sessions) == ("shipped", ["placed", "paid", "shipped"], 1, ["queued"])


def test_a_tracking_number_that_is_too_long_changes_nothing(
    owner: Buyer, sold: int, sessions: Sessions
) -> None:
    refused = owner.post(f"/admin/orders/{sold}/shipment", tracking="9" * 61)
    assert refused.status_code == 422
    assert "9" * 61 in refused.text
    assert state(sessions)[0] == "paid"


def test_a_held_order_is_not_sent_until_it_was_looked_at(
    owner: Buyer, sold: int, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        flag_for_review(db, 1, "mismatch_amount", now=system_clock())
    assert owner.post(f"/admin/orders/{sold}/shipment").status_code == 409
    listed = owner.get("/admin/orders").text
    assert "/admin/orders/1001/shipment" not in listed
    assert 'href="/admin/orders/1001"' in listed

    looked = owner.post(f"/admin/orders/{sold}/review")

    assert looked.headers["location"] == "/admin/orders/1001?note=order-reviewed"
    assert owner.post(f"/admin/orders/{sold}/shipment").status_code == 303
    kinds = ["placed", "paid", "review", "reviewed", "shipped"]
    assert state(sessions) == ("shipped", kinds, 1, ["queued"])


def test_late_money_that_was_looked_at_is_no_breach_of_the_books(
    owner: Buyer, sold: int, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        flag_for_review(db, 1, "paid_late", now=system_clock())
        db.execute(update(PaymentAttempt).values(status="late"))
        db.execute(update(Order).values(status="expired"))
        db.add(OrderEntry(order_id=1, at=system_clock(), by="shop", kind="expired"))
    owner.post(f"/admin/orders/{sold}/review")
    with sessions.begin() as db:
        broken = [finding.invariant.rule for finding in verify(db) if not finding.holds]
    assert "money that came late, or does not fit, is held for a person to look at" not in broken


@pytest.mark.parametrize(
    ("shown", "there"), [("", True), ("sent", False), ("unpaid", False), ("nonsense", True)]
)
def test_the_lists(shown: str, there: bool, owner: Buyer, sold: int) -> None:
    page = owner.get(f"/admin/orders?show={shown}")
    assert page.status_code == 200
    assert (f'href="/admin/orders/{sold}"' in page.text) is there


@pytest.mark.parametrize("number", ["1002", "0", "-1", "abc", "9" * 30])
def test_no_such_order(number: str, owner: Buyer, sold: int) -> None:
    assert owner.get(f"/admin/orders/{number}").status_code == 404
    assert owner.post(f"/admin/orders/{number}/shipment").status_code == 404


def test_the_owner_asks_stripe(
    owner: Buyer,
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add("raven")
    visitor = new_buyer()
    visitor.add(variant_id)
    visitor.place()
    stand_in.control("webhooks", mode="hold")
    with sessions.begin() as db:
        session_id = db.scalars(select(PaymentAttempt.session_id)).one()
    stand_in.control(f"sessions/{session_id}/pay")

    stand_in.control("faults", kind="500", path="/v1/.*", times=3)
    silent = owner.post("/admin/orders/1001/payment")
    assert silent.headers["location"] == "/admin/orders/1001?note=stripe-silent"
    assert state(sessions)[0] == "pending"

    stand_in.control("faults", clear=True)
    asked = owner.post("/admin/orders/1001/payment")
    assert asked.headers["location"] == "/admin/orders/1001?note=stripe-asked"
    assert state(sessions)[0] == "paid"
