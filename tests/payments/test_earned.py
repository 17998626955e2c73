"""What was earned from a moment on: what buyers have paid, less what has gone back of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.kit.money import Money
from shop.orders.models import Order
from shop.orders.models import Status as OrderStatus
from shop.payments.models import PaymentAttempt, Refund, RefundStatus, Status
from shop.payments.queries import earned_since
from shop.payments.till import Till
from tests.payments.test_attempts import tell
from tests.payments.tools import placed
from tests.support import NOON, FixedClock, Shelf, on_both_databases

SECOND = timedelta(seconds=1)
TOTAL = 28100


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def bought(shelf: Shelf, sessions: Sessions, till: Till) -> PaymentAttempt:
    """Return the payment of an order of 281 kr, which came at noon."""
    attempt = placed(sessions, till, shelf.add())
    with sessions.begin() as db:
        tell(db, attempt, now=NOON)
    return attempt


@pytest.fixture
def db(bought: PaymentAttempt, sessions: Sessions) -> Iterator[Session]:
    assert bought.amount == TOTAL
    with sessions.begin() as opened:
        yield opened


def give_back(db: Session, attempt_id: str, amount: int, status: str = "succeeded") -> None:
    db.add(
        Refund(
            token=f"{attempt_id} {amount} {status}",
            order_id=1,
            attempt_id=attempt_id,
            origin="owner",
            status=status,
            amount=amount,
            currency="SEK",
            requested_at=NOON,
        )
    )
    db.flush()


def change(db: Session, table: type[Any], **values: Any) -> None:
    db.execute(update(table).values(**values).execution_options(synchronize_session=False))


def earned(db: Session, since: Any = NOON) -> int:
    found = earned_since(db, since, "SEK")
    assert found.currency == "SEK"
    return found.amount


@on_both_databases
def test_what_was_paid_counts_from_its_moment_on(db: Session) -> None:
    assert earned_since(db, NOON, "SEK") == Money(TOTAL, "SEK")
    assert earned_since(db, NOON - SECOND, "SEK") == Money(TOTAL, "SEK")
    assert earned_since(db, NOON + SECOND, "SEK") == Money(0, "SEK")
    assert earned_since(db, NOON, "EUR") == Money(0, "EUR")


@pytest.mark.parametrize("status", OrderStatus)
def test_only_what_is_bought_counts(status: OrderStatus, db: Session) -> None:
    change(db, Order, status=status)
    counts = status in {"paid", "shipped", "delivered", "refunded"}
    assert earned(db) == (TOTAL if counts else 0)


@on_both_databases
@pytest.mark.parametrize("status", RefundStatus)
def test_what_has_gone_back_is_taken_off(status: RefundStatus, db: Session) -> None:
    attempt_id = db.scalars(select(PaymentAttempt.id)).one()
    give_back(db, attempt_id, 1000, status)
    give_back(db, attempt_id, 200, status)
    gone = 1200 if status in {"requested", "pending", "succeeded"} else 0
    assert earned(db) == TOTAL - gone
    assert earned(db, NOON + SECOND) == 0  # of an order of before, it lowers nothing now


def another(db: Session, name: str, **facts: Any) -> None:
    """Write down another attempt of the order."""
    first = db.scalars(select(PaymentAttempt).limit(1)).one()
    values = {c.key: getattr(first, c.key) for c in PaymentAttempt.__table__.columns}
    own = {"id": name, "payment_intent_id": None, "session_id": None}
    db.execute(insert(PaymentAttempt).values(values | own | facts))


@pytest.mark.parametrize("status", [s for s in Status if s != Status.PAID])
def test_what_went_back_of_a_payment_that_never_counted_takes_nothing_off(
    status: Status, db: Session
) -> None:
    """Money that was paid twice, or too late, came and went."""
    another(db, "twice", status=status)
    give_back(db, "twice", 28100)
    assert earned(db) == TOTAL


def test_each_order_has_its_own(db: Session) -> None:
    first = db.scalars(select(Order)).one()
    values = {c.key: getattr(first, c.key) for c in Order.__table__.columns}
    differ: list[dict[str, Any]] = [
        {"paid_at": NOON - SECOND},
        {"currency": "EUR"},
        {"status": "expired"},
        {},
    ]
    for n, facts in enumerate(differ, start=2):
        own: dict[str, Any] = {"id": n, "number": 1000 + n, "cart_id": str(n)}
        db.execute(insert(Order).values(values | own | facts))
        another(db, f"of {n}", order_id=n)
        give_back(db, f"of {n}", 10**n)
    assert earned(db) == 2 * TOTAL - 10**5
    assert earned(db, NOON - SECOND) == 3 * TOTAL - 10**5 - 10**2
    assert earned_since(db, NOON, "EUR") == Money(TOTAL - 10**3, "EUR")
