"""Two who come at once, pair by pair: money that goes back, and all that can happen beside it.

See `test_pairs`: each stands here with the shop's guard, and without it.
"""

from unittest.mock import ANY

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from shop.orders.models import Order, OrderLine
from shop.payments.conversations import ask_about_refunds, send_refund, settle
from shop.payments.errors import RefundChanged
from shop.payments.refunds import Wish, everything_left, request_refund
from tests.payments.tools import give_up_by_hand
from tests.races import without
from tests.races.interleave import at_once, meet
from tests.races.scene import Customer, Scene, pair, pair_in_turns, pair_on_postgresql
from tests.support import Buyer

DOLL = 24500
FAILING_CARD = "4000000000005126"  # a refund to it comes back


@pytest.fixture
def bought(scene: Scene) -> Customer:
    """Return who has bought two of three dolls, and paid."""
    return buy(scene, scene.shelf.add("raven", on_hand=3))


def buy(scene: Scene, doll: int, **card: str) -> Customer:
    customer = scene.customer(doll, 2)
    customer.pay(**card)
    assert customer.webhook() == 200
    return customer


def ask(scene: Scene, *, pieces: int = 0, seen: int = 0, restock: bool = False) -> int:
    """Let the owner give back *pieces*, or everything, having *seen* that so much went back."""
    with scene.sessions.begin() as db:
        order, line = db.scalars(select(Order)).one(), db.scalars(select(OrderLine)).one()
        wish = everything_left(db, order, restock=restock)
        if pieces:
            wish = Wish({line.id: pieces}, frozenset({line.id} if restock else ()))
        return request_refund(db, order.id, wish, seen=seen, now=scene.clock()).id


def sent(scene: Scene) -> list[int]:
    """Return what Stripe gave back, in its own words."""
    return [row["amount"] for row in scene.happened("refund.created")]


# --- the owner's refund ---------------------------------------------------------------------------


@pair_in_turns
def test_refund_pressed_twice(scene: Scene, bought: Customer) -> None:
    """The second press waits for the first, and finds that more has gone back than it saw."""
    if not scene.guarded:
        without.row_locks(scene.patch)
    rival = scene.let_in(
        "payments.refunds._parts", lambda: ask(scene, pieces=1), waits=scene.guarded
    )

    ask(scene, pieces=1)

    [second] = at_once(rival.result)
    assert isinstance(second, RefundChanged) is scene.guarded
    once = f"owner requested {DOLL}"
    assert scene.refunds() == ([once] if scene.guarded else [once, once])


@pair
def test_two_workers_send_one_refund(scene: Scene, bought: Customer) -> None:
    """Both ask Stripe for it: under one key, it is one refund."""
    if not scene.guarded:
        without.one_key_for_refunds(scene.patch)
    refund_id = ask(scene, pieces=1)
    meet(scene.patch, "shop.payments.gateway.StripeGateway.create_refund")

    def send() -> None:
        send_refund(scene.till, refund_id)

    assert at_once(send, send) == [None, None]

    assert sent(scene) == [DOLL] * (1 if scene.guarded else 2)


@pair
def test_refund_here_and_refund_at_stripe(scene: Scene, bought: Customer) -> None:
    """The owner has asked for it here, and somebody gives all of it back in the dashboard."""
    if not scene.guarded:
        without.refused_refunds(scene.patch)
    refund_id = ask(scene)
    [charge] = [row["charge"] for row in scene.happened("charge.succeeded")]
    rival = scene.let_in(
        "payments.gateway.StripeGateway.create_refund",
        lambda: scene.stand_in.control(f"charges/{charge}/refund"),
    )

    send_refund(scene.till, refund_id)

    rival.result()
    whole = 2 * DOLL + 3600
    assert sent(scene) == [whole]
    ours = "failed" if scene.guarded else "requested"  # for ever, and counted as given back
    assert scene.refunds() == [f"owner {ours} {whole}", f"dashboard succeeded {whole}"]


@pair
def test_answer_to_a_refund_and_webhook_about_it(scene: Scene, bought: Customer) -> None:
    """Stripe tells of our own refund before its answer to us is written down: it is the same."""
    if not scene.guarded:
        without.what_a_refund_is_called(scene.patch)
    refund_id = ask(scene)
    rival = scene.let_in(
        "payments.gateway.StripeGateway.create_refund", bought.told_of_refund, after=True
    )

    at_once(lambda: send_refund(scene.till, refund_id))

    assert rival.result() == 200
    whole = 2 * DOLL + 3600
    ours, twice = f"owner succeeded {whole}", f"owner requested {whole}"
    assert scene.refunds() == ([ours] if scene.guarded else [twice, f"dashboard succeeded {whole}"])
    assert sent(scene) == [whole]
    assert scene.mails("refund") == 1


@pair
def test_old_news_of_a_refund_and_its_failure(scene: Scene) -> None:
    """One has heard that it succeeded; it came back, and that was written down before."""
    if not scene.guarded:
        without.order_of_news(scene.patch)
    bought = buy(scene, scene.shelf.add(on_hand=2), card=FAILING_CARD)
    send_refund(scene.till, ask(scene))
    attempt_id = bought.attempt.id

    def it_comes_back() -> None:
        scene.stand_in.control("clock", advance=3600)
        ask_about_refunds(scene.till, attempt_id)

    rival = scene.let_in("payments.gateway.StripeGateway.refunds_of", it_comes_back, after=True)

    ask_about_refunds(scene.till, attempt_id)

    rival.result()
    [refund] = scene.refunds()
    assert refund.split()[1] == ("failed" if scene.guarded else "succeeded")
    [order] = scene.orders()
    assert order == ("paid" if scene.guarded else "refunded")  # the money is with the shop


# --- money that comes late, or twice --------------------------------------------------------------


@pair
def test_late_money_told_twice(scene: Scene) -> None:
    """It goes back by itself: once."""
    if not scene.guarded:
        without.attempt_guard(scene.patch, payment_method=ANY)
    doll = scene.shelf.add()
    late = scene.customer(doll)
    give_up_by_hand(scene.sessions, doll)
    scene.customer(doll)
    late.pay()
    rival = scene.let_in("payments.conversations._apply", late.webhook)

    answer = late.come_back()

    assert rival.result() == 200
    assert answer == (303 if scene.guarded else 500)
    assert scene.refunds() == [f"auto requested {DOLL + 3600}"]
    assert scene.books(doll).orders == ["expired: late", "pending: open"]


@pair_on_postgresql
def test_two_late_payments_for_one_doll(scene: Scene) -> None:
    """Each would take it again: one does, and the other's money goes back."""
    if not scene.guarded:
        without.stock_guard(scene.patch)
        without.drop_the_checks(scene.sessions)
    doll = scene.shelf.add()
    first = late_customer(scene, doll)
    second = late_customer(scene, doll)
    rival = scene.let_in("payments.actions.reserve", lambda: second.webhook("evt_second"))

    assert first.webhook("evt_first") == 200

    assert rival.result() == 200
    books = scene.books(doll)
    if scene.guarded:
        assert books.orders == ["expired: late", "paid: paid"]
        assert scene.refunds() == [f"auto requested {DOLL + 3600}"]
    else:
        assert (books.orders, books.on_hand) == (["paid: paid", "paid: paid"], -1)


def late_customer(scene: Scene, doll: int) -> Customer:
    """Return one whose order is over here, and who has paid it at Stripe."""
    customer = scene.customer(doll)
    give_up_by_hand(scene.sessions, doll)
    customer.pay()
    return customer


@pair_in_turns
def test_two_payments_of_one_order(scene: Scene) -> None:
    """Two pages of one order were paid: the second teller waits, and sends its money back."""
    if not scene.guarded:
        without.row_locks(scene.patch)
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    first, second = buyer.attempt, buyer.second_page()
    for attempt in (first, second):
        scene.stand_in.control(f"sessions/{attempt.session_id}/pay")
    rival = scene.let_in(
        "payments.actions._take_payment",
        lambda: settle(scene.till, second.id),
        waits=scene.guarded,
    )

    [outcome] = at_once(lambda: settle(scene.till, first.id))

    rival.result()
    assert isinstance(outcome, IntegrityError) is not scene.guarded
    late = [f"auto requested {DOLL + 3600}"]
    assert scene.refunds() == (late if scene.guarded else [])  # paid twice, and nobody says so
    assert scene.orders() == ["paid"]


# --- what happens beside a refund -----------------------------------------------------------------


@pair
def test_sending_and_a_refund(scene: Scene, owner: Buyer, bought: Customer) -> None:
    """In one tab it is all given back, in the other the parcel is marked as sent."""
    if not scene.guarded:
        without.order_guard(scene.patch, "orders.actions", "shipped")
    rival = scene.let_in("orders.admin.stripped", lambda: ask(scene))

    answer = owner.post("/admin/orders/1001/shipment")

    rival.result()
    assert answer.status_code == (409 if scene.guarded else 303)
    assert scene.orders() == ["refunded" if scene.guarded else "shipped"]


@pair
def test_counting_and_a_refund_that_restocks(scene: Scene, owner: Buyer, bought: Customer) -> None:
    """What is put back on the shelf while it is counted must not be counted away."""
    if not scene.guarded:
        without.stock_guard(scene.patch)
    rival = scene.let_in("stock.admin.CountForm", lambda: ask(scene, restock=True))
    doll = bought.variant_id

    answer = owner.post(f"/admin/stock/{doll}", seen="1", counted="2")

    rival.result()
    assert answer.status_code == (409 if scene.guarded else 303)
    books = scene.books(doll)
    assert books.on_hand == (3 if scene.guarded else 2)
    assert bool(books.broken) is not scene.guarded
