"""A repayment that Stripe refuses, and a form that is out of date: what the owner reads of it."""

from html import unescape

import pytest
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.owner.models import AuditEntry
from shop.payments.models import PaymentAttempt, Refund
from shop.payments.refunds import given_back
from shop.preferences.actions import set_preferences
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.support import Buyer, Shelf, fields_of, words_of

PAGE = "/admin/orders/1001"
REFUND = f"{PAGE}/refund"
WHOLE, PARTS = "pay-back-everything", "pay-back-parts"
REFUSED = (
    "Stripe has refused the repayment. The money is still here; what Stripe said stands below."
)
HELD = (
    "A repayment failed, so the money is still with you. Read below what Stripe said, try again, "
    "or ask the buyer for another way to pay it back."
)
CHANGED = (
    "Something has happened in between, so nothing more was paid back. Look again at what is left."
)


@pytest.fixture(autouse=True)
def _in_english(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")


@pytest.fixture
def raven(buyer: Buyer, shelf: Shelf) -> int:
    """Sell the raven for 281 kr, of which 36 kr are postage."""
    variant_id = shelf.add("raven")
    buyer.buy(variant_id)
    return variant_id


def pay_back_at_stripe(stand_in: StandInServer, amount: int) -> None:
    """Pay a part back in the dashboard, of which the shop has not heard."""
    stand_in.control("webhooks", mode="hold")
    [charge] = [row["charge"] for row in stand_in.log() if row["what"] == "charge.succeeded"]
    stand_in.control(f"charges/{charge}/refund", amount=amount)


def sent(stand_in: StandInServer) -> list[int]:
    return [row["amount"] for row in stand_in.log() if row["what"] == "refund.created"]


def refunds(sessions: Sessions) -> list[tuple[str, str, int]]:
    with sessions.begin() as db:
        assert [found.invariant.rule for found in verify(db) if not found.holds] == []
        rows = db.scalars(select(Refund).order_by(Refund.id))
        return [(row.origin, row.status, row.amount) for row in rows]


def test_a_refused_repayment_is_said_in_plain_words_and_the_money_is_ours(
    raven: int, owner: Buyer, sessions: Sessions, stand_in: StandInServer
) -> None:
    form = fields_of(owner.get(PAGE).text, WHOLE)
    pay_back_at_stripe(stand_in, 10000)
    answer = owner.post(REFUND, **form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?note=refund-failed")
    page = owner.get(answer.headers["location"])
    assert page.status_code == 200
    assert REFUSED in unescape(page.text)
    text = words_of(page)
    assert HELD in text
    assert "Pay back SEK 281" in text
    assert "By you" in text
    assert "is greater than unrefunded amount on charge (" in text
    assert "SEK 100 of SEK 281 has been paid back." in text
    assert "A repayment of SEK 281 failed: the money is still here" in text
    assert refunds(sessions) == [("owner", "failed", 28100), ("dashboard", "succeeded", 10000)]
    assert sent(stand_in) == [10000]
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
        assert (order.status, order.review) == ("paid", "refund_failed")
        assert given_back(db, db.scalars(select(PaymentAttempt.id)).one()) == 10000
        level = db.get_one(StockLevel, raven)
        assert (level.on_hand, level.reserved) == (0, 0)  # put back, and put aside again
        kinds = list(db.scalars(select(OrderEntry.kind).order_by(OrderEntry.id)))
        assert kinds == [
            "placed",
            "paid",
            "refunded",
            "money_back",
            "refund_failed",
            "review",
            "refund_taken_back",
        ]
        mails = db.scalars(select(Message.subject_id).where(Message.kind == "refund")).all()
        assert mails == [2]  # of what was paid back at Stripe, and of nothing else
    assert owner.post(f"{PAGE}/shipment").status_code == 409


def test_the_owner_can_try_again_with_what_is_left(
    raven: int, owner: Buyer, sessions: Sessions, stand_in: StandInServer
) -> None:
    form = fields_of(owner.get(PAGE).text, WHOLE)
    pay_back_at_stripe(stand_in, 10000)
    owner.post(REFUND, **form)
    again = fields_of(owner.get(PAGE).text, WHOLE)
    assert again["seen"] == "10000"
    answer = owner.post(REFUND, **again)
    assert answer.headers["location"] == f"{PAGE}?note=paid-back"
    assert sent(stand_in) == [10000, 18100]
    assert refunds(sessions)[-1] == ("owner", "succeeded", 18100)
    with sessions.begin() as db:
        assert db.scalars(select(Order.status)).one() == "refunded"
        assert db.get_one(StockLevel, raven).on_hand == 1


@pytest.mark.usefixtures("raven")
@pytest.mark.parametrize(("form", "typed"), [(WHOLE, {}), (PARTS, {"other": "10"})])
def test_a_form_that_is_out_of_date_is_answered_with_what_has_happened(
    form: str,
    typed: dict[str, str],
    owner: Buyer,
    sessions: Sessions,
    stand_in: StandInServer,
) -> None:
    old = fields_of(owner.get(PAGE).text, form) | typed
    assert old["seen"] == "0"
    first = owner.post(REFUND, **(fields_of(owner.get(PAGE).text, PARTS) | {"other": "45,50"}))
    assert first.status_code == 303
    answer = owner.post(REFUND, **old)
    assert answer.status_code == 409
    text = words_of(answer)
    assert text.count(CHANGED) == 1
    assert "SEK 45.50 of SEK 281 has been paid back." in text
    assert fields_of(answer.text, form)["seen"] == "4550"
    assert refunds(sessions) == [("owner", "succeeded", 4550)]
    assert sent(stand_in) == [4550]
    with sessions.begin() as db:
        audit = select(AuditEntry.subject).where(AuditEntry.action == "money-paid-back")
        assert len(db.scalars(audit).all()) == 1

    if form == PARTS:
        assert fields_of(answer.text, PARTS)["other"] == "10"
    confirmed = owner.post(REFUND, **fields_of(answer.text, form))
    assert confirmed.status_code == 303
    assert sent(stand_in) == [4550, 1000 if form == PARTS else 23550]


@pytest.mark.usefixtures("raven")
@pytest.mark.parametrize("seen", ["1", "28100", "-1", "x", "1.0", "0 0"])
def test_what_was_never_on_the_page_gives_nothing_back(
    seen: str, owner: Buyer, sessions: Sessions, stand_in: StandInServer
) -> None:
    form = fields_of(owner.get(PAGE).text, WHOLE) | {"seen": seen}
    assert owner.post(REFUND, **form).status_code in {409, 422}
    assert (refunds(sessions), sent(stand_in)) == ([], [])
