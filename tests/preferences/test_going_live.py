from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
import stripe

from shop.checks import Check, StripesAnswer, ask_stripe, checks
from shop.config import Config
from shop.kit.db import Sessions
from shop.payments.errors import PaymentMisconfigured, PaymentUnknown
from shop.payments.gateway import API_VERSION, StripeGateway
from shop.payments.provider import EVENTS, WebhookEndpoint
from shop.preferences.actions import set_preferences, write_page, write_starting_texts
from shop.preferences.queries import preferences
from shop.preferences.texts import SLUGS
from shop.sandbox.stand_in.server import StandInServer
from shop.shipping.models import ShippingZone
from tests.support import NOON, Buyer, Shelf

URL = "https://shop.example/webhooks/stripe"
GOOD = WebhookEndpoint(URL, enabled=True, api_version=API_VERSION, events=frozenset(EVENTS))


@pytest.fixture
def real(config: Config) -> Config:
    """Return the environment of a shop that takes real money."""
    return replace(
        config,
        env="production",
        base_url="https://shop.example",
        stripe_secret_key="rk_live_" + "x" * 24,
        stripe_webhook_secrets=("whsec_x",),
        stripe_api_base="",
        smtp_url="smtps://shop:secret@smtp.example.se",
        trusted_proxies=(ip_network("127.0.0.1"),),
    )


@pytest.fixture
def ready(sessions: Sessions, shelf: Shelf) -> Sessions:
    """Return the database of a shop whose owner has seen to everything."""
    with sessions.begin() as db:
        set_preferences(
            db, org_number="556703-7485", phone="070-123 45 67", vat_number="SE556703748501"
        )
        for slug in SLUGS:
            for locale in ("sv", "en"):
                write_page(db, slug, locale, title=slug, body="Read.")
    shelf.add()
    return sessions


def look(sessions: Sessions, config: Config, answer: StripesAnswer = (GOOD,)) -> list[Check]:
    with sessions.begin() as db:
        day = NOON.date()
        return checks(config, preferences(db), db, answer, today=day)


def undone(sessions: Sessions, config: Config, answer: StripesAnswer = (GOOD,)) -> dict[str, str]:
    return {check.name: check.sentence for check in look(sessions, config, answer) if not check.ok}


def test_a_shop_that_is_ready_has_nothing_left(ready: Sessions, real: Config) -> None:
    assert [check.name for check in look(ready, real)] == [
        *("Who sells", "Texts", "Items", "Postage", "VAT"),
        *("Address", "Buyers’ addresses", "Stripe’s key", "Stripe’s messages", "Mail"),
    ]
    assert undone(ready, real) == {}


@pytest.mark.parametrize(
    ("settings", "name", "sentence"),
    [
        (
            {"org_number": "", "phone": ""},
            "Who sells",
            (
                "The law requires that buyers can see who sells. Still missing: registration "
                "number and phone."
            ),
        ),
        ({"vat_number": ""}, "VAT", "The VAT number is missing."),
        (
            {"country": "FI"},
            "VAT",
            "Prices include VAT, but no rate is set for Finland.",
        ),
    ],
)
def test_what_the_settings_lack(
    ready: Sessions, real: Config, settings: dict[str, str], name: str, sentence: str
) -> None:
    with ready.begin() as db:
        set_preferences(db, **settings)
    assert undone(ready, real) == {name: sentence}


def test_who_is_exempt_needs_no_vat_number(ready: Sessions, real: Config) -> None:
    with ready.begin() as db:
        set_preferences(db, vat_registered=False, vat_number="", country="FI")
    assert undone(ready, real) == {}


def test_a_new_shop_has_texts_to_read_and_items_to_put_up(sessions: Sessions, real: Config) -> None:
    with sessions.begin() as db:
        write_starting_texts(db)
        write_page(db, "home", "sv", title="Jag", body="Mitt.")
    left = undone(sessions, real)
    assert left["Texts"] == (
        "9 texts are still as they came with the program. Read them and make them your own."
    )
    assert left["Items"] == "Nothing is on the shelf yet. Add the first item."


def test_a_text_that_is_missing_counts_as_unread(ready: Sessions, real: Config) -> None:
    with ready.begin() as db:
        set_preferences(db, languages=["sv", "en", "de"])
    assert undone(ready, real)["Texts"].startswith("5 texts are still")


def test_a_zone_without_prices_is_named(ready: Sessions, real: Config) -> None:
    with ready.begin() as db:
        db.add(ShippingZone(name="Norden", position=9, countries="NO", days_least=2, days_most=4))
    assert undone(ready, real) == {"Postage": "No prices yet for Norden."}


@pytest.mark.parametrize(
    ("changes", "name", "part"),
    [
        ({"env": "demo"}, "Address", "SHOP_ENV=production"),
        ({"stripe_api_base": "http://127.0.0.1:1"}, "Stripe’s key", "Remove SHOP_STRIPE_API_BASE."),
        ({"stripe_secret_key": "pk_live_x"}, "Stripe’s key", "sk_live_ or rk_live_"),
        (
            {"stripe_secret_key": "sk_test_x"},
            "Stripe’s key",
            "SHOP_STRIPE_SECRET_KEY is a test key",
        ),
        ({"stripe_webhook_secrets": ("sk_live_x",)}, "Stripe’s messages", "begins with whsec_"),
        ({"smtp_url": ""}, "Mail", "Set SHOP_SMTP_URL"),
    ],
)
def test_what_the_environment_lacks(
    ready: Sessions, real: Config, changes: dict[str, str], name: str, part: str
) -> None:
    left = undone(ready, replace(real, **changes))  # type: ignore[arg-type]
    assert list(left) == [name]
    assert part in left[name]


def test_plain_http_is_not_for_buyers(ready: Sessions, real: Config) -> None:
    left = undone(ready, replace(real, base_url="http://127.0.0.1:8000"))
    assert left["Address"] == "SHOP_BASE_URL must begin with https:// before anybody else may buy."


def test_a_proxy_that_is_not_named_makes_one_buyer_of_all(ready: Sessions, real: Config) -> None:
    with ready.begin() as db:
        set_preferences(db, holds_per_network=12)
    assert undone(ready, replace(real, trusted_proxies=())) == {
        "Buyers’ addresses": (
            "A proxy stands before the shop at https://shop.example, and the shop is not told "
            "which one. So it takes all buyers for one: when 12 of them are about to pay, nobody "
            "else can order. Set SHOP_TRUSTED_PROXIES to the proxy’s address, such as 127.0.0.1."
        )
    }


def test_without_https_there_is_no_proxy_to_name(ready: Sessions, real: Config) -> None:
    at_home = replace(real, base_url="http://127.0.0.1:8000", trusted_proxies=())
    assert "Buyers’ addresses" not in undone(ready, at_home)


OF_THE_FIRST_VERSION = frozenset(EVENTS[:4])  # it heard of payments, and not of money going back


def test_events_that_the_shop_has_learnt_since_are_named(ready: Sessions, real: Config) -> None:
    old = replace(GOOD, events=OF_THE_FIRST_VERSION)
    told = {
        "Stripe’s messages": (
            f"The endpoint {URL} does not send everything that the shop needs to know. In Stripe, "
            "let it also send the events charge.refunded, refund.created, refund.updated, "
            "refund.failed, charge.dispute.created, charge.dispute.updated and "
            "charge.dispute.closed."
        )
    }
    assert undone(ready, real, [old]) == told
    assert undone(ready, real, [replace(GOOD, enabled=False), old]) == told
    fuller = replace(GOOD, events=frozenset(EVENTS[:-1]))
    assert undone(ready, real, [old, fuller])["Stripe’s messages"].endswith(
        "also send the events charge.dispute.closed."
    )


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ([], f"add the endpoint {URL} with API version {API_VERSION} and the events "),
        ([replace(GOOD, url=URL + "/")], "Stripe does not know where to report payments."),
        ([replace(GOOD, enabled=False)], f"The endpoint {URL} is switched off in Stripe."),
        ([replace(GOOD, api_version=None)], "speaks another API version than the shop."),
        ([replace(GOOD, api_version="2020-08-27")], f"in Stripe with version {API_VERSION}, put"),
        (PaymentUnknown("no answer"), "Stripe did not answer. Try again in a minute."),
        (PaymentMisconfigured("bad key"), "Stripe refuses the key in SHOP_STRIPE_SECRET_KEY."),
    ],
)
def test_what_stripe_says(ready: Sessions, real: Config, answer: StripesAnswer, part: str) -> None:
    left = undone(ready, real, answer)
    assert list(left) == ["Stripe’s messages"]
    assert part in left["Stripe’s messages"]


def test_an_endpoint_for_every_event_will_do(ready: Sessions, real: Config) -> None:
    assert undone(ready, real, [replace(GOOD, events=frozenset("*"))]) == {}
    assert undone(ready, real, [replace(GOOD, enabled=False), GOOD]) == {}


# --- asking Stripe --------------------------------------------------------------------------------


def test_stripe_tells_its_endpoints(stand_in: StandInServer) -> None:
    client = stripe.StripeClient("sk_test_x", base_addresses={"api": stand_in.url})
    url = "http://127.0.0.1:9/webhooks/stripe"
    made = client.v1.webhook_endpoints.create(
        {"url": url, "enabled_events": ["checkout.session.expired"], "api_version": API_VERSION}
    )
    client.v1.webhook_endpoints.update(made.id, {"disabled": True})
    assert ask_stripe(StripeGateway("sk_test_x", (), stand_in.url)) == [
        WebhookEndpoint(url, False, API_VERSION, frozenset(["checkout.session.expired"]))
    ]


def test_a_refused_key_and_a_silent_stripe_are_answers(stand_in: StandInServer) -> None:
    refused = ask_stripe(StripeGateway("sk_live_x", (), stand_in.url))
    assert isinstance(refused, PaymentMisconfigured)
    silent = ask_stripe(StripeGateway("sk_test_x", (), "http://127.0.0.1:1", lambda _: None))
    assert isinstance(silent, PaymentUnknown)


# --- the page -------------------------------------------------------------------------------------


def test_the_page_says_what_is_done_and_what_is_left(owner: Buyer, shelf: Shelf) -> None:
    shelf.add()
    page = owner.get("/admin/going-live")
    assert page.status_code == 200
    assert "Stripe tells the shop at once when somebody has paid." in page.text
    assert "There is something to buy." in page.text
    # Who sells, texts, VAT, address, Stripe’s key and mail are left.
    assert "6 things are left before the shop can take real money." in page.text
    assert page.text.count('<span class="badge ok">Done</span>') == 4


def test_a_test_mail_goes_to_the_owner(owner: Buyer, shop: Config) -> None:
    answer = owner.post("/admin/going-live/test-mail")
    assert answer.headers["location"] == "/admin/going-live?note=test-mail-sent"
    (mail,) = Path(shop.mail_folder).glob("*.eml")
    assert "To: agare@example.se" in mail.read_text()


class TestWithoutMailServer:
    @pytest.fixture
    def shop(self, start_shop: Callable[..., Config]) -> Config:
        return start_shop(smtp_url="smtp://127.0.0.1:1")

    def test_the_page_says_why_the_test_mail_failed(self, owner: Buyer) -> None:
        page = owner.post("/admin/going-live/test-mail")
        assert page.status_code == 502
        assert "The e-mail could not be sent. The mail server says: " in page.text
