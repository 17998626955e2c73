"""A shop whose processes are killed and started again, and a buyer who wants something of it."""

import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
from sqlalchemy import delete, make_url, select

from shop.config import Config
from shop.kit.clock import system_clock
from shop.kit.db import Sessions
from shop.mail.worker import PostOffice
from shop.orders.models import Order
from shop.owner.actions import invite_owner
from shop.payments.models import Cursor, PaymentAttempt
from shop.payments.till import Till
from shop.sandbox.stand_in.deliveries import signature
from shop.sandbox.stand_in.server import StandInServer
from tests.crashes.killing import Act, Executioner, Starter, Victim
from tests.crashes.starter import Program
from tests.support import ANNA, Buyer, Shelf

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nothing here speaks it: no authorities to read
PAST_ITS_TIME = timedelta(minutes=36)


@dataclass
class AheadClock:
    """The time it is, or will be."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


@dataclass
class Stage:
    """One shop: its database, its Stripe, and the programs that come and go."""

    config: Config
    sessions: Sessions
    till: Till
    office: PostOffice
    clock: AheadClock
    shelf: Shelf
    stand_in: StandInServer
    starter: Starter
    executioner: Executioner
    folder: Path
    owner: Buyer
    sabotage: str = ""
    web: Victim | None = None
    employed: Victim | None = None
    played: int = 0

    # -- programs ------------------------------------------------------------------------------

    @property
    def environ(self) -> dict[str, str]:
        config = self.config
        return {
            "SHOP_ENV": "demo",
            "SHOP_DATA": str(config.data),
            "SHOP_BASE_URL": config.base_url,
            "SHOP_SECRET_KEY": config.secret_keys[0],
            "SHOP_DATABASE_URL": config.database_url,
            "SHOP_STRIPE_SECRET_KEY": config.stripe_secret_key,
            "SHOP_STRIPE_WEBHOOK_SECRET": config.stripe_webhook_secrets[0],
            "SHOP_STRIPE_API_BASE": config.stripe_api_base,
            "SHOP_SMTP_URL": config.smtp_url,
        }

    @property
    def database(self) -> str:
        return str(make_url(self.config.database_url).database)

    def open(self) -> Victim:
        """Return the web process, started anew if it was killed."""
        if self.web is None or not self.web.alive:
            port = int(self.config.base_url.rpartition(":")[2])
            program = Program(self.environ, port=port, sabotage=self.sabotage)
            self.web = self.starter.start(self.executioner.prepare(program))
            self.web.wait_until_served()
        return self.web

    def employ(self) -> None:
        """Let a worker do all its work beside, as it always does."""
        if self.employed is None or not self.employed.alive:
            self.employed = self.starter.start(Program(self.environ, worker=True))

    def leave_alone(self) -> None:
        """Let nobody else have the database open: who starts next finds it as the dead left it."""
        if self.employed is not None:
            self.employed.kill()
        self.sessions.engine.dispose()
        self.office.sessions.engine.dispose()
        self.office.reads.engine.dispose()

    def close(self) -> None:
        for program in (self.web, self.employed):
            if program is not None:
                program.kill()

    def worker(self, job: str, ahead: timedelta) -> tuple[Victim, Act]:
        """Start a worker that waits; return it and what makes it do its job, once."""
        self.played += 1
        gate = self.folder / f"gate-{self.played}"
        os.mkfifo(gate)
        program = Program(
            self.environ,
            worker=True,
            job=job,
            ahead=ahead.total_seconds(),
            gate=str(gate),
            sabotage=self.sabotage,
        )
        victim = self.starter.start(self.executioner.prepare(program))

        def work() -> bool:
            gate.write_text("go", encoding="utf-8")
            victim.wait_until_gone()
            return False  # it ends with its work, if not before

        return victim, work

    # -- Stripe --------------------------------------------------------------------------------

    def mark(self) -> int:
        """Return how long Stripe's log is, to look at what comes after."""
        return max((row["seq"] for row in self.stand_in.log()), default=0)

    def pay(self, session_id: str) -> None:
        self.stand_in.control(f"sessions/{session_id}/pay")

    def tell(self, session_id: str) -> httpx2.Response:
        """Bring the event of a payment to the shop, as Stripe does: signed, and at any time."""
        secrets, now = list(self.config.stripe_webhook_secrets), int(system_clock().timestamp())
        with httpx2.Client(timeout=30, verify=NO_TLS) as stripe:
            listed = stripe.get(
                f"{self.stand_in.url}/v1/events",
                params={"type": "checkout.session.completed"},
                headers={"Authorization": f"Bearer {self.config.stripe_secret_key}"},
            )
            [event] = [e for e in listed.json()["data"] if e["data"]["object"]["id"] == session_id]
            body = json.dumps(event).encode()
            return stripe.post(
                f"{self.config.base_url}/webhooks/stripe",
                content=body,
                headers={"stripe-signature": signature(body, secrets, now)},
            )

    @contextmanager
    def later(self, ahead: timedelta, *, for_stripe: bool = True) -> Iterator[None]:
        """Let it be later for the length of the block: here, and at Stripe as well or not."""
        self.clock.ahead = ahead
        if for_stripe:
            self.stand_in.control("clock", advance=ahead.total_seconds())
        yield
        if for_stripe:
            self.stand_in.control("clock", set=system_clock().timestamp())
        self.clock.ahead = timedelta()
        with self.sessions.begin() as db:
            db.execute(delete(Cursor))  # nobody has read what happens in the time to come


# --- a purchase -----------------------------------------------------------------------------------


@dataclass
class Purchase:
    """One buyer who wants one doll that there is once."""

    stage: Stage
    variant_id: int
    buyer: Buyer
    email: str
    since: int  # in Stripe's log
    others: set[str] = field(default_factory=set)  # sessions of those who bought the doll instead
    wishes: dict[str, str] = field(default_factory=dict)
    answers: list[httpx2.Response] = field(default_factory=list)  # of what was to kill the shop

    def fields(self, **changes: str) -> dict[str, str]:
        """Return the checkout's form, filled in."""
        self.wishes |= {"email": self.email} | changes
        self.stage.open()
        return self.buyer.checkout_fields() | ANNA | self.wishes

    def order(self) -> str:
        """Order up to the payment page; return its session."""
        placed = self.buyer.post("/checkout", **self.fields())
        assert placed.status_code == 303, placed.text
        return self.session_of(placed.headers["location"])

    def session_of(self, location: str) -> str:
        page, _, session_id = location.rpartition("/")
        assert page == f"{self.stage.stand_in.url}/c/pay", location
        return session_id

    def number(self) -> int:
        with self.stage.sessions.begin() as db:
            return db.scalars(select(Order.number).where(Order.email == self.email)).one()

    def return_path(self) -> str:
        with self.stage.sessions.begin() as db:
            attempt = db.scalars(
                select(PaymentAttempt)
                .join(Order, Order.id == PaymentAttempt.order_id)
                .where(Order.email == self.email)
                .order_by(PaymentAttempt.created_at.desc())
            ).first()
        assert attempt is not None
        url: str = json.loads(attempt.request)["success_url"]
        return url.removeprefix(self.stage.config.base_url)


@contextmanager
def a_purchase(stage: Stage) -> Iterator[Purchase]:
    """Let a new buyer put a new doll into a cart, in a shop that has just opened: so that each
    has the same way to go.
    """
    stage.close()
    stage.open()
    stage.played += 1
    number = stage.played
    variant_id = stage.shelf.add(f"docka-{number}")
    with httpx2.Client(base_url=stage.config.base_url, timeout=30, verify=NO_TLS) as http:
        buyer = Buyer(http)
        buyer.add(variant_id)
        yield Purchase(stage, variant_id, buyer, f"kund{number}@example.se", stage.mark())


def sell_to_another(purchase: Purchase) -> None:
    """Let a rival buy the doll, from the shelf to the order page."""
    stage = purchase.stage
    base_url = stage.config.base_url
    with httpx2.Client(base_url=base_url, timeout=30, verify=NO_TLS) as http:
        buyer, email = Buyer(http), f"rival-{purchase.email}"
        rival = Purchase(stage, purchase.variant_id, buyer, email, purchase.since)
        buyer.add(purchase.variant_id)
        session_id = rival.order()
        stage.pay(session_id)
        assert "data-order=" in buyer.follow(buyer.get(rival.return_path())).text
    purchase.others.add(session_id)


def sign_in(stage: Stage) -> None:
    """Let the owner in by a one-time link."""
    with stage.sessions.begin() as db:
        token = invite_owner(db, "agare@example.se", now=stage.clock())
    assert stage.owner.post(f"/admin/sign-in/{token}").status_code == 303
