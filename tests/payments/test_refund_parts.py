"""What a refund is for: the parts add up to what goes back, and what is left is never less."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, place_order
from shop.checkout.forms import Buyer
from shop.kit.db import Sessions
from shop.kit.money import Money
from shop.orders.models import Order, OrderLine
from shop.payments.errors import RefundChanged, RefundImpossible, RefundTooLarge
from shop.payments.models import PaymentAttempt, Refund, RefundLine
from shop.payments.queries import (
    SentBack,
    pieces_left,
    refund_in_full,
    refunds_of_order,
    sent_back_since,
)
from shop.payments.refunds import (
    Wish,
    everything_left,
    given_back,
    line_amount,
    postage_refunded,
    refund_by_itself,
    refunded_quantities,
    request_refund,
)
from shop.payments.till import Till
from shop.stock.models import StockLevel, StockMovement
from tests.payments.test_attempts import tell
from tests.payments.tools import SELLER
from tests.support import ANNA, NOON, FixedClock, Shelf, on_both_databases

SUBTOTAL = 3 * 10000 + 2 * 5000
TOTAL = SUBTOTAL + 3600
MOSS, CAP = 1, 2  # the lines


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def variants(shelf: Shelf) -> tuple[int, int]:
    moss = shelf.add("moss", on_hand=5, price_amount=10000)
    cap = shelf.add("cap", kind="made_to_order", lead_time_days=3, price_amount=5000)
    return moss, cap


@pytest.fixture
def attempt(variants: tuple[int, int], sessions: Sessions, till: Till) -> PaymentAttempt:
    """Return the attempt of three mosses from the shelf and two caps that are made to order."""
    moss, cap = variants
    with sessions.begin() as db:
        return place_order(
            db,
            Cart("a-cart", (CartLine(moss, 3), CartLine(cap, 2))),
            Buyer(**ANNA, locale="sv"),
            Choice("letter", SUBTOTAL, 3600),
            SELLER,
            now=till.now(),
        )


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


@pytest.fixture
def order(attempt: PaymentAttempt, db: Session) -> Order:
    """Return the order of them, paid."""
    tell(db, attempt, now=NOON)
    return db.get_one(Order, attempt.order_id, populate_existing=True)


def gone(db: Session) -> int:
    return given_back(db, db.scalars(select(PaymentAttempt.id)).one())


def ask(db: Session, wish: Wish, order_id: int = 1) -> Refund:
    return request_refund(db, order_id, wish, seen=gone(db), now=NOON)


def parts(db: Session, refund: Refund) -> list[tuple[str, int | None, int, int, bool]]:
    """Return what each part is for: which line, how many, how much, and if it was put back."""
    rows: Sequence[RefundLine] = db.scalars(
        select(RefundLine).where(RefundLine.refund_id == refund.id).order_by(RefundLine.id)
    ).all()
    return [(r.what, r.order_line_id, r.quantity, r.amount, r.restocked) for r in rows]


def shelf_of(db: Session) -> tuple[int, int]:
    level = db.scalars(select(StockLevel).execution_options(populate_existing=True)).one()
    return level.on_hand, level.reserved


def change(db: Session, table: type[Any], **values: Any) -> None:
    db.execute(update(table).values(**values).execution_options(synchronize_session=False))


@on_both_databases
def test_all_that_was_wished_for_is_a_part_of_its_own(order: Order, db: Session) -> None:
    wish = Wish({MOSS: 2, CAP: 1}, frozenset({MOSS, CAP}), postage=True, other_amount=100)
    refund = ask(db, wish)
    assert refund.amount == 20000 + 5000 + 3600 + 100
    assert parts(db, refund) == [
        ("line", MOSS, 2, 20000, True),
        ("line", CAP, 1, 5000, False),  # it never lay on the shelf
        ("postage", None, 0, 3600, False),
        ("other", None, 0, 100, False),
    ]
    assert shelf_of(db) == (4, 0)
    [moved] = db.scalars(select(StockMovement).where(StockMovement.reason == "returned"))
    assert (moved.delta, moved.by, moved.at, moved.order_id) == (2, "owner", NOON, order.id)
    assert order.status == "paid"


def test_nothing_comes_back_to_the_shelf_unless_the_owner_says_so(
    order: Order, db: Session
) -> None:
    refund = ask(db, Wish({MOSS: 2}))
    assert parts(db, refund) == [("line", MOSS, 2, 20000, False)]
    assert shelf_of(db) == (2, 0)
    assert order.status == "paid"


@pytest.mark.parametrize(
    ("wish", "amount"),
    [
        (Wish({}), None),
        (Wish({MOSS: 0}), None),
        (Wish({MOSS: 3}), 30000),
        (Wish({MOSS: 4}), None),
        (Wish({MOSS: -1}), None),
        (Wish({CAP: 2}), 10000),
        (Wish({CAP: 3}), None),
        (Wish({3: 1}), None),
        (Wish({3: 0}), None),
        (Wish({}, other_amount=1), 1),
        (Wish({}, other_amount=-1), None),
        (Wish({}, other_amount=TOTAL), TOTAL),
        (Wish({}, other_amount=TOTAL + 1), None),
        (Wish({}, postage=True), 3600),
        (Wish({MOSS: 3, CAP: 2}, postage=True), TOTAL),
        (Wish({MOSS: 3, CAP: 2}, postage=True, other_amount=1), None),
        (Wish({MOSS: 1}, other_amount=-10000), None),
    ],
)
@pytest.mark.usefixtures("order")
def test_no_more_goes_back_than_there_is_and_not_nothing(
    wish: Wish, amount: int | None, db: Session
) -> None:
    if amount is None:
        with pytest.raises(RefundTooLarge):
            ask(db, wish)
        assert db.scalars(select(Refund)).all() == []
    else:
        assert ask(db, wish).amount == amount


@on_both_databases
@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("requested", True),
        ("pending", True),
        ("succeeded", True),
        ("failed", False),
        ("canceled", False),
    ],
)
def test_what_went_back_before_cannot_go_back_again(
    status: str, counts: bool, order: Order, db: Session
) -> None:
    ask(db, Wish({MOSS: 2}, postage=True))
    change(db, Refund, status=status)
    lines = list(db.scalars(select(OrderLine).order_by(OrderLine.id)))
    assert refunded_quantities(db, order.id) == ({MOSS: 2} if counts else {})
    assert pieces_left(db, lines) == {MOSS: 1 if counts else 3, CAP: 2}
    assert postage_refunded(db, order.id) is counts
    assert refunded_quantities(db, order.id + 1) == {}
    assert postage_refunded(db, order.id + 1) is False
    left = everything_left(db, order, restock=True)
    assert left == Wish(
        {MOSS: 1 if counts else 3, CAP: 2},
        frozenset({MOSS, CAP}),
        postage=not counts,
        whole=True,
    )
    for wish in (Wish({MOSS: 2}), Wish({}, postage=True)):
        if counts:
            with pytest.raises(RefundTooLarge):
                ask(db, wish)
    assert ask(db, Wish({MOSS: 1})).amount == 10000


def test_pieces_left_of_no_lines_are_none(db: Session) -> None:
    assert pieces_left(db, []) == {}


@pytest.mark.usefixtures("order")
def test_a_second_click_changes_nothing(db: Session) -> None:
    wish = Wish({}, other_amount=100)
    request_refund(db, 1, wish, seen=0, now=NOON)
    for seen in (0, 99, 101):
        with pytest.raises(RefundChanged):
            request_refund(db, 1, wish, seen=seen, now=NOON)
    request_refund(db, 1, wish, seen=100, now=NOON)
    assert gone(db) == 200


@pytest.mark.parametrize("status", ["paid", "shipped", "delivered"])
def test_what_was_paid_can_go_back_wherever_it_is(status: str, order: Order, db: Session) -> None:
    change(db, Order, status=status)
    assert ask(db, Wish({}, other_amount=100), order.id).amount == 100


@pytest.mark.parametrize(
    "values",
    [
        {"disputed": True},
        *[{"status": status} for status in ("refunded", "expired", "cancelled", "pending")],
    ],
)
def test_what_a_bank_questions_or_nobody_has_paid_does_not_go_back(
    values: dict[str, Any], order: Order, db: Session
) -> None:
    change(db, Order, **values)
    with pytest.raises(RefundImpossible):
        ask(db, Wish({}, other_amount=100), order.id)
    assert db.scalars(select(Refund)).all() == []


@pytest.mark.parametrize(
    "status", ["creating", "open", "processing", "expired", "failed", "review", "late", "refunded"]
)
def test_only_a_paid_attempt_has_money_to_give_back(status: str, order: Order, db: Session) -> None:
    change(db, PaymentAttempt, status=status)
    with pytest.raises(RefundImpossible):
        ask(db, Wish({}, other_amount=100), order.id)


# --- everything -----------------------------------------------------------------------------------


@pytest.mark.parametrize("restock", [True, False])
def test_everything_is_each_line_the_postage_and_the_order_is_refunded(
    restock: bool, order: Order, db: Session
) -> None:
    refund = ask(db, everything_left(db, order, restock=restock))
    assert refund.amount == TOTAL
    assert parts(db, refund) == [
        ("line", MOSS, 3, 30000, restock),
        ("line", CAP, 2, 10000, False),
        ("postage", None, 0, 3600, False),
    ]
    assert shelf_of(db) == (5 if restock else 2, 0)
    assert db.scalars(select(Order.status)).one() == "refunded"


def test_postage_that_was_free_is_no_part(order: Order, db: Session) -> None:
    for amount, is_part in ((0, False), (1, True)):
        change(db, Order, shipping_amount=amount, total_amount=SUBTOTAL + amount)
        db.refresh(order)
        assert everything_left(db, order, restock=True).postage is is_part


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (100, [30000, 10000, 3500]),
        (3600, [30000, 10000, 0]),
        (3700, [30000, 9900, 0]),
        (13600, [30000, 0, 0]),
        (13601, [29999, 0, 0]),
        (TOTAL - 1, [1, 0, 0]),
    ],
)
def test_what_went_back_without_a_reason_is_taken_off_the_last_parts(
    other: int, expected: list[int], order: Order, db: Session
) -> None:
    ask(db, Wish({}, other_amount=other))
    refund = ask(db, everything_left(db, order, restock=False))
    assert refund.amount == TOTAL - other == sum(expected)
    assert [part[3] for part in parts(db, refund)] == expected
    assert gone(db) == TOTAL


def test_what_is_left_beyond_the_parts_is_a_part_of_its_own(order: Order, db: Session) -> None:
    """Of a whole refund, say, whose pieces went back before for less."""
    ask(db, Wish({MOSS: 3, CAP: 2}, postage=True))
    change(db, Refund, amount=TOTAL - 700)
    change(db, Order, status="paid")
    db.refresh(order)
    wish = everything_left(db, order, restock=True)
    assert wish == Wish({}, frozenset({MOSS, CAP}), postage=False, whole=True)
    refund = ask(db, wish)
    assert parts(db, refund) == [("other", None, 0, 700, False)]


def test_when_nothing_is_left_everything_is_too_much(order: Order, db: Session) -> None:
    ask(db, Wish({}, other_amount=TOTAL))
    change(db, Order, status="paid")
    with pytest.raises(RefundTooLarge):
        ask(db, everything_left(db, order, restock=False))


# --- to the öre -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "quantity", "discount", "pieces"),
    [
        (10000, 3, 0, [10000, 10000, 10000]),
        (10000, 3, 1, [9999, 10000, 10000]),
        (3333, 3, 1000, [2999, 3000, 3000]),
        (100, 3, 299, [0, 0, 1]),
        (5, 1, 5, [0]),
    ],
)
def test_pieces_share_the_discount_of_their_line(
    price: int, quantity: int, discount: int, pieces: list[int]
) -> None:
    line = OrderLine(price_amount=price, quantity=quantity, discount_amount=discount)
    assert [line_amount(line, n, 1) for n in range(quantity)] == pieces
    net = price * quantity - discount
    for split in range(quantity + 1):
        assert line_amount(line, 0, split) + line_amount(line, split, quantity - split) == net


def test_the_second_piece_of_a_discounted_line_knows_of_the_first(
    order: Order, db: Session
) -> None:
    db.execute(update(OrderLine).where(OrderLine.id == MOSS).values(discount_amount=1))
    assert ask(db, Wish({MOSS: 1})).amount == 9999
    assert ask(db, Wish({MOSS: 1})).amount == 10000
    assert order.id == 1


def test_two_lines_of_the_same_thing_come_back_together(
    variants: tuple[int, int], order: Order, db: Session
) -> None:
    line = db.get_one(OrderLine, MOSS)
    values = {c.key: getattr(line, c.key) for c in OrderLine.__table__.columns if c.key != "id"}
    db.execute(insert(OrderLine).values(values | {"id": 9, "quantity": 1}))
    change(db, PaymentAttempt, amount=TOTAL + 10000)
    ask(db, Wish({MOSS: 3, 9: 1}, frozenset({MOSS, 9})))
    returned = select(StockMovement.delta).where(StockMovement.reason == "returned")
    assert db.scalars(returned).all() == [4]
    assert db.get_one(StockLevel, variants[0], populate_existing=True).on_hand == 6
    assert order.id == 1


# --- told -----------------------------------------------------------------------------------------


def test_refunds_are_told_with_what_they_are_for_oldest_first(order: Order, db: Session) -> None:
    first = ask(db, Wish({MOSS: 1}))
    second = ask(db, Wish({CAP: 1}, postage=True))
    db.expunge_all()
    found = refunds_of_order(db, order.id)
    assert [refund.id for refund in found] == [first.id, second.id]
    assert [[part.what for part in refund.lines] for refund in found] == [
        ["line"],
        ["line", "postage"],
    ]
    assert refunds_of_order(db, order.id + 1) == []
    db.expunge_all()
    assert [part.amount for part in refund_in_full(db, second.id).lines] == [5000, 3600]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("requested", True),
        ("pending", True),
        ("succeeded", True),
        ("failed", False),
        ("canceled", False),
    ],
)
def test_what_went_back_by_itself_is_told_from_a_moment_on(
    status: str, told: bool, order: Order, db: Session
) -> None:
    attempt = db.scalars(select(PaymentAttempt)).one()
    refund_by_itself(db, attempt, "sold", now=NOON)
    change(db, Refund, status=status)
    expected = [SentBack(order.number, "sold", Money(TOTAL, "SEK"))] if told else []
    assert sent_back_since(db, NOON) == expected
    assert sent_back_since(db, NOON + timedelta(seconds=1)) == []


def test_the_owners_own_are_not_told_as_that_and_the_latest_come_first(
    order: Order, db: Session
) -> None:
    ask(db, Wish({}, other_amount=100))
    assert sent_back_since(db, NOON) == []
    attempt = db.scalars(select(PaymentAttempt)).one()
    for reason in ("sold", "paid_twice"):
        change(db, Refund, status="failed")
        refund_by_itself(db, attempt, reason, now=NOON)
    change(db, Refund, status="succeeded")
    assert [sent.reason for sent in sent_back_since(db, NOON)] == ["paid_twice", "sold"]
    assert order.id == 1
