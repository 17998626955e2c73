"""Two who come at once, pair by pair: the buyer's return, Stripe's webhook, expiry, a second tab.

Each pair meets at a point that its test names, and stands here twice: with the shop's guard, and as
a control without it, where the wrong thing is really seen to happen. `interleave` does the forcing,
`without` takes the guards out.
"""

from dataclasses import replace
from unittest.mock import ANY

from shop.payments.conversations import expire, settle
from shop.payments.reconciler import release_changed_carts
from tests.races import without
from tests.races.interleave import at_once, meet
from tests.races.scene import Books, Scene, pair
from tests.support import Buyer

FREE = Books(["expired: expired"], on_hand=1, reserved=0, charged=0, broken=[])
SOLD = Books(["paid: paid"], on_hand=0, reserved=0, charged=1, broken=[])
PAID_FOR_NOTHING = Books(["expired: expired"], on_hand=1, reserved=0, charged=1, broken=[])


# --- news of a payment, told twice ----------------------------------------------------------------


@pair
def test_return_and_webhook(scene: Scene) -> None:
    """Both have heard from Stripe that it is paid, and both come to write it down."""
    if not scene.guarded:
        without.attempt_guard(scene.patch, payment_method=ANY)
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    buyer.pay()
    rival = scene.let_in("payments.conversations._apply", buyer.webhook)

    assert buyer.come_back() == 303

    assert rival.result() == 200
    books = scene.books(doll)
    if scene.guarded:
        assert books == SOLD
        assert scene.refunds() == []
    else:  # the second telling looks like a second payment
        assert books.orders == ["paid: late"]
        assert scene.refunds() == ["auto requested 28100"]


@pair
def test_webhook_and_reconciler(scene: Scene) -> None:
    """The event waited for the reconciler, and Stripe sends it once more."""
    if not scene.guarded:
        without.attempt_guard(scene.patch, payment_method=ANY)
    doll = scene.shelf.add(on_hand=2)
    buyer = scene.customer(doll)
    buyer.pay()
    attempt_id = buyer.attempt.id
    rival = scene.let_in("payments.conversations._apply", lambda: settle(scene.till, attempt_id))

    assert buyer.webhook() == 200

    rival.result()
    assert scene.refunds() == ([] if scene.guarded else ["auto requested 28100"])
    assert scene.mails("order_confirmation") == 1


@pair
def test_owners_question_and_webhook(scene: Scene, owner: Buyer) -> None:
    """The owner asks Stripe about an unpaid order in the moment when Stripe tells of it."""
    if not scene.guarded:
        without.attempt_guard(scene.patch, payment_method=ANY)
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    buyer.pay()
    rival = scene.let_in("payments.conversations._apply", buyer.webhook)

    assert owner.post("/admin/orders/1001/payment").status_code == 303

    assert rival.result() == 200
    assert scene.refunds() == ([] if scene.guarded else ["auto requested 28100"])


@pair
def test_the_same_webhook_delivered_twice_at_once(scene: Scene) -> None:
    """Stripe delivers again while the first delivery is still being taken in."""
    if not scene.guarded:
        without.storing_once(scene.patch)
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    buyer.pay()
    meet(scene.patch, "shop.payments.gateway.StripeGateway.read_event")

    answers = at_once(buyer.webhook, buyer.webhook)

    assert sorted(answers) == ([200, 200] if scene.guarded else [200, 500])
    assert scene.books(doll) == SOLD
    assert scene.entries("paid") == 1


@pair
def test_stale_news_that_it_is_processing_and_the_money(scene: Scene) -> None:
    """One heard that the money is on its way; it came, and was written down, before he spoke."""
    if not scene.guarded:
        without.attempt_guard(scene.patch, status="processing")
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    intent = buyer.pay_later()

    def money_comes() -> None:
        scene.stand_in.control(f"payment_intents/{intent}/settle", outcome="succeeded")
        buyer.webhook("evt_money", type="checkout.session.async_payment_succeeded")

    rival = scene.let_in("payments.conversations._apply", money_comes)

    buyer.webhook("evt_processing")

    rival.result()
    books = scene.books(doll)
    assert books.orders == (["paid: paid"] if scene.guarded else ["paid: processing"])
    assert bool(books.broken) is not scene.guarded


# --- a page that closes while it is paid ----------------------------------------------------------


@pair
def test_expiry_and_payment(scene: Scene) -> None:
    """The hour is over, and the buyer pays in the moment before the page is closed."""
    if not scene.guarded:
        without.stripes_no(scene.patch)
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    attempt_id = buyer.attempt.id
    scene.clock.advance(minutes=36)
    rival = scene.let_in("payments.gateway.StripeGateway.expire_session", buyer.pay)

    expire(scene.till, attempt_id)

    assert rival.result() == "paid"
    assert scene.books(doll) == (SOLD if scene.guarded else PAID_FOR_NOTHING)


@pair
def test_expiry_and_a_payment_by_a_method_that_settles_later(scene: Scene) -> None:
    """The buyer is done and the money is on its way: the piece is kept until it has come."""
    if not scene.guarded:
        without.stripes_no(scene.patch)
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    attempt_id = buyer.attempt.id
    scene.clock.advance(minutes=36)
    rival = scene.let_in("payments.gateway.StripeGateway.expire_session", buyer.pay_later)

    expire(scene.till, attempt_id)

    rival.result()
    kept = Books(["pending: processing"], on_hand=1, reserved=1, charged=0, broken=[])
    assert scene.books(doll) == (kept if scene.guarded else FREE)


@pair
def test_changed_cart_and_payment(scene: Scene) -> None:
    """In one tab the cart is emptied, in the other it is paid before the page can be closed."""
    if not scene.guarded:
        without.stripes_no(scene.patch)
    doll = scene.shelf.add()
    buyer = scene.customer(doll)
    buyer.empty_cart()
    rival = scene.let_in("payments.gateway.StripeGateway.expire_session", buyer.pay)

    release_changed_carts(scene.till)

    assert rival.result() == "paid"
    lost = replace(PAID_FOR_NOTHING, orders=["cancelled: expired"])
    assert scene.books(doll) == (SOLD if scene.guarded else lost)


@pair
def test_two_workers_close_one_page(scene: Scene) -> None:
    """What is given back twice would be another buyer's hold."""
    if not scene.guarded:
        without.attempt_guard(scene.patch, status="expired")
        without.order_guard(scene.patch, "payments.actions", "expired")
    doll = scene.shelf.add(on_hand=2)
    buyer, other = scene.customer(doll), scene.customer(doll)
    attempt_id = buyer.attempt.id
    meet(scene.patch, "shop.payments.gateway.StripeGateway.expire_session")

    def close() -> None:
        expire(scene.till, attempt_id)

    assert at_once(close, close) == [None, None]

    books = scene.books(doll)
    assert books.orders == ["expired: expired", "pending: open"]
    assert (books.on_hand, books.reserved) == (2, 1 if scene.guarded else 0)
    other.pay()
    assert other.webhook() == (200 if scene.guarded else 500)


@pair
def test_cart_changed_while_its_page_is_being_made(scene: Scene) -> None:
    """The page that Stripe is just making must be closed as well, not held until its time."""
    if not scene.guarded:
        without.mark_on_what_is_made(scene.patch)
    doll = scene.shelf.add()
    buyer = scene.visitor(doll)
    rival = scene.let_in("payments.conversations._record", buyer.empty_cart)

    buyer.order()

    rival.result()
    assert release_changed_carts(scene.till).done == (1 if scene.guarded else 0)
    assert buyer.pay() == ("409" if scene.guarded else "paid")
    closed = replace(FREE, orders=["cancelled: expired"])
    held = Books(["pending: open"], on_hand=1, reserved=1, charged=1, broken=[])
    assert scene.books(doll) == (closed if scene.guarded else held)
