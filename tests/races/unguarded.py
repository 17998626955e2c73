"""The shop as others build it: it looks whether there is enough, and takes it afterwards.

The control of the big race. Everything else is the real shop; whoever comes alone is served right.
"""

import threading
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.types import ASGIApp

from shop import app
from shop.cart.cookie import Cart
from shop.cart.queries import ShownCart, shown_cart
from shop.checkout import actions as checkout
from shop.checkout import pages
from shop.kit.db import Sessions, is_sqlite
from shop.orders.queries import held_by_cart
from shop.stock import actions as stock
from shop.stock.models import StockLevel

_looked = threading.local()
_place = pages._place


def from_environment() -> ASGIApp:
    """Return the shop without its guards, for a server that starts it by name."""
    vars(pages).update(_place=_look_and_place)
    vars(checkout).update(shown_cart=_what_was_seen, take_turn=_nobody_waits)
    vars(stock).update(_change=_change_whatever_is_there)
    return app.from_environment()


def drop_the_checks(sessions: Sessions) -> None:
    """Take from the database what it knows about stock itself, or it would refuse to oversell."""
    with sessions.begin() as db:
        if not is_sqlite(str(sessions.engine.url)):
            for name in ("reserved_on_hand", "reserved_not_negative"):
                db.execute(text(f"ALTER TABLE stock_levels DROP CONSTRAINT ck_stock_levels_{name}"))
            return
        db.execute(text("ALTER TABLE stock_levels RENAME TO guarded"))
        db.execute(
            text(
                "CREATE TABLE stock_levels (variant_id INTEGER PRIMARY KEY,"
                " on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL)"
            )
        )
        db.execute(text("INSERT INTO stock_levels SELECT * FROM guarded"))
        db.execute(text("DROP TABLE guarded"))


def _look_and_place(request: Request, cart: Cart, *rest: Any) -> Any:
    with request.state.reads.begin() as db:
        _looked.cart = shown_cart(db, cart, held_by_cart(db, cart.id))
    return _place(request, cart, *rest)


def _what_was_seen(db: Session, cart: Cart, own_hold: object) -> ShownCart:
    shown: ShownCart = _looked.cart
    return shown


def _nobody_waits(db: Session) -> None:
    """Take no turn."""


def _change_whatever_is_there(db: Session, variant_id: int, guard: object, **values: Any) -> bool:
    del guard
    db.execute(update(StockLevel).where(StockLevel.variant_id == variant_id).values(**values))
    return True
