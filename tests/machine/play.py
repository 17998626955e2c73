"""A shop, its buyers, its owner and Stripe, each doing something at random, step by step.

A schedule is data: each step is its name and a number that decides among what is possible then.
So a part of a schedule is a schedule, and one that finds something can be made short.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import stripe
from sqlalchemy import select

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.errors import (
    CannotBeOrdered,
    CannotBePaid,
    EmptyCart,
    HoldInTheWay,
    TooManyHolds,
)
from shop.checkout.forms import Buyer
from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.orders.actions import ship
from shop.orders.errors import WrongState
from shop.orders.models import Order, OrderLine
from shop.orders.queries import cart_is_bought, pending_order_of_cart
from shop.payments.actions import ask_release
from shop.payments.conversations import ask_about_refunds, expire, open_session, settle
from shop.payments.errors import PaymentError, RefundImpossible, RefundTooLarge
from shop.payments.gateway import API_VERSION, EVENTS
from shop.payments.inbox import process, store
from shop.payments.models import PaymentAttempt
from shop.payments.reconciler import reconcile, release_changed_carts, send_refunds
from shop.payments.refunds import Wish, everything_left, request_refund
from shop.payments.till import Till
from shop.preferences.values import Preferences
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.errors import OutOfStock
from tests.machine.mortal import OUTSIDE, POINTS, Fuse, Killed, MortalGateway, MortalSessions, die
from tests.support import ANNA, DECLINED_CARD, NOON, FixedClock

KEY = "sk_test_of_the_tests"
SELLER = Seller(
    Preferences(), Urls("https://shop.example", "sv"), Signer(["a key that is long enough"])
)
SECURE_CARD = "4000002500003155"
PRICES = {1: 24500, 2: 10000}  # variant 1 is one of a kind, of variant 2 there are three
START = {1: 1, 2: 3}
POSTAGE = 3600
BASKETS = [{1: 1}, {2: 1}, {1: 1, 2: 1}, {2: 2}, {2: 3}, {1: 1}]
REFUSALS = (
    EmptyCart,
    CannotBeOrdered,
    CannotBePaid,
    OutOfStock,
    TooManyHolds,
    HoldInTheWay,
    PaymentError,
)
FAULTS: list[dict[str, Any]] = [
    {"kind": "reset", "when": "before", "times": 3},
    {"kind": "reset", "when": "after", "times": 3},
    {"kind": "reset", "when": "after", "times": 1},
    {"kind": "cut", "when": "after", "times": 3},
    {"kind": "500", "when": "before", "times": 3},
    {"kind": "500", "when": "after", "times": 3},
    {"kind": "500", "when": "before", "times": 1, "sticky": True},
    {"kind": "500", "when": "after", "times": 1, "sticky": True},
    {"kind": "502", "when": "after", "times": 3},
    {"kind": "429", "when": "before", "times": 3},
    {"kind": "lock_timeout", "when": "before", "times": 2},
]
JUMPS = (5, 35, 130, 35 * 60 + 10, 36 * 60, 2 * 3600)  # seconds
Step = tuple[str, int]
Outcome = Callable[[Sequence[Step]], list[str]]  # what is wrong when they have been played


@dataclass(frozen=True)
class Letter:
    """A webhook on its way."""

    type: str
    body: str
    signature: str


class Play:
    def __init__(self, stand_in: StandInServer, database: Path) -> None:
        self.stand_in, self.fuse, self.clock = stand_in, Fuse(), FixedClock(NOON)
        self._url = f"sqlite:///{database}"
        stand_in.reset()
        stand_in.control("clock", set=NOON.timestamp(), freeze=True)
        stand_in.control("webhooks", mode="hold")
        client = stripe.StripeClient(KEY, base_addresses={"api": stand_in.url})
        endpoint = client.v1.webhook_endpoints.create(
            {
                "url": "http://127.0.0.1:1/webhooks/stripe",
                "enabled_events": [*EVENTS],
                "api_version": API_VERSION,
            }
        )
        self._secret = str(endpoint.secret)
        self.carts = [Cart(f"cart-{n}") for n in range(3)]
        self._made = len(self.carts)
        self.pages: list[str] = []  # the sessions whose address a buyer has got
        self.post: list[Letter] = []
        self.lost: list[Letter] = []
        self.nested: list[Step] = []
        self.till = self._start()

    def _start(self) -> Till:
        gateway = MortalGateway(
            self.fuse, KEY, (self._secret,), self.stand_in.url, sleep=lambda _: None
        )
        return Till(MortalSessions(self._url, self.fuse), gateway, self.clock)

    def close(self) -> None:
        self.till.sessions.engine.dispose()

    def do(self, step: Step) -> None:
        """Do one step; if the shop dies in it, it is started anew."""
        self.clock.advance(seconds=1)  # no two at once; Stripe's clock may be a little slow
        try:
            self._do(step)
        except Killed:
            self.fuse.clear()
            self.close()
            self.till = self._start()

    def _do(self, step: Step) -> None:
        name, number = step
        act: Callable[[int], None] = getattr(self, name)
        with suppress(*REFUSALS):
            act(number)

    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.stand_in.control("clock", advance=seconds)

    # --- buyers -----------------------------------------------------------------------------------

    def place(self, number: int) -> None:
        """Fill a cart, perhaps with something else than before, and go to pay."""
        at = number % len(self.carts)
        with self.till.sessions.begin() as db:
            if cart_is_bought(db, self.carts[at].id):
                self.carts[at] = Cart(f"cart-{self._made}")
                self._made += 1
        self._fill(at, number // 3)
        self._check_out(self.carts[at])

    def place_again(self, number: int) -> None:
        """Click twice, or come back to the checkout."""
        self._check_out(self.carts[number % len(self.carts)])

    def change_cart(self, number: int) -> None:
        at = number % len(self.carts)
        with self.till.sessions.begin() as db:
            order = pending_order_of_cart(db, self.carts[at].id)
            if order is not None:
                ask_release(db, order.id, now=self.clock())
        self._fill(at, number // 3)

    def _fill(self, at: int, number: int) -> None:
        basket = BASKETS[number % len(BASKETS)]
        lines = tuple(CartLine(variant_id, n) for variant_id, n in basket.items())
        self.carts[at] = replace(self.carts[at], lines=lines)

    def _check_out(self, cart: Cart) -> None:
        buyer = Buyer(**ANNA | {"email": f"{cart.id}@example.se"}, locale="sv")
        goods = sum(PRICES[line.variant_id] * line.quantity for line in cart.lines)
        choice = Choice("letter", goods, POSTAGE)

        def once() -> str:
            with self.till.sessions.begin() as db:
                return place_order(db, cart, buyer, choice, SELLER, now=self.clock()).id

        try:
            attempt_id = once()
        except HoldInTheWay as hold:
            expire(self.till, hold.attempt_id)
            attempt_id = once()
        url = open_session(self.till, attempt_id)
        if url is not None and (page := url.rpartition("/")[2].partition("#")[0]) not in self.pages:
            self.pages.append(page)

    def pay(self, number: int) -> None:
        self._at_the_page(number)

    def decline(self, number: int) -> None:
        self._at_the_page(number, card=DECLINED_CARD)

    def show_who_you_are(self, number: int) -> None:
        outcomes = ("complete", "fail", "leave")
        self._at_the_page(number, card=SECURE_CARD, outcome=outcomes[number % 3])

    def pay_later(self, number: int) -> None:
        self._at_the_page(number, method="klarna", outcome="processing")

    def _at_the_page(self, number: int, **how: Any) -> None:
        if self.pages:
            page = self.pages[-1 - number // 3 % len(self.pages)]
            self._control(f"sessions/{page}/pay", **how)

    def bank_decides(self, number: int) -> None:
        """Money that was on its way comes, or does not."""
        waiting = self.logged("session.processing")
        if waiting:
            payment = waiting[number // 2 % len(waiting)]["payment_intent"]
            outcome = ("succeeded", "failed")[number % 2]
            self._control(f"payment_intents/{payment}/settle", outcome=outcome)

    def come_back(self, number: int) -> None:
        """Return from the payment page to the shop."""
        if attempt := self._attempt(number):
            settle(self.till, attempt)

    # --- the shop by itself -----------------------------------------------------------------------

    def give_up(self, number: int) -> None:
        if attempt := self._attempt(number):
            expire(self.till, attempt)

    def reconcile(self, _number: int) -> None:
        reconcile(self.till)

    def release(self, _number: int) -> None:
        release_changed_carts(self.till)

    def refund(self, _number: int) -> None:
        send_refunds(self.till)

    def ask_about_refunds(self, number: int) -> None:
        if attempt := self._attempt(number):
            ask_about_refunds(self.till, attempt)

    # --- the owner --------------------------------------------------------------------------------

    def owner_refunds_all(self, number: int) -> None:
        if (order_id := self._order(number // 2)) is None:
            return
        with suppress(RefundImpossible, RefundTooLarge), self.till.sessions.begin() as db:
            order = db.get_one(Order, order_id)
            wish = everything_left(db, order, restock=number % 2 == 1)
            request_refund(db, order_id, wish, now=self.clock())

    def owner_refunds_some(self, number: int) -> None:
        if (order_id := self._order(number // 4)) is None:
            return
        with suppress(RefundImpossible, RefundTooLarge), self.till.sessions.begin() as db:
            lines = db.scalars(select(OrderLine.id).where(OrderLine.order_id == order_id)).all()
            first = {lines[0]: 1} if number % 4 < 2 else {}
            restock = frozenset(first) if number % 4 == 1 else frozenset()
            wish = Wish(first, restock, postage=number % 4 == 2, other_amount=500)
            request_refund(db, order_id, wish, now=self.clock())

    def owner_ships(self, number: int) -> None:
        if (order_id := self._order(number)) is None:
            return
        with suppress(WrongState), self.till.sessions.begin() as db:
            ship(db, db.get_one(Order, order_id), tracking="", now=self.clock())

    def refund_at_stripe(self, number: int) -> None:
        if (charge := self._charge(number // 2)) is not None:
            self._control(f"charges/{charge}/refund", **({"amount": 1000} if number % 2 else {}))

    def dispute(self, number: int) -> None:
        if (charge := self._charge(number)) is not None:
            self._control(f"charges/{charge}/dispute")

    def decide_dispute(self, number: int) -> None:
        if disputes := self.logged("dispute.created"):
            dispute = disputes[number // 2 % len(disputes)]["dispute"]
            self._control(f"disputes/{dispute}/close", outcome=("won", "lost")[number % 2])

    # --- the road between them --------------------------------------------------------------------

    def deliver(self, _number: int) -> None:
        self._collect()
        if self.post:
            self._bring(self.post.pop(0))

    def deliver_any(self, number: int) -> None:
        self._collect()
        if self.post:
            self._bring(self.post.pop(number % len(self.post)))

    def deliver_twice(self, number: int) -> None:
        self._collect()
        if self.post:
            self._bring(self.post[number % len(self.post)])

    def lose(self, number: int) -> None:
        self._collect()
        if self.post:
            self.lost.append(self.post.pop(number % len(self.post)))

    def fault(self, number: int) -> None:
        rule = FAULTS[number % len(FAULTS)]
        self.stand_in.control("faults", path="/v1/.*", **rule)

    def kill(self, number: int) -> None:
        """Let the shop die soon: where, and how soon, is the number's."""
        self.fuse.lay(POINTS[number % 4], 1 + number // 4 % 4, die)

    def meanwhile(self, number: int) -> None:
        """Let something else happen soon in the midst of what happens then."""
        names = [name for name in WEIGHTS if name not in {"kill", "meanwhile"}]
        step = names[number // 12 % len(names)], number // 12 // len(names)

        def come_between() -> None:
            self._do(step)

        self.fuse.lay(OUTSIDE[number % 3], 1 + number // 3 % 4, come_between)

    def clock_goes_on(self, number: int) -> None:
        self.pass_time(JUMPS[number % len(JUMPS)])

    def _collect(self) -> None:
        self.post += [
            Letter(letter["type"], letter["body"], letter["headers"]["Stripe-Signature"])
            for letter in self.stand_in.control("webhooks/take")["taken"]
        ]

    def _bring(self, letter: Letter) -> None:
        """What the webhook's page does. Stripe sends again what was not answered."""
        event = self.till.gateway.read_event(letter.body.encode(), letter.signature)
        try:
            with self.till.sessions.begin() as db:
                new = store(db, event, letter.body, now=self.clock())
        except Killed:
            self.post.append(letter)
            raise
        if new:
            process(self.till, event.id)

    # --- the end ----------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Mend the road, bring what is on its way, and let every page and key grow old.

        Of what was lost, what tells of a payment stays lost.
        """
        self.fuse.clear()
        self.stand_in.control("faults", clear=True)
        told = [letter for letter in self.lost if not letter.type.startswith("checkout.")]
        self.post += told
        for seconds in (2 * 3600, 26 * 3600, 3600):
            self.pass_time(seconds)
            self._collect()
            while self.post:
                self._bring(self.post.pop(0))
            release_changed_carts(self.till)
            reconcile(self.till)
            send_refunds(self.till)
        self._ask_about_every_refund()

    def _ask_about_every_refund(self) -> None:
        """What was refunded at Stripe is not heard of if that news came before the payment's."""
        with self.till.sessions.begin() as db:
            ids = db.scalars(select(PaymentAttempt.id)).all()
        for attempt_id in ids:
            ask_about_refunds(self.till, attempt_id)

    # --- what there is ----------------------------------------------------------------------------

    def logged(self, what: str) -> list[dict[str, Any]]:
        return [row for row in self.stand_in.log() if row["what"] == what]

    def _control(self, path: str, **how: Any) -> None:
        with suppress(ValueError):  # Stripe refuses: closed, refunded, disputed already
            self.stand_in.control(path, **how)

    def _charge(self, number: int) -> str | None:
        paid = self.logged("session.paid")
        return str(paid[number % len(paid)]["charge"]) if paid else None

    def _attempt(self, number: int) -> str | None:
        with self.till.sessions.begin() as db:
            ids = db.scalars(select(PaymentAttempt.id).order_by(PaymentAttempt.created_at)).all()
        return ids[-1 - number % len(ids)] if ids else None

    def _order(self, number: int) -> int | None:
        with self.till.sessions.begin() as db:
            ids = db.scalars(select(Order.id).order_by(Order.id)).all()
        return ids[-1 - number % len(ids)] if ids else None


WEIGHTS = {
    "place": 8,
    "place_again": 4,
    "change_cart": 2,
    "pay": 8,
    "decline": 1,
    "show_who_you_are": 2,
    "pay_later": 1,
    "bank_decides": 2,
    "come_back": 3,
    "give_up": 2,
    "reconcile": 4,
    "release": 2,
    "refund": 3,
    "ask_about_refunds": 1,
    "owner_refunds_all": 1,
    "owner_refunds_some": 2,
    "owner_ships": 1,
    "refund_at_stripe": 1,
    "dispute": 1,
    "decide_dispute": 1,
    "deliver": 3,
    "deliver_any": 2,
    "deliver_twice": 1,
    "lose": 1,
    "fault": 3,
    "kill": 4,
    "meanwhile": 4,
    "clock_goes_on": 4,
}


def schedule(seed: int) -> list[Step]:
    """Return the steps of *seed*: always the same."""
    chance = random.Random(seed)
    names = chance.choices(list(WEIGHTS), [*WEIGHTS.values()], k=chance.randint(12, 24))
    return [("place", chance.randrange(2**16))] + [
        (name, chance.randrange(2**16)) for name in names
    ]


@contextmanager
def playing(stand_in: StandInServer, database: Path) -> Iterator[Play]:
    play = Play(stand_in, database)
    try:
        yield play
    finally:
        play.close()
