"""What the shop relies on at Stripe: the same tests hold at the stand-in and at Stripe's sandbox.

At the stand-in they always run. At Stripe itself only with a key of a sandbox, for it takes the
network and some minutes (CONTRIBUTING.md says how); no live key is ever used. Whoever changes the
stand-in so that these pass here and fail there has made it lie.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from secrets import token_hex
from typing import Any, TypeVar

import pytest
import stripe
from playwright.sync_api import Page, sync_playwright

from shop.discounts.actions import add_discount
from shop.kit.db import Sessions
from shop.payments.errors import NoSuchSession, PaymentMisconfigured, PaymentRefused
from shop.payments.gateway import API_VERSION, StripeGateway
from shop.payments.models import PaymentAttempt
from shop.payments.provider import EVENTS, CheckoutSession, WebhookEndpoint
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.conftest import STRIPE_KEY
from tests.discounts.tools import new_discount
from tests.payments.tools import placed
from tests.support import Shelf

Found = TypeVar("Found")
KEY = "SHOP_STRIPE_TEST_KEY"
MOMENTS = 90  # seconds in which Stripe says what it has to say a little later
# A good card, and one whose owner disputes the payment at once: its number, and the name by which
# a sandbox takes it without its number; the good one's money can be given back at once.
GOOD = ("4242424242424242", "pm_card_bypassPending")
DISPUTED = ("4000000000000259", "pm_card_createDispute")


@dataclass(frozen=True)
class Place:
    """Where Stripe is asked, and as whom. The key stands in no report."""

    key: str = field(repr=False)
    base: str = ""  # Stripe's own address
    stand_in: StandInServer | None = None

    def client(self) -> stripe.StripeClient:
        return stripe.StripeClient(self.key, base_addresses={"api": self.base} if self.base else {})

    def later(self, ask: Callable[[], Found]) -> Found:
        """Return what there is once there is something: some things take Stripe a moment."""
        if self.stand_in is not None:
            self.stand_in.control("clock", advance=MOMENTS)
        for _ in range(MOMENTS):
            if found := ask():
                return found
            time.sleep(1)
        pytest.fail(f"nothing came of it in {MOMENTS} seconds")


@pytest.fixture(params=["stand-in", pytest.param("stripe", marks=pytest.mark.stripe_live)])
def stripe_at(request: pytest.FixtureRequest) -> Place:
    if request.param == "stand-in":
        stand_in: StandInServer = request.getfixturevalue("stand_in")
        return Place(STRIPE_KEY, stand_in.url, stand_in)
    return sandbox(os.environ.get(KEY, ""))


def sandbox(key: str) -> Place:
    if not key:
        pytest.skip(f"{KEY} is not set, so nothing was asked of Stripe itself")
    if not key.startswith(("sk_test_", "rk_test_")):
        pytest.fail(f"{KEY} is no key of a sandbox, and real money is not for tests", pytrace=False)
    return Place(key)


@pytest.fixture
def gateway(stripe_at: Place) -> StripeGateway:
    return StripeGateway(stripe_at.key, (), stripe_at.base)


@pytest.fixture
def attempt(sessions: Sessions, shelf: Shelf, till: Till) -> PaymentAttempt:
    """Return an attempt with its request as the shop has written it down: 245 kr and a letter."""
    return placed(sessions, till, shelf.add())


@pytest.fixture
def reduced(sessions: Sessions, shelf: Shelf, till: Till) -> PaymentAttempt:
    """Return one over two pieces, with 50.01 kr off; 490 - 50.01 + 36."""
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5001))
    return placed(sessions, till, shelf.add(on_hand=2), 2, code="JUL25", discount=5001)


def opened(gateway: StripeGateway, attempt: PaymentAttempt) -> CheckoutSession:
    if attempt.coupon is not None:
        gateway.create_coupon(json.loads(attempt.coupon), attempt.coupon_key)
    return gateway.create_session(json.loads(attempt.request), attempt.idempotency_key)


# --- payment pages --------------------------------------------------------------------------------


def test_a_page_is_opened_as_the_shop_asks(gateway: StripeGateway, attempt: PaymentAttempt) -> None:
    made = opened(gateway, attempt)

    assert made.id.startswith("cs_test_")
    assert made.url is not None
    assert made == CheckoutSession(
        id=made.id,
        url=made.url,
        status="open",
        payment_status="unpaid",
        amount_total=28100,
        currency="SEK",
        livemode=gateway.livemode,
        order_reference=str(attempt.order_id),
        attempt_id=attempt.id,
        payment_intent_id=None,
        amount_received=None,
        payment_method="",
    )
    assert gateway.livemode is False
    assert replace(gateway.retrieve_session(made.id), url=made.url) == made


def test_what_is_to_be_paid_is_made_up_as_at_the_checkout(
    stripe_at: Place, gateway: StripeGateway, reduced: PaymentAttempt
) -> None:
    made = opened(gateway, reduced)

    assert made.amount_total == reduced.amount == 49000 - 5001 + 3600
    session = stripe_at.client().v1.checkout.sessions.retrieve(made.id, {"expand": ["line_items"]})
    assert session.total_details is not None
    assert session.line_items is not None
    [line] = session.line_items.data
    assert (line.quantity, line.amount_subtotal, line.amount_total) == (2, 49000, 43999)
    assert (session.amount_subtotal, session.total_details.amount_discount) == (49000, 5001)
    assert session.total_details.amount_shipping == 3600


def test_the_same_request_and_key_are_the_same_page(
    gateway: StripeGateway, attempt: PaymentAttempt
) -> None:
    first, again = opened(gateway, attempt), opened(gateway, attempt)
    assert again == first


def test_another_request_under_the_same_key_is_refused(
    gateway: StripeGateway, attempt: PaymentAttempt
) -> None:
    opened(gateway, attempt)
    other = json.loads(attempt.request) | {"customer_email": "bo@example.se"}
    with pytest.raises(PaymentRefused):
        gateway.create_session(other, attempt.idempotency_key)


def too_soon(request: dict[str, Any]) -> dict[str, Any]:
    """Let it close in less than half an hour."""
    return request | {"expires_at": request["expires_at"] - 6 * 60}


def too_little(request: dict[str, Any]) -> dict[str, Any]:
    [line] = request["line_items"]
    price = line["price_data"] | {"unit_amount": 1}
    without = {name: value for name, value in request.items() if name != "shipping_options"}
    return without | {"line_items": [line | {"price_data": price}]}


def misspelt(request: dict[str, Any]) -> dict[str, Any]:
    return request | {"sucess_url": request["success_url"]}


def unknown_coupon(request: dict[str, Any]) -> dict[str, Any]:
    return request | {"discounts": [{"coupon": f"none-{token_hex(8)}"}]}


@pytest.mark.parametrize("wrong", [too_soon, too_little, misspelt, unknown_coupon])
def test_a_page_that_cannot_be_is_refused(
    wrong: Callable[[dict[str, Any]], dict[str, Any]],
    gateway: StripeGateway,
    attempt: PaymentAttempt,
) -> None:
    with pytest.raises(PaymentRefused):
        gateway.create_session(wrong(json.loads(attempt.request)), attempt.idempotency_key)


def test_an_unknown_page_is_said_to_be_unknown(gateway: StripeGateway) -> None:
    unknown = f"cs_test_{token_hex(29)}"
    with pytest.raises(NoSuchSession) as caught:
        gateway.retrieve_session(unknown)
    assert unknown not in str(caught.value)  # for it goes to the log
    with pytest.raises(NoSuchSession):
        gateway.expire_session(unknown)


def test_a_page_is_closed_once(gateway: StripeGateway, attempt: PaymentAttempt) -> None:
    made = opened(gateway, attempt)

    closed = gateway.expire_session(made.id)

    assert closed == replace(made, status="expired", url=None)
    with pytest.raises(PaymentRefused) as caught:
        gateway.expire_session(made.id)
    assert not isinstance(caught.value, NoSuchSession)
    assert gateway.retrieve_session(made.id) == closed
    assert opened(gateway, attempt).id == made.id  # and never opened again under its key


def test_pages_are_listed_from_a_moment_on(
    sessions: Sessions, shelf: Shelf, till: Till, gateway: StripeGateway
) -> None:
    began, variant_id = till.now() - timedelta(seconds=5), shelf.add(on_hand=3)
    asked = [placed(sessions, till, variant_id, cart=f"cart-{n}") for n in range(3)]
    made = [opened(gateway, attempt).id for attempt in asked]

    listed = gateway.sessions_since(began)

    ours = {attempt.id for attempt in asked}
    assert {found.id for found in listed if found.attempt_id in ours} == set(made)
    assert sorted(found.id for found in listed) == sorted({found.id for found in listed})
    assert gateway.sessions_since(till.now() + timedelta(days=1)) == []


def test_more_pages_than_one_answer_holds_are_all_listed(
    stand_in: StandInServer, till: Till
) -> None:
    """At the stand-in alone: a hundred and one pages are not made at Stripe for a test."""
    client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": stand_in.url})
    made = [client.v1.checkout.sessions.create(simple(24500)).id for _ in range(101)]
    listed = till.gateway.sessions_since(till.now() - timedelta(hours=1))
    assert [found.id for found in listed] == made[::-1]


# --- coupons --------------------------------------------------------------------------------------


def coupon() -> dict[str, Any]:
    return {
        "id": f"contract-{token_hex(8)}",
        "name": "JUL25",
        "amount_off": 5000,
        "currency": "sek",
        "duration": "once",
        "max_redemptions": 1,
    }


def test_a_coupon_is_made_once(gateway: StripeGateway) -> None:
    asked = coupon()
    key = f"cp:{asked['id']}:v1"
    gateway.create_coupon(asked, key)
    gateway.create_coupon(asked, key)  # its answer was lost
    gateway.create_coupon(asked, f"{key}:a day later")  # and its key forgotten
    with pytest.raises(PaymentRefused):
        gateway.create_coupon(asked | {"amount_off": 4000}, key)


def test_a_coupon_over_nothing_is_refused(gateway: StripeGateway) -> None:
    asked = coupon() | {"amount_off": 0}
    with pytest.raises(PaymentRefused):
        gateway.create_coupon(asked, f"cp:{asked['id']}:v1")


# --- paid -----------------------------------------------------------------------------------------


def simple(amount: int) -> Any:
    price = {"currency": "sek", "unit_amount": amount, "product_data": {"name": "Räven"}}
    return {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": "https://shop.example/thanks",
    }


def paid(stripe_at: Place, amount: int, card: tuple[str, str] = GOOD) -> str:
    """Have somebody pay, and return the payment's id. A sandbox takes a test card by its name for a
    bare payment, but nobody can pay a page so; where a payment comes from is all one to a refund.
    """
    number, name = card
    client = stripe_at.client()
    if stripe_at.stand_in is not None:
        made = client.v1.checkout.sessions.create(simple(amount))
        done = stripe_at.stand_in.control(f"sessions/{made.id}/pay", card=number)
        return str(done["payment_intent"])
    payment = client.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "sek",
            "payment_method": name,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert payment.status == "succeeded"
    return payment.id


def refund_of(payment: str, amount: int, token: str = "") -> dict[str, Any]:
    metadata = {"order_id": "1", "refund_id": token or token_hex(8)}
    return {"payment_intent": payment, "amount": amount, "metadata": metadata}


def test_a_page_that_was_paid_says_so_and_what_went_back(
    stripe_at: Place, gateway: StripeGateway, reduced: PaymentAttempt
) -> None:
    made = opened(gateway, reduced)
    if stripe_at.stand_in is not None:
        stripe_at.stand_in.control(f"sessions/{made.id}/pay")
    else:
        pay_in_a_browser(str(made.url))

    found = gateway.retrieve_session(made.id)

    assert found == replace(
        made,
        url=None,
        status="complete",
        payment_status="paid",
        payment_intent_id=found.payment_intent_id,
        amount_received=reduced.amount,
        payment_method="card",
    )
    payment = str(found.payment_intent_id)
    assert payment.startswith("pi_")
    with pytest.raises(PaymentRefused) as caught:
        gateway.expire_session(made.id)
    assert not isinstance(caught.value, NoSuchSession)
    gateway.create_refund(refund_of(payment, 1000), f"rf:{token_hex(8)}")
    assert gateway.retrieve_session(made.id).changed_since is True


def pay_in_a_browser(url: str) -> None:
    """Pay on Stripe's own page, with the test card.

    Stripe changes this page when it likes, and may ask whether a person is sitting there: then this
    fails, which says nothing about the shop.
    """
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or "/usr/bin/chromium"
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(locale="sv-SE").new_page()
        page.set_default_timeout(60_000)
        # the shop is not there, and need not be
        page.route("https://shop.example/**", lambda route: route.fulfill(body="back"))
        page.goto(url)
        fill_in_card(page)
        page.locator("[data-testid=hosted-payment-submit-button]").click()
        page.wait_for_url("https://shop.example/checkout/return**")
        browser.close()


def fill_in_card(page: Page) -> None:
    """Choose the card among the methods, if there are several, and do without Link."""
    number = page.locator("#cardNumber")
    choose = page.locator("[data-testid=card-accordion-item-button]")
    number.or_(choose).first.wait_for(state="attached")
    if not number.is_visible():
        choose.click(force=True)
    number.fill(GOOD[0])
    page.locator("#cardExpiry").fill("12 / 34")
    page.locator("#cardCvc").fill("123")
    page.locator("#billingName").fill("Anna Ek")
    remember = page.locator("#enableStripePass")
    if remember.count() and remember.is_checked():
        remember.uncheck(force=True)


# --- money back -----------------------------------------------------------------------------------


def test_money_goes_back_once_for_a_key(
    stripe_at: Place, gateway: StripeGateway, till: Till
) -> None:
    payment, key = paid(stripe_at, 28100), f"rf:{token_hex(8)}"
    asked = refund_of(payment, 1001, token="a-refund")

    made, again = gateway.create_refund(asked, key), gateway.create_refund(asked, key)

    assert again.id == made.id
    assert made.id.startswith("re_")
    assert (made.amount, made.currency, made.token) == (1001, "SEK", "a-refund")
    assert made.status in {"succeeded", "pending"}
    assert made.failure == ""
    assert abs(made.created_at - till.now()) < timedelta(hours=1)
    with pytest.raises(PaymentRefused):
        gateway.create_refund(asked | {"amount": 1002}, key)
    assert [found.id for found in gateway.refunds_of(payment)] == [made.id]


def test_refunds_are_read_oldest_first_and_never_come_to_more_than_was_paid(
    stripe_at: Place, gateway: StripeGateway, till: Till
) -> None:
    payment = paid(stripe_at, 28100)
    first = gateway.create_refund(refund_of(payment, 8100), f"rf:{token_hex(8)}")
    with pytest.raises(PaymentRefused):
        gateway.create_refund(refund_of(payment, 20001), f"rf:{token_hex(8)}")
    time.sleep(0 if stripe_at.stand_in else 1)  # Stripe orders them by the second
    rest = gateway.create_refund(refund_of(payment, 20000), f"rf:{token_hex(8)}")
    with pytest.raises(PaymentRefused):
        gateway.create_refund(refund_of(payment, 1), f"rf:{token_hex(8)}")

    found = gateway.refunds_of(payment)

    assert [(one.id, one.amount) for one in found] == [(first.id, 8100), (rest.id, 20000)]
    since = till.now() - timedelta(hours=1)
    assert payment in gateway.refunded_since(since)
    assert payment not in gateway.refunded_since(till.now() + timedelta(hours=1))


def test_money_of_a_payment_that_stripe_does_not_know_does_not_go_back(
    gateway: StripeGateway,
) -> None:
    with pytest.raises(PaymentRefused):
        gateway.create_refund(refund_of(f"pi_{token_hex(12)}", 100), f"rf:{token_hex(8)}")


# --- disputes, news, the account ------------------------------------------------------------------


def test_a_dispute_is_told_with_its_payment(
    stripe_at: Place, gateway: StripeGateway, till: Till
) -> None:
    payment = paid(stripe_at, 28100, DISPUTED)

    [found] = stripe_at.later(lambda: gateway.disputes_of(payment))

    assert found.id.startswith(("dp_", "du_"))
    assert (found.status, found.reason) == ("needs_response", "fraudulent")
    assert (found.amount, found.currency) == (28100, "SEK")
    assert found.payment_intent_id == payment
    assert found.respond_by is not None
    assert found.respond_by > found.opened_at
    listed = gateway.disputes_since(till.now() - timedelta(hours=1))
    assert [one for one in listed if one.id == found.id] == [found]
    with pytest.raises(PaymentRefused):
        gateway.create_refund(refund_of(payment, 100), f"rf:{token_hex(8)}")
    assert gateway.disputes_of(paid(stripe_at, 28100)) == []


def test_what_happened_can_be_asked_for_afterwards(
    stripe_at: Place, gateway: StripeGateway, till: Till, attempt: PaymentAttempt
) -> None:
    began = till.now() - timedelta(seconds=5)
    closed = gateway.expire_session(opened(gateway, attempt).id)
    payment = paid(stripe_at, 28100)
    made = gateway.create_refund(refund_of(payment, 100), f"rf:{token_hex(8)}")
    expected = {
        ("checkout.session.expired", closed.id, ""),
        ("refund.created", made.id, payment),
    }

    def told() -> bool:
        events = gateway.events_since(began)
        assert {event.type for event in events} <= set(EVENTS)
        assert not any(event.livemode for event in events)
        assert all(json.loads(event.payload)["id"] == event.id for event in events)
        found = {(event.type, event.object_id, event.payment_intent_id) for event in events}
        return expected <= found

    stripe_at.later(told)


def test_every_movement_of_the_money_is_told_with_its_payment(
    stripe_at: Place, gateway: StripeGateway, till: Till
) -> None:
    payment = paid(stripe_at, 28100)
    made = gateway.create_refund(refund_of(payment, 100), f"rf:{token_hex(8)}")

    def told() -> dict[str, Any]:
        moved = gateway.balance_transactions_since(till.now() - timedelta(hours=1))
        ours = {one.category: one for one in moved if one.payment_intent_id == payment}
        return ours if len(ours) > 1 else {}

    found = stripe_at.later(told)

    charge, refund = found["charge"], found["refund"]
    assert charge.source_id.startswith("ch_")
    assert refund.source_id == made.id
    assert charge.fee > 0
    assert refund.amount < 0 < charge.amount
    assert charge.available_at >= charge.at
    if charge.currency == "SEK":  # a sandbox may be paid out in another
        assert (charge.amount, refund.amount) == (28100, -100)
    assert isinstance(gateway.balance()[charge.currency], int)


def test_where_events_are_sent_is_told(stripe_at: Place, gateway: StripeGateway) -> None:
    # neither sends anything to where the other may
    host = "http://127.0.0.1:9" if stripe_at.stand_in else "https://example.com"
    url = f"{host}/webhooks/{token_hex(8)}"
    endpoints = stripe_at.client().v1.webhook_endpoints
    made = endpoints.create({"url": url, "enabled_events": [*EVENTS], "api_version": API_VERSION})
    try:
        found = [one for one in gateway.webhook_endpoints() if one.url == url]
        endpoints.update(made.id, {"disabled": True})
        later = [one for one in gateway.webhook_endpoints() if one.url == url]
    finally:
        endpoints.delete(made.id)
    expected = WebhookEndpoint(url, True, API_VERSION, frozenset(EVENTS))
    assert (found, later) == ([expected], [replace(expected, enabled=False)])
    assert url not in {one.url for one in gateway.webhook_endpoints()}


def test_the_demos_own_address_takes_the_place_of_the_one_before(
    stand_in: StandInServer,
) -> None:
    """At the stand-in alone: Stripe itself sends nothing to a machine that is not on the net."""
    gateway = StripeGateway(STRIPE_KEY, (), stand_in.url)
    secrets = [gateway.renew_webhook_endpoint(f"http://127.0.0.1:{port}/") for port in (1, 2)]
    assert all(secret.startswith("whsec_") for secret in secrets)
    assert [one.url for one in gateway.webhook_endpoints()] == ["http://127.0.0.1:2/"]


# --- who asks -------------------------------------------------------------------------------------


def test_a_key_that_is_none_is_for_a_person_to_see_to(
    stripe_at: Place, attempt: PaymentAttempt
) -> None:
    stranger = StripeGateway("sk_of_nobody", (), stripe_at.base)
    with pytest.raises(PaymentMisconfigured):
        opened(stranger, attempt)
    with pytest.raises(PaymentMisconfigured):
        stranger.balance()


def test_no_live_key_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("sk_live_of_somebody", "rk_live_of_somebody", "pk_test_of_somebody"):
        with pytest.raises(pytest.fail.Exception) as caught:
            sandbox(key)
        assert key not in str(caught.value)
    with pytest.raises(pytest.skip.Exception, match=KEY):
        sandbox("")
    assert "of_somebody" not in repr(sandbox("sk_test_of_somebody"))
