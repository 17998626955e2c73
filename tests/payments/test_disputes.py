"""Disputes: the order stops while the bank asks, and goes on, or is lost, as the bank decides."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.mail.letters import text_of
from shop.mail.models import Message
from shop.mail.worker import send_due
from shop.orders.actions import ship
from shop.orders.errors import WrongState
from shop.orders.models import Order, OrderEntry
from shop.orders.queries import to_send, waiting
from shop.payments.disputes import apply_dispute
from shop.payments.errors import RefundImpossible
from shop.payments.inbox import process, store
from shop.payments.models import Dispute
from shop.payments.queries import attempt_of_payment
from shop.payments.reconciler import catch_up, everything
from shop.payments.refunds import Wish, request_refund
from shop.payments.till import Till
from shop.preferences.actions import set_preferences
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.worker import make_post_office
from tests.payments.tools import the_attempt
from tests.support import Buyer, FixedClock, Shelf, on_both_databases


@pytest.fixture
def paid(buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer) -> str:
    """Return the charge of a paid order, whose webhooks are lost."""
    buyer.buy(shelf.add("raven"))
    return charge_of(stand_in, str(the_attempt(sessions).payment_intent_id))


def charge_of(stand_in: StandInServer, payment_intent_id: str) -> str:
    found = [
        row
        for row in stand_in.log()
        if row.get("payment_intent") == payment_intent_id and row.get("charge")
    ]
    return str(found[0]["charge"])


def the_order(sessions: Sessions) -> tuple[str, bool, str | None, list[str]]:
    """Return the order's status, whether it is disputed, why it is held, and its timeline."""
    with sessions.begin() as db:
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
        order = db.scalars(select(Order)).one()
        entries = list(db.scalars(select(OrderEntry.kind).order_by(OrderEntry.id)))
        return order.status, order.disputed, order.review, entries


def notices(sessions: Sessions) -> list[tuple[str, int]]:
    with sessions.begin() as db:
        rows = db.scalars(select(Message).where(Message.kind == "dispute_notice"))
        return [(row.recipient, row.subject_id) for row in rows]


def look(till: Till, clock: FixedClock) -> None:
    clock.advance(minutes=2)
    catch_up(till)


@on_both_databases
def test_a_dispute_whose_news_was_lost_stops_the_order_all_the_same(
    paid: str, till: Till, clock: FixedClock, sessions: Sessions, stand_in: StandInServer
) -> None:
    stand_in.control(f"charges/{paid}/dispute", reason="fraudulent")
    look(till, clock)
    assert the_order(sessions) == ("paid", True, None, ["placed", "paid", "dispute_opened"])
    assert notices(sessions) == [("butik@example.se", 1)]
    with sessions.begin() as db:
        dispute = db.scalars(select(Dispute)).one()
        assert (dispute.status, dispute.reason, dispute.amount) == (
            "needs_response",
            "fraudulent",
            28100,
        )
        assert list(to_send(db)) == []
        assert waiting(db, clock().date()).in_review == 1
    with sessions.begin() as db, pytest.raises(WrongState):
        ship(db, db.scalars(select(Order)).one(), tracking="", now=clock())
    with sessions.begin() as db, pytest.raises(RefundImpossible):
        request_refund(db, 1, Wish({}, other_amount=100), seen=0, now=clock())
    look(till, clock)  # asking once more changes nothing
    assert the_order(sessions)[3] == ["placed", "paid", "dispute_opened"]
    assert notices(sessions) == [("butik@example.se", 1)]


@pytest.mark.parametrize(
    ("outcome", "review", "entries"),
    [("won", None, ["dispute_won"]), ("lost", "dispute_lost", ["dispute_lost", "review"])],
)
def test_the_order_follows_what_the_bank_decides(  # noqa: PLR0917 - fixtures and parameters
    paid: str,
    till: Till,
    clock: FixedClock,
    sessions: Sessions,
    stand_in: StandInServer,
    outcome: str,
    review: str | None,
    entries: list[str],
) -> None:
    dispute = stand_in.control(f"charges/{paid}/dispute")
    look(till, clock)
    with sessions.begin() as db:
        intent = str(db.scalars(select(Dispute.payment_intent_id)).one())
    (early,) = till.gateway.disputes_of(intent)
    stand_in.control(f"disputes/{dispute['id']}/close", outcome=outcome)
    look(till, clock)
    whole = ("paid", False, review, ["placed", "paid", "dispute_opened", *entries])
    assert the_order(sessions) == whole
    with sessions.begin() as db:  # what Stripe said before comes late
        apply_dispute(db, early, attempt_of_payment(db, intent), now=clock())
    assert the_order(sessions) == whole
    with sessions.begin() as db:
        assert db.scalars(select(Dispute.status)).one() == outcome


def test_an_inquiry_that_ends_leaves_the_order_as_it_was(
    paid: str, till: Till, clock: FixedClock, sessions: Sessions, stand_in: StandInServer
) -> None:
    dispute = stand_in.control(f"charges/{paid}/dispute", status="warning_needs_response")
    look(till, clock)
    assert the_order(sessions)[1] is True
    stand_in.control(f"disputes/{dispute['id']}/close", outcome="warning_closed")
    look(till, clock)
    assert the_order(sessions) == (
        "paid",
        False,
        None,
        ["placed", "paid", "dispute_opened", "dispute_closed"],
    )


def test_the_news_of_a_dispute_stops_the_order(
    paid: str, till: Till, sessions: Sessions, stand_in: StandInServer
) -> None:
    stand_in.control(f"charges/{paid}/dispute")
    (news,) = [
        event
        for event in till.gateway.events_since(till.now() - timedelta(hours=1))
        if event.type == "charge.dispute.created"
    ]
    with sessions.begin() as db:
        assert store(db, news, news.payload, now=till.now())
    process(till, news.id)
    assert the_order(sessions)[1] is True


@pytest.mark.parametrize(("locale", "words"), [("sv", "ifrågasätter"), ("en", "questions")])
def test_the_owner_reads_by_when_to_answer(  # noqa: PLR0917 - fixtures and parameters
    paid: str,
    till: Till,
    config: Config,
    sessions: Sessions,
    owner: Buyer,
    stand_in: StandInServer,
    locale: str,
    words: str,
) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language=locale)
    stand_in.control(f"charges/{paid}/dispute")
    everything(till, sleep=lambda _: None)
    send_due(make_post_office(config))
    with sessions.begin() as db:
        sent = db.scalars(select(Message).where(Message.kind == "dispute_notice")).one()
        dispute = db.scalars(select(Dispute)).one()
        assert (sent.status, sent.trouble) == ("sent", None)
        text = text_of(sent.rendered or b"")
        assert words in text
        assert f"https://dashboard.stripe.com/disputes/{dispute.stripe_id}" in text
    seen = owner.get("/admin/payments")
    assert seen.status_code == 200
    assert f"https://dashboard.stripe.com/disputes/{dispute.stripe_id}" in seen.text
    order = owner.get("/admin/orders/1001")
    assert 'href="/admin/payments"' in order.text
    assert "/shipment" not in order.text
