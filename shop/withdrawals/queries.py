import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.kit.clock import local_day
from shop.kit.ids import Signer
from shop.orders.models import Order, OrderEntry
from shop.withdrawals.models import Withdrawal

NUMBERS = re.compile(r"(?<!\d)\d{1,9}(?!\d)", re.ASCII)
TOKEN_PURPOSE = "withdrawal"  # noqa: S105 - what the token is for, no secret
TIME_TO_WITHDRAW = timedelta(days=14)  # from the day it reached the buyer
TIME_TO_PAY_BACK = timedelta(days=14)  # from the day the statement came


@dataclass(frozen=True)
class Received:
    """A statement as the owner sees it."""

    withdrawal: Withdrawal
    order: Order | None
    delivered: date | None

    @property
    def pay_back_by(self) -> date:
        return local_day(self.withdrawal.at) + TIME_TO_PAY_BACK

    @property
    def last_day(self) -> date | None:
        """The last of the 14 days, if the day on which it reached the buyer is known."""
        return self.delivered + TIME_TO_WITHDRAW if self.delivered is not None else None

    @property
    def late(self) -> bool:
        return self.last_day is not None and local_day(self.withdrawal.at) > self.last_day


def received(db: Session, *, handled: bool, limit: int = 200) -> Sequence[Received]:
    """Return the statements that the owner has seen to, or has not; the newest first."""
    delivered = (
        select(OrderEntry.order_id, func.max(OrderEntry.at).label("at"))
        .where(OrderEntry.kind == "delivered")
        .group_by(OrderEntry.order_id)
        .subquery()
    )
    rows = db.execute(
        select(Withdrawal, Order, delivered.c.at)
        .outerjoin(Order, Order.id == Withdrawal.order_id)
        .outerjoin(delivered, delivered.c.order_id == Withdrawal.order_id)
        .where(Withdrawal.handled_at.is_not(None) if handled else Withdrawal.handled_at.is_(None))
        .order_by(Withdrawal.id.desc())
        .limit(limit)
    )
    return [
        Received(withdrawal, order, local_day(at) if at is not None else None)
        for withdrawal, order, at in rows
    ]


@dataclass(frozen=True)
class Unhandled:
    """How many statements wait for the owner, and when the first of them must be paid back."""

    count: int
    pay_back_by: date | None


def unhandled(db: Session) -> Unhandled:
    count, first = db.execute(
        select(func.count(), func.min(Withdrawal.at)).where(Withdrawal.handled_at.is_(None))
    ).one()
    return Unhandled(count, local_day(first) + TIME_TO_PAY_BACK if count else None)


def withdrawal_by_id(db: Session, withdrawal_id: int) -> Withdrawal | None:
    return db.get(Withdrawal, withdrawal_id)


def order_meant(db: Session, given: str, email: str) -> Order | None:
    """Return the one order whose number stands in *given* and that *email* has placed."""
    numbers = {int(digits) for digits in NUMBERS.findall(given)}
    orders = db.scalars(select(Order).where(Order.number.in_(numbers))).all()
    fitting = [order for order in orders if order.email.casefold() == email.casefold()]
    return fitting[0] if len(fitting) == 1 else None


def sent_lately(db: Session, email: str, since: datetime) -> Sequence[datetime]:
    """Return when statements with this address have come since then, the oldest first."""
    return db.scalars(
        select(Withdrawal.at)
        .where(func.lower(Withdrawal.email) == email.lower(), Withdrawal.at > since)
        .order_by(Withdrawal.at)
    ).all()


def withdrawal_token(signer: Signer, withdrawal_id: int) -> str:
    """Return the secret part of the address of the receipt: its id and our proof."""
    return f"{withdrawal_id}-{signer.sign(TOKEN_PURPOSE, str(withdrawal_id))}"


def withdrawal_id_of(signer: Signer, token: str) -> int | None:
    """Return the statement's id if *token* is ours, else None."""
    number, _, signature = token.partition("-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:  # noqa: PLR2004 - an int64
        return None
    return int(number) if signer.verifies(TOKEN_PURPOSE, number, signature) else None
