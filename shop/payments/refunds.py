"""Money on its way back to a buyer, as the shop writes it down. Nothing here talks to Stripe.

Every function that changes a refund holds the order's row, so that a second click, the webhook
and the reconciler take turns, and never more goes back than came in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shop.discounts.actions import give_back as give_back_code
from shop.kit.ids import random_token
from shop.mail.actions import queue
from shop.orders.actions import end_review, flag_for_review, move, write_entry
from shop.orders.models import Order, OrderEntry, OrderLine
from shop.orders.models import Status as OrderStatus
from shop.orders.queries import held_quantities
from shop.payments.errors import RefundChanged, RefundImpossible, RefundTooLarge
from shop.payments.models import (
    GIVEN_BACK,
    Origin,
    PaymentAttempt,
    Refund,
    RefundLine,
    RefundStatus,
    Status,
    What,
)
from shop.payments.provider import StripeRefund
from shop.stock.actions import put_back, release, take_again

FULFILLED = (OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED)
# What Stripe says of a refund only ever moves it on: an old answer that comes late changes nothing.
RANK = {
    RefundStatus.REQUESTED: 0,
    RefundStatus.PENDING: 1,
    RefundStatus.SUCCEEDED: 2,
    RefundStatus.CANCELED: 3,
    RefundStatus.FAILED: 3,
}


@dataclass(frozen=True)
class Wish:
    """What the owner wants to give back of an order."""

    quantities: Mapping[int, int]  # order line id: pieces
    restock: frozenset[int] = frozenset()  # the lines whose pieces lie on the shelf again
    postage: bool = False
    other_amount: int = 0
    whole: bool = False  # all that is left of the payment, whatever went back without a reason


def request_refund(db: Session, order_id: int, wish: Wish, *, seen: int, now: datetime) -> Refund:
    """Write down what goes back to the buyer, before Stripe is asked.

    *seen* is how much had gone back when the owner looked: a second click finds more. Raises
    RefundChanged for that, RefundImpossible for an order that is not paid or is disputed,
    RefundTooLarge for more than is left, or for nothing.
    """
    order = locked_order(db, order_id)
    attempt = db.scalar(
        select(PaymentAttempt).where(
            PaymentAttempt.order_id == order_id, PaymentAttempt.status == Status.PAID
        )
    )
    if attempt is None:
        raise RefundImpossible
    gone = given_back(db, attempt.id)
    if seen != gone:
        raise RefundChanged
    if order.disputed or order.status not in FULFILLED:
        raise RefundImpossible
    parts = _parts(db, order, wish)
    if wish.whole:
        _fit(parts, attempt.amount - gone)
    refund = _write_refund(db, attempt, sum(part.amount for part in parts), Origin.OWNER, now)
    for part in parts:
        part.refund_id = refund.id
    db.add_all(parts)
    _restock(db, order, parts, now)
    follow_money(db, order, attempt, now=now)
    return refund


def refund_by_itself(db: Session, attempt: PaymentAttempt, reason: str, *, now: datetime) -> Refund:
    """Give back all of a payment for which there is nothing any more."""
    return _write_refund(db, attempt, attempt.amount, Origin.AUTO, now, reason)


def apply_refunds(
    db: Session,
    attempt: PaymentAttempt,
    found: Sequence[StripeRefund],
    *,
    captured: int | None = None,
    now: datetime,
) -> None:
    """Let the attempt's refunds follow what Stripe says, those made at Stripe included.

    *captured* is what was really paid, where that is not what was asked for.
    """
    order = locked_order(db, attempt.order_id)
    for refund in found:
        _apply(db, order, attempt, refund, now)
    follow_money(db, order, attempt, captured=captured, now=now)


def refuse_refund(db: Session, refund_id: int, error: str, *, now: datetime) -> None:
    """Stripe will never make this refund: the money is still ours, and the owner must look."""
    refund = db.get_one(Refund, refund_id)
    order = locked_order(db, refund.order_id)
    db.refresh(refund)
    if refund.status != RefundStatus.REQUESTED:
        return
    refund.last_error = error
    _fail(db, order, refund, RefundStatus.FAILED, now)
    follow_money(db, order, db.get_one(PaymentAttempt, refund.attempt_id), now=now)


def record_refund_trouble(db: Session, refund_id: int, error: str, *, now: datetime) -> None:
    refund = db.get_one(Refund, refund_id)
    refund.last_error, refund.checked_at = error, now


def given_back(db: Session, attempt_id: str) -> int:
    """Return how much of a payment has gone back, or is on its way, in minor units."""
    amount = db.scalar(
        select(func.coalesce(func.sum(Refund.amount), 0)).where(
            Refund.attempt_id == attempt_id, Refund.status.in_(GIVEN_BACK)
        )
    )
    return int(amount or 0)


def follow_money(
    db: Session,
    order: Order,
    attempt: PaymentAttempt,
    *,
    captured: int | None = None,
    now: datetime,
) -> None:
    """Move the order, or the payment that came too late, to where its money is."""
    db.flush()  # the sum is asked of the database
    status = db.scalars(select(PaymentAttempt.status).where(PaymentAttempt.id == attempt.id)).one()
    whole = given_back(db, attempt.id) >= (captured or attempt.amount)
    if status == Status.PAID:
        _follow_order(db, order, whole=whole, now=now)
    elif status == Status.LATE and whole and _taken_by_stripe(db, attempt):
        _turn(db, attempt, Status.LATE, Status.REFUNDED)
    elif status == Status.REFUNDED and not whole:
        _turn(db, attempt, Status.REFUNDED, Status.LATE)
    elif status == Status.REVIEW and whole and captured is not None:
        _turn(db, attempt, Status.REVIEW, Status.REFUNDED)
        if move(db, order.id, OrderStatus.PENDING, OrderStatus.CANCELLED):
            release(db, held_quantities(db, order.id))
            give_back_code(db, order.id)
            write_entry(db, order.id, OrderStatus.CANCELLED, by="shop", now=now)


def _taken_by_stripe(db: Session, attempt: PaymentAttempt) -> bool:
    asked = select(Refund.id).where(
        Refund.attempt_id == attempt.id, Refund.status == RefundStatus.REQUESTED
    )
    return db.scalar(asked.limit(1)) is None


def _turn(db: Session, attempt: PaymentAttempt, since: Status, to: Status) -> None:
    db.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.id == attempt.id, PaymentAttempt.status == since)
        .values(status=to)
        .execution_options(synchronize_session=False)
    )


def locked_order(db: Session, order_id: int) -> Order:
    return db.scalars(
        select(Order)
        .where(Order.id == order_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


# --- one refund -----------------------------------------------------------------------------------


def _write_refund(
    db: Session,
    attempt: PaymentAttempt,
    amount: int,
    origin: Origin,
    now: datetime,
    reason: str = "",
) -> Refund:
    if not 0 < amount <= attempt.amount - given_back(db, attempt.id):
        raise RefundTooLarge
    refund = Refund(
        token=random_token(),
        order_id=attempt.order_id,
        attempt_id=attempt.id,
        origin=origin,
        reason=reason,
        status=RefundStatus.REQUESTED,
        amount=amount,
        currency=attempt.currency,
        requested_at=now,
    )
    db.add(refund)
    db.flush()  # its parts and its mail name its id
    return refund


def _apply(
    db: Session, order: Order, attempt: PaymentAttempt, found: StripeRefund, now: datetime
) -> None:
    refund = db.scalar(
        select(Refund)
        .where((Refund.stripe_id == found.id) | (Refund.token == found.token))
        .execution_options(populate_existing=True)
    )
    if refund is None:
        refund = _made_at_stripe(db, attempt, found, now)
    status = (
        RefundStatus.PENDING if found.status == "requires_action" else RefundStatus(found.status)
    )
    refund.stripe_id, refund.checked_at = found.id, now
    before = refund.status
    if RANK[status] <= RANK[RefundStatus(before)]:
        return
    if status in GIVEN_BACK:
        refund.status = status
        if before == RefundStatus.REQUESTED:
            _tell(db, order, refund, now)
    else:
        refund.last_error = found.failure
        _fail(db, order, refund, status, now)


def _made_at_stripe(
    db: Session, attempt: PaymentAttempt, found: StripeRefund, now: datetime
) -> Refund:
    refund = Refund(
        token=random_token(),
        order_id=attempt.order_id,
        attempt_id=attempt.id,
        origin=Origin.DASHBOARD,
        status=RefundStatus.REQUESTED,
        amount=found.amount,
        currency=found.currency,
        requested_at=now,
    )
    db.add(refund)
    db.flush()  # its mail names its id
    return refund


def _tell(db: Session, order: Order, refund: Refund, now: datetime) -> None:
    """Stripe has taken it: note it on the timeline, and write to the buyer."""
    write_entry(db, order.id, "money_back", by=refund.origin, now=now, note=str(refund.amount))
    queue(db, "refund", refund.id, recipient=order.email, locale=order.locale, now=now)


def _fail(db: Session, order: Order, refund: Refund, status: RefundStatus, now: datetime) -> None:
    refund.status = status
    write_entry(db, order.id, "refund_failed", by="stripe", now=now, note=str(refund.amount))
    all_there = _put_aside_again(db, order, refund, now)
    flag_for_review(db, order.id, "refund_failed" if all_there else "refund_failed_sold", now=now)


def _put_aside_again(db: Session, order: Order, refund: Refund, now: datetime) -> bool:
    """Take the pieces off the shelf again that had been given up with the money, if the order was
    never sent; say whether all of them are still there.
    """
    if _status_without_refund(db, order) != OrderStatus.PAID:
        return True
    restocked = db.execute(
        select(RefundLine, OrderLine.variant_id)
        .join(OrderLine, OrderLine.id == RefundLine.order_line_id)
        .where(RefundLine.refund_id == refund.id, RefundLine.restocked)
        .order_by(OrderLine.variant_id)  # as stock is always taken
    ).all()
    for part, variant_id in restocked:
        part.restocked = not take_again(
            db, variant_id, part.quantity, order_id=order.id, by="shop", now=now
        )
    return not any(part.restocked for part, _ in restocked)


def _follow_order(db: Session, order: Order, *, whole: bool, now: datetime) -> None:
    status = OrderStatus(order.status)
    if whole and status in FULFILLED:
        if move(db, order.id, status, OrderStatus.REFUNDED):
            write_entry(db, order.id, OrderStatus.REFUNDED, by="shop", now=now)
            end_review(db, order.id, "withdrawal")
    elif not whole and status == OrderStatus.REFUNDED:
        before = _status_without_refund(db, order)
        if move(db, order.id, status, before):
            write_entry(db, order.id, "refund_taken_back", by="shop", now=now, note=before)


def _status_without_refund(db: Session, order: Order) -> OrderStatus:
    """Return what the order is, or was before it was refunded."""
    if order.status != OrderStatus.REFUNDED:
        return OrderStatus(order.status)
    kinds = set(db.scalars(select(OrderEntry.kind).where(OrderEntry.order_id == order.id)))
    if OrderStatus.DELIVERED in kinds:
        return OrderStatus.DELIVERED
    sent = db.scalar(
        select(OrderEntry.kind)
        .where(
            OrderEntry.order_id == order.id,
            OrderEntry.kind.in_((OrderStatus.SHIPPED, "sending_taken_back")),
        )
        .order_by(OrderEntry.id.desc())
        .limit(1)
    )
    return OrderStatus.SHIPPED if sent == OrderStatus.SHIPPED else OrderStatus.PAID


# --- what it is for -------------------------------------------------------------------------------


def refunded_quantities(db: Session, order_id: int) -> dict[int, int]:
    """Return how many pieces of each line have been paid back: order line id, pieces."""
    rows = db.execute(
        select(RefundLine.order_line_id, func.sum(RefundLine.quantity))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(Refund.order_id == order_id, Refund.status.in_(GIVEN_BACK))
        .where(RefundLine.what == What.LINE)
        .group_by(RefundLine.order_line_id)
    )
    return {line_id: int(n) for line_id, n in rows if line_id is not None}


def postage_refunded(db: Session, order_id: int) -> bool:
    return (
        db.scalar(
            select(RefundLine.id)
            .join(Refund, Refund.id == RefundLine.refund_id)
            .where(Refund.order_id == order_id, Refund.status.in_(GIVEN_BACK))
            .where(RefundLine.what == What.POSTAGE)
            .limit(1)
        )
        is not None
    )


def line_amount(line: OrderLine, before: int, quantity: int) -> int:
    """Return what *quantity* pieces of a line cost, after *before* of them were paid back.

    The pieces share the line's discount, and however they are split the parts are the whole.
    """
    net = line.price_amount * line.quantity - line.discount_amount
    return net * (before + quantity) // line.quantity - net * before // line.quantity


def _parts(db: Session, order: Order, wish: Wish) -> list[RefundLine]:
    lines = db.scalars(select(OrderLine).where(OrderLine.order_id == order.id)).all()
    gone = refunded_quantities(db, order.id)
    if set(wish.quantities) - {line.id for line in lines}:
        raise RefundTooLarge
    parts = []
    for line in lines:
        quantity, before = wish.quantities.get(line.id, 0), gone.get(line.id, 0)
        if not 0 <= quantity <= line.quantity - before:
            raise RefundTooLarge
        if quantity:
            parts.append(
                RefundLine(
                    what=What.LINE,
                    order_line_id=line.id,
                    quantity=quantity,
                    amount=line_amount(line, before, quantity),
                    restocked=line.id in wish.restock and line.from_stock,
                )
            )
    if wish.postage:
        if postage_refunded(db, order.id):
            raise RefundTooLarge
        parts.append(RefundLine(what=What.POSTAGE, quantity=0, amount=order.shipping_amount))
    if wish.other_amount:
        parts.append(RefundLine(what=What.OTHER, quantity=0, amount=wish.other_amount))
    return parts


def _fit(parts: list[RefundLine], left: int) -> None:
    """Let the parts be what is left: some of it may have gone back without saying what for."""
    excess = sum(part.amount for part in parts) - left
    if excess < 0:
        parts.append(RefundLine(what=What.OTHER, quantity=0, amount=-excess))
    for part in reversed(parts):
        less = min(part.amount, max(excess, 0))
        part.amount -= less
        excess -= less


def _restock(db: Session, order: Order, parts: Sequence[RefundLine], now: datetime) -> None:
    quantities: dict[int, int] = {}
    for part in parts:
        if part.restocked:
            line = db.get_one(OrderLine, part.order_line_id)
            quantities[line.variant_id] = quantities.get(line.variant_id, 0) + part.quantity
    put_back(db, quantities, order_id=order.id, by="owner", now=now)


def everything_left(db: Session, order: Order, *, restock: bool) -> Wish:
    """Return the wish to give back all that is left of an order."""
    lines = db.scalars(select(OrderLine).where(OrderLine.order_id == order.id)).all()
    gone = refunded_quantities(db, order.id)
    left = {line.id: line.quantity - gone.get(line.id, 0) for line in lines}
    return Wish(
        quantities={line_id: n for line_id, n in left.items() if n},
        restock=frozenset(left) if restock else frozenset(),
        postage=order.shipping_amount > 0 and not postage_refunded(db, order.id),
        whole=True,
    )
