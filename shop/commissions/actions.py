"""Asking for one like a doll that is sold. It is a question: nothing is bought and nothing held."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.commissions.forms import Wish
from shop.commissions.models import Commission
from shop.kit.db import changed
from shop.mail.actions import queue
from shop.preferences.queries import preferences

KIND = "commission_notice"  # of the mail; its subject is the commission


def ask_for_one(db: Session, product_id: int, wish: Wish, *, now: datetime) -> Commission:
    """Write down the wish and tell the owner. The same wish sent twice is one, until answered."""
    same = db.scalar(
        select(Commission).where(
            Commission.product_id == product_id,
            Commission.email == wish.email,
            Commission.wish == wish.wish,
            Commission.answered_at.is_(None),
        )
    )
    if same is not None:
        return same
    commission = Commission(product_id=product_id, asked_at=now, **wish._asdict())
    db.add(commission)
    db.flush()  # the mail names its id
    owner = preferences(db)
    if owner.email:
        queue(
            db,
            KIND,
            commission.id,
            recipient=owner.email,
            locale=owner.owner_language,
            now=now,
        )
    return commission


def answer(db: Session, commission_id: int, *, now: datetime) -> bool:
    """The owner has answered; say whether there was still something to answer."""
    is_open = (Commission.id == commission_id) & Commission.answered_at.is_(None)
    return changed(db, update(Commission).where(is_open).values(answered_at=now)) == 1


def take_answer_back(db: Session, commission_id: int) -> bool:
    """It was not answered after all; say whether it had been marked so."""
    is_done = (Commission.id == commission_id) & Commission.answered_at.is_not(None)
    return changed(db, update(Commission).where(is_done).values(answered_at=None)) == 1
