"""Who takes part in a pair: buyers at the payment page, Stripe, the owner, the workers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.payments.conversations import open_session
from shop.payments.models import PaymentAttempt, Refund
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.payments.tools import deliver, event
from tests.races.interleave import Rival, let_in
from tests.support import ANNA, Buyer, FixedClock, Shelf, fields_of

CREATE = "/v1/checkout/sessions"


def _pair(*cases: tuple[str, bool], proved: tuple[str, bool] | None = None) -> pytest.MarkDecorator:
    """Return the mark of a test that runs on databases, guarded and as a control; the case
    *proved* is left to `make prove`.
    """
    return pytest.mark.parametrize(
        ("db_url", "guarded"),
        [
            pytest.param(
                *case,
                id=f"{'guarded' if case[1] else 'control'}-{case[0]}",
                marks=[pytest.mark.postgresql] * (case[0] == "postgresql")
                + [pytest.mark.slow] * (case == proved),
            )
            for case in (*cases, *([proved] if proved else []))
        ],
        indirect=["db_url"],
    )


pair = _pair(
    ("sqlite", True), ("postgresql", True), ("sqlite", False), proved=("postgresql", False)
)
# SQLite's one writer cannot be taken out: the control needs PostgreSQL
pair_in_turns = _pair(("sqlite", True), ("postgresql", True), ("postgresql", False))
# at a point that SQLite's one writer lets nobody come to
pair_on_postgresql = _pair(("postgresql", True), ("postgresql", False))


@dataclass(frozen=True)
class Books:
    """What the shop's books say, and what Stripe took."""

    orders: list[str]  # each as "its status: its attempts' statuses"
    on_hand: int
    reserved: int
    charged: int  # how many times Stripe took money
    broken: list[str]  # invariants of `shop verify`


@dataclass
class Scene:
    """One shop, its Stripe and everybody who comes by; `stage` says what of it is real: all."""

    shop: Config
    till: Till
    shelf: Shelf
    stand_in: StandInServer
    patch: pytest.MonkeyPatch
    new_buyer: Callable[[], Buyer]
    guarded: bool  # or the control, which goes wrong

    @property
    def sessions(self) -> Sessions:
        return self.till.sessions

    @property
    def on_sqlite(self) -> bool:
        return self.sessions.engine.dialect.name == "sqlite"

    @property
    def clock(self) -> FixedClock:
        """The shop's; Stripe has its own."""
        assert isinstance(self.till.now, FixedClock)
        return self.till.now

    def let_in(self, point: str, work: Callable[[], Any], **how: Any) -> Rival:
        """See `interleave.let_in`; the point's name without the "shop." before it."""
        return let_in(self.patch, f"shop.{point}", work, **how)

    def customer(self, variant_id: int, quantity: int = 1, **form: str) -> "Customer":
        """Return a buyer who has got as far as the payment page."""
        customer = self.visitor(variant_id, quantity)
        placed = customer.order(**form)
        assert placed.status_code == 303, placed.text
        return customer

    def visitor(self, variant_id: int, quantity: int = 1, code: str = "") -> "Customer":
        """Return a buyer who has filled the cart, and the form in the head; with a *code*, its
        discount is on the page.
        """
        buyer = self.new_buyer()
        buyer.add(variant_id, quantity)
        form = buyer.checkout_fields() | ANNA
        if code:
            shown = buyer.post("/checkout", **form | {"code": code, "update": "1"})
            form = fields_of(shown.text, "checkout")
            assert form["shown_discount"] != "0"
        return Customer(self, buyer, variant_id, form)

    def books(self, variant_id: int) -> Books:
        with self.sessions.begin() as db:
            orders = db.execute(select(Order.id, Order.status).order_by(Order.id)).all()
            attempts = db.execute(
                select(PaymentAttempt.order_id, PaymentAttempt.status).order_by(
                    PaymentAttempt.created_at
                )
            ).all()
            level = db.get(StockLevel, variant_id)
            broken = [found.invariant.rule for found in verify(db) if not found.holds]
        return Books(
            orders=[
                f"{status}: {' '.join(state for order_id, state in attempts if order_id == id_)}"
                for id_, status in orders
            ],
            on_hand=level.on_hand if level else 0,
            reserved=level.reserved if level else 0,
            charged=len(self.happened("session.paid")),
            broken=broken,
        )

    def happened(self, what: str) -> list[dict[str, Any]]:
        """Return the lines of Stripe's own log that say *what*."""
        return [row for row in self.stand_in.log() if row["what"] == what]

    def entries(self, kind: str) -> int:
        with self.sessions.begin() as db:
            return len(db.scalars(select(OrderEntry).where(OrderEntry.kind == kind)).all())

    def orders(self) -> list[str]:
        with self.sessions.begin() as db:
            return list(db.scalars(select(Order.status).order_by(Order.id)))

    def refunds(self) -> list[str]:
        """Return every refund as "who made it, what became of it, the amount"."""
        with self.sessions.begin() as db:
            rows = db.scalars(select(Refund).order_by(Refund.id)).all()
        return [f"{row.origin} {row.status} {row.amount}" for row in rows]

    def mails(self, kind: str) -> int:
        with self.sessions.begin() as db:
            return len(db.scalars(select(Message).where(Message.kind == kind)).all())


@dataclass
class Customer:
    """A buyer, the form as it was filled in, and the order that came of it."""

    scene: Scene
    buyer: Buyer
    variant_id: int
    form: dict[str, str]
    page: str = ""  # the payment page's address

    def order(self, **changes: str) -> httpx2.Response:
        """Press the button; once more, or in a second tab, if it was pressed before."""
        answer = self.buyer.post("/checkout", **(self.form | changes))
        if answer.status_code == 303 and "/c/pay/" in answer.headers["location"]:
            self.page = answer.headers["location"]
        return answer

    @property
    def session_id(self) -> str:
        return self.page.rpartition("/")[2]

    @property
    def attempt(self) -> PaymentAttempt:
        with self.scene.sessions.begin() as db:
            return db.scalars(
                select(PaymentAttempt).where(PaymentAttempt.session_id == self.session_id)
            ).one()

    def pay(self, **how: Any) -> str:
        """Pay at Stripe, and do not come back; return what Stripe says of it, or its refusal."""
        try:
            return str(
                self.scene.stand_in.control(f"sessions/{self.session_id}/pay", **how)["state"]
            )
        except ValueError as refused:
            return str(refused).partition(": ")[2][:3]

    def pay_later(self) -> str:
        """Be done with the page by a method whose money comes later; return what it comes by."""
        paid = self.scene.stand_in.control(f"sessions/{self.session_id}/pay", outcome="processing")
        assert paid["state"] == "processing"
        return str(paid["payment_intent"])

    def in_another_tab(self) -> "Customer":
        """Return the same buyer in another tab: the same cart, the same form."""
        tab = self.scene.new_buyer()
        tab.http.cookies.update(self.buyer.http.cookies)
        return Customer(self.scene, tab, self.variant_id, self.form)

    def empty_cart(self) -> None:
        """Take it out of the cart again, in another tab."""
        tab = self.in_another_tab().buyer
        taken_out = tab.post("/cart/lines", variant=str(self.variant_id), quantity="0")
        assert taken_out.status_code == 303

    def come_back(self) -> int:
        """Follow Stripe's link back to the shop; return the status."""
        url = json.loads(self.attempt.request)["success_url"]
        path = url.replace("{CHECKOUT_SESSION_ID}", self.session_id)
        return self.buyer.http.get(path).status_code

    def webhook(self, event_id: str = "evt_paid", **changes: Any) -> int:
        """Let Stripe tell the shop about the session; return the shop's answer."""
        body = event(self.session_id, id=event_id, **changes)
        return deliver(self.scene.shop, body).status_code

    def told_of_refund(self) -> int:
        """Let Stripe tell the shop that money of this payment has gone back."""
        payment = {"id": "re_ours", "object": "refund", "payment_intent": self.payment_intent}
        body = event(id="evt_refund", type="refund.created", data={"object": payment})
        return deliver(self.scene.shop, body).status_code

    @property
    def payment_intent(self) -> str:
        [row] = [
            row for row in self.scene.happened("session.paid") if row["session"] == self.session_id
        ]
        return str(row["payment_intent"])

    def second_page(self) -> PaymentAttempt:
        """Open another page for the same order, as after a backup that did not know the first."""
        first = self.attempt
        with self.scene.sessions.begin() as db:
            db.get_one(PaymentAttempt, first.id).status = "expired"
            db.add(
                PaymentAttempt(
                    id="second",
                    order_id=first.order_id,
                    request=first.request.replace(first.id, "second"),
                    fingerprint=first.fingerprint,
                    amount=first.amount,
                    currency=first.currency,
                    created_at=self.scene.clock(),
                    expires_at=first.expires_at,
                )
            )
        open_session(self.scene.till, "second")
        with self.scene.sessions.begin() as db:
            return db.get_one(PaymentAttempt, "second")

    def pay_and_tell(self) -> None:
        assert self.pay() == "paid"
        assert self.webhook() == 200
