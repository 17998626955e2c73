"""Every place where the shop, Stripe or the road between them can fail, and what follows of it.

The rows are those of the table that the payments were designed by: what stands here, what stands
at Stripe, who mends it. `tests/crashes` kills real processes at every one of their writes; here
each row is brought about by itself, and looked at.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, make_url, select, update

from shop.checkout import actions as checkout_actions
from shop.checkout import pages as checkout_pages
from shop.config import Config
from shop.kit.db import Sessions, sqlite_module
from shop.mail.models import Message
from shop.mail.senders import FileSender
from shop.mail.worker import send_due
from shop.orders import admin as orders_admin
from shop.orders.models import Order, OrderEntry
from shop.payments import actions, conversations, inbox
from shop.payments import pages as payments_pages
from shop.payments.conversations import expire, settle
from shop.payments.models import Finding, PaymentAttempt, ProviderEvent, Refund
from shop.payments.reconciler import (
    catch_up,
    compare_everything,
    reconcile,
    release_changed_carts,
    send_refunds,
)
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.worker import make_post_office
from tests.payments.tools import (
    attempts,
    deliver,
    event,
    give_up_by_hand,
    opened_beside,
    order_one,
    stand,
    state,
    the_attempt,
    wait_until,
)
from tests.support import Buyer, FixedClock, Shelf, fields_of, on_both_databases

CREATE = "/v1/checkout/sessions"
OPEN = ("pending", "open", 1, 1)
PAID = ("paid", "paid", 0, 0)


class Killed(Exception):
    """The shop dies here: what it had open is undone, and who asked gets no answer."""


@contextmanager
def dying_in(
    owner: Any, name: str, *, after: bool = False, how: type[BaseException] = Killed
) -> Iterator[None]:
    """Let the shop die when it comes to what *owner* calls *name*: before it is done, or after."""
    original = getattr(owner, name)

    def die(*given: Any, **named: Any) -> None:
        if after:
            original(*given, **named)
        raise how

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, die)
        yield


def orders(sessions: Sessions) -> int:
    with sessions.begin() as db:
        return db.scalar(select(func.count()).select_from(Order)) or 0


def made(stand_in: StandInServer) -> int:
    """Return how many sessions Stripe has ever made."""
    return sum(row["what"] == "session.created" for row in stand_in.log())


def paid(stand_in: StandInServer) -> int:
    return sum(row["what"] == "session.paid" for row in stand_in.log())


def payable(stand_in: StandInServer) -> int:
    ended = sum(row["what"] in {"session.paid", "session.expired"} for row in stand_in.log())
    return made(stand_in) - ended


def pay(stand_in: StandInServer, sessions: Sessions) -> str:
    """Pay the latest attempt at Stripe; return its session."""
    session_id = str(the_attempt(sessions).session_id)
    stand_in.control(f"sessions/{session_id}/pay")
    return session_id


def happened(sessions: Sessions) -> tuple[list[str], list[str]]:
    """Return what happened to the one order, and the mails about it."""
    with sessions.begin() as db:
        entries = list(db.scalars(select(OrderEntry.kind).order_by(OrderEntry.id)))
        mails = list(db.scalars(select(Message.kind).order_by(Message.kind)))
        return entries, mails


ONCE = (["placed", "paid"], ["order_confirmation", "order_notice"])


# --- placing --------------------------------------------------------------------------------------


@on_both_databases
def test_row_1_killed_before_the_order_is_committed_leaves_nothing(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    buyer.add(variant_id)
    with dying_in(checkout_actions, "start_attempt", after=True):
        assert buyer.place().status_code == 500
    assert stand(sessions, variant_id) == ([], 1, 0)
    assert (orders(sessions), made(stand_in)) == (0, 0)

    again = buyer.place()

    assert 'data-order="1001"' in buyer.pay(again.headers["location"]).text
    assert state(sessions, variant_id) == PAID


@on_both_databases
def test_row_2_killed_between_the_commit_and_the_call_is_called_by_the_reconciler(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    buyer.add(variant_id)
    with dying_in(checkout_pages, "open_session"):
        assert buyer.place().status_code == 500
    assert state(sessions, variant_id) == ("pending", "creating", 1, 1)
    assert made(stand_in) == 0
    clock.advance(seconds=31)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == OPEN
    assert made(stand_in) == 1


@on_both_databases
def test_row_2_once_stripe_would_refuse_the_old_request_the_piece_is_free(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    """A page must live half an hour at least, and Stripe is asked first whether there is one."""
    variant_id = shelf.add()
    buyer.add(variant_id)
    with dying_in(checkout_pages, "open_session"):
        buyer.place()
    clock.advance(minutes=6)
    stand_in.control("clock", advance=6 * 60)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == ("expired", "expired", 1, 0)
    assert made(stand_in) == 0


@pytest.mark.parametrize("kind", ["reset", "cut", "500"])
def test_row_3_a_lost_answer_is_asked_for_again_and_is_the_same_session(
    kind: str, buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    """Stripe made the session, but the answer never came: three times over."""
    stand_in.control("faults", kind=kind, path=CREATE, times=3, when="after")
    variant_id = shelf.add()
    buyer.add(variant_id)
    answer = buyer.place()
    assert answer.status_code == 503
    assert "Anna Ek" in answer.text  # nothing typed is lost
    assert state(sessions, variant_id) == ("pending", "creating", 1, 1)

    again = buyer.place()

    assert again.status_code == 303
    assert buyer.pay(again.headers["location"]).status_code == 200
    assert state(sessions, variant_id) == PAID
    assert made(stand_in) == 1


@pytest.mark.parametrize("late_there_too", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
def test_row_4_a_failure_that_stripe_keeps_leaves_no_page_that_can_be_paid(  # noqa: PLR0917
    when: str,
    late_there_too: bool,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    """A 500 is what Stripe repeats for the same key for a day, whether it did the work or not."""
    stand_in.control("faults", kind="500", path=CREATE, when=when, sticky=True)
    variant_id = shelf.add()
    buyer.add(variant_id)
    assert buyer.place().status_code == 503
    assert made(stand_in) == (1 if when == "after" else 0)
    clock.advance(minutes=36)
    if late_there_too:
        stand_in.control("clock", advance=36 * 60)

    assert reconcile(till).done == 1

    assert state(sessions, variant_id) == ("expired", "expired", 1, 0)
    assert payable(stand_in) == 0


@on_both_databases
def test_row_5_killed_before_the_session_is_written_down_it_is_found_again(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    buyer.add(variant_id)
    with dying_in(conversations, "record_session", after=True):
        assert buyer.place().status_code == 500
    assert state(sessions, variant_id) == ("pending", "creating", 1, 1)
    assert payable(stand_in) == 1  # but nobody has its address

    again = buyer.place()

    assert again.headers["location"].endswith(str(the_attempt(sessions).session_id))
    assert state(sessions, variant_id) == OPEN
    assert made(stand_in) == 1


@on_both_databases
def test_row_6_killed_before_the_redirect_the_buyer_is_sent_to_the_same_page(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    buyer.add(variant_id)
    with dying_in(checkout_pages, "open_session", after=True):
        assert buyer.place().status_code == 500
    assert state(sessions, variant_id) == OPEN

    again = buyer.place()

    assert again.headers["location"] == the_attempt(sessions).url
    assert made(stand_in) == 1


@on_both_databases
def test_row_7_a_page_that_is_left_gives_its_piece_back_once_stripe_has_closed_it(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    clock.advance(minutes=36)
    # Our own clock says that time is up, but Stripe does not answer: nothing is given back.
    stand_in.control("faults", kind="500", path=f"{CREATE}/.*", times=100)
    assert reconcile(till).failed == 1
    assert state(sessions, variant_id) == OPEN
    stand_in.control("faults", clear=True)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == ("expired", "expired", 1, 0)
    assert payable(stand_in) == 0


def test_row_7_a_changed_cart_closes_the_page_before_its_piece_is_free(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add(on_hand=3)
    page = order_one(buyer, variant_id)
    buyer.post("/cart/lines", variant=str(variant_id), quantity="2")
    assert state(sessions, variant_id) == ("pending", "open", 3, 1)
    assert release_changed_carts(till).done == 1
    assert state(sessions, variant_id) == ("cancelled", "expired", 3, 0)
    assert buyer.http.get(page).status_code == 410


# --- being paid -----------------------------------------------------------------------------------


@on_both_databases
def test_row_8_a_payment_of_which_no_word_came_is_found_by_the_reconciler(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    pay(stand_in, sessions)
    assert reconcile(till).done == 0  # too early to doubt
    clock.advance(minutes=3)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == PAID


@on_both_databases
def test_row_8_news_that_never_came_are_read_at_stripe(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    pay(stand_in, sessions)
    clock.advance(minutes=1)
    catch_up(till)
    assert state(sessions, variant_id) == PAID


def test_row_8_stripe_tells_it_again_until_the_shop_is_there(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    session_id = pay(stand_in, sessions)
    with dying_in(payments_pages, "store"):
        stand_in.control("webhooks", mode="release")
        wait_until(lambda: tries(stand_in) > 0)
    wait_until(lambda: state(sessions, variant_id) == PAID)
    assert session_id == the_attempt(sessions).session_id


def tries(stand_in: StandInServer) -> int:
    """Return how often Stripe has failed to bring its news."""
    deliveries = stand_in.control("webhooks")["deliveries"]
    return sum(row["status"] != 200 for delivery in deliveries for row in delivery["tries"])


@on_both_databases
def test_row_9_who_returns_before_the_webhook_is_told_that_it_is_paid(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add()
    page = buyer.pay(order_one(buyer, variant_id))
    assert 'data-order="1001"' in page.text
    assert state(sessions, variant_id) == PAID


def test_row_9_while_stripe_is_silent_nobody_is_told_that_it_is_not_paid(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    url = order_one(buyer, variant_id)
    stand_in.control("faults", kind="500", path=f"{CREATE}/.*", times=3)
    page = buyer.pay(url)
    assert "Vi bekräftar din betalning" in page.text
    assert page.headers["refresh"] == "5"
    assert state(sessions, variant_id) == OPEN
    clock.advance(minutes=3)
    reconcile(till)
    assert 'data-order="1001"' in buyer.http.get(str(page.url)).text


@on_both_databases
def test_row_10_news_that_could_not_be_kept_are_not_called_kept(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    news = event(pay(stand_in, sessions))
    with dying_in(payments_pages, "store", after=True):
        assert deliver(shop, news).status_code == 500
    assert events(sessions) == []
    assert state(sessions, variant_id) == OPEN
    assert deliver(shop, news).status_code == 200
    assert state(sessions, variant_id) == PAID


def events(sessions: Sessions) -> list[tuple[str, bool]]:
    """Return the events that are kept, and whether they are done with."""
    with sessions.begin() as db:
        rows = db.scalars(select(ProviderEvent).order_by(ProviderEvent.id))
        return [(row.id, row.processed_at is not None) for row in rows]


@on_both_databases
@pytest.mark.parametrize("told_again", [True, False])
def test_row_11_news_that_were_kept_are_acted_upon_though_the_shop_died(
    told_again: bool,
    buyer: Buyer,
    shop: Config,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    news = event(pay(stand_in, sessions))
    with dying_in(payments_pages, "process"):
        assert deliver(shop, news).status_code == 500
    assert events(sessions) == [("evt_1", False)]
    if told_again:
        assert deliver(shop, news).status_code == 200
    assert reconcile(till).done == 1
    assert events(sessions) == [("evt_1", True)]
    assert state(sessions, variant_id) == PAID


@on_both_databases
@pytest.mark.parametrize("last", ["move", "consume", "write_entry", "_queue_mails"])
def test_row_12_killed_in_the_middle_of_selling_nothing_of_it_has_happened(
    last: str,
    buyer: Buyer,
    shop: Config,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    news = event(pay(stand_in, sessions))
    with dying_in(actions, last, after=True):
        assert deliver(shop, news).status_code == 500
    assert state(sessions, variant_id) == OPEN
    assert happened(sessions) == (["placed"], [])
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == PAID
    assert happened(sessions) == ONCE


@on_both_databases
def test_row_13_killed_after_it_was_sold_it_is_sold_once(
    buyer: Buyer,
    shop: Config,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    news = event(pay(stand_in, sessions))
    with dying_in(inbox, "settle", after=True):
        assert deliver(shop, news).status_code == 500
    assert state(sessions, variant_id) == PAID
    assert events(sessions) == [("evt_1", False)]

    assert deliver(shop, news).status_code == 200
    assert reconcile(till).done == 1

    assert events(sessions) == [("evt_1", True)]
    assert state(sessions, variant_id) == PAID
    assert happened(sessions) == ONCE


@on_both_databases
def test_row_14_killed_before_the_mail_the_next_worker_sends_it(
    buyer: Buyer, shop: Config, shelf: Shelf, clock: FixedClock
) -> None:
    buyer.pay(order_one(buyer, shelf.add()))
    office = replace(make_post_office(shop), now=clock)
    try:
        with dying_in(FileSender, "send", how=SystemExit), pytest.raises(SystemExit):
            send_due(office)
        assert not shop.mail_folder.exists()
        clock.advance(minutes=6)  # the dead worker's claim is over
        assert send_due(office).sent == 2
        assert send_due(office).sent == 0
    finally:
        office.sessions.engine.dispose()
        office.reads.engine.dispose()
    assert len(list(shop.mail_folder.iterdir())) == 2


@on_both_databases
def test_row_15_all_who_hear_of_it_at_once_sell_it_once(
    buyer: Buyer,
    shop: Config,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    attempt = the_attempt(sessions)
    session_id = pay(stand_in, sessions)
    clock.advance(minutes=3)
    returns = f"{shop.base_url}/checkout/return?order={order_token(attempt)}"

    def webhook(id_: str) -> int:
        return deliver(shop, event(session_id, id=id_)).status_code

    tellers: list[Callable[[], object]] = [
        lambda: webhook("evt_1"),
        lambda: webhook("evt_1"),
        lambda: webhook("evt_2"),
        lambda: settle(till, attempt.id),
        lambda: reconcile(till).failed,
        lambda: httpx2.get(returns, timeout=30).status_code,
    ]
    barrier = threading.Barrier(len(tellers))

    def tell(teller: Callable[[], object]) -> object:
        barrier.wait(30)
        return teller()

    with ThreadPoolExecutor(len(tellers)) as pool:
        assert list(pool.map(tell, tellers)) == [200, 200, 200, None, 0, 303]
    assert state(sessions, variant_id) == PAID
    assert happened(sessions) == ONCE


def order_token(attempt: PaymentAttempt) -> str:
    """Return the token of the order's link, out of what Stripe was sent."""
    _, _, rest = attempt.request.partition("/checkout/return?order=")
    return rest.partition("&")[0]


# --- late, and twice ------------------------------------------------------------------------------


@on_both_databases
def test_row_16_late_news_of_an_expiry_change_nothing_for_who_has_paid(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    session_id = pay(stand_in, sessions)
    for number, kind in enumerate(["completed", "expired", "completed"]):
        news = event(session_id, id=f"evt_{number}", type=f"checkout.session.{kind}")
        assert deliver(shop, news).status_code == 200
    assert state(sessions, variant_id) == PAID
    assert happened(sessions) == ONCE


@on_both_databases
def test_row_16_late_news_of_a_payment_sell_nothing_that_stripe_calls_expired(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions, till: Till
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    expire(till, the_attempt(sessions).id)
    for number, kind in enumerate(["expired", "completed", "async_payment_succeeded"]):
        news = event(
            str(the_attempt(sessions).session_id),
            id=f"evt_{number}",
            type=f"checkout.session.{kind}",
        )
        assert deliver(shop, news).status_code == 200
    assert state(sessions, variant_id) == ("expired", "expired", 1, 0)
    assert happened(sessions) == (["placed", "expired"], [])


@on_both_databases
def test_row_17_paid_in_the_last_second_beats_the_expiry(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    pay(stand_in, sessions)
    clock.advance(minutes=40)
    expire(till, the_attempt(sessions).id)
    assert state(sessions, variant_id) == PAID


def test_row_17_what_is_closed_at_stripe_can_never_be_paid_later(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    page = order_one(buyer, variant_id)
    expire(till, the_attempt(sessions).id)
    assert buyer.http.get(page).status_code == 410
    with pytest.raises(ValueError, match="not open"):
        pay(stand_in, sessions)
    assert state(sessions, variant_id) == ("expired", "expired", 1, 0)


@on_both_databases
def test_row_18_money_that_comes_after_days_takes_the_piece_if_it_is_there(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """A method that settles later, and an order that was given up by hand meanwhile."""
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    attempt = the_attempt(sessions)
    chosen = stand_in.control(f"sessions/{attempt.session_id}/pay", outcome="processing")
    settle(till, attempt.id)
    assert state(sessions, variant_id) == ("pending", "processing", 1, 1)
    give_up_by_hand(sessions, variant_id)
    stand_in.control(f"payment_intents/{chosen['payment_intent']}/settle", outcome="succeeded")

    settle(till, attempt.id)

    assert state(sessions, variant_id) == PAID


@on_both_databases
def test_row_18_money_that_comes_after_days_goes_back_once_if_the_piece_is_gone(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    order_one(new_buyer(), variant_id)
    late = the_attempt(sessions)
    chosen = stand_in.control(f"sessions/{late.session_id}/pay", outcome="processing")
    settle(till, late.id)
    give_up_by_hand(sessions, variant_id)
    new_buyer().buy(variant_id)
    stand_in.control(f"payment_intents/{chosen['payment_intent']}/settle", outcome="succeeded")
    for _ in range(2):
        settle(till, late.id)
        send_refunds(till)
    assert stand(sessions, variant_id) == ([("expired", "refunded"), ("paid", "paid")], 0, 0)
    assert sent_back(stand_in) == [(chosen["payment_intent"], late.amount)]
    assert mails(sessions, "refund") == [("anna@example.se", "sv")]


def sent_back(stand_in: StandInServer) -> list[tuple[str, int]]:
    """Return the refunds that Stripe has made: of which payment, and how much."""
    return [
        (row["payment_intent"], row["amount"])
        for row in stand_in.log()
        if row["what"] == "refund.created"
    ]


def mails(sessions: Sessions, kind: str) -> list[tuple[str, str]]:
    """Return to whom mails of *kind* go, and in which language."""
    with sessions.begin() as db:
        rows = db.execute(select(Message.recipient, Message.locale).where(Message.kind == kind))
        return [(recipient, locale) for recipient, locale in rows]


@on_both_databases
def test_row_19_of_two_payments_for_one_order_the_second_goes_back(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    first = the_attempt(sessions)
    stand_in.control(f"sessions/{first.session_id}/pay")
    settle(till, first.id)
    second = opened_beside(sessions, till, first)
    payment = stand_in.control(f"sessions/{second.session_id}/pay")["payment_intent"]
    for _ in range(2):
        settle(till, second.id)
        send_refunds(till)
    assert sorted(stand(sessions, variant_id)[0]) == [("paid", "paid"), ("paid", "refunded")]
    assert stand(sessions, variant_id)[1:] == (0, 0)
    assert sent_back(stand_in) == [(payment, second.amount)]


# --- what does not fit ----------------------------------------------------------------------------


@on_both_databases
@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("amount", 28000, "mismatch_amount"), ("currency", "EUR", "mismatch_currency")],
)
def test_row_20_what_does_not_fit_the_order_is_held_and_nothing_is_sent(  # noqa: PLR0917
    column: str,
    value: object,
    reason: str,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    order_one(buyer, shelf.add())
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values({column: value}))
    pay(stand_in, sessions)
    settle(till, the_attempt(sessions).id)
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
        assert (order.status, order.review) == ("pending", reason)
    assert [attempt.status for attempt in attempts(sessions)] == ["review"]
    assert happened(sessions) == (["placed", "review"], [])


# --- money that goes back -------------------------------------------------------------------------


def bought(buyer: Buyer, shelf: Shelf) -> int:
    variant_id = shelf.add()
    assert 'data-order="1001"' in buyer.pay(order_one(buyer, variant_id)).text
    return variant_id


def give_back(owner: Buyer, form: str, **typed: str) -> httpx2.Response:
    """Press the owner's button on the page of the one order."""
    path = "/admin/orders/1001"
    return owner.post(f"{path}/refund", **(fields_of(owner.get(path).text, form) | typed))


def give_back_postage(owner: Buyer) -> httpx2.Response:
    """Give a part back: so much is left that Stripe would send it a second time as well."""
    return give_back(owner, "pay-back-parts", postage="y")


@on_both_databases
@pytest.mark.parametrize(
    ("where", "what", "asked"),
    [
        (orders_admin, "send_refund", 0),  # written down, and Stripe not asked yet
        (conversations, "apply_refunds", 1),  # Stripe has answered, and it is not written down
    ],
)
def test_row_21_killed_while_money_goes_back_it_goes_once(  # noqa: PLR0917
    where: Any,
    what: str,
    asked: int,
    owner: Buyer,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = bought(buyer, shelf)
    with dying_in(where, what):
        assert give_back_postage(owner).status_code == 500
    assert len(sent_back(stand_in)) == asked
    assert refunds(sessions) == ["requested"]
    for _ in range(2):
        clock.advance(seconds=31)
        send_refunds(till)
    assert refunds(sessions) == ["succeeded"]
    assert [amount for _, amount in sent_back(stand_in)] == [3600]
    assert stand(sessions, variant_id) == ([("paid", "paid")], 0, 0)
    assert len(mails(sessions, "refund")) == 1


def refunds(sessions: Sessions) -> list[str]:
    with sessions.begin() as db:
        return list(db.scalars(select(Refund.status).order_by(Refund.id)))


@pytest.mark.parametrize("kind", ["reset", "cut", "500"])
def test_row_21_a_lost_answer_is_asked_for_again_and_is_the_same_refund(  # noqa: PLR0917
    kind: str,
    owner: Buyer,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = bought(buyer, shelf)
    stand_in.control("faults", kind=kind, path="/v1/refunds", times=3, when="after")
    assert give_back_postage(owner).status_code == 303
    assert refunds(sessions) == ["requested"]
    clock.advance(hours=25)  # and Stripe has forgotten the key
    stand_in.control("clock", advance=timedelta(hours=25).total_seconds())
    send_refunds(till)
    assert refunds(sessions) == ["succeeded"]
    assert [amount for _, amount in sent_back(stand_in)] == [3600]
    assert stand(sessions, variant_id) == ([("paid", "paid")], 0, 0)


@pytest.mark.parametrize("told", [True, False])
def test_row_22_a_refund_that_fails_later_is_taken_back_and_flagged(
    told: bool,
    owner: Buyer,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    """By its event, or in the night's comparison."""
    buyer.pay(order_one(buyer, shelf.add()), "4000000000005126")
    give_back(owner, "pay-back-everything")
    assert refunds(sessions) == ["succeeded"]
    stand_in.control("clock", advance=3600)
    if told:
        stand_in.control("webhooks", mode="release")
        wait_until(lambda: refunds(sessions) == ["failed"])
    else:
        compare_everything(till, sleep=lambda _: None)
    assert refunds(sessions) == ["failed"]
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
        assert (order.status, order.review) == ("paid", "refund_failed")
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


@pytest.mark.parametrize("told", [True, False])
def test_row_23_what_is_done_at_stripe_appears_by_itself(
    told: bool,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = bought(buyer, shelf)
    [charge] = [row["charge"] for row in stand_in.log() if row["what"] == "charge.succeeded"]
    stand_in.control(f"charges/{charge}/refund", amount=10000)
    stand_in.control(f"charges/{charge}/dispute")
    if told:
        stand_in.control("webhooks", mode="release")
        wait_until(lambda: refunds(sessions) == ["succeeded"] and disputed(sessions))
    else:
        compare_everything(till, sleep=lambda _: None)
    with sessions.begin() as db:
        refund = db.scalars(select(Refund)).one()
        assert (refund.origin, refund.amount, refund.status) == ("dashboard", 10000, "succeeded")
    assert disputed(sessions)
    assert stand(sessions, variant_id) == ([("paid", "paid")], 0, 0)  # a person puts it back


def disputed(sessions: Sessions) -> bool:
    with sessions.begin() as db:
        return db.scalars(select(Order.disputed)).one()


# --- and the rest ---------------------------------------------------------------------------------


def test_row_24_a_database_brought_back_from_a_backup_finds_out_what_it_missed(
    new_buyer: Callable[[], Buyer],
    config: Config,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    tmp_path: Path,
) -> None:
    """Stripe is the record of money: what was paid since, and what can still be paid."""
    known, later = shelf.add("raven"), shelf.add("moss", on_hand=2)
    order_one(new_buyer(), known)
    live, backup = str(make_url(config.database_url).database), str(tmp_path / "backup.db")
    copy_database(live, backup)
    known_session = pay(stand_in, sessions)
    settle(till, the_attempt(sessions).id)
    order_one(new_buyer(), later)
    unknown_session = pay(stand_in, sessions)
    settle(till, the_attempt(sessions).id)
    left_open = order_one(new_buyer(), later)

    copy_database(backup, live)
    assert stand(sessions, known) == ([("pending", "open")], 1, 1)
    for _ in range(2):
        compare_everything(till, always=True, sleep=lambda _: None)

    assert stand(sessions, known) == ([("paid", "paid")], 0, 0)
    assert the_attempt(sessions).session_id == known_session
    assert new_buyer().http.get(left_open).status_code == 410
    assert payable(stand_in) == 0
    with sessions.begin() as db:
        findings = db.scalars(select(Finding.subject).where(Finding.kind == "unknown_payment"))
        assert findings.all() == [unknown_session]


def copy_database(since: str, to: str) -> None:
    """Copy a database as it stands, whoever has it open."""
    module = sqlite_module()
    with closing(module.connect(since)) as source, closing(module.connect(to)) as target:
        source.backup(target)


def test_row_25_signatures_that_do_not_hold_keep_no_payment_from_being_found(
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    """The secret was changed at Stripe and not here."""
    variant_id = shelf.add()
    order_one(buyer, variant_id)
    stand_in.control("webhooks", mode="normal")
    stand_in.control("webhooks", mode="wrong_secret")
    pay(stand_in, sessions)
    wait_until(lambda: tries(stand_in) == 3)  # as often as Stripe tries
    assert events(sessions) == []
    assert state(sessions, variant_id) == OPEN
    clock.advance(minutes=3)
    assert reconcile(till).done == 1
    assert state(sessions, variant_id) == PAID


def test_row_26_while_stripe_is_down_nothing_is_lost_and_nothing_is_sold_twice(
    buyer: Buyer,
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    stand_in.control("faults", kind="500", path="/v1/.*", times=1000)
    variant_id = shelf.add()
    buyer.add(variant_id)
    answer = buyer.place()
    assert answer.status_code == 503
    assert "Anna Ek" in answer.text
    assert new_buyer().add(variant_id).status_code == 409
    for _ in range(3):  # an hour without Stripe: what may exist there is held for it
        clock.advance(minutes=20)
        assert reconcile(till).failed == 1
        assert state(sessions, variant_id) == ("pending", "creating", 1, 1)
    stand_in.control("faults", clear=True)
    stand_in.control("clock", advance=timedelta(hours=1).total_seconds())

    assert reconcile(till).done == 1

    assert state(sessions, variant_id) == ("expired", "expired", 1, 0)
    assert (made(stand_in), paid(stand_in)) == (0, 0)
