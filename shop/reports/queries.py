from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.mail.models import Message
from shop.mail.models import Status as MailStatus
from shop.orders.models import Order
from shop.payments.models import ProviderEvent
from shop.stock.models import StockLevel

Sample = tuple[str, dict[str, str], int]  # name, labels, value


def samples(db: Session, now: datetime) -> Iterator[Sample]:
    """Yield what a monitor wants to know of the shop: counts, öre and seconds."""
    by_status = select(Order.status, func.count(), func.sum(Order.total_amount)).group_by(
        Order.status
    )
    for status, count, amount in db.execute(by_status):
        yield "shop_orders", {"status": status}, count
        yield "shop_orders_amount_minor", {"status": status}, int(amount)
    held = db.scalar(select(func.count()).where(Order.review.is_not(None)))
    yield "shop_orders_held_for_review", {}, held or 0
    for status, count in db.execute(select(Message.status, func.count()).group_by(Message.status)):
        yield "shop_mails", {"status": status}, count
    oldest = db.scalar(select(func.min(Message.due_at)).where(Message.status == MailStatus.QUEUED))
    late = int((now - oldest).total_seconds()) if oldest is not None else 0
    yield "shop_oldest_mail_late_seconds", {}, max(late, 0)
    waiting = db.scalar(select(func.count()).where(ProviderEvent.processed_at.is_(None)))
    yield "shop_stripe_events_waiting", {}, waiting or 0
    reserved = db.scalar(select(func.coalesce(func.sum(StockLevel.reserved), 0)))
    yield "shop_stock_reserved", {}, int(reserved or 0)
