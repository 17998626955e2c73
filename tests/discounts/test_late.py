"""Money that comes late takes the discount's use again, if it is still there."""

import pytest
from sqlalchemy import select, update

from shop.discounts.actions import give_back
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.payments.conversations import settle
from shop.payments.models import PaymentAttempt, Refund
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.payments.tools import give_up_by_hand, the_attempt
from tests.support import NOON, Buyer, Shelf


@pytest.mark.parametrize(
    ("taken", "status", "reasons"), [(False, "paid", []), (True, "expired", ["code_used"])]
)
def test_late_money_has_the_discount_again_or_goes_back(  # noqa: PLR0917 - fixtures
    taken: bool,
    status: str,
    reasons: list[str],
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    stand_in.control("webhooks", mode="hold")
    variant_id = shelf.add()
    with sessions.begin() as db:
        db.add(Discount(code="VAR", kind="amount", value=5000, most_uses=1, created_at=NOON))
    buyer.add(variant_id)
    seen = buyer.place(code="VAR", update="1")
    assert seen.status_code == 200
    placed = buyer.place(code="VAR", shown_discount="5000")
    assert placed.status_code == 303, placed.text
    attempt = the_attempt(sessions)
    assert attempt.amount == 24500 + 3600 - 5000
    give_up_by_hand(sessions, variant_id)
    with sessions.begin() as db:
        give_back(db, attempt.order_id)
        if taken:
            db.execute(update(Discount).values(most_uses=None, ended_at=NOON, code="SLUT"))
    stand_in.control(f"sessions/{attempt.session_id}/pay")

    settle(till, attempt.id)

    with sessions.begin() as db:
        assert db.get_one(Order, attempt.order_id).status == status
        assert list(db.scalars(select(Refund.reason))) == reasons
        assert list(db.scalars(select(Redemption.amount))) == ([] if taken else [5000])
        level = db.get_one(StockLevel, variant_id)
        assert (level.on_hand, level.reserved) == ((1, 0) if taken else (0, 0))
        assert db.get_one(PaymentAttempt, attempt.id).status == ("late" if taken else "paid")
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
