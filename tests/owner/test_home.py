import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from shop.config import Config
from shop.kit.db import Sessions
from shop.mail.models import Message, Status
from shop.orders.models import Order
from shop.payments.findings import note_finding, see_to_finding
from shop.payments.models import PaymentAttempt, Refund
from shop.stock.models import StockLevel, StockMovement
from tests.support import NOON, Buyer, FixedClock, Shelf, words_of


def order(number: int, **values: Any) -> Order:
    facts: dict[str, Any] = {
        "status": "paid",
        "paid_at": NOON,
        "dispatch_by": date(2026, 11, 25),
        "total_amount": 28100,
        "subtotal_amount": 24500,
    } | values
    facts["subtotal_amount"] = facts["total_amount"] - 3600
    return Order(
        number=number,
        locale="sv",
        cart_id=f"cart {number}",
        placed_at=NOON,
        email="anna@example.se",
        name="Anna",
        address="Gatan 1",
        postal_code="763 40",
        city="Hallstavik",
        country="SE",
        shipping_method="letter",
        currency="SEK",
        shipping_amount=3600,
        shipping_vat_amount=720,
        vat_amount=5620,
        **facts,
    )


def payment(order_id: int, **values: Any) -> PaymentAttempt:
    facts: dict[str, Any] = {"id": f"payment {order_id}", "status": "paid"} | values
    return PaymentAttempt(
        order_id=order_id,
        request="{}",
        fingerprint="",
        amount=1_000_000,
        currency="SEK",
        created_at=NOON,
        expires_at=NOON,
        **facts,
    )


def refund(order_id: int, amount: int, status: str) -> Refund:
    return Refund(
        token=f"{order_id} {amount}",
        order_id=order_id,
        attempt_id=f"payment {order_id}",
        origin="owner",
        status=status,
        amount=amount,
        currency="SEK",
        requested_at=NOON,
    )


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


def test_a_new_shop_is_told_its_first_steps(owner: Buyer, shelf: Shelf) -> None:
    page = owner.get("/admin").text
    for address in ("/admin/settings", "/admin/products/new", "/admin/texts", "/admin/going-live"):
        assert f'href="{address}"' in page
    assert page.count('class="badge ok"') == 1  # who sells is known
    shelf.add("raven")
    assert owner.get("/admin").text.count('class="badge ok"') == 2
    assert 'class="figure"' not in page


def test_what_waits_is_counted(owner: Buyer, sessions: Sessions, shop: Config) -> None:
    with sessions.begin() as db:
        db.add_all(
            [
                order(1001, dispatch_by=date(2026, 11, 23)),
                order(1002, dispatch_by=date(2026, 11, 24)),
                order(1003, review="late_payment"),
                order(1004, status="shipped"),
                order(1005, status="pending", paid_at=None),
            ]
        )
        for n in range(2):
            db.add(
                Message(
                    kind="dispatch",
                    subject_id=n,
                    recipient="a@example.se",
                    locale="sv",
                    status=Status.PARKED if n else Status.QUEUED,
                    message_id=f"m{n}",
                    queued_at=NOON,
                    due_at=NOON,
                )
            )
    shown = words_of(owner.get("/admin"))
    assert "2 beställningar att skicka varav 1 senast i dag" in shown
    assert "1 beställning att titta på" in shown
    assert "1 mejl gick inte att skicka" in shown
    assert "Första stegen" not in shown
    assert "Inget väntar på dig i dag" not in shown


def test_a_quiet_day_is_said_to_be_one(owner: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.add(order(1001, status="shipped"))
    shown = words_of(owner.get("/admin"))
    assert shown == (
        "måndag 23 november Lägg till en vara Inget väntar på dig i dag. 281 kr betalt i november"
    )


def test_the_month_is_counted_in_kronor(owner: Buyer, sessions: Sessions) -> None:
    last_of_october = datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC)  # 23:59:59 in Stockholm
    first_of_november = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
    with sessions.begin() as db:
        db.add_all(
            [
                order(1001, paid_at=last_of_october, total_amount=1_000_000),
                order(1002, paid_at=first_of_november, total_amount=100_000),
                order(1003, status="delivered", total_amount=24_550),
                order(1004, status="refunded", total_amount=500_000),
                order(1005, status="cancelled", total_amount=500_000),
            ]
        )
        db.flush()  # the orders' ids, for their payments
        by_number = {one.number: one.id for one in db.scalars(select(Order))}
        for number, amount, status in (
            (1001, 100, "succeeded"),  # of another month's order
            (1003, 50, "pending"),
            (1003, 7, "failed"),
            (1004, 500_000, "succeeded"),
        ):
            db.add(refund(by_number[number], amount, status))
        late = refund(by_number[1002], 100_000, "succeeded")  # paid twice, and not counted twice
        late.attempt_id = "second"
        db.add(late)
        for order_id in by_number.values():
            db.add(payment(order_id))
        db.add(payment(by_number[1002], id="second", status="refunded"))
    assert "1 245 kr betalt i november" in words_of(owner.get("/admin"))


def test_what_sold_out_lately_is_named(
    owner: Buyer, sessions: Sessions, shelf: Shelf, clock: FixedClock
) -> None:
    sold, left, counted = shelf.add("raven"), shelf.add("ugglan", 2), shelf.add("haren")
    with sessions.begin() as db:
        for variant, reason in ((sold, "sold"), (left, "sold"), (counted, "counted")):
            db.add(StockMovement(variant_id=variant, delta=-1, reason=reason, by="shop", at=NOON))
            db.execute(
                update(StockLevel)
                .where(StockLevel.variant_id == variant)
                .values(on_hand=StockLevel.on_hand - 1)
            )
    shown = words_of(owner.get("/admin"))
    assert "Slutsålt på sistone Raven" in shown
    assert "Ugglan" not in shown
    assert "Haren" not in shown
    clock.advance(days=14, seconds=1)
    assert "Slutsålt" not in words_of(owner.get("/admin"))


def test_the_pages_of_the_owner_share_a_frame(owner: Buyer) -> None:
    for path, current in (("/admin", "/admin"), ("/admin/more", "/admin/more")):
        page = owner.get(path).text
        tabs = re.findall(r'<a href="([^"]+)" aria-current="page">', page)
        assert tabs == [current]
        assert '<meta name="robots" content="noindex">' in page
        assert " style=" not in page
    inside = owner.get("/admin/security").text
    assert '<a href="/admin/more" aria-current="true">' in inside


def test_an_unknown_note_says_nothing(owner: Buyer) -> None:
    assert "Sparat." in owner.get("/admin?note=saved").text
    for note in ("nothing", "<script>", "__class__", ""):
        assert "data-notice" not in owner.http.get("/admin", params={"note": note}).text


def test_what_does_not_agree_with_stripe_leads_to_the_payments(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        note_finding(db, "unknown_payment", "cs_1", "28100 SEK", now=NOON)
        note_finding(db, "missed_event", "evt_1", "charge.refunded", now=NOON, quiet=True)
    page = owner.get("/admin").text
    assert 'href="/admin/payments"><strong>1 betalning att titta på</strong>' in page
    assert "Butiken och Stripe säger olika saker." in page
    with sessions.begin() as db:
        see_to_finding(db, 1, now=NOON)
    assert "/admin/payments" not in owner.get("/admin").text
