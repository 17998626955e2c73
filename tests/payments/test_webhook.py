"""Stripe's webhook: only what Stripe signed counts, once, and never before it is safely stored."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.orders.models import Order, OrderEntry
from shop.payments.errors import InvalidSignature
from shop.payments.gateway import StripeGateway
from shop.payments.inbox import store
from shop.payments.models import PaymentAttempt, ProviderEvent
from shop.payments.pages import WEBHOOK_LIMIT
from shop.payments.provider import Event
from shop.payments.reconciler import reconcile
from shop.payments.till import Till
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.payments.tools import deliver, event, order_one, signature, the_attempt
from tests.support import NOON, Buyer, Shelf, on_both_databases

DELIVERIES = 50


def kept(sessions: Sessions) -> list[tuple[str, bool, str | None]]:
    """Return each stored event's id, whether it is done with, and what was wrong."""
    with sessions.begin() as db:
        rows = db.scalars(select(ProviderEvent).order_by(ProviderEvent.id))
        return [(row.id, row.processed_at is not None, row.error) for row in rows]


def ordered(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> PaymentAttempt:
    """Order a doll up to the payment page and return the attempt."""
    order_one(buyer, shelf.add("raven"))
    return the_attempt(sessions)


def outcome(sessions: Sessions) -> tuple[str, str, int, int, list[str], int]:
    """Return the order's status, the attempt's, on hand, reserved, the timeline, and the mails."""
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
        level = db.scalars(select(StockLevel)).one()
        entries = list(db.scalars(select(OrderEntry.kind).order_by(OrderEntry.id)))
        mails = len(db.scalars(select(Message)).all())
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []
        status = db.scalars(select(PaymentAttempt.status)).one()
        return order.status, status, level.on_hand, level.reserved, entries, mails


PENDING = ("pending", "open", 1, 1, ["placed"], 0)
PAID = ("paid", "paid", 0, 0, ["placed", "paid"], 2)


# --- who may speak --------------------------------------------------------------------------------


@on_both_databases
def test_nothing_that_stripe_did_not_sign_has_any_effect(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    attempt = ordered(buyer, shelf, sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")  # the money is there, the news is forged
    body, now = event(str(attempt.session_id)), time.time()
    good = signature(body, shop.stripe_webhook_secrets[0])
    moment, _, digest = good.partition(",v1=")
    forged = {
        "no signature": deliver(shop, body, signed=""),
        "another secret": deliver(shop, body, secret="whsec_of_somebody_else"),
        "an empty secret": deliver(shop, body, secret=""),
        "too old": deliver(shop, body, at=now - 301 - 5),
        "an old scheme alone": deliver(shop, body, scheme="v0"),
        "one byte more": deliver(shop, body, sent=body + b" "),
        "one byte changed": deliver(shop, body, sent=body.replace(b"evt_1", b"evt_2")),
        "written anew": deliver(shop, body, sent=json.dumps(json.loads(body), indent=1).encode()),
        "another moment": deliver(shop, body, signed=f"t={int(now) + 1},v1={digest}"),
        "no moment": deliver(shop, body, signed=f"v1={digest}"),
        "no digest": deliver(shop, body, signed=moment),
        "cut off": deliver(shop, body, signed=good[:-1]),
        "garbage": deliver(shop, body, signed="t=,v1=,,=,t=x"),
        "many guesses": deliver(shop, body, signed=moment + ",v1=0000" * 100),
        "nothing at all": deliver(shop, b"", signed=""),
    }
    assert {name: a.status_code for name, a in forged.items() if a.status_code != 400} == {}
    assert kept(sessions) == []
    assert outcome(sessions) == PENDING
    # the same news, signed: so it was the signature that was missing
    assert deliver(shop, body).status_code == 200
    assert outcome(sessions) == PAID


def test_just_in_time_is_in_time(shop: Config, sessions: Sessions) -> None:
    assert deliver(shop, event(), at=time.time() - 290).status_code == 200
    assert [row[0] for row in kept(sessions)] == ["evt_1"]


def test_a_signature_among_others_is_found(shop: Config, sessions: Sessions) -> None:
    body = event()
    moment, _, digest = signature(body, shop.stripe_webhook_secrets[0]).partition(",v1=")
    signed = f"{moment},v0={digest},v1={'0' * 64},v1={digest}"
    assert deliver(shop, body, signed=signed).status_code == 200


def test_while_a_secret_is_changed_both_are_good(config: Config) -> None:
    rolling = StripeGateway("sk_test_x", ("whsec_new", "whsec_old"), config.stripe_api_base)
    after = StripeGateway("sk_test_x", ("whsec_new",), config.stripe_api_base)
    none = StripeGateway("sk_test_x", (), config.stripe_api_base)
    body = event("cs_test_7")
    for secret in ("whsec_new", "whsec_old"):
        read = rolling.read_event(body, signature(body, secret))
        assert (read.id, read.object_id, read.livemode) == ("evt_1", "cs_test_7", False)
    with pytest.raises(InvalidSignature):
        after.read_event(body, signature(body, "whsec_old"))
    for secret in ("whsec_new", ""):
        with pytest.raises(InvalidSignature):
            none.read_event(body, signature(body, secret))


def test_signed_garbage_is_refused(shop: Config, sessions: Sessions) -> None:
    for body in (b"", b"{", b"<xml/>", b"\xff\xfe"):
        assert deliver(shop, body).status_code == 400, body
    assert kept(sessions) == []


def test_news_of_the_other_mode_is_not_ours(shop: Config, sessions: Sessions) -> None:
    assert deliver(shop, event(livemode=True)).status_code == 400
    assert kept(sessions) == []


def test_only_a_post_of_a_reasonable_size(shop: Config, sessions: Sessions) -> None:
    url = f"{shop.base_url}/webhooks/stripe"
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
        answer = httpx2.request(method, url)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), method
    huge = event(padding="x" * WEBHOOK_LIMIT)
    assert deliver(shop, huge).status_code == 413
    assert kept(sessions) == []


def test_a_browser_on_another_site_is_no_reason_to_refuse_stripe(shop: Config) -> None:
    body = event()
    headers = {
        "stripe-signature": signature(body, shop.stripe_webhook_secrets[0]),
        "origin": "https://stripe.com",
        "sec-fetch-site": "cross-site",
    }
    url = f"{shop.base_url}/webhooks/stripe"
    assert httpx2.post(url, content=body, headers=headers).status_code == 200


# --- what it does ---------------------------------------------------------------------------------


@on_both_databases
def test_a_session_that_is_not_ours_is_kept_and_done_with(shop: Config, sessions: Sessions) -> None:
    assert deliver(shop, event("cs_test_somebody_elses")).status_code == 200
    assert kept(sessions) == [("evt_1", True, "no attempt is meant")]


@pytest.mark.parametrize(
    ("type_", "subject"),
    [
        ("customer.created", {"id": "cus_1", "object": "customer"}),
        ("something.of.the.future", {"id": "x_1", "object": "something"}),
        ("balance.available", {"object": "balance", "available": []}),  # has no id of its own
    ],
)
def test_an_unknown_kind_of_event_is_taken_and_means_nothing(
    type_: str, subject: dict[str, Any], shop: Config, sessions: Sessions
) -> None:
    assert deliver(shop, event(type=type_, data={"object": subject})).status_code == 200
    assert kept(sessions) == [("evt_1", True, "no attempt is meant")]


@on_both_databases
def test_an_event_is_only_a_hint(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions
) -> None:
    """It says paid, or expired, but Stripe itself says that the page is open."""
    attempt = ordered(buyer, shelf, sessions)
    session = {
        "id": attempt.session_id,
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": 28100,
    }
    types = ["completed", "expired", "async_payment_succeeded", "async_payment_failed"]
    for number, name in enumerate(types):
        body = event(id=f"evt_{number}", type=f"checkout.session.{name}", data={"object": session})
        assert deliver(shop, body).status_code == 200
    assert outcome(sessions) == PENDING


@on_both_databases
def test_the_same_event_again_is_done_once(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    attempt = ordered(buyer, shelf, sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    body = event(str(attempt.session_id))
    for _ in range(3):
        assert deliver(shop, body).status_code == 200
    assert outcome(sessions) == PAID
    with sessions.begin() as db:
        assert db.scalars(select(ProviderEvent.tries)).all() == [1]
    later = event(str(attempt.session_id), id="evt_2")
    assert deliver(shop, later).status_code == 200
    assert outcome(sessions) == PAID


@on_both_databases
def test_fifty_deliveries_at_once_are_one_payment(
    buyer: Buyer, shop: Config, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    attempt = ordered(buyer, shelf, sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    body = event(str(attempt.session_id))
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: deliver(shop, body).status_code, range(DELIVERIES)))
    assert statuses == [200] * DELIVERIES
    assert outcome(sessions) == PAID
    assert [row[:2] for row in kept(sessions)] == [("evt_1", True)]


@on_both_databases
def test_two_deliveries_in_the_same_instant_are_one_event(sessions: Sessions) -> None:
    """The second comes while the first one's transaction is open, and must wait, not fail."""
    news, begun = Event("evt_1", "x", "cs_1", livemode=False), threading.Event()

    def first() -> bool:
        with sessions.begin() as db:
            new = store(db, news, "{}", now=NOON)
            begun.set()
            time.sleep(0.2)
            return new

    def second() -> bool:
        begun.wait(10)
        with sessions.begin() as db:
            return store(db, news, "{}", now=NOON)

    with ThreadPoolExecutor(2) as pool:
        outcomes = [pool.submit(first), pool.submit(second)]
    assert [future.result() for future in outcomes] == [True, False]
    with sessions.begin() as db:
        assert db.scalars(select(ProviderEvent.received_at)).all() == [NOON]


@on_both_databases
def test_before_and_after_the_buyer_comes_back(
    new_buyer: Callable[[], Buyer],
    shop: Config,
    shelf: Shelf,
    sessions: Sessions,
    stand_in: StandInServer,
) -> None:
    """First the webhook, then the return page; and the webhook once more after it."""
    buyer = new_buyer()
    attempt = ordered(buyer, shelf, sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    assert deliver(shop, event(str(attempt.session_id))).status_code == 200
    assert outcome(sessions) == PAID
    request = json.loads(attempt.request)
    back = request["success_url"].replace("{CHECKOUT_SESSION_ID}", str(attempt.session_id))
    page = buyer.follow(buyer.http.get(back.replace("http://127.0.0.1:1", shop.base_url)))
    assert 'data-order="1001"' in page.text
    assert not buyer.http.cookies.get("cart")
    assert deliver(shop, event(str(attempt.session_id), id="evt_2")).status_code == 200
    assert outcome(sessions) == PAID


@on_both_databases
def test_while_stripe_is_silent_the_news_is_kept_for_the_reconciler(
    buyer: Buyer,
    shop: Config,
    shelf: Shelf,
    sessions: Sessions,
    stand_in: StandInServer,
    till: Till,
) -> None:
    attempt = ordered(buyer, shelf, sessions)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    stand_in.control("faults", kind="500", path="/v1/checkout/sessions/.*", times=3)
    assert deliver(shop, event(str(attempt.session_id))).status_code == 200
    [(_, done, error)] = kept(sessions)
    assert (done, error is not None) == (False, True)
    assert outcome(sessions) == PENDING
    stand_in.control("faults", clear=True)
    assert reconcile(till).done == 1
    assert outcome(sessions) == PAID
    assert kept(sessions) == [("evt_1", True, None)]
