import hashlib
import json
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.kit.db import changed
from shop.kit.rate_limit import RateLimited
from shop.mail.actions import queue
from shop.orders.actions import flag_for_review, write_entry
from shop.orders.models import Order, Status
from shop.preferences.queries import preferences
from shop.withdrawals.errors import AlreadyReceived
from shop.withdrawals.forms import Statement
from shop.withdrawals.models import Withdrawal
from shop.withdrawals.queries import order_meant, sent_lately

PER_ADDRESS, ADDRESS_WINDOW = 5, timedelta(days=1)
HELD = "withdrawal"  # why an order that is not sent yet stays where it is


def declare_withdrawal(
    db: Session, statement: Statement, *, proved: Order | None, now: datetime
) -> Withdrawal:
    """Write down what the buyer declares, tell the owner, and give the buyer a receipt.

    *proved* is the order that a link of ours has named; without it the order is looked for by its
    number and e-mail address. If none fits, the statement counts all the same: a slip of the pen
    takes no right away. Raises AlreadyReceived for the same thing once more, and, where no link
    vouches for the address, RateLimited: nobody's letter box is ours to fill.
    """
    if proved is None:
        sent = sent_lately(db, statement.email, now - ADDRESS_WINDOW)
        if len(sent) >= PER_ADDRESS:
            raise RateLimited(sent[0] + ADDRESS_WINDOW)
    order = proved or order_meant(db, statement.order_given, statement.email)
    withdrawal = Withdrawal(
        order_id=order.id if order is not None else None,
        order_given=statement.order_given,
        name=statement.name,
        email=statement.email,
        items=statement.items,
        message=statement.message,
        locale=statement.locale,
        at=now,
        fingerprint=_fingerprint(statement, order),
    )
    db.add(withdrawal)
    try:
        db.flush()  # the mails name its id, and of two equal ones the database takes the first
    except IntegrityError:
        raise AlreadyReceived from None
    if order is not None:
        _tell_the_order(db, order, withdrawal, now)
    _queue_mails(db, withdrawal, now)
    return withdrawal


def see_to(db: Session, withdrawal_id: int, *, now: datetime) -> bool:
    """The owner has done what there was to do; say whether it was still to be done."""
    is_open = (Withdrawal.id == withdrawal_id) & Withdrawal.handled_at.is_(None)
    return changed(db, update(Withdrawal).where(is_open).values(handled_at=now)) == 1


def _fingerprint(statement: Statement, order: Order | None) -> str:
    """Return the same for what means the same: an order, and the items of it."""
    what = " ".join(statement.items.casefold().split())
    given = " ".join(statement.order_given.casefold().split())
    which = [order.id] if order is not None else [given, statement.email.casefold()]
    return hashlib.sha256(json.dumps([*which, what]).encode()).hexdigest()


def _tell_the_order(db: Session, order: Order, withdrawal: Withdrawal, now: datetime) -> None:
    """Note it on the order's timeline; what is not sent yet is held, so that it stays here."""
    write_entry(db, order.id, "withdrawal", by="buyer", now=now, note=withdrawal.items)
    if order.status == Status.PAID and order.review is None:
        flag_for_review(db, order.id, HELD, now=now)


def _queue_mails(db: Session, withdrawal: Withdrawal, now: datetime) -> None:
    queue(
        db,
        "withdrawal_receipt",
        withdrawal.id,
        recipient=withdrawal.email,
        locale=withdrawal.locale,
        now=now,
    )
    wishes = preferences(db)
    if wishes.email:
        queue(
            db,
            "withdrawal_notice",
            withdrawal.id,
            recipient=wishes.email,
            locale=wishes.owner_language,
            now=now,
        )
