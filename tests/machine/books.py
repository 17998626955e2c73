"""What must be true when a play has come to rest: the shop's books against the stand-in's log."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.orders.models import BOUGHT, Order, OrderLine
from shop.payments.models import (
    GIVEN_BACK,
    PaymentAttempt,
    ProviderEvent,
    Refund,
    RefundLine,
    RefundStatus,
    Status,
)
from shop.reports.verify import verify
from shop.stock.models import StockLevel
from tests.machine.play import START, Play


def breaches(play: Play) -> list[str]:
    """Return what is not as it must be, in words."""
    log = play.stand_in.log()
    with play.till.sessions.begin() as db:
        found = [
            f"{finding.invariant.code} {finding.invariant.rule}: {finding.rows}"
            for finding in verify(db)
            if not finding.holds
        ]
        return [*found, *_left_over(db), *_money(db, log), *_refunds(db, log), *_pieces(db, log)]


def _left_over(db: Session) -> Iterator[str]:
    """What should have been brought to an end by now."""
    for attempt in db.scalars(
        select(PaymentAttempt).where(
            PaymentAttempt.status.in_((Status.CREATING, Status.OPEN, Status.LATE))
        )
    ):
        held = db.get_one(Order, attempt.order_id).review
        if attempt.status != Status.LATE or held is None:
            yield f"attempt {attempt.id} is still {attempt.status}: {attempt.last_error}"
    for refund in db.scalars(select(Refund).where(Refund.status == RefundStatus.REQUESTED)):
        yield f"refund {refund.id} is still requested: {refund.last_error}"
    for event in db.scalars(select(ProviderEvent).where(ProviderEvent.processed_at.is_(None))):
        yield f"event {event.type} is not acted upon: {event.error}"


def _money(db: Session, log: list[dict[str, Any]]) -> Iterator[str]:
    """Who paid has the order, or the money back, or somebody looks at it."""
    back = _went_back(log)
    paid = {row["session"]: row for row in log if row["what"] == "session.paid"}
    made = Counter(row["metadata"]["attempt_id"] for row in log if row["what"] == "session.created")
    yield from (f"attempt {id_} became {n} sessions" for id_, n in made.items() if n > 1)
    attempts = {a.session_id: a for a in db.scalars(select(PaymentAttempt))}
    kept: Counter[int] = Counter()
    for session_id, row in paid.items():
        attempt = attempts.get(session_id)
        if attempt is None:
            yield f"nobody knows of the paid {session_id}"
            continue
        order, whole = db.get_one(Order, attempt.order_id), back[row["payment_intent"]]
        whole_back = whole == row["amount"]
        has_it = attempt.status == Status.PAID and order.status in BOUGHT
        if not (has_it or whole_back or order.review):
            yield f"{session_id} is paid, but {attempt.status}, and its order {order.status}"
        if has_it and whole_back != (order.status == "refunded"):
            yield f"order {order.number} is {order.status}, and {whole} of it went back"
        kept[order.id] += not whole_back and not (order.review and not has_it)
    yield from (f"order {id_} is paid {n} times" for id_, n in kept.items() if n > 1)
    for attempt in attempts.values():
        if attempt.status == Status.PAID and attempt.session_id not in paid:
            yield f"attempt {attempt.id} counts as paid, and nobody has paid"


def _went_back(log: list[dict[str, Any]]) -> Counter[str]:
    """Return how much of each payment was given back at the stand-in."""
    failed = {row["refund"] for row in log if row["what"] == "refund.failed"}
    back: Counter[str] = Counter()
    for row in log:
        if row["what"] == "refund.created" and row["refund"] not in failed:
            back[row["payment_intent"]] += row["amount"]
    return back


def _refunds(db: Session, log: list[dict[str, Any]]) -> Iterator[str]:
    back = _went_back(log)
    rows = db.execute(
        select(PaymentAttempt.payment_intent_id, func.sum(Refund.amount))
        .join(Refund, Refund.attempt_id == PaymentAttempt.id)
        .where(Refund.status.in_(GIVEN_BACK))
        .group_by(PaymentAttempt.payment_intent_id)
    )
    ours = {str(intent): int(amount) for intent, amount in rows}
    for intent in sorted(back.keys() | ours.keys()):
        if back[intent] != ours.get(intent, 0):
            yield f"{back[intent]} went back of {intent}, and the shop says {ours.get(intent, 0)}"


def _pieces(db: Session, log: list[dict[str, Any]]) -> Iterator[str]:
    """What lies on the shelf is what lay there, less what was sold, and what came back."""
    sold = _count(db, Order.status.in_(BOUGHT))
    held = _count(db, Order.status == "pending")
    returned = {
        variant_id: int(n)
        for variant_id, n in db.execute(
            select(OrderLine.variant_id, func.sum(RefundLine.quantity))
            .join(RefundLine, RefundLine.order_line_id == OrderLine.id)
            .where(RefundLine.restocked)
            .group_by(OrderLine.variant_id)
        )
    }
    for variant_id, start in START.items():
        level = db.get_one(StockLevel, variant_id)
        should = start - sold.get(variant_id, 0) + returned.get(variant_id, 0)
        if (level.on_hand, level.reserved) != (should, held.get(variant_id, 0)):
            yield (
                f"of variant {variant_id} there are {level.on_hand}, {level.reserved} promised, "
                f"and not {should} and {held.get(variant_id, 0)}"
            )
        kept = _paid_and_kept(db, log, variant_id) - returned.get(variant_id, 0)
        if kept > start:
            yield f"{kept} of variant {variant_id} are paid, and there were {start}"
    waiting = select(Order.number).where(
        Order.status == "pending",
        ~select(PaymentAttempt.id)
        .where(
            PaymentAttempt.order_id == Order.id,
            PaymentAttempt.status.in_((Status.PROCESSING, Status.REVIEW)),
        )
        .exists(),
    )
    yield from (f"order {number} holds its pieces for nobody" for number in db.scalars(waiting))


def _count(db: Session, which: Any) -> dict[int, int]:
    rows = db.execute(
        select(OrderLine.variant_id, func.sum(OrderLine.quantity))
        .join(Order, Order.id == OrderLine.order_id)
        .where(which)
        .group_by(OrderLine.variant_id)
    )
    return {variant_id: int(n) for variant_id, n in rows}


def _paid_and_kept(db: Session, log: list[dict[str, Any]], variant_id: int) -> int:
    """Return for how many pieces the stand-in has money, of orders that nobody need look at."""
    back = _went_back(log)
    kept = {
        int(row["client_reference_id"])
        for row in log
        if row["what"] == "session.paid" and back[row["payment_intent"]] < row["amount"]
    }
    return _count(db, Order.id.in_(kept) & Order.review.is_(None)).get(variant_id, 0)
