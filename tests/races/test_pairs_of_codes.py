"""Two who come at once, pair by pair: a discount code with one use left.

See `test_pairs`: each stands here with the shop's guard, and without it.
"""

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from shop.discounts import actions as codes
from shop.discounts.models import Discount, Redemption
from shop.payments.actions import close_attempt
from shop.payments.conversations import expire
from tests.races import without
from tests.races.interleave import at_once
from tests.races.scene import Scene, pair, pair_in_turns, pair_on_postgresql

CODE = "LOV10"


def last_use(scene: Scene, uses: int = 1) -> None:
    """Give the shop a code that *uses* orders may have."""
    with scene.sessions.begin() as db:
        db.add(
            Discount(code=CODE, kind="percent", value=10, most_uses=uses, created_at=scene.clock())
        )


def uses(scene: Scene) -> tuple[int, int]:
    """Return how often the code counts as used, and how many orders have it."""
    with scene.sessions.begin() as db:
        counted = db.scalars(select(Discount.uses)).one()
        return counted, db.scalar(select(func.count()).select_from(Redemption)) or 0


@pair_in_turns
def test_two_orders_with_the_last_use(scene: Scene) -> None:
    """One is in the middle of it: the other waits, and is asked to confirm the whole price."""
    if not scene.guarded:
        without.turn(scene.patch)
        without.uses_left(scene.patch)
        without.drop_the_count_of_uses(scene.sessions)
    last_use(scene)
    doll = scene.shelf.add(on_hand=2)
    first, second = scene.visitor(doll, code=CODE), scene.visitor(doll, code=CODE)
    rival = scene.let_in("checkout.actions._order", second.order, waits=scene.guarded)

    assert first.order().status_code == 303

    assert rival.result().status_code == (409 if scene.guarded else 303)
    assert uses(scene) == ((1, 1) if scene.guarded else (2, 2))


@pair_on_postgresql
def test_two_orders_with_the_last_use_that_do_not_take_turns(scene: Scene) -> None:
    """The turns keep order; it is the guard on the code itself that gives no use away twice."""
    without.turn(scene.patch)
    if not scene.guarded:
        without.uses_left(scene.patch)
    last_use(scene)
    doll = scene.shelf.add(on_hand=2)
    first, second = scene.visitor(doll, code=CODE), scene.visitor(doll, code=CODE)
    rival = scene.let_in("checkout.actions._order", second.order)

    answer = first.order()

    assert rival.result().status_code == 303
    assert answer.status_code == (409 if scene.guarded else 500)  # the database knows it, too
    assert uses(scene) == (1, 1)
    assert scene.books(doll).reserved == 1


@pair_in_turns
def test_changing_the_order_and_another_who_takes_its_last_use(scene: Scene) -> None:
    """The first order is closed so that another address can be given; its use is free then."""
    if not scene.guarded:
        without.look_at_uses(scene.patch)
        without.uses_left(scene.patch)
        without.drop_the_count_of_uses(scene.sessions)
    last_use(scene)
    doll = scene.shelf.add(on_hand=3)
    buyer, other = scene.visitor(doll, code=CODE), scene.visitor(doll, code=CODE)
    buyer.order()
    rival = scene.let_in("checkout.pages.expire", other.order, after=True)

    answer = buyer.order(city="Norrtälje")

    assert rival.result().status_code == 303
    assert answer.status_code == (409 if scene.guarded else 303)
    assert uses(scene) == ((1, 1) if scene.guarded else (2, 2))


@pair
def test_ending_a_code_and_an_order(scene: Scene) -> None:
    """The owner ends it between the buyer's click and the order."""
    if not scene.guarded:
        without.whether_it_was_ended(scene.patch)
    last_use(scene)
    doll = scene.shelf.add()
    buyer = scene.visitor(doll, code=CODE)

    def end() -> None:
        with scene.sessions.begin() as db:
            codes.end_discount(db, 1, now=scene.clock())

    rival = scene.let_in("checkout.pages._place", end)

    answer = buyer.order()

    rival.result()
    assert answer.status_code == (409 if scene.guarded else 303)
    assert uses(scene) == ((0, 0) if scene.guarded else (1, 1))


@pair_in_turns
def test_one_use_given_back_by_two(scene: Scene) -> None:
    """Given back twice, it would be one use more than there are."""
    if not scene.guarded:
        without.taking_out_first(scene.patch)
    last_use(scene, uses=5)
    doll = scene.shelf.add(on_hand=2)
    for buyer in scene.visitor(doll, code=CODE), scene.visitor(doll, code=CODE):
        assert buyer.order().status_code == 303
    assert uses(scene) == (2, 2)

    def give_back() -> None:
        with scene.sessions.begin() as db:
            codes.give_back(db, 1)

    rival = scene.let_in("discounts.actions._change", give_back, waits=scene.guarded)

    give_back()

    rival.result()
    assert uses(scene) == ((1, 1) if scene.guarded else (0, 1))


@pair
def test_late_money_and_another_who_takes_the_last_use(scene: Scene) -> None:
    """The doll is there, but not the price: what was paid goes back by itself."""
    if not scene.guarded:
        scene.patch.setattr("shop.payments.actions.redeem_again", lambda *_, **__: None)
    last_use(scene)
    doll = scene.shelf.add(on_hand=2)
    late, quick = scene.visitor(doll, code=CODE), scene.visitor(doll, code=CODE)
    late.order()
    attempt = late.attempt
    with scene.sessions.begin() as db:  # as must never happen while the page can be paid
        close_attempt(db, attempt, now=scene.clock())
    late.pay()
    rival = scene.let_in("payments.conversations._apply", quick.order)

    assert late.webhook() == 200

    assert rival.result().status_code == 303
    books = scene.books(doll)
    assert uses(scene) == (1, 1)
    assert bool(books.broken) is not scene.guarded
    if scene.guarded:
        assert (books.orders, books.reserved) == (["expired: late", "pending: open"], 1)
        assert scene.refunds() == ["auto requested 25650"]
    else:  # two orders with a discount that one may have
        assert books.orders == ["paid: paid", "pending: open"]


@pair_on_postgresql
def test_expiry_and_an_order_for_the_same_doll_with_the_same_code(scene: Scene) -> None:
    """Both go to the shelf first and to the code then, or each would hold what the other wants."""
    if not scene.guarded:
        without.shelf_before_code(scene.patch)
    last_use(scene, uses=5)
    doll = scene.shelf.add(on_hand=2)
    first, second = scene.visitor(doll, code=CODE), scene.visitor(doll, code=CODE)
    first.order()
    attempt_id = first.attempt.id
    between = "checkout.actions._redeem" if scene.guarded else "stock.actions.reserve"
    rival = scene.let_in(between, lambda: expire(scene.till, attempt_id), waits=True)

    placed = second.order()

    [closed] = at_once(rival.result)
    thrown_out = [placed.status_code == 503, isinstance(closed, OperationalError)]
    assert sorted(thrown_out) == ([False, False] if scene.guarded else [False, True])
