"""A shop, its buyers, its owner and Stripe, each doing something, step by step.

The name of a step is the method that does it. Its number decides among what is possible then.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import stripe
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.errors import (
    CannotBeOrdered,
    CannotBePaid,
    DiscountChanged,
    EmptyCart,
    HoldInTheWay,
    TooManyHolds,
)
from shop.checkout.forms import Buyer
from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.orders.actions import ship
from shop.orders.errors import WrongState
from shop.orders.models import BOUGHT, Order, OrderLine
from shop.orders.queries import cart_is_bought, pending_order_of_cart
from shop.payments.actions import SESSION_LIFE, ask_release, close_attempt
from shop.payments.conversations import expire, open_session, send_refund, settle
from shop.payments.errors import PaymentError, RefundChanged, RefundImpossible, RefundTooLarge
from shop.payments.gateway import API_VERSION
from shop.payments.models import LIVE, Dispute, PaymentAttempt, ProviderEvent, Refund, Status
from shop.payments.pages import webhook
from shop.payments.provider import EVENTS
from shop.payments.queries import attempt_of_session, live_attempt, paid_attempt
from shop.payments.reconciler import (
    catch_up,
    compare_everything,
    reconcile,
    release_changed_carts,
    send_refunds,
)
from shop.payments.refunds import Wish, everything_left, given_back, request_refund
from shop.payments.till import Till
from shop.preferences.values import Preferences
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.actions import count
from shop.stock.errors import OutOfStock
from shop.stock.models import StockLevel
from tests.machine.mortal import (
    AFTER_CALL,
    OUTSIDE,
    POINTS,
    Fuse,
    Killed,
    MortalGateway,
    MortalSessions,
    die,
)
from tests.machine.schedules import NAMES, Step
from tests.payments.tools import event, signature
from tests.support import ANNA, DECLINED_CARD, GOOD_CARD, NOON, FixedClock

KEY = "sk_test_of_the_tests"
SELLER = Seller(
    Preferences(), Urls("https://shop.example", "sv"), Signer(("a key that is long enough",))
)
SECURE_CARD = "4000002500003155"
ODD_CARDS = {
    "4000000000007726": "its refunds take their time",
    "4000000000005126": "its refunds come back",
    "4000000000000259": "its payments are disputed",
    "4000000000001976": "its bank asks",
}
PRICES = {1: 24500, 2: 10000}  # variant 1 is one of a kind, of variant 2 there are three
START = {1: 1, 2: 3}
POSTAGE = 3600
CODE, OFF_AMOUNT, MOST_USES = "NOVEMBER", 3000, 2
BASKETS = [{1: 1}, {2: 1}, {1: 1, 2: 1}, {2: 2}, {2: 3}, {1: 1}]
REFUSALS = (
    EmptyCart,
    CannotBeOrdered,
    CannotBePaid,
    DiscountChanged,
    OutOfStock,
    TooManyHolds,
    HoldInTheWay,
    PaymentError,
)
NO_ANSWER = 0.4  # seconds until the shop takes silence for one; every other answer is far quicker
FAULTS: list[dict[str, Any]] = [
    {"kind": "reset", "when": "before"},
    {"kind": "reset", "when": "after"},
    {"kind": "timeout", "when": "before", "delay": 2 * NO_ANSWER},
    {"kind": "timeout", "when": "after", "delay": 2 * NO_ANSWER},
    {"kind": "cut", "when": "after"},
    {"kind": "malformed", "when": "before"},
    {"kind": "malformed", "when": "after"},
    {"kind": "500", "when": "before"},
    {"kind": "500", "when": "after"},
    {"kind": "500", "when": "before", "sticky": True},
    {"kind": "500", "when": "after", "sticky": True},
    {"kind": "502", "when": "before"},
    {"kind": "502", "when": "after"},
    {"kind": "503", "when": "before"},
    {"kind": "503", "when": "after"},
    {"kind": "429", "when": "before"},
    {"kind": "lock_timeout", "when": "before"},
    {"kind": "409", "when": "before"},
    {"kind": "401", "when": "before"},
    {"kind": "403", "when": "before"},
    {"kind": "delay", "when": "before", "delay": 0.01},
]
PLACES = [
    "/v1/.*",
    "/v1/.*",
    "/v1/checkout/sessions",
    "/v1/checkout/sessions/.*",
    "/v1/coupons",
    "/v1/refunds",
    "/v1/disputes",
    "/v1/(events|balance.*)",
]
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
JUMPS = (5, 35, 130, 35 * MINUTE + 10, 36 * MINUTE, 2 * HOUR, 25 * HOUR, 4 * DAY)  # seconds
TOO_OLD = 301  # seconds


@dataclass(frozen=True)
class Letter:
    """A webhook on its way."""

    body: str
    signature: str


@dataclass(frozen=True)
class Click:
    """What the owner sends to give money back: what for, and what the page said had gone back."""

    order_id: int
    seen: int
    wish: Wish | None = None  # all that is left
    restock: bool = False


class Play:
    def __init__(self, stand_in: StandInServer, engine: Engine) -> None:
        self.stand_in, self.fuse, self.clock = stand_in, Fuse(), FixedClock(NOON)
        self._engine = engine
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
        self.codes: dict[str, str] = {}  # what is typed for which cart
        self._made = len(self.carts)
        self._forged = 0
        self.pages: list[str] = []  # the sessions whose address a buyer has got
        self.post: list[Letter] = []
        self.click: Click | None = None  # on the page that lies open on the owner's table
        self.not_dead: set[str] = set()  # the attempts that were given up wrongly
        self.complaints: list[str] = []  # what must not happen, not even for a moment
        self.till = self._start()

    def _start(self) -> Till:
        gateway = MortalGateway(
            self.fuse, KEY, (self._secret,), self.stand_in.url, sleep=lambda _: None
        )
        # An engine that has lost its connections is a new one, but for the statements it knows.
        self._engine.dispose()
        self.sessions = MortalSessions(self._engine, self.fuse)
        return Till(self.sessions, gateway, self.clock)

    def do(self, step: Step) -> None:
        """Do one step; if the shop dies in it, its books are looked at, and it is started anew."""
        self.clock.advance(seconds=1)  # no two at once; Stripe's clock may be a little slow
        try:
            self._do(step)
        except Killed:
            self.fuse.clear()
            self.till = self._start()
            self.complaints += self.broken()

    def _do(self, step: Step) -> None:
        name, number = step
        act: Callable[[int], None] = getattr(self, name)
        with suppress(*REFUSALS):
            act(number)

    def broken(self) -> list[str]:
        """Return which rules the shop's books break by themselves."""
        with self.sessions.aside() as db:
            return [
                f"{finding.invariant.code} {finding.invariant.rule}: {finding.rows}"
                for finding in verify(db)
                if not finding.holds
            ]

    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.stand_in.control("clock", advance=seconds)

    # --- buyers -----------------------------------------------------------------------------------

    def place(self, number: int) -> None:
        """Fill a cart, perhaps with something else than before, and go to pay."""
        at = number % len(self.carts)
        with self.sessions.aside() as db:
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
        self.codes[self.carts[at].id] = CODE if number // len(BASKETS) % 3 == 1 else ""

    def _check_out(self, cart: Cart) -> None:
        buyer = Buyer(**ANNA | {"email": f"{cart.id}@example.se"}, locale="sv")
        goods = sum(PRICES[line.variant_id] * line.quantity for line in cart.lines)

        def once() -> str:
            code = self.codes.get(cart.id, "")
            choice = Choice("letter", goods, POSTAGE, code, OFF_AMOUNT if code else 0)
            with self.till.sessions.begin() as db:
                over = cart_is_bought(db, cart.id)
                attempt = place_order(db, cart, buyer, choice, SELLER, now=self.clock())
                if over:
                    self.complaints.append(f"{cart.id} was bought, and ordered once more")
                return attempt.id

        try:
            attempt_id = once()
        except HoldInTheWay as hold:
            expire(self.till, hold.attempt_id)
            attempt_id = once()
        except DiscountChanged:  # somebody else has had its last use: all the same, then
            self.codes[cart.id] = ""
            attempt_id = once()
        self._show(open_session(self.till, attempt_id))

    def _show(self, url: str | None) -> None:
        if url is not None and (page := url.rpartition("/")[2].partition("#")[0]) not in self.pages:
            self.pages.append(page)

    def pay(self, number: int) -> None:
        """Pay, and mostly come back to the shop at once."""
        page = self._at_the_page(number)
        if page is not None and number % 3:
            with self.sessions.aside() as db:
                attempt = attempt_of_session(db, page)
            if attempt is not None:
                settle(self.till, attempt.id)

    def decline(self, number: int) -> None:
        self._at_the_page(number, card=DECLINED_CARD)

    def show_who_you_are(self, number: int) -> None:
        outcomes = ("complete", "fail", "leave")
        self._at_the_page(number, card=SECURE_CARD, outcome=outcomes[number % 3])

    def pay_with_an_odd_card(self, number: int) -> None:
        self._at_the_page(number // 4 * 3, card=list(ODD_CARDS)[number % 4])

    def pay_later(self, number: int) -> None:
        self._at_the_page(number, method="klarna", outcome="processing")

    def _at_the_page(self, number: int, card: str = GOOD_CARD, **how: Any) -> str | None:
        """Do it at the latest page, or as often at any other that somebody has open."""
        if not self.pages:
            return None
        page = self.pages[-1 - (number // 6 % len(self.pages) if number // 3 % 2 else 0)]
        self._control(f"sessions/{page}/pay", card=card, **how)
        return page

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
        if attempt := self._attempt(number, LIVE):
            expire(self.till, attempt)

    def reconcile(self, _number: int) -> None:
        reconcile(self.till)

    def release(self, _number: int) -> None:
        release_changed_carts(self.till)

    def refund(self, _number: int) -> None:
        send_refunds(self.till)

    def hear_what_was_missed(self, _number: int) -> None:
        catch_up(self.till)

    def compare_at_night(self, _number: int) -> None:
        compare_everything(self.till, always=True, sleep=lambda _: None)

    # --- what no code of the shop does ------------------------------------------------------------

    def give_up_wrongly(self, number: int) -> None:
        """Give an order up whose page can still be paid: by hand, or a backup was brought back."""
        if attempt := self._attempt(number, (Status.OPEN, Status.PROCESSING)):
            self.not_dead.add(attempt)
            with self.sessions.aside() as db:
                close_attempt(db, db.get_one(PaymentAttempt, attempt), now=self.clock())

    def open_a_page_beside(self, number: int) -> None:
        """Open another page for an order that has none any more, or seems to have none."""
        if (closed := self._attempt(number, (Status.EXPIRED, Status.FAILED))) is None:
            return
        with self.sessions.aside() as db:
            first = db.get_one(PaymentAttempt, closed)
            if live_attempt(db, first.order_id) is not None:
                return
            self._made += 1
            db.add(beside := _copy(first, f"beside-{self._made}", self.clock()))
        self._show(open_session(self.till, beside.id))

    # --- the owner --------------------------------------------------------------------------------

    def owner_refunds_all(self, number: int) -> None:
        if (order_id := self._order(number // 2)) is not None:
            self._send(Click(order_id, self._seen(order_id), restock=number % 2 == 1))

    def owner_refunds_some(self, number: int) -> None:
        """Give part of it back, perhaps with a click too many."""
        if (order_id := self._order(number // 24)) is not None:
            click = self._part(order_id, number % 8)
            self._send(click)
            if number // 8 % 3 == 1:
                self._send(click)

    def owner_looks(self, number: int) -> None:
        """Fill in the form, and leave the page open."""
        if (order_id := self._order(number // 8)) is not None:
            self.click = self._part(order_id, number % 8)

    def owner_clicks_again(self, _number: int) -> None:
        """Send what is on the open page, whatever has happened since."""
        if self.click is not None:
            self._send(self.click)

    def _part(self, order_id: int, number: int) -> Click:
        with self.sessions.aside() as db:
            lines = db.scalars(select(OrderLine.id).where(OrderLine.order_id == order_id)).all()
        kind, other_amount = number % 4, (500, 15000)[number // 4]
        first = {lines[0]: 1} if kind < 2 else {}
        restock = frozenset(first) if kind == 1 else frozenset()
        wish = Wish(first, restock, postage=kind == 2, other_amount=other_amount)
        return Click(order_id, self._seen(order_id), wish)

    def _seen(self, order_id: int) -> int:
        with self.sessions.aside() as db:
            attempt = paid_attempt(db, order_id)
            return given_back(db, attempt.id) if attempt else 0

    def _send(self, click: Click) -> None:
        self.click = click
        try:
            with self.till.sessions.begin() as db:
                refund_id = self._request(db, click)
        except (RefundImpossible, RefundTooLarge, RefundChanged):
            return
        send_refund(self.till, refund_id)

    def _request(self, db: Session, click: Click) -> int:
        """Do what the owner's page does, and say what it should not have done."""
        order = db.get_one(Order, click.order_id)
        attempt = paid_attempt(db, order.id)
        gone = given_back(db, attempt.id) if attempt else 0
        wish = click.wish or everything_left(db, order, restock=click.restock)
        refund = request_refund(db, order.id, wish, seen=click.seen, now=self.clock())
        if attempt is None or refund.amount > attempt.amount - gone:
            self.complaints.append(f"order {order.number}: more goes back than is left")
        if gone != click.seen:
            self.complaints.append(f"order {order.number}: the owner has not seen that {gone} went")
        if order.disputed:
            self.complaints.append(f"order {order.number}: money goes back that the bank asks for")
        return refund.id

    def owner_ships(self, number: int) -> None:
        if (order_id := self._order(number)) is None:
            return
        with suppress(WrongState), self.till.sessions.begin() as db:
            ship(db, db.get_one(Order, order_id), tracking="", now=self.clock())

    def owner_counts(self, number: int) -> None:
        """Find one piece more than there were, or one less."""
        with self.sessions.aside() as db:
            seen = db.get_one(StockLevel, 2).on_hand
            reserved = db.get_one(StockLevel, 2).reserved
        counted = max(reserved, seen + (1, -1)[number % 2])
        with self.till.sessions.begin() as db:
            count(db, 2, seen=seen, counted=counted, by="owner", now=self.clock())

    def refund_at_stripe(self, number: int) -> None:
        if (charge := self._charge(number // 2)) is not None:
            self._control(f"charges/{charge}/refund", **({"amount": 1000} if number % 2 else {}))

    def dispute(self, number: int) -> None:
        """Let the buyer's bank take the money, or part of it, or only ask."""
        kinds: list[dict[str, Any]] = [{}, {"amount": 1500}, {"status": "warning_needs_response"}]
        if (charge := self._charge(number // 3)) is not None:
            self._control(f"charges/{charge}/dispute", **kinds[number % 3])

    def decide_dispute(self, number: int) -> None:
        if disputes := self.logged("dispute.created"):
            chosen = disputes[number // 2 % len(disputes)]
            asked = str(chosen["status"]).startswith("warning_")
            outcome = "warning_closed" if asked else ("won", "lost")[number % 2]
            self._control(f"disputes/{chosen['dispute']}/close", outcome=outcome)

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
        """Lose a letter, or all that are on their way."""
        self._collect()
        if number % 3 == 0:
            self.post.clear()
        if self.post:
            self.post.pop(number // 3 % len(self.post))

    def forge(self, number: int) -> None:
        """Bring what Stripe has not signed, or signed too long ago: nothing of it may be kept."""
        self._forged += 1
        id_ = f"evt_forged_{self._forged}"
        body = event(self.pages[-1] if self.pages else "cs_test_unknown", id=id_)
        signed = [
            signature(body, "whsec_of_somebody_else"),
            signature(body + b" ", self._secret),
            signature(body, self._secret, at=time.time() - TOO_OLD),
            signature(body, self._secret, scheme="v0"),
            "",
        ]
        if (status := self._answer(body.decode(), signed[number % len(signed)])) != 400:
            self.complaints.append(f"a forged event was answered with {status}")
        with self.sessions.aside() as db:
            if db.get(ProviderEvent, id_) is not None:
                self.complaints.append("a forged event was kept")

    def fault(self, number: int) -> None:
        """Let a request of some kind fail soon: once, or as often as the shop tries."""
        rule = FAULTS[number % len(FAULTS)]
        number //= len(FAULTS)
        place = PLACES[number % len(PLACES)]
        number //= len(PLACES)
        often = 1 if rule["kind"] == "timeout" or rule.get("sticky") else (1, 3, 3)[number % 3]
        self.stand_in.control(
            "faults", path=place, times=often, nth=(1, 1, 2)[number // 3 % 3], **rule
        )

    def kill(self, number: int) -> None:
        """Let the shop die soon: where, and how soon, is the number's; most often, when Stripe
        has done what it was asked for.
        """
        points = (*POINTS, AFTER_CALL)
        self.fuse.lay(points[number % 5], 1 + number // 5 % 4, die)

    def meanwhile(self, number: int) -> None:
        """Let something else happen soon in the midst of what happens then."""
        names = [name for name in NAMES if name not in {"kill", "meanwhile"}]
        step = names[number // 15 % len(names)], number // 15 // len(names)

        def come_between() -> None:
            self._do(step)

        self.fuse.lay(OUTSIDE[number % 3], 1 + number // 3 % 5, come_between)

    def clock_goes_on(self, number: int) -> None:
        self.pass_time(JUMPS[number % len(JUMPS)])

    def _collect(self) -> None:
        self.post += [
            Letter(letter["body"], letter["headers"]["Stripe-Signature"])
            for letter in self.stand_in.control("webhooks/take")["taken"]
        ]

    def _bring(self, letter: Letter) -> None:
        """Stripe sends again what got no answer."""
        try:
            status = self._answer(letter.body, letter.signature)
        except Killed:
            self.post.append(letter)
            raise
        if status == 200:
            self._look_what_was_asked(json.loads(letter.body)["id"])
        else:
            self.complaints.append(f"a letter of Stripe's was answered with {status}")

    def _answer(self, body: str, signed: str) -> int:
        headers = [(b"stripe-signature", signed.encode())]
        request = Request({"type": "http", "headers": headers, "state": {"till": self.till}})
        return webhook(request, body.encode()).status_code

    def _look_what_was_asked(self, event_id: str) -> None:
        """An event is a hint to ask Stripe: it is not done before that."""
        with self.sessions.aside() as db:
            about = db.get_one(ProviderEvent, event_id)
            if about.processed_at is None or about.error is not None:
                return
            if about.type.startswith("checkout."):
                asked = getattr(attempt_of_session(db, about.object_id), "checked_at", None)
            else:
                table = Dispute if about.type.startswith("charge.dispute.") else Refund
                which = select(table.checked_at).where(table.stripe_id == about.object_id)
                asked = db.scalar(which) if about.type != "charge.refunded" else about.processed_at
            if asked is None or asked < about.received_at:
                self.complaints.append(f"{about.type} counts as done, and Stripe was not asked")

    # --- the end ----------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Mend the road, and let every page and key grow old. The worker is at hand before the
        post; and what was lost stays lost: the shop has to find out by itself.
        """
        self.complaints += self.broken()
        self.fuse.clear()
        self.till = self._start()
        self.stand_in.control("faults", clear=True)
        for seconds in (3 * MINUTE, 26 * HOUR, HOUR):
            self.pass_time(seconds)
            self._collect()
            self.work()
            while self.post:
                self._bring(self.post.pop(0))

    def work(self) -> None:
        """Do what the worker does, one after the other."""
        release_changed_carts(self.till)
        send_refunds(self.till)
        reconcile(self.till)
        catch_up(self.till)
        compare_everything(self.till, sleep=lambda _: None)

    # --- what there is ----------------------------------------------------------------------------

    def logged(self, what: str) -> list[dict[str, Any]]:
        return [row for row in self.stand_in.log() if row["what"] == what]

    def _control(self, path: str, **how: Any) -> None:
        with suppress(ValueError):  # Stripe refuses: closed, refunded, disputed already
            self.stand_in.control(path, **how)

    def _charge(self, number: int) -> str | None:
        paid = self.logged("session.paid")
        return str(paid[number % len(paid)]["charge"]) if paid else None

    def _attempt(self, number: int, which: Sequence[Status] = tuple(Status)) -> str | None:
        with self.sessions.aside() as db:
            ids = db.scalars(
                select(PaymentAttempt.id)
                .where(PaymentAttempt.status.in_(which))
                .order_by(PaymentAttempt.created_at, PaymentAttempt.order_id)
            ).all()
        return ids[-1 - number % len(ids)] if ids else None

    def _order(self, number: int) -> int | None:
        """Return an order that was bought, if there is one, or else any."""
        with self.sessions.aside() as db:
            every = select(Order.id).order_by(Order.id)
            ids = db.scalars(every.where(Order.status.in_(BOUGHT))).all() or db.scalars(every).all()
        return ids[-1 - number % len(ids)] if ids else None


def _copy(first: PaymentAttempt, id_: str, now: datetime) -> PaymentAttempt:
    expires_at = now + SESSION_LIFE
    request = json.loads(first.request.replace(first.id, id_))
    request["expires_at"] = int(expires_at.timestamp())
    return PaymentAttempt(
        id=id_,
        order_id=first.order_id,
        status=Status.CREATING,
        request=json.dumps(request),
        coupon=first.coupon and first.coupon.replace(first.id, id_),
        fingerprint=first.fingerprint,
        amount=first.amount,
        currency=first.currency,
        created_at=now,
        expires_at=expires_at,
    )
