"""What must be true of a shop that was killed, at once and in the end, and how it gets there."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx2
from sqlalchemy import select, text

from shop.kit.db import is_sqlite
from shop.mail.models import Message
from shop.mail.worker import LEASE, send_due
from shop.orders.models import BOUGHT, Order
from shop.payments.models import PaymentAttempt, ProviderEvent
from shop.payments.reconciler import reconcile, release_changed_carts, send_refunds
from shop.reports.verify import verify
from shop.stock.models import StockLevel
from tests.crashes.operations import Deed, End, Operation
from tests.crashes.stage import PAST_ITS_TIME, Purchase, Stage

A_MOMENT = timedelta(minutes=3)  # in which what is half done counts as left


@dataclass(frozen=True)
class Truth:
    """What Stripe's own log says of a purchase: its sessions that can be paid, those that were,
    and those whose money went back, as often as it did.
    """

    payable: set[str]
    paid: set[str]
    given_back: list[str]


def truth(purchase: Purchase) -> Truth:
    rows = [row for row in purchase.stage.stand_in.log() if row["seq"] > purchase.since]

    def named(what: str) -> set[str]:
        return {row["session"] for row in rows if row["what"] == what} - purchase.others

    paid = named("session.paid")
    sold = [row for row in rows if row["what"] == "session.paid"]
    sessions = {row["payment_intent"]: row["session"] for row in sold}
    return Truth(
        payable=named("session.created") - named("session.expired") - paid,
        paid=paid,
        given_back=[
            sessions[row["payment_intent"]] for row in rows if row["what"] == "refund.created"
        ],
    )


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
        assert found.given_back in ([], [*found.paid]), "money went back twice, or another's"
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
    """The shop is started again, and everybody tries once more: in the end it is bought, once, or
    the money is where it came from.
    """
    stage = purchase.stage
    stage.open()
    if deed is None:
        _victim, work = stage.worker(operation.job, operation.ahead)
        work()
    else:
        answer = deed()
        assert answer.status_code < 400, answer.text
    if operation.ends is End.MONEY_BACK:
        with stage.later(A_MOMENT):
            send_refunds(stage.till)
        check_money_back(purchase)
        return
    if not check_books(purchase).paid:
        session_id = purchase.order()
        assert check_books(purchase).payable == {session_id}
        stage.pay(session_id)
    page = purchase.buyer.follow(purchase.buyer.get(purchase.return_path()))
    assert "data-order=" in page.text
    check_bought(purchase)


def stay_away(purchase: Purchase, operation: Operation, chance: random.Random) -> None:
    """Nobody comes again: the worker alone brings it to its end."""
    stage = purchase.stage
    if chance.random() < 0.5:
        with stage.later(A_MOMENT):
            _work_through(stage)
        check_books(purchase)
    with stage.later(PAST_ITS_TIME, for_stripe=chance.random() < 0.5):
        _work_through(stage)
    check: dict[End, Callable[[Purchase], None]] = {
        End.FOR_SALE: check_nothing_left,
        End.BOUGHT: check_bought,
        End.MONEY_BACK: check_money_back,
    }
    check[operation.ends](purchase)


def _work_through(stage: Stage) -> None:
    release_changed_carts(stage.till)
    reconcile(stage.till)
    send_refunds(stage.till)


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
    _check_mail(purchase, "order_confirmation")


def check_nothing_left(purchase: Purchase) -> None:
    """Check that nobody pays and nobody has paid, and that the doll is for sale."""
    assert check_books(purchase) == Truth(payable=set(), paid=set(), given_back=[])
    with purchase.stage.sessions.begin() as db:
        level = db.get_one(StockLevel, purchase.variant_id)
        assert (level.on_hand, level.reserved) == (1, 0)


def check_money_back(purchase: Purchase) -> None:
    """Check that what was paid for nothing went back, once, and that the buyer is told."""
    stage, found = purchase.stage, check_books(purchase)
    assert found.given_back == [*found.paid] != []
    with stage.sessions.begin() as db:
        orders = db.execute(
            select(Order.status, Order.review, PaymentAttempt.status)
            .join(PaymentAttempt, PaymentAttempt.order_id == Order.id)
            .where(Order.email == purchase.email)
        ).all()
        assert orders == [("expired", None, "refunded")]
        level = db.get_one(StockLevel, purchase.variant_id)
        assert (level.on_hand, level.reserved) == (0, 0)
    _check_mail(purchase, "refund")


def _check_mail(purchase: Purchase, kind: str) -> None:
    """Check that what the buyer is told arrives, as one file, however often it was sent."""
    stage = purchase.stage
    with stage.later(PAST_ITS_TIME + LEASE, for_stripe=False):  # what a dead worker had is free
        send_due(stage.office)
    with stage.sessions.begin() as db:
        mails = db.scalars(select(Message).where(Message.recipient == purchase.email)).all()
    assert [(mail.kind, mail.status) for mail in mails] == [(kind, "sent")]
    files = stage.config.mail_folder.glob(f"*-{mails[0].message_id}.eml")
    arrived = [file.read_bytes() for file in files]
    assert arrived == [mails[0].rendered], "the mail counts as sent and never was"
