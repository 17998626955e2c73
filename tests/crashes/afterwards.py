"""What must be true of a shop that was killed, at once and in the end, and how it gets there."""

import json
import random
from dataclasses import dataclass
from datetime import timedelta

import httpx2
from sqlalchemy import select, text

from shop.kit.db import is_sqlite
from shop.mail.models import Message
from shop.mail.worker import LEASE, send_due
from shop.orders.models import BOUGHT, Order
from shop.payments.models import PaymentAttempt, ProviderEvent
from shop.payments.reconciler import reconcile, release_changed_carts
from shop.reports.verify import verify
from shop.stock.models import StockLevel
from tests.crashes.operations import Deed, Operation
from tests.crashes.stage import PAST_ITS_TIME, Purchase


@dataclass(frozen=True)
class Truth:
    """What Stripe's own log says of a purchase: its sessions that can be paid, and those that
    were.
    """

    payable: set[str]
    paid: set[str]


def truth(purchase: Purchase) -> Truth:
    rows = [row for row in purchase.stage.stand_in.log() if row["seq"] > purchase.since]

    def named(what: str) -> set[str]:
        return {row["session"] for row in rows if row["what"] == what}

    paid = named("session.paid")
    return Truth(payable=named("session.created") - named("session.expired") - paid, paid=paid)


def check_books(purchase: Purchase) -> Truth:
    """Check what must hold at any moment, also that of a crash; return what Stripe knows."""
    stage, found = purchase.stage, truth(purchase)
    with stage.sessions.begin() as db:
        if is_sqlite(stage.config.database_url):
            assert db.scalars(text("PRAGMA integrity_check")).all() == ["ok"]
            assert db.execute(text("PRAGMA foreign_key_check")).all() == []
        breaches = {f.invariant.rule: f.rows for f in verify(db) if not f.holds}
        assert not breaches, str(breaches)
        assert len(found.payable | found.paid) <= 1, "it can be paid twice"
        if found.payable:
            reserved = db.get_one(StockLevel, purchase.variant_id).reserved
            assert reserved == 1, "what can be paid for is held for nobody"
    return found


def check_promise(purchase: Purchase, answer: httpx2.Response) -> None:
    """Check that what the shop has answered is safely written down, whatever happens now."""
    with purchase.stage.sessions.begin() as db:
        if answer.request.url.path == "/checkout":
            session_id = purchase.session_of(answer.headers["location"])
            known = select(PaymentAttempt.status).where(PaymentAttempt.session_id == session_id)
            assert db.scalar(known) == "open", "a page can be paid that the shop does not know"
        if answer.request.url.path == "/webhooks/stripe":
            event_id = json.loads(answer.request.content)["id"]
            assert db.get(ProviderEvent, event_id) is not None


def come_back(purchase: Purchase, operation: Operation, deed: Deed | None) -> None:
    """The shop is started again, and everybody tries once more: in the end it is bought, once."""
    stage = purchase.stage
    stage.open()
    if deed is None:
        _victim, work = stage.worker(operation.job, operation.ahead)
        work()
    else:
        answer = deed()
        assert answer.status_code < 400, answer.text
    if not check_books(purchase).paid:
        session_id = purchase.order()
        assert check_books(purchase).payable == {session_id}
        stage.pay(session_id)
    page = purchase.buyer.follow(purchase.buyer.get(purchase.return_path()))
    assert "data-order=" in page.text
    check_bought(purchase)


def stay_away(purchase: Purchase, operation: Operation, chance: random.Random) -> None:
    """Nobody comes again: the reconciler alone brings it to its end."""
    stage = purchase.stage
    if chance.random() < 0.5:
        with stage.later(timedelta(minutes=3)):
            reconcile(stage.till)
            release_changed_carts(stage.till)
        check_books(purchase)
    with stage.later(PAST_ITS_TIME, for_stripe=chance.random() < 0.5):
        release_changed_carts(stage.till)
        reconcile(stage.till)
    if operation.pays:
        check_bought(purchase)
    else:
        check_nothing_left(purchase)


def check_bought(purchase: Purchase) -> None:
    """Check that it was paid once and will be sent once, and that nothing else can be paid."""
    stage, found = purchase.stage, check_books(purchase)
    assert len(found.paid) == 1
    with stage.sessions.begin() as db:
        orders = db.execute(
            select(Order.status, Order.review, PaymentAttempt.session_id)
            .join(PaymentAttempt, PaymentAttempt.order_id == Order.id)
            .where(Order.email == purchase.email, Order.status.in_(BOUGHT))
        ).all()
        assert orders == [("paid", None, *found.paid)]
        level = db.get_one(StockLevel, purchase.variant_id)
        assert (level.on_hand, level.reserved) == (0, 0)
    _check_mails(purchase)


def check_nothing_left(purchase: Purchase) -> None:
    """Check that nobody pays and nobody has paid, and that the doll is for sale."""
    assert check_books(purchase) == Truth(payable=set(), paid=set())
    with purchase.stage.sessions.begin() as db:
        level = db.get_one(StockLevel, purchase.variant_id)
        assert (level.on_hand, level.reserved) == (1, 0)


def _check_mails(purchase: Purchase) -> None:
    """Check that the confirmation arrives, as one file, however often it was sent."""
    stage = purchase.stage
    with stage.later(PAST_ITS_TIME + LEASE, for_stripe=False):  # what a dead worker had is free
        send_due(stage.office)
    with stage.sessions.begin() as db:
        mails = db.scalars(select(Message).where(Message.recipient == purchase.email)).all()
    assert [(mail.kind, mail.status) for mail in mails] == [("order_confirmation", "sent")]
    files = stage.config.mail_folder.glob(f"*-{mails[0].message_id}.eml")
    arrived = [file.read_bytes() for file in files]
    assert arrived == [mails[0].rendered], "the mail counts as sent and never was"
