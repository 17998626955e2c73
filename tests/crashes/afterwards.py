"""What must be true of a shop that was killed, at once and in the end, and how it gets there."""

import json
import random
from dataclasses import dataclass
from datetime import timedelta

import httpx2
from sqlalchemy import Select, select, text

from shop.discounts.models import Discount
from shop.kit.db import is_sqlite
from shop.mail.models import Message, Status
from shop.mail.worker import LEASE, send_due
from shop.orders.models import Order
from shop.payments.models import PaymentAttempt, ProviderEvent, Refund
from shop.payments.reconciler import (
    catch_up,
    reconcile,
    release_changed_carts,
    send_refunds,
)
from shop.reports.verify import verify
from shop.stock.models import StockLevel
from tests.crashes.killing import wait_until
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
        if answer.request.url.path.endswith("/refund"):
            assert db.scalars(refunds_of(purchase)).one().amount > 0
        if answer.request.url.path == "/webhooks/stripe":
            event_id = json.loads(answer.request.content)["id"]
            assert db.get(ProviderEvent, event_id) is not None


def refunds_of(purchase: Purchase) -> Select[Refund]:
    return (
        select(Refund).join(Order, Order.id == Refund.order_id).where(Order.email == purchase.email)
    )


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
    if operation.ends in (End.FOR_SALE, End.BOUGHT):
        _buy(purchase)
        check_end(purchase, End.BOUGHT)
    else:
        with stage.later(A_MOMENT):
            send_refunds(stage.till)
        check_end(purchase, operation.ends)


def _buy(purchase: Purchase) -> None:
    """Let the buyer go on from where it broke off, up to the page that says thank you."""
    if not check_books(purchase).paid:
        session_id = purchase.order()
        assert check_books(purchase).payable == {session_id}
        purchase.stage.pay(session_id)
    page = purchase.buyer.follow(purchase.buyer.get(purchase.return_path()))
    assert "data-order=" in page.text


def stay_away(purchase: Purchase, operation: Operation, chance: random.Random) -> None:
    """Nobody comes again: the worker alone brings it to its end."""
    stage = purchase.stage
    if chance.random() < 0.5:
        with stage.later(A_MOMENT):
            _work_through(stage)
        check_books(purchase)
    with stage.later(PAST_ITS_TIME, for_stripe=chance.random() < 0.5):
        _work_through(stage)
    by_owner = operation.ends in (End.UNDONE, End.PARTLY)
    never_asked = by_owner and not truth(purchase).given_back
    check_end(purchase, End.BOUGHT if never_asked else operation.ends)


def _work_through(stage: Stage) -> None:
    release_changed_carts(stage.till)
    reconcile(stage.till)
    catch_up(stage.till)
    send_refunds(stage.till)


@dataclass(frozen=True)
class Ended:
    """What is to be found at an end: the order that was paid, the shelf, and the mails."""

    order: tuple[str, str | None, str] | None  # its status, its review, its attempt's status
    shelf: tuple[int, int]  # on hand, reserved
    mails: list[str]
    given_back: bool = False


ENDED = {
    End.FOR_SALE: Ended(None, (1, 0), []),
    End.BOUGHT: Ended(("paid", None, "paid"), (0, 0), ["order_confirmation"]),
    End.MONEY_BACK: Ended(("expired", None, "refunded"), (0, 0), ["refund"], given_back=True),
    End.UNDONE: Ended(
        ("refunded", None, "paid"), (1, 0), ["order_confirmation", "refund"], given_back=True
    ),
    End.PARTLY: Ended(
        ("paid", None, "paid"), (0, 0), ["order_confirmation", "refund"], given_back=True
    ),
}


def check_end(purchase: Purchase, end: End) -> None:
    """Check that nothing is half done any more, nothing can be paid, and nobody paid twice."""
    stage, found, ended = purchase.stage, check_books(purchase), ENDED[end]
    assert found.payable == set()
    assert len(found.paid) == (1 if ended.order else 0)
    assert found.given_back == ([*found.paid] if ended.given_back else [])
    with stage.sessions.begin() as db:
        of_buyer = (
            select(Order.status, Order.review, PaymentAttempt.status, PaymentAttempt.session_id)
            .join(PaymentAttempt, PaymentAttempt.order_id == Order.id)
            .where(Order.email == purchase.email)
        )
        orders = {session: tuple(facts) for *facts, session in db.execute(of_buyer)}
        assert [orders.pop(session) for session in found.paid] == [ended.order][: len(found.paid)]
        assert {status for status, *_ in orders.values()} <= {"expired", "cancelled"}
        level = db.get_one(StockLevel, purchase.variant_id)
        assert (level.on_hand, level.reserved) == ended.shelf
        if "code" in purchase.wishes:
            code = select(Discount.uses).where(Discount.code == purchase.wishes["code"])
            assert db.scalar(code) == len(found.paid)
    _check_mails(purchase, ended.mails)


def _check_mails(purchase: Purchase, kinds: list[str]) -> None:
    """Check that what the buyer is told arrives, each as one file, however often it was sent."""
    stage = purchase.stage
    his = select(Message).where(Message.recipient == purchase.email).order_by(Message.id)

    def everything_is_out() -> bool:
        send_due(stage.office)
        with stage.sessions.begin() as db:
            return all(mail.status != Status.QUEUED for mail in db.scalars(his))

    with stage.later(PAST_ITS_TIME + LEASE, for_stripe=False):  # what a dead worker had is free
        wait_until(everything_is_out)  # a living one, beside us, may be in the middle of one
    with stage.sessions.begin() as db:
        mails = db.scalars(his).all()
    became = [(mail.kind, mail.status, mail.last_error) for mail in mails]
    assert became == [(kind, "sent", None) for kind in kinds]
    for mail in mails:
        files = stage.config.mail_folder.glob(f"*-{mail.message_id}.eml")
        arrived = [file.read_bytes() for file in files]
        assert arrived == [mail.rendered], "the mail counts as sent and never was"
