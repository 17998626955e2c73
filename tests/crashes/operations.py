"""What the shop does when it is killed, and what sets it off."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import httpx2
from sqlalchemy import select, update

from shop.discounts.actions import add_discount
from shop.kit.db import sqlite_module
from shop.orders.actions import write_entry
from shop.orders.models import Order
from shop.payments.models import PaymentAttempt
from shop.stock.actions import release
from tests.crashes.stage import PAST_ITS_TIME, Purchase, sell_to_another, sign_in
from tests.discounts.tools import new_discount
from tests.support import fields_of

FULL_LOG = 1000  # pages, at which SQLite empties its log
Deed = Callable[[], httpx2.Response]


class End(StrEnum):
    FOR_SALE = "for sale"  # nobody has paid
    BOUGHT = "bought"
    MONEY_BACK = "money back"  # the doll is another's
    UNDONE = "undone"  # the owner has given the money back, and the doll is for sale: or neither
    PARTLY = "partly"  # the owner has given a part of it back, or nothing


@dataclass(frozen=True)
class Operation:
    """Something that the shop does. *prepare* brings a purchase just before it, and returns what
    sets it off; a *job* is set off by the worker's clock, *ahead* of ours.
    """

    name: str
    prepare: Callable[[Purchase], Deed | None]
    job: str = ""
    ahead: timedelta = timedelta()
    ends: End = End.FOR_SALE  # when nobody comes back
    databases: tuple[str, ...] = ("sqlite", "postgresql")


def _checkout(purchase: Purchase) -> Deed:
    fields = purchase.fields()
    return lambda: purchase.buyer.post("/checkout", **fields)


def _checkout_over_a_full_log(purchase: Purchase) -> Deed:
    """The commit is the one that brings SQLite's log over into the database."""
    deed = _checkout(purchase)
    with closing(sqlite_module().connect(purchase.stage.database, isolation_level=None)) as filling:
        filling.execute("PRAGMA wal_autocheckpoint=0")
        filling.execute("PRAGMA synchronous=OFF")
        for number in range(FULL_LOG):
            filling.execute(f"PRAGMA user_version={number}")
        return deed


def _another_form(purchase: Purchase) -> Deed:
    """The first payment page is closed, and another opened, in one click."""
    purchase.order()
    fields = purchase.fields(city="Norrtälje")
    return lambda: purchase.buyer.post("/checkout", **fields)


def _return(purchase: Purchase) -> Deed:
    purchase.stage.pay(purchase.order())
    path = purchase.return_path()
    return lambda: purchase.buyer.get(path)


def _webhook(purchase: Purchase) -> Deed:
    session_id = purchase.order()
    purchase.stage.pay(session_id)
    return lambda: purchase.stage.tell(session_id)


def _paid_unheard(purchase: Purchase) -> None:
    purchase.stage.pay(purchase.order())


def _unpaid(purchase: Purchase) -> None:
    purchase.order()


def _changed_cart(purchase: Purchase) -> None:
    purchase.order()
    purchase.buyer.post("/cart/lines", variant=str(purchase.variant_id), quantity="0")
    purchase.buyer.add(purchase.variant_id)


def _paid_and_known(purchase: Purchase) -> None:
    _return(purchase)()


def _late_return(purchase: Purchase) -> Deed:
    """Paid when the order had been given up, by hand, and its doll was sold to another."""
    session_id = purchase.order()
    _give_up(purchase)
    sell_to_another(purchase)
    purchase.stage.pay(session_id)
    path = purchase.return_path()
    return lambda: purchase.buyer.get(path)


def _give_up(purchase: Purchase) -> None:
    """What never happens by itself: let an order go whose page can still be paid."""
    with purchase.stage.sessions.begin() as db:
        order = db.scalars(select(Order).where(Order.email == purchase.email)).one()
        order.status = "expired"
        write_entry(db, order.id, "expired", by="owner", now=purchase.stage.clock())
        of_order = update(PaymentAttempt).where(PaymentAttempt.order_id == order.id)
        db.execute(of_order.values(status="expired"))
        release(db, {purchase.variant_id: 1})


def _money_to_give_back(purchase: Purchase) -> None:
    _late_return(purchase)()


def _owner_gives_all_back(purchase: Purchase) -> Deed:
    return _owner_presses(purchase, "pay-back-everything", 'id="pay-back-everything"')


def _owner_gives_a_part_back(purchase: Purchase) -> Deed:
    """So much is left that Stripe would send the same a second time as well."""
    return _owner_presses(purchase, "pay-back-parts", 'name="postage"', postage="y")


def _owner_presses(purchase: Purchase, form: str, offered: str, **typed: str) -> Deed:
    """The owner presses the button, and again on a page that still offers it."""
    _paid_and_known(purchase)
    path, owner = f"/admin/orders/{purchase.number()}", purchase.stage.owner
    sign_in(purchase.stage)

    def press() -> httpx2.Response:
        page = owner.get(path)
        if offered not in page.text:
            return page
        return owner.post(f"{path}/refund", **(fields_of(page.text, form) | typed))

    return press


def _checkout_with_a_code(purchase: Purchase) -> Deed:
    """The code can be used once."""
    code = f"KOD{purchase.stage.played}"
    with purchase.stage.sessions.begin() as db:
        add_discount(db, new_discount(code=code, value=10, most_uses=1))
    purchase.wishes |= {"code": code, "shown_discount": "2450"}
    return _checkout(purchase)


OPERATIONS = [
    Operation("checkout", _checkout),
    Operation("another form", _another_form),
    Operation("code", _checkout_with_a_code),
    Operation("full log", _checkout_over_a_full_log, databases=("sqlite",)),
    Operation("return", _return, ends=End.BOUGHT),
    Operation("webhook", _webhook, ends=End.BOUGHT),
    Operation(
        "reconciler", _paid_unheard, job="reconciler", ahead=timedelta(minutes=3), ends=End.BOUGHT
    ),
    Operation("expiry", _unpaid, job="reconciler", ahead=PAST_ITS_TIME),
    Operation("changed cart", _changed_cart, job="changed carts"),
    Operation("late return", _late_return, ends=End.MONEY_BACK),
    Operation("refund", _money_to_give_back, job="refunds", ends=End.MONEY_BACK),
    Operation("all back", _owner_gives_all_back, ends=End.UNDONE),
    Operation("a part back", _owner_gives_a_part_back, ends=End.PARTLY),
    Operation("mail", _paid_and_known, job="mail", ends=End.BOUGHT),
]
