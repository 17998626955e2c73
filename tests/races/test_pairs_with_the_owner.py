"""Two who come at once, pair by pair: the owner counts, changes, sends, and so do buyers and mails.

See `test_pairs`: each stands here with the shop's guard, and without it.
"""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from shop.catalogue.models import Kind
from shop.kit.db import Sessions
from shop.mail.worker import PostOffice, send_due
from shop.orders.models import Order, Shipment
from shop.stock.actions import follow_kind
from shop.stock.errors import PromisedAlready
from shop.withdrawals.actions import declare_withdrawal
from shop.withdrawals.forms import Statement
from shop.withdrawals.models import Withdrawal
from shop.worker import WRITERS
from tests.mail.tools import Recorder, post_office
from tests.races import without
from tests.races.interleave import at_once, let_in, meet
from tests.races.scene import Customer, Scene, pair, pair_on_postgresql
from tests.support import Buyer, product_by_slug

SENDING = "tests.mail.tools.Recorder.send"


def counts(owner: Buyer, doll: int, seen: int, counted: int) -> int:
    """Let the owner write down a count; return the answer's status."""
    form = {"seen": str(seen), "counted": str(counted)}
    return owner.post(f"/admin/stock/{doll}", **form).status_code


def sold(scene: Scene, doll: int) -> Customer:
    customer = scene.customer(doll)
    customer.pay_and_tell()
    return customer


@pytest.fixture
def new_worker(scene: Scene, reads: Sessions) -> Callable[[Recorder], PostOffice]:
    return lambda sender: post_office(scene.sessions, reads, sender, scene.clock, {**WRITERS})


# --- the shelf ------------------------------------------------------------------------------------


@pair
def test_counting_down_and_an_order(scene: Scene, owner: Buyer) -> None:
    """The owner has seen one, and says that there is none; somebody begins to pay for it."""
    if not scene.guarded:
        without.stock_guard(scene.patch)
        without.drop_the_checks(scene.sessions)
    doll = scene.shelf.add()
    buyer = scene.visitor(doll)
    rival = scene.let_in("stock.admin.CountForm", buyer.order)

    answer = counts(owner, doll, seen=1, counted=0)

    assert rival.result().status_code == 303
    assert answer == (409 if scene.guarded else 303)
    books = scene.books(doll)
    assert (books.on_hand, books.reserved) == ((1, 1) if scene.guarded else (0, 1))


@pair_on_postgresql
def test_an_order_and_counting_down(scene: Scene, owner: Buyer) -> None:
    """The order has looked and seen one; before it takes it, the owner has counted none."""
    if not scene.guarded:
        without.stock_guard(scene.patch)
        without.drop_the_checks(scene.sessions)
    doll = scene.shelf.add()
    buyer = scene.visitor(doll)
    rival = scene.let_in("checkout.actions.reserve", lambda: counts(owner, doll, 1, 0))

    answer = buyer.order()

    assert rival.result() == 303
    assert answer.status_code == (409 if scene.guarded else 303)
    books = scene.books(doll)
    assert (books.on_hand, books.reserved) == (0, 0 if scene.guarded else 1)


@pair
def test_counting_and_a_sale(scene: Scene, owner: Buyer) -> None:
    """Three were seen and one more was found; one of the three is sold meanwhile."""
    if not scene.guarded:
        without.stock_guard(scene.patch)
    doll = scene.shelf.add(on_hand=3)
    buyer = scene.customer(doll)
    rival = scene.let_in("stock.admin.CountForm", buyer.pay_and_tell)

    answer = counts(owner, doll, seen=3, counted=4)

    rival.result()
    assert answer == (409 if scene.guarded else 303)
    books = scene.books(doll)
    assert books.on_hand == (2 if scene.guarded else 4)  # three, in truth
    assert bool(books.broken) is not scene.guarded


@pair_on_postgresql
def test_making_to_order_and_an_order(scene: Scene) -> None:
    """What is made to order is not counted any more: not while somebody pays for a piece."""
    if not scene.guarded:
        without.stock_guard(scene.patch)
        without.drop_the_checks(scene.sessions)
    doll = scene.shelf.add("raven")
    buyer = scene.visitor(doll)
    rival = scene.let_in("stock.actions._take_down", buyer.order)

    def change_kind() -> None:
        with scene.sessions.begin() as db:
            product = product_by_slug(db, "raven")
            assert product is not None
            product.kind = Kind.MADE_TO_ORDER
            follow_kind(db, product, by="owner", now=scene.clock())

    [outcome] = at_once(change_kind)

    assert rival.result().status_code == 303
    assert isinstance(outcome, PromisedAlready) is scene.guarded
    assert buyer.pay() == "paid"
    assert buyer.webhook() == (200 if scene.guarded else 500)  # paid, and never written down


# --- sending --------------------------------------------------------------------------------------


@pair
def test_sending_and_a_withdrawal(scene: Scene, owner: Buyer) -> None:
    """The buyer withdraws while the owner has the order before her, and presses sent."""
    if not scene.guarded:
        without.look_at_what_is_held(scene.patch)
    sold(scene, scene.shelf.add())

    def withdraws() -> None:
        with scene.sessions.begin() as db:
            statement = Statement("1001", "Anna Ek", "anna@example.se", "", "", "sv")
            declare_withdrawal(db, statement, proved=None, now=scene.clock())

    rival = scene.let_in("orders.admin.stripped", withdraws)

    answer = owner.post("/admin/orders/1001/shipment")

    rival.result()
    assert answer.status_code == (409 if scene.guarded else 303)
    with scene.sessions.begin() as db:
        order = db.scalars(select(Order)).one()
    assert (order.status, order.review) == ("paid" if scene.guarded else "shipped", "withdrawal")


@pair
def test_sent_pressed_twice(scene: Scene, owner: Buyer) -> None:
    """The second press waits for the first, and then finds the order sent."""
    if not scene.guarded:
        without.order_guard(scene.patch, "orders.actions", "shipped")
    sold(scene, scene.shelf.add())

    def press() -> int:
        return owner.post("/admin/orders/1001/shipment").status_code

    rival = scene.let_in("orders.admin.write_audit", press, waits=True)

    assert press() == 303

    assert rival.result() == (409 if scene.guarded else 500)
    with scene.sessions.begin() as db:
        assert len(db.scalars(select(Shipment)).all()) == 1


@pair
def test_taking_sent_back_and_the_mail_that_says_it(
    scene: Scene, owner: Buyer, new_worker: Callable[[Recorder], PostOffice]
) -> None:
    """It can be taken back as long as nobody was told: not while the mail is going out."""
    if not scene.guarded:
        without.whether_it_is_being_sent(scene.patch)
    sold(scene, scene.shelf.add())
    sender = Recorder()
    office = new_worker(sender)
    send_due(office)
    owner.post("/admin/orders/1001/shipment")
    scene.clock.advance(seconds=31)
    undo = "/admin/orders/1001/shipment/undo"
    rival = let_in(scene.patch, SENDING, lambda: owner.post(undo).status_code)

    assert send_due(office).sent == 1

    assert rival.result() == (409 if scene.guarded else 303)
    assert sender.letters[-1].kind == "dispatch"
    with scene.sessions.begin() as db:
        status = db.scalars(select(Order.status)).one()
    assert status == ("shipped" if scene.guarded else "paid")  # and the buyer was told


@pair
def test_two_workers_and_one_mail(
    scene: Scene, new_worker: Callable[[Recorder], PostOffice]
) -> None:
    if not scene.guarded:
        without.lease(scene.patch)
    sold(scene, scene.shelf.add())
    one, other = Recorder(), Recorder()
    rival = let_in(scene.patch, SENDING, lambda: send_due(new_worker(other)).sent)

    send_due(new_worker(one))

    rival.result()
    confirmations = [x for x in one.letters + other.letters if x.kind == "order_confirmation"]
    assert len(confirmations) == (1 if scene.guarded else 2)


# --- others ---------------------------------------------------------------------------------------


@pair_on_postgresql
def test_a_withdrawal_confirmed_twice(scene: Scene) -> None:
    if not scene.guarded:
        without.fingerprint(scene.patch)
    buyer = sold(scene, scene.shelf.add())

    def withdraw() -> int:
        statement = {"order_given": "1001", "name": "Anna Ek", "email": "anna@example.se"}
        tab = buyer.in_another_tab().buyer
        return tab.post("/withdrawal", **statement, confirm="1").status_code

    meet(scene.patch, "shop.withdrawals.pages.network_of")

    answers = at_once(withdraw, withdraw)

    assert sorted(answers) == ([200, 303] if scene.guarded else [303, 303])
    with scene.sessions.begin() as db:
        assert len(db.scalars(select(Withdrawal)).all()) == (1 if scene.guarded else 2)
    assert scene.mails("withdrawal_receipt") == (1 if scene.guarded else 2)
