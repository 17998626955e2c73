"""What must be true when a play has come to rest: the shop's books against the stand-in's log."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.discounts.models import Redemption
from shop.mail.models import Message
from shop.orders.models import BOUGHT, Order, OrderEntry, OrderLine
from shop.payments.disputes import OPEN
from shop.payments.models import (
    Dispute,
    Finding,
    LedgerEntry,
    LedgerKind,
    PaymentAttempt,
    ProviderEvent,
    Refund,
    RefundLine,
    RefundStatus,
    Status,
)
from shop.stock.models import Reason, StockLevel, StockMovement
from tests.machine.play import MOST_USES, START, Play

Log = list[dict[str, Any]]


def breaches(play: Play) -> list[str]:
    """Return what is not as it must be, in words."""
    log, found = play.stand_in.log(), [*play.complaints, *play.broken()]
    with play.sessions.aside() as db:
        found += _left_over(db)
        for look in (_money, _refunds, _disputes, _ledger, _pieces):
            found += look(db, log)
        return [*found, *_given_up(db, log, play.not_dead), *_codes(db), *_mails(db)]


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
    for finding in db.scalars(select(Finding).where(Finding.settled_at.is_(None))):
        yield f"the owner is shown {finding.kind} of {finding.subject}: {finding.detail}"


def _money(db: Session, log: Log) -> Iterator[str]:
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
        if row["amount"] != order.total_amount:
            yield f"order {order.number} costs {order.total_amount}, and {row['amount']} was paid"
        if not (has_it or whole_back or order.review):
            yield f"{session_id} is paid, but {attempt.status}, and its order {order.status}"
        if has_it and whole_back != (order.status == "refunded"):
            yield f"order {order.number} is {order.status}, and {whole} of it went back"
        kept[order.id] += not whole_back and not (order.review and not has_it)
    yield from (f"order {id_} is paid {n} times" for id_, n in kept.items() if n > 1)
    for attempt in attempts.values():
        if attempt.status == Status.PAID and attempt.session_id not in paid:
            yield f"attempt {attempt.id} counts as paid, and nobody has paid"


def _given_up(db: Session, log: Log, wrongly: set[str]) -> Iterator[str]:
    """Nothing is given up before Stripe has said that nobody can pay it any more."""
    ends = {
        row["session"]: (row["what"], row["at"])
        for row in log
        if row["what"] in {"session.paid", "session.expired"}
    }
    rows = db.execute(
        select(PaymentAttempt.id, PaymentAttempt.session_id, func.min(OrderEntry.at))
        .join(OrderEntry, OrderEntry.order_id == PaymentAttempt.order_id)
        .where(
            OrderEntry.kind.in_(("expired", "cancelled")),
            OrderEntry.at > PaymentAttempt.created_at,  # not of a page that was opened since
        )
        .group_by(PaymentAttempt.id, PaymentAttempt.session_id)
    )
    for id_, session_id, at in rows:
        what, when = ends.get(session_id, ("", 0))
        # Stripe's clock is never ahead of the shop's here.
        if id_ not in wrongly and (what == "session.paid" or when > at.timestamp()):
            yield f"attempt {id_} was given up at {at}, and had its {what}"


def _went_back(log: Log) -> Counter[str]:
    """Return how much of each payment was given back at the stand-in."""
    failed = {row["refund"] for row in log if row["what"] == "refund.failed"}
    back: Counter[str] = Counter()
    for row in log:
        if row["what"] == "refund.created" and row["refund"] not in failed:
            back[row["payment_intent"]] += row["amount"]
    return back


def _refunds(db: Session, log: Log) -> Iterator[str]:
    """Every refund at Stripe has one row here, and the same end."""
    failed = {row["refund"] for row in log if row["what"] == "refund.failed"}
    made = {
        row["refund"]: (
            row["payment_intent"],
            row["amount"],
            RefundStatus.FAILED if row["refund"] in failed else RefundStatus.SUCCEEDED,
        )
        for row in log
        if row["what"] == "refund.created"
    }
    ours = {
        refund.stripe_id: (intent, refund.amount, refund.status)
        for refund, intent in db.execute(
            select(Refund, PaymentAttempt.payment_intent_id).join(
                PaymentAttempt, PaymentAttempt.id == Refund.attempt_id
            )
        )
        if refund.stripe_id is not None or refund.status != RefundStatus.FAILED
    }
    for id_ in sorted(made.keys() | ours.keys(), key=str):
        if made.get(id_) != ours.get(id_):
            yield f"refund {id_} is {made.get(id_)} at Stripe, and here {ours.get(id_)}"
    asked = Counter(
        row["metadata"]["refund_id"]
        for row in log
        if row["what"] == "refund.created" and "refund_id" in row["metadata"]
    )
    yield from (f"refund {token} was made {n} times" for token, n in asked.items() if n > 1)


def _disputes(db: Session, log: Log) -> Iterator[str]:
    """Every dispute is here as it is at Stripe, and stops its order as long as it is open."""
    last = {row["dispute"]: row for row in log if row["what"].startswith("dispute.")}
    ours = {dispute.stripe_id: dispute for dispute in db.scalars(select(Dispute))}
    orders = {a.payment_intent_id: a.order_id for a in db.scalars(select(PaymentAttempt))}
    stopped = set()
    for id_, row in last.items():
        should = row["status"], row["amount"], orders.get(row["payment_intent"])
        here = ours.pop(id_, None)
        if here is None or (here.status, here.amount, here.order_id) != should:
            yield f"dispute {id_} is {should}, and here {here and (here.status, here.order_id)}"
        if row["status"] in OPEN:
            stopped.add(should[2])
    yield from (f"there is no dispute {id_} at Stripe" for id_ in ours)
    flagged = set(db.scalars(select(Order.id).where(Order.disputed.is_(True))))
    if flagged != stopped:
        yield f"the orders {flagged} are flagged as disputed, and {stopped} are"


def _ledger(db: Session, log: Log) -> Iterator[str]:
    """Every movement of the money at Stripe is booked, once, with its fee."""
    moved = {
        row["balance_transaction"]: (row["amount"], -row["fee"])
        for row in log
        if row["what"] == "balance_transaction.created"
    }
    booked: dict[str, tuple[int, int]] = {}
    for entry in db.scalars(select(LedgerEntry)):
        gross, fee = booked.get(entry.transaction_id, (0, 0))
        if entry.kind == LedgerKind.FEE:
            booked[entry.transaction_id] = gross, fee + entry.amount
        else:
            booked[entry.transaction_id] = gross + entry.amount, fee
    for id_ in sorted(moved.keys() | booked.keys()):
        if moved.get(id_) != booked.get(id_):
            yield f"{id_} moved {moved.get(id_)}, and the ledger says {booked.get(id_)}"


def _pieces(db: Session, log: Log) -> Iterator[str]:
    """What lies on the shelf is what was counted, less what was sold, and what came back."""
    sold = _count(db, Order.status.in_(BOUGHT))
    held = _count(db, Order.status == "pending")
    counted = {
        variant_id: int(n)
        for variant_id, n in db.execute(
            select(StockMovement.variant_id, func.sum(StockMovement.delta))
            .where(StockMovement.reason == Reason.COUNTED)
            .group_by(StockMovement.variant_id)
        )
    }
    returned = {
        variant_id: int(n)
        for variant_id, n in db.execute(
            select(OrderLine.variant_id, func.sum(RefundLine.quantity))
            .join(RefundLine, RefundLine.order_line_id == OrderLine.id)
            .where(RefundLine.restocked)
            .group_by(OrderLine.variant_id)
        )
    }
    for variant_id in START:
        level = db.get_one(StockLevel, variant_id)
        should = counted[variant_id] - sold.get(variant_id, 0) + returned.get(variant_id, 0)
        if (level.on_hand, level.reserved) != (should, held.get(variant_id, 0)):
            yield (
                f"of variant {variant_id} there are {level.on_hand}, {level.reserved} promised, "
                f"and not {should} and {held.get(variant_id, 0)}"
            )
        kept = _paid_and_kept(db, log, variant_id) - returned.get(variant_id, 0)
        if kept > counted[variant_id]:
            yield f"{kept} of variant {variant_id} are paid, and there were {counted[variant_id]}"
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


def _paid_and_kept(db: Session, log: Log, variant_id: int) -> int:
    """Return for how many pieces the stand-in has money, of orders that nobody need look at."""
    back = _went_back(log)
    kept = {
        int(row["client_reference_id"])
        for row in log
        if row["what"] == "session.paid" and back[row["payment_intent"]] < row["amount"]
    }
    return _count(db, Order.id.in_(kept) & Order.review.is_(None)).get(variant_id, 0)


def _codes(db: Session) -> Iterator[str]:
    """The code is used by as many orders as may have it, and by none that came to nothing."""
    counts = Order.status.in_(("pending", *BOUGHT)) & (Order.discount_amount > 0)
    having = set(db.scalars(select(Order.id).where(counts)))
    used = Counter(db.scalars(select(Redemption.order_id)))
    if used != Counter(having):
        yield f"the orders {having} have a discount, and {used} count as uses of it"
    if len(having) > MOST_USES:
        yield f"{len(having)} orders have what {MOST_USES} may have"


def _mails(db: Session) -> Iterator[str]:
    """Every paid order is confirmed, once; every refund that Stripe took is told of, once."""
    sent = {
        kind: Counter(db.scalars(select(Message.subject_id).where(Message.kind == kind)))
        for kind in ("order_confirmation", "order_notice", "refund")
    }
    bought = Counter(db.scalars(select(Order.id).where(Order.status.in_(BOUGHT))))
    for kind in ("order_confirmation", "order_notice"):
        if sent[kind] != bought:
            yield f"the orders {bought} were bought, and {kind} went to {sent[kind]}"
    taken = Counter(db.scalars(select(Refund.id).where(Refund.status == RefundStatus.SUCCEEDED)))
    came_back = Counter(db.scalars(select(Refund.id).where(Refund.status == RefundStatus.FAILED)))
    told = sent["refund"]
    if not taken <= told <= taken + came_back:  # one that came back was perhaps told of before
        yield f"the refunds {taken} were made, and {told} told of"
