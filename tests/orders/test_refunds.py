"""Money given back by the owner, over HTTP: what the pages say, and what Stripe was asked."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from shop.kit.clock import system_clock
from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.actions import flag_for_review
from shop.orders.models import Order, OrderEntry, OrderLine
from shop.owner.models import AuditEntry
from shop.payments.conversations import settle
from shop.payments.models import Refund, RefundLine
from shop.payments.reconciler import send_refunds
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.payments.tools import give_up_by_hand, order_one, the_attempt
from tests.support import NOON, Buyer, FixedClock, Shelf, fields_of

REFUND = "/admin/orders/1001/refund"
PAGE = "/admin/orders/1001"
WHOLE, PARTS = "pay-back-everything", "pay-back-parts"


def sold(buyer: Buyer, shelf: Shelf, on_hand: int = 1, quantity: int = 1) -> int:
    variant_id = shelf.add("raven", on_hand=on_hand)
    buyer.buy(variant_id, quantity)
    return variant_id


def ask(owner: Buyer, form: str, **changes: str) -> Any:
    """Send the form as it stands on the page, with what the owner changes."""
    return owner.post(REFUND, **(fields_of(owner.get(PAGE).text, form) | changes))


def books(sessions: Sessions) -> tuple[str, list[tuple[int, str]]]:
    """Return the order's status, and each refund's amount and status."""
    with sessions.begin() as db:
        assert [finding.invariant.rule for finding in verify(db) if not finding.holds] == []
        rows = db.execute(select(Refund.amount, Refund.status).order_by(Refund.id))
        return db.scalars(select(Order.status)).one(), [(amount, status) for amount, status in rows]


def on_hand(sessions: Sessions, variant_id: int) -> int:
    with sessions.begin() as db:
        return db.get_one(StockLevel, variant_id).on_hand


def sent_by_stripe(stand_in: StandInServer) -> list[int]:
    """Return the refunds that the stand-in's log has, in the order in which they were made."""
    return [entry["amount"] for entry in stand_in.log() if entry["what"] == "refund.created"]


def test_everything_with_the_doll_back_on_the_shelf(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = sold(buyer, shelf)
    asked = ask(owner, WHOLE)
    assert asked.headers["location"] == f"{PAGE}?note=paid-back"
    assert books(sessions) == ("refunded", [(28100, "succeeded")])
    assert on_hand(sessions, variant_id) == 1
    assert sent_by_stripe(stand_in) == [28100]
    with sessions.begin() as db:
        kinds = list(db.scalars(select(OrderEntry.kind).order_by(OrderEntry.id)))
        assert kinds == ["placed", "paid", "refunded", "money_back"]
        assert db.scalars(select(Message.subject_id).where(Message.kind == "refund")).all() == [1]
        audit = select(AuditEntry.subject).where(AuditEntry.action == "money-paid-back")
        assert db.scalars(audit).one().startswith("1001: ")
    page = owner.get(PAGE).text
    assert "<s>Raven</s>" in page
    assert 'id="pay-back-parts"' not in page
    assert owner.post(f"{PAGE}/shipment").status_code == 409


def test_everything_stays_off_the_shelf_when_the_owner_says_so(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = sold(buyer, shelf)
    fields = fields_of(owner.get(PAGE).text, WHOLE)
    assert fields.pop("restock") == "y"
    assert owner.post(REFUND, **fields).status_code == 303
    assert on_hand(sessions, variant_id) == 0


def test_what_was_sent_is_not_taken_to_be_back(owner: Buyer, buyer: Buyer, shelf: Shelf) -> None:
    sold(buyer, shelf)
    owner.post(f"{PAGE}/shipment")
    assert "restock" not in fields_of(owner.get(PAGE).text, WHOLE)


def test_pieces_of_a_discounted_line_add_up_to_the_ore(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = sold(buyer, shelf, on_hand=3, quantity=3)
    with sessions.begin() as db:  # 735 kr for three, sent free of charge; 100 öre off on paper
        line = db.scalars(select(OrderLine)).one()
        total = db.scalars(select(Order.total_amount)).one()
        db.execute(update(OrderLine).values(price_amount=24501, discount_amount=3))
        assert (line.quantity, total) == (3, 73500)
    name = f"quantity-{line.id}"
    fields = fields_of(owner.get(PAGE).text, PARTS)
    fields.pop(f"restock-{line.id}")
    assert owner.post(REFUND, **(fields | {name: "1"})).status_code == 303
    page = owner.get(PAGE).text
    assert "<s>3</s> 2 × Raven" in page
    assert re.search(rf'name="{name}"[^>]*max="2"', page)
    assert "<s>3</s> 2 × Raven" in owner.get("/admin/orders").text
    assert ask(owner, PARTS, **{name: "2"}).status_code == 303
    with sessions.begin() as db:
        parts = db.execute(select(RefundLine.quantity, RefundLine.amount, RefundLine.restocked))
        assert [tuple(part) for part in parts] == [(1, 24500, False), (2, 49000, True)]
        assert db.scalars(select(Order.status)).one() == "refunded"
    assert on_hand(sessions, variant_id) == 2
    assert sent_by_stripe(stand_in) == [24500, 49000]


def test_postage_then_an_amount_then_all_that_is_left(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    sold(buyer, shelf)
    assert ask(owner, PARTS, postage="y").status_code == 303
    assert books(sessions) == ("paid", [(3600, "succeeded")])
    assert 'name="postage"' not in owner.get(PAGE).text
    assert ask(owner, PARTS, other="45,50").status_code == 303
    assert ask(owner, WHOLE).status_code == 303
    paid_back = [(3600, "succeeded"), (4550, "succeeded"), (19950, "succeeded")]
    assert books(sessions) == ("refunded", paid_back)


@pytest.mark.parametrize("other", ["281,01", "0", "", "abc", "-5"])
def test_too_much_or_nothing_is_refused_with_what_was_typed(
    other: str, owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    sold(buyer, shelf)
    refused = ask(owner, PARTS, other=other)
    assert refused.status_code == 422
    assert "Enter something" in refused.text or "Inget betalades tillbaka" in refused.text
    assert fields_of(refused.text, PARTS)["other"] == other
    assert books(sessions) == ("paid", [])


def test_more_pieces_than_there_are(owner: Buyer, buyer: Buyer, shelf: Shelf) -> None:
    sold(buyer, shelf)
    refused = ask(owner, PARTS, **{"quantity-1": "2"})
    assert refused.status_code == 422
    assert fields_of(refused.text, PARTS)["quantity-1"] == "2"


@pytest.mark.parametrize("form", [WHOLE, PARTS])
def test_a_second_click_gives_nothing_more(
    form: str,
    owner: Buyer,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    stand_in: StandInServer,
) -> None:
    sold(buyer, shelf)
    fields = fields_of(owner.get(PAGE).text, form) | {"other": "10"}
    assert owner.post(REFUND, **fields).status_code == 303
    assert owner.post(REFUND, **fields).status_code == 409
    assert len(books(sessions)[1]) == 1
    assert len(sent_by_stripe(stand_in)) == 1


@pytest.mark.parametrize("values", [{"disputed": True}, {"status": "expired"}])
def test_what_cannot_be_paid_back(
    values: dict[str, Any], owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    sold(buyer, shelf)
    fields = fields_of(owner.get(PAGE).text, WHOLE)
    with sessions.begin() as db:
        db.execute(update(Order).values(**values))
    assert 'id="pay-back-everything"' not in owner.get(PAGE).text
    assert owner.post(REFUND, **fields).status_code == 409


def test_nobody_but_the_owner(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    sold(buyer, shelf)
    buyer.post(REFUND, whole="y", seen="0")
    assert books(sessions) == ("paid", [])


def test_a_full_refund_ends_the_hold_of_a_withdrawal(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    sold(buyer, shelf)
    with sessions.begin() as db:
        flag_for_review(db, 1, "withdrawal", now=NOON)
    ask(owner, PARTS, other="10")
    with sessions.begin() as db:
        assert db.scalars(select(Order.review)).one() == "withdrawal"
    ask(owner, WHOLE)
    with sessions.begin() as db:
        assert db.scalars(select(Order.review)).one() is None


class TestSilence:
    """Stripe says nothing: the repayment is written down, and goes out later."""

    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(system_clock())

    def test_it_goes_out_later(
        self,
        owner: Buyer,
        buyer: Buyer,
        shelf: Shelf,
        sessions: Sessions,
        stand_in: StandInServer,
        till: Till,
        clock: FixedClock,
    ) -> None:
        sold(buyer, shelf)
        stand_in.control("faults", kind="500", path="/v1/refunds", times=3)
        asked = ask(owner, WHOLE)
        assert asked.headers["location"] == f"{PAGE}?note=paid-back-later"
        assert books(sessions) == ("refunded", [(28100, "requested")])
        assert sent_by_stripe(stand_in) == []
        clock.advance(minutes=1)
        assert send_refunds(till).done == 1
        assert books(sessions) == ("refunded", [(28100, "succeeded")])
        assert sent_by_stripe(stand_in) == [28100]


def test_the_buyer_reads_what_was_paid_back(
    owner: Buyer, new_buyer: Callable[[], Buyer], shelf: Shelf
) -> None:
    buyer = new_buyer()
    buyer.prefix = "/en"
    shown = buyer.buy(shelf.add("raven"))
    ask(owner, PARTS, other="10")
    page = buyer.http.get(str(shown.url)).text
    assert "<dt>Paid back</dt><dd>−SEK\u00a010</dd>" in page
    assert "Money was sent back to you." in page


def test_money_that_came_too_late_is_told_to_buyer_and_owner(
    owner: Buyer,
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    stand_in.control("webhooks", mode="hold")
    variant_id, slow = shelf.add("raven"), new_buyer()
    order_one(slow, variant_id)
    late = the_attempt(sessions)
    give_up_by_hand(sessions, variant_id)
    new_buyer().buy(variant_id)
    stand_in.control(f"sessions/{late.session_id}/pay")
    settle(till, late.id)
    send_refunds(till)

    link = json.loads(late.request)["success_url"].partition("order=")[2].partition("&")[0]
    page = slow.get(f"/en/orders/{link}").text
    assert "<h1>Your payment came too late</h1>" in page
    assert "SEK\u00a0281 goes back to you by itself" in page
    assert "Nothing was charged" not in page
    today = owner.get("/admin").text
    line = "Beställning 1001 betalades för sent: 281\u00a0kr gick tillbaka av sig självt"
    assert today.count(line) == 1
    assert "Betald för sent" in owner.get(PAGE).text
