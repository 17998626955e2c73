"""The shop's own account of the money at Stripe, entry by entry; its sum is Stripe's balance."""

from collections.abc import Iterable, Iterator

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session

from shop.kit.db import UTCDateTime, changed
from shop.payments.models import LedgerEntry, LedgerKind, PaymentAttempt
from shop.payments.provider import BalanceTransaction

# Stripe's reporting categories that have another name here.
KINDS = {
    "payment": LedgerKind.CHARGE,
    "payment_refund": LedgerKind.REFUND,
    "payout_reversal": LedgerKind.PAYOUT_FAILURE,
}
# In plain SQL, whose row count says whether it is new; that of an ORM's INSERT does not everywhere.
_BOOK_ONCE = text(
    "INSERT INTO ledger_entries"
    " (transaction_id, kind, amount, currency, source_id, order_id, at, available_at)"
    " VALUES (:transaction_id, :kind, :amount, :currency, :source_id, :order_id, :at,"
    " :available_at) ON CONFLICT (transaction_id, kind) DO NOTHING"
).bindparams(
    bindparam("at", type_=UTCDateTime()),
    bindparam("available_at", type_=UTCDateTime()),
)


def book(db: Session, transactions: Iterable[BalanceTransaction]) -> int:
    """Add what is not booked yet, and return how many entries that made. Each movement is an
    entry of its gross amount, and one of the fee that Stripe took off, or gave back.
    """
    made = 0
    for moved in transactions:
        order_id = _order_of(db, moved.payment_intent_id)
        for kind, amount in _parts(moved):
            made += _add(db, moved, kind, amount, order_id)
    return made


def ledger_balance(db: Session, currency: str) -> int:
    """Return what should lie at Stripe, in minor units."""
    amount = db.scalar(select(func.sum(LedgerEntry.amount)).where(LedgerEntry.currency == currency))
    return int(amount or 0)


def ledger_balances(db: Session) -> dict[str, int]:
    """Return what should lie at Stripe, by currency."""
    currencies = db.scalars(select(LedgerEntry.currency).distinct())
    return {currency: ledger_balance(db, currency) for currency in currencies.all()}


def latest_entries(db: Session, limit: int) -> list[LedgerEntry]:
    return list(
        db.scalars(
            select(LedgerEntry).order_by(LedgerEntry.at.desc(), LedgerEntry.id.desc()).limit(limit)
        )
    )


def _parts(moved: BalanceTransaction) -> Iterator[tuple[str, int]]:
    known = set(LedgerKind) - {LedgerKind.FEE}
    kind = KINDS.get(moved.category, moved.category)
    yield (LedgerKind(kind) if kind in known else LedgerKind.OTHER), moved.amount
    if moved.fee:
        yield LedgerKind.FEE, -moved.fee


def _add(
    db: Session, moved: BalanceTransaction, kind: str, amount: int, order_id: int | None
) -> int:
    return changed(
        db,
        _BOOK_ONCE,
        {
            "transaction_id": moved.id,
            "kind": str(kind),
            "amount": amount,
            "currency": moved.currency,
            "source_id": moved.source_id,
            "order_id": order_id,
            "at": moved.at,
            "available_at": moved.available_at,
        },
    )


def _order_of(db: Session, payment_intent_id: str) -> int | None:
    if not payment_intent_id:
        return None
    return db.scalar(
        select(PaymentAttempt.order_id).where(PaymentAttempt.payment_intent_id == payment_intent_id)
    )
