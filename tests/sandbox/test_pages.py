"""The hosted page, driven as a browser without JavaScript would."""

import html
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
import stripe

from shop.sandbox.stand_in.errors import GuardBreach
from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import CANCEL, SUCCESS, card, confirm, euros, order, with_shipping


@pytest.fixture
def session(client: stripe.StripeClient) -> stripe.checkout.Session:
    return client.v1.checkout.sessions.create(order())


def url_of(session: stripe.checkout.Session) -> str:
    assert session.url is not None
    return session.url


def thanks(session: stripe.checkout.Session) -> str:
    return SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)


def words(response: httpx2.Response) -> str:
    """The text of a page, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", response.text)))


def test_the_page_shows_what_is_paid_for(
    client: stripe.StripeClient, browser: httpx2.Client
) -> None:
    page = browser.get(
        url_of(client.v1.checkout.sessions.create(order(7_500, 2, **with_shipping())))
    )

    text = words(page)
    assert page.status_code == 200
    assert "Testläge: inga pengar dras." in text
    assert "Räven Rut 2 st · 75 kr styck 150 kr" in text
    assert "Brev 39 kr" in text
    assert "Att betala 189 kr" in text
    assert "Betala 189 kr" in text
    assert "4242 4242 4242 4242" in text
    assert 'data-total="18900"' in page.text
    assert '<form id="pay"' in page.text
    assert f'href="{CANCEL}"' in page.text
    for token in ("cc-number", "cc-exp", "cc-csc"):
        assert f'autocomplete="{token}"' in page.text


def test_the_page_needs_no_script_and_lets_the_form_lead_back_to_the_shop_only(
    session: stripe.checkout.Session, browser: httpx2.Client
) -> None:
    page = browser.get(url_of(session))

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'self';" in policy
    assert policy.endswith("form-action 'self' http://127.0.0.1:9")
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert browser.get("/assets/style.css").status_code == 200


@pytest.mark.parametrize(
    ("locale", "asked", "title"),
    [
        ("sv", "en", "Betala"),
        ("en", "sv", "Pay"),
        ("en-GB", "sv", "Pay"),
        ("auto", "sv-SE,sv;q=0.9", "Betala"),
        ("auto", "en;q=0.5,sv;q=0.8", "Betala"),
        ("auto", "de", "Pay"),
    ],
)
def test_the_page_speaks_the_sessions_language(
    client: stripe.StripeClient, browser: httpx2.Client, locale: str, asked: str, title: str
) -> None:
    session = client.v1.checkout.sessions.create(order(locale=locale))
    page = browser.get(url_of(session), headers={"Accept-Language": asked})
    assert f'<h2 id="paying">{title}</h2>' in page.text


@pytest.mark.parametrize("number", ["4242 4242 4242 4242", "5555555555554444", "4000000000000259"])
def test_a_good_card_pays(
    client: stripe.StripeClient,
    session: stripe.checkout.Session,
    browser: httpx2.Client,
    number: str,
) -> None:
    answer = confirm(browser, url_of(session), card(number))

    assert (answer.status_code, answer.headers["location"]) == (303, thanks(session))
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert (paid.payment_intent.status, paid.payment_intent.amount_received) == (
        "succeeded",
        23_100,
    )
    assert paid.customer_details is not None
    assert paid.customer_details.email == "anna@example.com"


@pytest.mark.parametrize(
    ("number", "code", "decline", "sentence"),
    [
        ("4000000000000002", "card_declined", "generic_decline", "Kortet nekades av banken."),
        ("4000000000009995", "card_declined", "insufficient_funds",
         "Det finns inte tillräckligt med pengar på kortet."),
        ("4000000000009987", "card_declined", "lost_card", "spärrat som borttappat"),
        ("4000000000009979", "card_declined", "stolen_card", "spärrat som stulet"),
        ("4000000000000069", "expired_card", "expired_card", "Kortet har gått ut."),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc", "Säkerhetskoden stämmer inte."),
        ("4000000000000119", "processing_error", "processing_error", "fel hos banken"),
    ],
)  # fmt: skip
def test_a_declined_card_leaves_the_session_open(
    client: stripe.StripeClient,
    session: stripe.checkout.Session,
    browser: httpx2.Client,
    number: str,
    code: str,
    decline: str,
    sentence: str,
) -> None:
    page = confirm(browser, url_of(session), card(number))

    assert page.status_code == 402
    assert sentence in words(page)
    assert 'value="12 / 34"' in page.text
    assert number not in page.text
    still = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    assert (still.status, still.payment_status) == ("open", "unpaid")
    intent = still.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert (intent.last_payment_error.code, intent.last_payment_error.decline_code) == (
        code,
        decline,
    )
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert (intent.latest_charge.status, intent.latest_charge.failure_code) == ("failed", code)

    assert confirm(browser, url_of(session), card()).status_code == 303
    (kept,) = client.v1.payment_intents.list().data
    assert (kept.id, kept.status) == (intent.id, "succeeded")
    assert kept.last_payment_error is None


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"number": ""}, "number", "Skriv kortnumret."),
        ({"number": "4242 4242 4242 4241"}, "number", "Kortnumret stämmer inte."),
        ({"number": "4111 1111 1111 1111"}, "number", "Det här är inget testkort."),
        ({"exp": "13/34"}, "exp", "Skriv månad och år"),
        ({"exp": "01/20"}, "exp", "Datumet har passerat."),
        ({"cvc": "12"}, "cvc", "Skriv de tre eller fyra siffrorna."),
        ({"method": "cheque"}, "method", "Välj ett betalsätt."),
    ],
)
def test_a_field_that_is_wrong_says_so(
    stand_in: StandInServer,
    session: stripe.checkout.Session,
    browser: httpx2.Client,
    changes: dict[str, str],
    field: str,
    sentence: str,
) -> None:
    page = confirm(browser, url_of(session), card(**changes))

    assert page.status_code == 422
    assert sentence in words(page)
    assert f'id="{field}-problem"' in page.text
    assert [entry["what"] for entry in stand_in.log()] == ["session.created"]


def test_the_e_mail_is_asked_for_when_the_shop_has_not_given_it(
    client: stripe.StripeClient, browser: httpx2.Client
) -> None:
    params = order()
    del params["customer_email"]
    session = client.v1.checkout.sessions.create(params)

    assert confirm(browser, url_of(session), card()).status_code == 422
    assert confirm(browser, url_of(session), card(email="bo@example.com")).status_code == 303
    paid = client.v1.checkout.sessions.retrieve(session.id)
    assert paid.customer_details is not None
    assert paid.customer_details.email == "bo@example.com"


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
def test_3d_secure_completed(
    client: stripe.StripeClient,
    session: stripe.checkout.Session,
    browser: httpx2.Client,
    number: str,
) -> None:
    step = confirm(browser, url_of(session), card(number)).headers["location"]
    assert step.startswith("/c/3ds/pi_")
    (waiting,) = client.v1.payment_intents.list().data
    assert waiting.status == "requires_action"
    assert waiting.next_action is not None
    assert waiting.next_action.type == "redirect_to_url"
    page = browser.get(step)
    assert "Bekräfta köpet hos din bank" in words(page)
    assert "http://127.0.0.1:9" in page.headers["content-security-policy"]

    answer = browser.post(step, data={"outcome": "complete"})

    assert answer.headers["location"] == thanks(session)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_3d_secure_failed(
    client: stripe.StripeClient, session: stripe.checkout.Session, browser: httpx2.Client
) -> None:
    step = confirm(browser, url_of(session), card("4000002500003155")).headers["location"]

    answer = browser.post(step, data={"outcome": "fail"})

    page = browser.get(answer.headers["location"])
    assert "Banken kunde inte bekräfta att det är du." in words(page)
    (intent,) = client.v1.payment_intents.list().data
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert browser.get(step).headers["location"] == f"/c/pay/{session.id}"
    assert confirm(browser, url_of(session), card()).status_code == 303


def test_3d_secure_and_then_declined(
    session: stripe.checkout.Session, browser: httpx2.Client
) -> None:
    step = confirm(browser, url_of(session), card("4000008400001629")).headers["location"]
    answer = browser.post(step, data={"outcome": "complete"})
    page = browser.get(answer.headers["location"])
    assert "Kortet nekades av banken." in words(page)


@pytest.mark.parametrize(("method", "name"), [("klarna", "Klarna"), ("swish", "Swish")])
def test_klarna_and_swish(
    client: stripe.StripeClient,
    session: stripe.checkout.Session,
    browser: httpx2.Client,
    method: str,
    name: str,
) -> None:
    step = confirm(browser, url_of(session), {"method": method}).headers["location"]
    assert step.startswith("/c/redirect/pi_")
    assert f"Testsida för {name}" in words(browser.get(step))

    failed = browser.post(step, data={"outcome": "fail"})
    assert "Betalningen avbröts." in words(browser.get(failed.headers["location"]))

    step = confirm(browser, url_of(session), {"method": method}).headers["location"]
    answer = browser.post(step, data={"outcome": "authorize"})
    assert answer.headers["location"] == thanks(session)
    (charge,) = client.v1.charges.list().data
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.type == method


def test_swish_is_offered_in_kronor_only(
    client: stripe.StripeClient, browser: httpx2.Client
) -> None:
    url = url_of(client.v1.checkout.sessions.create(euros()))

    assert 'value="swish"' not in browser.get(url).text
    assert confirm(browser, url, {"method": "swish"}).status_code == 422


def test_nothing_to_pay_asks_for_no_card(
    client: stripe.StripeClient, browser: httpx2.Client
) -> None:
    session = client.v1.checkout.sessions.create(order(0))
    page = browser.get(url_of(session))
    assert "Slutför beställningen" in page.text
    assert "cc-number" not in page.text
    assert confirm(browser, url_of(session), {}).headers["location"] == thanks(session)


def test_going_back_leaves_the_session_open(
    client: stripe.StripeClient, session: stripe.checkout.Session, browser: httpx2.Client
) -> None:
    browser.get(url_of(session))
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_an_expired_session_says_so(
    client: stripe.StripeClient, session: stripe.checkout.Session, browser: httpx2.Client
) -> None:
    step = confirm(browser, url_of(session), card("4000002500003155")).headers["location"]
    client.v1.checkout.sessions.expire(session.id)
    for page in (
        browser.get(url_of(session)),
        confirm(browser, url_of(session), card()),
        browser.get(step),
        browser.post(step, data={"outcome": "complete"}),
    ):
        assert page.status_code == 410
        assert "Betalsidan har gått ut" in words(page)
        assert f'href="{CANCEL}"' in page.text
    assert client.v1.charges.list().data == []


def test_a_paid_session_says_so(
    stand_in: StandInServer, session: stripe.checkout.Session, browser: httpx2.Client
) -> None:
    url = url_of(session)
    confirm(browser, url, card())

    assert browser.get(url).status_code == 200
    again = confirm(browser, url, card())

    assert again.status_code == 409
    assert "Redan betalt" in words(again)
    assert f'href="{thanks(session)}"' in again.text
    assert [e["what"] for e in stand_in.log()].count("session.paid") == 1


def test_two_tabs_pay_once(
    client: stripe.StripeClient, session: stripe.checkout.Session, browser: httpx2.Client
) -> None:
    slow = confirm(browser, url_of(session), card("4000002500003155")).headers["location"]
    fast = confirm(browser, url_of(session), {"method": "swish"}).headers["location"]

    first = browser.post(fast, data={"outcome": "authorize"})
    second = browser.post(slow, data={"outcome": "complete"})

    assert (first.status_code, second.status_code) == (303, 409)
    assert [c.amount for c in client.v1.charges.list().data] == [23_100]


def test_two_tabs_at_the_very_same_moment_pay_once(
    client: stripe.StripeClient, stand_in: StandInServer, session: stripe.checkout.Session
) -> None:
    tabs = 6
    together = threading.Barrier(tabs)

    def press(_: int) -> int:
        with httpx2.Client() as tab:
            tab.get(url_of(session))
            together.wait()
            return confirm(tab, url_of(session), card()).status_code

    with ThreadPoolExecutor(tabs) as pool:
        answers = sorted(pool.map(press, range(tabs)))

    assert answers == [303] + [409] * (tabs - 1)
    assert [c.amount for c in client.v1.charges.list().data] == [23_100]
    assert [e["what"] for e in stand_in.log()].count("session.paid") == 1


def test_an_unknown_session_or_payment_is_404(browser: httpx2.Client) -> None:
    assert browser.get("/c/pay/cs_test_none").status_code == 404
    assert browser.get("/c/3ds/pi_none").status_code == 404
    assert browser.post("/c/redirect/pi_none").status_code == 404


def test_the_front_page_says_what_it_is_and_lists_the_latest(
    client: stripe.StripeClient, stand_in: StandInServer, browser: httpx2.Client
) -> None:
    assert "Ingen har gått till betalningen än." in words(
        browser.get("/", headers={"Accept-Language": "sv"})
    )
    for status in ("open", "complete", "expired"):
        session = client.v1.checkout.sessions.create(order(client_reference_id=status))
        if status == "complete":
            stand_in.control(f"sessions/{session.id}/pay")
        if status == "expired":
            client.v1.checkout.sessions.expire(session.id)

    text = words(browser.get("/", headers={"Accept-Language": "en"}))

    assert "Stand-in for Stripe" in text
    assert "waiting for payment SEK\xa0231.00 open" in text.replace(" SEK 231", " SEK\xa0231")
    assert "4242 4242 4242 4242 Goes through" in text
    for status in ("paid", "expired"):
        assert status in text


def test_a_failure_of_its_own_is_a_page_and_is_recorded(
    stand_in: StandInServer,
    session: stripe.checkout.Session,
    browser: httpx2.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise GuardBreach("object charge", ["planted"])

    monkeypatch.setattr("shop.sandbox.stand_in.pages.confirm", broken)

    page = confirm(browser, url_of(session), card())

    assert page.status_code == 500
    assert "The stand-in for Stripe failed" in words(page)
    assert [v["problems"] for v in stand_in.violations()] == [["planted"]]
    stand_in.reset()
