"""Two who come at once, pair by pair: orders for one piece, second tabs, double clicks.

See `test_pairs`: each stands here with the shop's guard, and without it.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from shop.catalogue.actions import archive, set_price
from shop.payments.conversations import expire
from shop.shipping.models import ShippingRate
from shop.stock.actions import reserve
from tests.payments.tools import attempts, give_up_by_hand, wait_until
from tests.races import without
from tests.races.interleave import at_once, meet
from tests.races.scene import CREATE, Books, Scene, pair, pair_in_turns, pair_on_postgresql
from tests.support import product_by_slug

HELD = Books(["pending: open"], on_hand=1, reserved=1, charged=0, broken=[])
ONE_HELD_OF_TWO = replace(HELD, on_hand=2)
ONE_LEFT = Books(["paid: paid"], on_hand=1, reserved=0, charged=1, broken=[])
BOUGHT_AGAIN = Books(["paid: paid", "pending: open"], on_hand=1, reserved=1, charged=1, broken=[])


# --- two buyers -----------------------------------------------------------------------------------


@pair_in_turns
def test_two_orders_for_the_last_piece(scene: Scene) -> None:
    """One is in the middle of it: the other waits, and then sees that it is gone."""
    if not scene.guarded:
        without.turn(scene.patch)
        without.stock_guard(scene.patch)
        without.drop_the_checks(scene.sessions)
    doll = scene.shelf.add()
    first, second = scene.visitor(doll), scene.visitor(doll)
    rival = scene.let_in("checkout.actions._order", second.order, waits=scene.guarded)

    assert first.order().status_code == 303

    assert rival.result().status_code == (409 if scene.guarded else 303)
    if scene.guarded:
        assert scene.books(doll) == HELD
    else:
        assert scene.books(doll).reserved == 2


@pair_on_postgresql
def test_two_orders_that_do_not_take_turns(scene: Scene) -> None:
    """The turns keep order; it is the guard on the stock itself that lets nobody oversell."""
    without.turn(scene.patch)
    if not scene.guarded:
        without.stock_guard(scene.patch)
    doll = scene.shelf.add()
    first, second = scene.visitor(doll), scene.visitor(doll)
    rival = scene.let_in("checkout.actions._order", second.order)

    answer = first.order()

    assert rival.result().status_code == 303
    assert answer.status_code == (409 if scene.guarded else 500)  # the database knows it, too
    assert scene.books(doll) == HELD


@pair_on_postgresql
def test_late_money_and_another_order(scene: Scene) -> None:
    """The money came when the order was over: its piece is taken again, unless another has it."""
    if not scene.guarded:
        without.stock_guard(scene.patch)
        without.drop_the_checks(scene.sessions)
    doll = scene.shelf.add()
    late = scene.customer(doll)
    give_up_by_hand(scene.sessions, doll)
    quick = scene.visitor(doll)
    late.pay()
    rival = scene.let_in("payments.actions.reserve", quick.order)

    late.webhook()

    assert rival.result().status_code == 303
    books = scene.books(doll)
    if scene.guarded:
        assert books.orders[0].startswith("expired: ")
        assert (books.orders[1], books.on_hand, books.reserved) == ("pending: open", 1, 1)
    else:
        assert books.orders == ["paid: paid", "pending: open"]
        assert (books.on_hand, books.reserved) == (0, 1)  # one doll, and two buyers


@pair_on_postgresql
def test_two_carts_with_the_same_two_dolls(scene: Scene) -> None:
    """Rows are taken in one order, or each would hold what the other one waits for."""
    if not scene.guarded:
        without.order_of_rows(scene.patch)
    a, b = scene.shelf.add("a", on_hand=5), scene.shelf.add("b", on_hand=5)

    def take(*variant_ids: int) -> None:
        with scene.sessions.begin() as db:
            reserve(db, dict.fromkeys(variant_ids, 1))

    rival = scene.let_in("stock.actions._change", lambda: take(b, a), waits=True, nth=2)
    outcomes = at_once(
        lambda: take(a, b),
    )
    outcomes += at_once(rival.result)

    dead = [outcome for outcome in outcomes if isinstance(outcome, OperationalError)]
    assert len(dead) == (0 if scene.guarded else 1)
    assert scene.books(a).reserved == (2 if scene.guarded else 1)


# --- one buyer, two tabs --------------------------------------------------------------------------


@pair_in_turns
def test_the_same_form_from_two_tabs(scene: Scene) -> None:
    if not scene.guarded:
        without.turn(scene.patch)
    doll = scene.shelf.add(on_hand=2)  # so that it is not the shelf that refuses
    buyer = scene.visitor(doll)
    tab = buyer.in_another_tab()
    rival = scene.let_in("checkout.actions._order", tab.order, waits=scene.guarded)

    answer = buyer.order()

    assert rival.result().status_code == 303
    assert answer.status_code == (303 if scene.guarded else 500)
    assert scene.books(doll) == ONE_HELD_OF_TWO
    if scene.guarded:
        assert buyer.page == tab.page
    assert len(scene.happened("session.created")) == 1


@pair
def test_changed_address_in_a_second_tab_and_payment_in_the_first(scene: Scene) -> None:
    """The first order must be closed before the second is made; it is paid before that."""
    if not scene.guarded:
        without.bought_carts(scene.patch)
    doll = scene.shelf.add(on_hand=2)
    buyer = scene.customer(doll)
    tab = buyer.in_another_tab()
    rival = scene.let_in("checkout.pages.expire", buyer.pay_and_tell)

    answer = tab.order(city="Norrtälje")

    rival.result()
    assert (answer.headers["location"] == "/cart") is scene.guarded
    assert scene.books(doll) == (ONE_LEFT if scene.guarded else BOUGHT_AGAIN)


@pair
def test_the_button_pressed_again_and_payment(scene: Scene) -> None:
    """An old tab still shows the form of a cart that is paid in this very moment."""
    if not scene.guarded:
        without.bought_carts(scene.patch)
    doll = scene.shelf.add(on_hand=2)
    buyer = scene.customer(doll)
    tab = buyer.in_another_tab()
    rival = scene.let_in("checkout.pages._place", buyer.pay_and_tell)

    answer = tab.order()

    rival.result()
    assert (answer.headers["location"] == "/cart") is scene.guarded
    assert scene.books(doll) == (ONE_LEFT if scene.guarded else BOUGHT_AGAIN)


@pair
def test_a_double_click_while_stripe_makes_the_page(scene: Scene) -> None:
    """Both ask for the page of the one order: under one key, it is one page."""
    if not scene.guarded:
        without.one_key(scene.patch)
    doll = scene.shelf.add()
    buyer = scene.visitor(doll)
    tab = buyer.in_another_tab()
    meet(scene.patch, "shop.payments.gateway.StripeGateway.create_session")

    answers = at_once(buyer.order, tab.order)

    assert [answer.status_code for answer in answers] == [303, 303]
    assert buyer.page == tab.page
    assert scene.books(doll) == HELD
    assert len(scene.happened("session.created")) == (1 if scene.guarded else 2)


@pair
def test_a_double_click_and_a_slow_stripe(scene: Scene) -> None:
    """Stripe refuses the second call as long as the first one runs: that is no answer yet."""
    if not scene.guarded:
        scene.patch.setattr("shop.payments.gateway.TRIES", 1)
    scene.stand_in.control("faults", kind="delay", delay=0.4, path=CREATE)
    doll = scene.shelf.add()
    buyer = scene.visitor(doll)
    tab = buyer.in_another_tab()

    def second_click() -> Any:
        wait_until(lambda: scene.stand_in.control("faults")["faults"][0]["seen"] == 1)
        return tab.order()

    answers = at_once(buyer.order, second_click)

    assert [answer.status_code for answer in answers] == [303, 303 if scene.guarded else 503]
    assert (buyer.page == tab.page) is scene.guarded
    assert scene.books(doll) == HELD


# --- a page that is given up while it is made -----------------------------------------------------


@pair
def test_stripes_answer_and_giving_up(scene: Scene) -> None:
    """The page is made, and closed by another, before the one who asked for it hears of it."""
    if not scene.guarded:
        without.attempt_guard(scene.patch, status="open")
    doll = scene.shelf.add()
    buyer = scene.visitor(doll)
    rival = scene.let_in(
        "payments.conversations._record",
        lambda: expire(scene.till, attempts(scene.sessions)[0].id),
    )

    answer = buyer.order()

    rival.result()
    assert answer.status_code == 303
    given_up = Books(["expired: expired"], on_hand=1, reserved=0, charged=0, broken=[])
    if scene.guarded:
        assert "/orders/" in answer.headers["location"]
        assert scene.books(doll) == given_up
    else:  # sent to a page that is closed, and the order is neither here nor there
        assert scene.books(doll).orders == ["expired: open"]


@pair
def test_giving_up_and_a_page_that_is_made_after_all(scene: Scene) -> None:
    """Stripe has no page of this order; before that is written down, the buyer asks once more
    and gets one. It can be paid, so its piece may not be given back unseen.
    """
    if not scene.guarded:
        without.whether_it_was_made(scene.patch)
    scene.patch.setattr("shop.payments.gateway.TRIES", 1)
    scene.stand_in.control("faults", kind="500", path=CREATE, times=2)
    doll = scene.shelf.add()
    buyer = scene.visitor(doll)
    assert buyer.order().status_code == 503
    rival = scene.let_in("payments.gateway.StripeGateway.sessions_since", buyer.order, after=True)

    expire(scene.till, attempts(scene.sessions)[0].id)

    assert rival.result().status_code == 303
    assert scene.books(doll).orders == ["expired: expired"]
    assert buyer.pay() == ("409" if scene.guarded else "paid")


# --- the shelf changes ----------------------------------------------------------------------------


@pair
def test_archiving_and_an_order(scene: Scene) -> None:
    """The owner puts it away between the buyer's click and the order."""
    doll = scene.shelf.add("raven")
    buyer = scene.visitor(doll)

    def put_away() -> None:
        with scene.sessions.begin() as db:
            product = product_by_slug(db, "raven")
            assert product is not None
            archive(db, product)

    rival = scene.let_in("checkout.pages._place", put_away)
    if not scene.guarded:
        without.second_look(scene.patch)

    answer = buyer.order()

    rival.result()
    assert answer.status_code == (409 if scene.guarded else 303)
    assert scene.books(doll).reserved == (0 if scene.guarded else 1)


@pair
def test_a_new_price_and_an_order(scene: Scene) -> None:
    if not scene.guarded:
        without.consent(scene.patch)
    doll = scene.shelf.add("raven", price_amount=24500)
    buyer = scene.visitor(doll)

    def raise_price() -> None:
        with scene.sessions.begin() as db:
            product = product_by_slug(db, "raven")
            assert product is not None
            set_price(db, product, 26500, now=scene.clock())

    rival = scene.let_in("checkout.pages._place", raise_price)

    answer = buyer.order()

    rival.result()
    assert answer.status_code == (409 if scene.guarded else 303)
    asked = [attempt.amount for attempt in attempts(scene.sessions)]
    assert asked == ([] if scene.guarded else [26500 + 3600])  # the buyer saw 281 kr
    assert ('data-total="30100"' in answer.text) is scene.guarded


@pair
def test_new_postage_and_an_order(scene: Scene) -> None:
    if not scene.guarded:
        without.consent(scene.patch)
    doll = scene.shelf.add(price_amount=24500)
    buyer = scene.visitor(doll)

    def raise_postage() -> None:
        with scene.sessions.begin() as db:
            db.execute(update(ShippingRate).values(amount=ShippingRate.amount + 1000))

    rival = scene.let_in("checkout.pages._place", raise_postage)

    answer = buyer.order()

    rival.result()
    assert answer.status_code == (409 if scene.guarded else 303)
    asked = [attempt.amount for attempt in attempts(scene.sessions)]
    assert asked == ([] if scene.guarded else [24500 + 4600])
    assert ('data-total="29100"' in answer.text) is scene.guarded
