"""What is written down of an attempt to pay: its request to the letter, and each move of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.discounts.actions import add_discount
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.payments.actions import (
    SESSION_LIFE,
    apply_session,
    ask_release,
    close_attempt,
    note_asked,
    record_session,
    record_trouble,
)
from shop.payments.models import LIVE, PaymentAttempt, Refund, Status
from shop.payments.provider import CheckoutSession
from shop.payments.till import Till
from shop.preferences.actions import set_preferences
from shop.stock.models import StockLevel
from tests.discounts.tools import new_discount
from tests.payments.tools import placed
from tests.support import NOON, FixedClock, Shelf, on_both_databases

LATER = NOON + timedelta(minutes=7)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def attempt(shelf: Shelf, sessions: Sessions, till: Till) -> PaymentAttempt:
    return placed(sessions, till, shelf.add("moss", on_hand=3), 2)


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


def said(attempt: PaymentAttempt, **changes: Any) -> CheckoutSession:
    """Return the session that was paid in time, as Stripe would show it, but for *changes*."""
    paid = CheckoutSession(
        id="cs_1",
        url=None,
        status="complete",
        payment_status="paid",
        amount_total=attempt.amount,
        currency="SEK",
        livemode=False,
        order_reference=str(attempt.order_id),
        attempt_id=attempt.id,
        payment_intent_id="pi_1",
        amount_received=attempt.amount,
        payment_method="swish",
    )
    return replace(paid, **changes)


def tell(db: Session, attempt: PaymentAttempt, *, now: datetime = LATER, **changes: Any) -> None:
    found = db.get_one(PaymentAttempt, attempt.id, populate_existing=True)
    apply_session(db, found, said(attempt, **changes), livemode=False, now=now)
    db.flush()


def now_is(db: Session, attempt: PaymentAttempt) -> PaymentAttempt:
    return db.get_one(PaymentAttempt, attempt.id, populate_existing=True)


def order(db: Session) -> tuple[str, str | None, datetime | None]:
    found = db.scalars(select(Order).execution_options(populate_existing=True)).one()
    return found.status, found.review, found.paid_at


def entries(db: Session) -> list[tuple[str, str, str, datetime]]:
    rows = db.scalars(select(OrderEntry).order_by(OrderEntry.id).offset(1))
    return [(row.kind, row.by, row.note, row.at) for row in rows]


def shelf_of(db: Session) -> tuple[int, int]:
    level = db.scalars(select(StockLevel).execution_options(populate_existing=True)).one()
    return level.on_hand, level.reserved


def change(db: Session, table: type[PaymentAttempt | Order], **values: Any) -> None:
    db.execute(update(table).values(**values).execution_options(synchronize_session=False))


# --- the request ----------------------------------------------------------------------------------


def test_the_request_is_complete_before_anything_is_sent(attempt: PaymentAttempt) -> None:
    request = json.loads(attempt.request)
    token = request["success_url"].partition("order=")[2].partition("&")[0]
    assert token.startswith(f"{attempt.order_id}-")
    metadata = {"order_id": str(attempt.order_id), "attempt_id": attempt.id}
    assert request == {
        "mode": "payment",
        "client_reference_id": str(attempt.order_id),
        "customer_email": "anna@example.se",
        "locale": "sv",
        "expires_at": int((NOON + timedelta(minutes=35)).timestamp()),
        "adaptive_pricing": {"enabled": False},
        "line_items": [
            {
                "quantity": 2,
                "price_data": {
                    "currency": "sek",
                    "unit_amount": 24500,
                    "tax_behavior": "inclusive",
                    "product_data": {"name": "Moss", "metadata": {"sku": "SKU-1-moss"}},
                },
            }
        ],
        "shipping_options": [
            {
                "shipping_rate_data": {
                    "type": "fixed_amount",
                    "display_name": "Letter",
                    "tax_behavior": "inclusive",
                    "fixed_amount": {"amount": 3600, "currency": "sek"},
                }
            }
        ],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "success_url": f"https://shop.example/checkout/return?order={token}"
        "&session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": f"https://shop.example/checkout?order={token}",
    }


def test_the_attempt_itself(attempt: PaymentAttempt, db: Session) -> None:
    found = now_is(db, attempt)
    assert (found.status, found.amount, found.currency) == ("creating", 52600, "SEK")
    assert (found.created_at, found.expires_at) == (NOON, NOON + timedelta(minutes=35))
    assert timedelta(minutes=35) == SESSION_LIFE
    assert (found.coupon, found.session_id, found.url, found.payment_intent_id) == (None,) * 4
    assert (found.payment_method, found.checked_at, found.release_asked_at) == ("", None, None)
    assert found.last_error is None
    assert found.idempotency_key == f"co:{attempt.id}:v1"
    assert found.coupon_key == f"cp:{attempt.id}:v1"
    assert len(attempt.id) == 26


def test_a_discount_is_a_coupon_of_its_own(shelf: Shelf, sessions: Sessions, till: Till) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(code="SOMMARÖ", kind="amount", value=5000))
    attempt = placed(sessions, till, shelf.add(), code="sommarö", discount=5000)
    assert attempt.amount == 24500 - 5000 + 3600
    assert json.loads(attempt.request)["discounts"] == [{"coupon": attempt.id}]
    assert json.loads(attempt.coupon or "") == {
        "id": attempt.id,
        "name": "SOMMARÖ",
        "amount_off": 5000,
        "currency": "sek",
        "duration": "once",
        "max_redemptions": 1,
    }
    assert "SOMMARÖ" in (attempt.coupon or "")  # as it is written, for who reads the database


@pytest.mark.parametrize(
    ("status", "at", "can"),
    [
        ("creating", timedelta(minutes=5, seconds=-1), True),
        ("creating", timedelta(minutes=5), False),
        ("open", timedelta(minutes=35, seconds=-1), True),
        ("open", timedelta(minutes=35), False),
        *[(s, timedelta(0), False) for s in Status if s not in {Status.CREATING, Status.OPEN}],
    ],
)
def test_until_when_it_can_be_paid(status: str, at: timedelta, can: bool) -> None:
    found = PaymentAttempt(status=status, expires_at=NOON + timedelta(minutes=35))
    assert found.can_be_paid(NOON + at) is can


# --- what Stripe has made of it -------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_a_session_is_written_down_only_while_nobody_knows_one(
    status: Status, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=status, last_error="trouble")
    record_session(db, attempt.id, said(attempt, url="an address"))
    found = now_is(db, attempt)
    if status == Status.CREATING:
        assert (found.status, found.session_id, found.url) == ("open", "cs_1", "an address")
        assert found.last_error is None
    else:
        assert (found.status, found.session_id, found.url) == (status, None, None)
        assert found.last_error == "trouble"


def test_trouble_and_turns_are_of_the_attempt_that_is_meant(
    attempt: PaymentAttempt, db: Session
) -> None:
    record_trouble(db, "another", "trouble")
    note_asked(db, ["another"], now=LATER)
    record_session(db, "another", said(attempt))
    assert now_is(db, attempt).last_error is None
    assert now_is(db, attempt).checked_at is None
    assert now_is(db, attempt).status == "creating"
    record_trouble(db, attempt.id, "trouble")
    note_asked(db, [attempt.id], now=LATER)
    assert now_is(db, attempt).last_error == "trouble"
    assert now_is(db, attempt).checked_at == LATER


@pytest.mark.parametrize("status", Status)
def test_only_a_page_that_can_be_closed_is_asked_back(
    status: Status, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=status)
    ask_release(db, attempt.order_id + 1, now=LATER)
    assert now_is(db, attempt).release_asked_at is None
    ask_release(db, attempt.order_id, now=LATER)
    asked = LATER if status in {Status.CREATING, Status.OPEN} else None
    assert now_is(db, attempt).release_asked_at == asked


# --- paid -----------------------------------------------------------------------------------------

PAID = [("paid", "stripe", "", LATER)]


@on_both_databases
@pytest.mark.parametrize("since", ["creating", "open", "processing"])
@pytest.mark.parametrize("told", ["paid", "no_payment_required"])
def test_money_in_time_is_taken_once(
    since: str, told: str, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=since, url="an address")
    tell(db, attempt, payment_status=told)
    tell(db, attempt, payment_status=told, now=LATER + timedelta(hours=1))
    found = now_is(db, attempt)
    assert (found.status, found.url, found.payment_intent_id) == ("paid", None, "pi_1")
    assert (found.payment_method, found.release_asked_at) == ("swish", None)
    assert found.checked_at == LATER + timedelta(hours=1)
    assert order(db) == ("paid", None, LATER)
    assert entries(db) == PAID
    assert shelf_of(db) == (1, 0)
    rows = db.scalars(select(Message).order_by(Message.id))
    assert [(m.kind, m.subject_id, m.recipient, m.locale, m.due_at) for m in rows] == [
        ("order_confirmation", attempt.order_id, "anna@example.se", "sv", LATER),
        ("order_notice", attempt.order_id, "butik@example.se", "sv", LATER),
    ]


@pytest.mark.parametrize(
    ("wishes", "kinds"),
    [
        ({"mail_per_order": False}, ["order_confirmation"]),
        ({"email": ""}, ["order_confirmation"]),
        ({"owner_language": "en"}, ["order_confirmation", "order_notice"]),
    ],
)
def test_who_is_written_to(
    wishes: dict[str, Any], kinds: list[str], attempt: PaymentAttempt, db: Session
) -> None:
    set_preferences(db, **wishes)
    tell(db, attempt)
    rows = db.execute(select(Message.kind, Message.locale).order_by(Message.id)).all()
    assert [row[0] for row in rows] == kinds
    assert rows[-1][1] == wishes.get("owner_language", "sv")


@on_both_databases
@pytest.mark.parametrize("attempt_was", ["expired", "failed"])
@pytest.mark.parametrize("order_was", ["expired", "cancelled"])
def test_money_that_comes_late_takes_what_is_still_there(
    attempt_was: str, order_was: str, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=attempt_was)
    change(db, Order, status=order_was)
    db.execute(update(StockLevel).values(reserved=0))
    tell(db, attempt)
    assert now_is(db, attempt).status == "paid"
    assert order(db) == ("paid", None, LATER)
    assert entries(db) == PAID
    assert shelf_of(db) == (1, 0)


@on_both_databases
@pytest.mark.parametrize(
    ("order_was", "on_hand", "reason"),
    [
        ("expired", 1, "sold"),
        ("cancelled", 0, "sold"),
        *[(bought, 3, "paid_twice") for bought in ("paid", "shipped", "delivered", "refunded")],
    ],
)
def test_money_that_comes_too_late_goes_back(
    order_was: str, on_hand: int, reason: str, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status="expired")
    change(db, Order, status=order_was)
    db.execute(update(StockLevel).values(reserved=0, on_hand=on_hand))
    for _ in range(2):
        tell(db, attempt)
    found = now_is(db, attempt)
    assert (found.status, found.payment_intent_id, found.url) == ("late", "pi_1", None)
    assert order(db) == (order_was, None, None)
    assert entries(db) == [("paid_late", "stripe", reason, LATER)]
    assert shelf_of(db) == (on_hand, 0)
    refund = db.scalars(select(Refund)).one()
    assert (refund.amount, refund.currency, refund.reason) == (52600, "SEK", reason)
    assert (refund.origin, refund.status, refund.requested_at) == ("auto", "requested", LATER)
    assert (refund.order_id, refund.attempt_id) == (attempt.order_id, attempt.id)
    assert (refund.stripe_id, refund.checked_at, refund.last_error) == (None, None, None)
    assert db.scalars(select(Message)).all() == []


@pytest.mark.parametrize("status", ["paid", "review", "late", "refunded"])
def test_money_that_is_accounted_for_is_not_taken_again(
    status: str, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=status)
    tell(db, attempt)
    found = now_is(db, attempt)
    assert (found.status, found.payment_intent_id, found.checked_at) == (status, None, LATER)
    assert order(db) == ("pending", None, None)
    assert (entries(db), shelf_of(db)) == ([], (3, 2))


def test_an_order_that_is_not_what_was_read_of_it_is_not_sold(
    attempt: PaymentAttempt, db: Session
) -> None:
    """The count of the changed rows has the last word, and all of it is undone."""
    before = db.get_one(Order, attempt.order_id)
    change(db, Order, status="paid")
    with pytest.raises(RuntimeError, match=r"^order 1 is pending and cannot become paid$"):
        tell(db, attempt)
    assert before.status == "pending"


def test_a_payment_closes_the_orders_other_page(attempt: PaymentAttempt, db: Session) -> None:
    change(db, PaymentAttempt, status="expired")
    columns = PaymentAttempt.__table__.columns
    facts = {column.key: getattr(attempt, column.key) for column in columns}
    db.add(PaymentAttempt(**facts | {"id": "beside", "status": "open"}))
    db.flush()
    tell(db, attempt)
    assert db.get_one(PaymentAttempt, "beside", populate_existing=True).release_asked_at == LATER
    assert now_is(db, attempt).release_asked_at is None


# --- what does not fit ----------------------------------------------------------------------------


@pytest.mark.parametrize("since", ["creating", "open", "processing", "expired", "failed"])
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"livemode": True}, "livemode"),
        ({"currency": "EUR"}, "currency"),
        ({"amount_total": 52599, "amount_received": 52599}, "amount"),
        ({"amount_total": 52601, "amount_received": 52601}, "amount"),
        ({"amount_received": 52599}, "received"),
        ({"amount_received": 0}, "received"),
        ({"order_reference": "2"}, "reference"),
        ({"order_reference": ""}, "reference"),
        ({"livemode": True, "currency": "EUR", "order_reference": ""}, "livemode"),
        ({"currency": "EUR", "amount_total": 1}, "currency"),
    ],
)
def test_what_does_not_fit_is_held_for_a_person(
    since: str, changes: dict[str, Any], name: str, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=since)
    for _ in range(2):
        tell(db, attempt, **changes)
    found = now_is(db, attempt)
    assert (found.status, found.payment_intent_id) == ("review", "pi_1")
    assert found.last_error == f"Stripe's {name} is not the order's"
    assert found.checked_at == LATER
    assert order(db) == ("pending", f"mismatch_{name}", None)
    assert entries(db) == [("review", "shop", f"mismatch_{name}", LATER)]
    assert shelf_of(db) == (3, 2)
    assert db.scalars(select(Message)).all() == []


def test_what_was_received_may_be_unknown(attempt: PaymentAttempt, db: Session) -> None:
    tell(db, attempt, amount_received=None)
    assert now_is(db, attempt).status == "paid"


# --- and what is not paid -------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_an_open_page_moves_nothing(status: Status, attempt: PaymentAttempt, db: Session) -> None:
    change(db, PaymentAttempt, status=status, url="an address")
    tell(db, attempt, status="open", payment_status="unpaid")
    found = now_is(db, attempt)
    assert (found.status, found.url, found.checked_at) == (status, "an address", LATER)
    assert (order(db), entries(db), shelf_of(db)) == (("pending", None, None), [], (3, 2))


@pytest.mark.parametrize("payment_status", ["paid", "no_payment_required"])
def test_a_payment_counts_only_when_the_session_is_complete(
    payment_status: str, attempt: PaymentAttempt, db: Session
) -> None:
    tell(db, attempt, status="open", payment_status=payment_status)
    assert now_is(db, attempt).status == "creating"


@pytest.mark.parametrize("status", Status)
def test_a_method_that_settles_later_is_waited_for(
    status: Status, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=status, url="an address")
    tell(db, attempt, payment_status="unpaid")
    found = now_is(db, attempt)
    if status in {Status.CREATING, Status.OPEN}:
        assert (found.status, found.url) == ("processing", None)
    else:
        assert (found.status, found.url) == (status, "an address")
    assert (order(db), shelf_of(db)) == (("pending", None, None), (3, 2))


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(
    ("news", "end"),
    [
        ({"status": "expired", "payment_status": "unpaid"}, "expired"),
        ({"payment_status": "unpaid", "payment_failed": True}, "failed"),
    ],
)
def test_what_can_no_longer_be_paid_gives_its_pieces_back_once(
    news: dict[str, Any], end: str, status: Status, attempt: PaymentAttempt, db: Session
) -> None:
    change(db, PaymentAttempt, status=status, url="an address")
    for _ in range(2):
        tell(db, attempt, **news)
    found = now_is(db, attempt)
    if status in LIVE:
        assert (found.status, found.url) == (end, None)
        assert order(db) == ("expired", None, None)
        assert entries(db) == [("expired", "shop", "", LATER)]
        assert shelf_of(db) == (3, 0)
    else:
        assert (found.status, found.url) == (status, "an address")
        assert (order(db), entries(db), shelf_of(db)) == (("pending", None, None), [], (3, 2))


def test_closing_says_whether_it_was_us(attempt: PaymentAttempt, db: Session) -> None:
    found = now_is(db, attempt)
    assert close_attempt(db, found, since=(Status.OPEN,), now=LATER) is False
    assert close_attempt(db, found, since=(Status.CREATING,), now=LATER) is True
    assert close_attempt(db, found, now=LATER) is False
    assert shelf_of(db) == (3, 0)


def test_closing_a_page_of_an_order_that_has_moved_on_frees_nothing(
    attempt: PaymentAttempt, db: Session
) -> None:
    """Another page of it was paid."""
    change(db, Order, status="paid")
    assert close_attempt(db, now_is(db, attempt), now=LATER) is True
    assert now_is(db, attempt).status == "expired"
    assert (order(db), entries(db), shelf_of(db)) == (("paid", None, None), [], (3, 2))


def test_an_order_that_is_given_up_gives_its_code_back(
    shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000))
    attempt = placed(sessions, till, shelf.add(), code="JUL25", discount=5000)
    with sessions.begin() as db:
        assert db.scalars(select(Discount.uses)).one() == 1
        tell(db, attempt, status="expired", payment_status="unpaid")
    with sessions.begin() as db:
        assert db.scalars(select(Discount.uses)).one() == 0
        assert db.scalars(select(Redemption)).all() == []


@pytest.mark.parametrize("gone", [False, True])
def test_late_money_has_its_code_again_or_goes_back(
    gone: bool, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000, most_uses=1))
    attempt = placed(sessions, till, shelf.add(), code="JUL25", discount=5000)
    with sessions.begin() as db:
        tell(db, attempt, status="expired", payment_status="unpaid")
    with sessions.begin() as db:
        if gone:
            db.execute(update(Discount).values(uses=1))
        tell(db, attempt, now=LATER + timedelta(hours=1))
    with sessions.begin() as db:
        assert now_is(db, attempt).status == ("late" if gone else "paid")
        assert shelf_of(db) == ((1, 0) if gone else (0, 0))
        uses = db.execute(select(Redemption.order_id, Redemption.amount, Redemption.at))
        expected = (attempt.order_id, 5000, LATER + timedelta(hours=1))
        assert [tuple(row) for row in uses] == ([] if gone else [expected])
        last = entries(db)[-1]
        assert last[:3] == (
            ("paid_late", "stripe", "code_used") if gone else ("paid", "stripe", "")
        )


# --- somebody else's ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "news",
    [
        {},
        {"payment_status": "unpaid"},
        {"status": "expired", "payment_status": "unpaid"},
        {"amount_total": 1},
    ],
    ids=["paid", "on its way", "expired", "does not fit"],
)
def test_what_is_said_of_one_payment_moves_no_other(
    news: dict[str, Any], attempt: PaymentAttempt, sessions: Sessions, till: Till
) -> None:
    other = placed(sessions, till, 1, 1, cart="another")
    before = {column.key: getattr(other, column.key) for column in PaymentAttempt.__table__.columns}
    with sessions.begin() as db:
        tell(db, attempt, **news)
    with sessions.begin() as db:
        assert now_is(db, attempt).checked_at == LATER
        after = now_is(db, other)
        assert {key: getattr(after, key) for key in before} == before
