"""Those who wait for something: one mail when it can be had again, and then they are forgotten.

Why a piece is free again does not matter here: a hold ran out, one was sent back, the owner made
more. The worker looks at the shelf each round, and that is the only place that tells anybody.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.catalogue.models import Kind, Product, Status, Variant
from shop.kit.clock import Clock
from shop.kit.db import Sessions, changed
from shop.mail.actions import queue
from shop.mail.models import Message
from shop.mail.models import Status as MailStatus
from shop.stock.errors import WaitsAlready, WaitsForTooMuch
from shop.stock.models import StockAlert, StockLevel

KIND = "stock_alert"  # of the mail; its subject is the alert
MOST_PER_ADDRESS = 20
IN_A_ROUND = 100
WAITS = timedelta(days=365)
NEWS_KEEPS = timedelta(days=7)  # a mail that cannot be sent says nothing of use any more


def wait_for(db: Session, variant_id: int, email: str, *, locale: str, now: datetime) -> None:
    """Write to *email* once when the variant can be had again. Asking twice is asking once.

    Raises WaitsForTooMuch for an address that waits for more than anybody does, and WaitsAlready
    if the same was asked in the same moment.
    """
    address = email.lower()
    _forget_the_told(db, now)  # whoever was told already may ask anew
    awaited = db.scalars(select(StockAlert.variant_id).where(StockAlert.email == address)).all()
    if variant_id in awaited:
        return
    if len(awaited) >= MOST_PER_ADDRESS:
        raise WaitsForTooMuch
    db.add(StockAlert(variant_id=variant_id, email=address, locale=locale, asked_at=now))
    try:
        db.flush()  # of two at once, the database takes the first
    except IntegrityError:
        raise WaitsAlready from None


def tell_and_forget(reads: Sessions, sessions: Sessions, now: Clock) -> int:
    """Tell those who wait for what can be had again, in the order in which they asked; forget
    those who have been told, and those who have waited for a year. Return how many were told.
    """
    at = now()
    with reads.begin() as db:
        if not _something_to_do(db, at):
            return 0
    with sessions.begin() as db:
        _forget_the_told(db, at)
        changed(db, delete(StockAlert).where(_waited_too_long(at)))
        return sum(_tell(db, alert, at) for alert in db.scalars(_to_be_told().limit(IN_A_ROUND)))


def waiting_for(db: Session) -> dict[int, int]:
    """Return how many wait for each variant; what nobody waits for is left out."""
    rows = db.execute(
        select(StockAlert.variant_id, func.count())
        .where(StockAlert.told_at.is_(None))
        .group_by(StockAlert.variant_id)
    )
    return dict(rows.all())


def _something_to_do(db: Session, now: datetime) -> bool:
    return any(
        db.scalar(select(exists(statement)))
        for statement in (
            _to_be_told(),
            select(Message.id).where(_told(now)),
            select(StockAlert.id).where(_waited_too_long(now)),
        )
    )


def _to_be_told() -> Select[StockAlert]:
    can_be_had = or_(Product.kind == Kind.MADE_TO_ORDER, StockLevel.on_hand > StockLevel.reserved)
    return (
        select(StockAlert)
        .join(Variant, Variant.id == StockAlert.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .outerjoin(StockLevel, StockLevel.variant_id == Variant.id)
        .where(StockAlert.told_at.is_(None), Product.status == Status.PUBLISHED, can_be_had)
        .order_by(StockAlert.id)
    )


def _tell(db: Session, alert: StockAlert, now: datetime) -> bool:
    """Queue the mail, unless another worker has just done it."""
    waits = (StockAlert.id == alert.id) & StockAlert.told_at.is_(None)
    ours = changed(db, update(StockAlert).where(waits).values(told_at=now)) == 1
    if ours:
        queue(db, KIND, alert.id, recipient=alert.email, locale=alert.locale, now=now)
    return ours


def _forget_the_told(db: Session, now: datetime) -> None:
    """Erase the address of whoever has been told: from the list, and from the mail itself."""
    told = select(Message.subject_id).where(_told(now))
    changed(db, delete(StockAlert).where(StockAlert.id.in_(told)))
    changed(db, delete(Message).where(_told(now)))


def _told(now: datetime) -> ColumnElement[bool]:
    """Say of a mail that it has left, or is too old to be of use."""
    useless = and_(Message.queued_at < now - NEWS_KEEPS, Message.leased_until.is_(None))
    return and_(Message.kind == KIND, or_(Message.status == MailStatus.SENT, useless))


def _waited_too_long(now: datetime) -> ColumnElement[bool]:
    return and_(StockAlert.told_at.is_(None), StockAlert.asked_at < now - WAITS)
