"""The twenty-eight rules of docs/checkout-rules.md, as far as the pages' text can show them. What
only a browser can tell is in tests/journeys/test_checkout_rules.py.
"""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from shop.app import routes
from shop.catalogue.models import Photo
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.orders.models import Order
from shop.orders.queries import order_token
from shop.payments.models import PaymentAttempt
from shop.preferences.actions import set_preferences, write_starting_texts
from shop.stock.models import StockLevel
from tests.support import ANNA, Buyer, Shelf, fields_of, words_of

ROOT = Path(__file__).parents[2]
BEFORE_PAYING = ("/products/raven", "/cart", "/checkout")


@pytest.fixture
def facts_of_seller(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, org_number="559999-9991", portrait_hash="0123456789abcdef")
        write_starting_texts(db)


@pytest.fixture
def shopper(facts_of_seller: None, buyer: Buyer, shelf: Shelf) -> Buyer:
    """Return a buyer with a fox in the basket, in English."""
    assert facts_of_seller is None
    buyer.prefix = "/en"
    buyer.add(shelf.add("raven"))
    return buyer


def text(buyer: Buyer, path: str) -> str:
    return words_of(buyer.get(path))


def checkout_form(buyer: Buyer) -> str:
    found = re.search(r'<form id="checkout".*?</form>', buyer.get("/checkout").text, re.DOTALL)
    assert found is not None
    return found[0]


def seen(form: str) -> list[str]:
    """Return each visible field once: a group of radio buttons is one."""
    unfolded = re.sub(r"<details(?![^>]* open).*?</details>", "", form, flags=re.DOTALL)
    tags = re.findall(r"<(?:input|select|textarea)[^>]*>", unfolded)
    shown = [tag for tag in tags if 'type="hidden"' not in tag]
    return list(dict.fromkeys(re.findall(r'name="([^"]+)"', "".join(shown))))


def wrong(buyer: Buyer, **typed: str) -> dict[str, str]:
    """Return what the page says at each field when *typed* is sent; every field keeps its text."""
    sent = ANNA | {"postal_code": "763 40"} | typed
    answer = buyer.post("/checkout", **buyer.checkout_fields() | sent)
    assert answer.status_code == 422
    fields = fields_of(answer.text, "checkout")
    assert {name: fields[name] for name in sent} == sent
    assert '<div class="problem" role="alert" tabindex="-1" autofocus>' in answer.text
    found = re.findall(r'id="(\w+)-error">([^<]*)<', answer.text)
    for name, _sentence in found:
        assert f'<a href="#{name}">' in answer.text
        assert re.search(rf'id="{name}"[^>]*aria-describedby="{name}-error', answer.text)
    return dict(found)


# --- cost and trust -------------------------------------------------------------------------------


def test_rule_01_the_whole_total_stands_in_the_cart_before_anybody_is_asked(
    shopper: Buyer,
) -> None:
    page = shopper.get("/cart").text
    assert 'data-total="28100"' in page
    assert 'data-vat="5620"' in page
    asked = re.findall(r'autocomplete="([^"]+)"', page)
    assert asked == ["country"]


def test_rule_02_postage_stands_on_the_product_page(shopper: Buyer) -> None:
    assert "Letter" in text(shopper, "/products/raven")
    assert "SEK 36" in text(shopper, "/products/raven")


@pytest.mark.parametrize("path", ["/cart", "/checkout"])
def test_rule_03_the_return_policy_is_one_tap_away(path: str, shopper: Buyer) -> None:
    main = re.search(r"<main.*?</main>", shopper.get(path).text, re.DOTALL)
    assert main is not None
    assert 'href="/en/pages/terms"' in main[0]
    assert shopper.get("/pages/terms").status_code == 200


def test_rule_04_who_sells_and_how_it_is_paid_stands_at_the_button(shopper: Buyer) -> None:
    page = shopper.get("/checkout").text
    beside = page[page.index('<button class="buy">') : page.index("</form>")]
    for told in (
        "You buy from Provbutiken Ek",
        "Storgatan 1, 763 40 Hallstavik",
        "559999-9991",
        "0123456789abcdef",
        *("<li>Visa</li>", "<li>Mastercard</li>", "<li>Swish</li>"),
        "which Stripe runs",
    ):
        assert told in beside, told


@pytest.mark.parametrize("path", BEFORE_PAYING)
def test_rule_05_it_says_a_date_and_not_how_many_days(path: str, shopper: Buyer) -> None:
    told = text(shopper, path)
    months = "January|February|March|April|May|June|July|August|September|October|November|December"
    assert re.search(rf"\d ({months})", told)
    assert not re.search(r"\d+\s*[–-]\s*\d+ (working |business )?days", told)


# --- account --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/products", *BEFORE_PAYING])
def test_rules_06_07_08_nobody_needs_an_account_or_a_password(path: str, shopper: Buyer) -> None:
    page = shopper.get(path).text
    assert 'type="password"' not in page
    assert not re.search(r'href="[^"]*(sign-?in|log-?in|account|register)', page)


def test_rules_06_07_08_no_page_of_the_buyers_is_for_signing_in() -> None:
    public = [route.path for route in routes() if not route.path.startswith("/admin")]
    assert [path for path in public if re.search("sign|log-?in|account|password", path)] == []


# --- form -----------------------------------------------------------------------------------------


def test_rule_09_a_swedish_order_shows_eight_fields_at_most(shopper: Buyer) -> None:
    fields = ["country", "delivery", "name", "address", "postal_code", "city", "email", "phone"]
    assert seen(checkout_form(shopper)) == fields


def test_rule_10_there_is_one_address(shopper: Buyer, sessions: Sessions) -> None:
    form = checkout_form(shopper)
    assert form.count('autocomplete="address-line1"') == 1
    assert "billing" not in form
    shopper.place()
    with sessions.begin() as db:
        request = json.loads(db.scalars(select(PaymentAttempt.request)).one())
    assert not {"billing_address_collection", "shipping_address_collection"} & set(request)


def test_rule_11_the_phone_is_optional_and_says_why(shopper: Buyer) -> None:
    form = checkout_form(shopper)
    assert '<label for="phone">Phone (optional)</label>' in form
    assert '<small id="phone-hint">Only for the delivery, if the carrier needs it.</small>' in form
    assert shopper.place(phone="").status_code == 303


def test_rule_12_each_label_stands_before_its_field(shopper: Buyer) -> None:
    form = checkout_form(shopper)
    assert "placeholder=" not in form
    for field in re.findall(r'<(?:input|select|textarea) id="([a-z_]+)"', form):
        assert form.index(f'<label for="{field}">') < form.index(f' id="{field}"')


def test_rule_13_each_field_says_what_it_is(shopper: Buyer) -> None:
    tags = re.findall(r"<(?:input|select)[^>]*>", checkout_form(shopper))
    kinds = {}
    for tag in tags:
        facts = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if facts.get("type") not in ("hidden", "radio"):
            kinds[facts["name"]] = (facts.get("type"), facts.get("autocomplete"))
    assert kinds == {
        "country": (None, "country"),
        "name": ("text", "name"),
        "address": ("text", "address-line1"),
        "postal_code": ("text", "postal-code"),
        "city": ("text", "address-level2"),
        "email": ("email", "email"),
        "phone": ("tel", "tel"),
        "recipient": ("text", "off"),
    }
    assert 'inputmode="numeric"' in shopper.get("/cart").text


def test_rule_14_nothing_is_asked_twice(shopper: Buyer) -> None:
    form = checkout_form(shopper)
    names = re.findall(r'<(?:input(?![^>]*type="radio")|select|textarea)[^>]* name="([^"]+)"', form)
    assert len(names) == len(set(names))
    assert form.count('type="email"') == 1
    one_way = re.findall(r"<select.*?</select>", form, re.DOTALL)
    assert all(select_.count("<option") > 1 for select_ in one_way)
    assert '<option value="DE" selected>' in shopper.get("/checkout?country=DE").text


def test_rule_15_no_newsletter_no_puzzle(shopper: Buyer) -> None:
    form = checkout_form(shopper)
    assert 'type="checkbox"' not in form
    assert "captcha" not in form.lower()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"postal_code": "123"}, "A Swedish postal code has five digits, such as 763 40."),
        ({"postal_code": ""}, "Enter the postal code."),
        ({"email": "anna@"}, "Enter a complete e-mail address, such as anna@example.se."),
        ({"email": ""}, "Enter your e-mail address: the confirmation goes there."),
        ({"name": ""}, "Enter your name, so that the post can find you."),
        ({"address": ""}, "Enter the street and number."),
        ({"city": ""}, "Enter the town."),
        ({"city": "x" * 101}, "Too long: use at most 100 characters."),
        ({"code": "NOPE"}, "We do not know that code. Check how it is spelt, or go on without it."),
    ],
)
def test_rule_17_the_message_names_the_fault_and_nothing_typed_is_lost(
    typed: dict[str, str], told: str, shopper: Buyer
) -> None:
    assert wrong(shopper, **typed) == {next(iter(typed)): told}


def test_rule_17_everything_that_is_wrong_is_said_at_once(shopper: Buyer) -> None:
    typed = {"name": "", "postal_code": "1", "email": "x", "recipient": "y" * 101}
    assert set(wrong(shopper, **typed)) == set(typed)


def test_rule_18_a_code_is_behind_a_fold_and_nothing_must_be_applied(
    shopper: Buyer, sessions: Sessions
) -> None:
    from shop.discounts.actions import add_discount
    from tests.discounts.tools import new_discount

    assert 'id="discount"' not in checkout_form(shopper)
    with sessions.begin() as db:
        add_discount(db, new_discount())
    form = checkout_form(shopper)
    assert '<details class="part fold" id="discount">' in form
    assert "code" not in seen(form)
    assert re.search(r'<button name="update"[^>]*data-quiet>Show postage', form)


# --- flow -----------------------------------------------------------------------------------------


def test_rules_19_20_the_way_is_straight(shopper: Buyer, stand_in: object) -> None:
    assert stand_in is not None
    assert 'href="/en/checkout"' in shopper.get("/cart").text
    form = checkout_form(shopper)
    assert form.count('<button class="buy">') == 1
    placed = shopper.place()
    assert (placed.status_code, "/c/pay/" in placed.headers["location"]) == (303, True)
    page = shopper.pay(placed.headers["location"])
    assert re.search(r"/en/orders/1-\w+$", str(page.url))


def test_rule_21_no_way_to_pay_is_shut_out(shopper: Buyer, sessions: Sessions) -> None:
    """Stripe's page offers what the seller has turned on there: cards, wallets, Swish."""
    shopper.place()
    with sessions.begin() as db:
        request = json.loads(db.scalars(select(PaymentAttempt.request)).one())
    assert not [name for name in request if name.startswith("payment_method")]


def test_rule_22_there_is_a_choice_of_delivery(shopper: Buyer) -> None:
    assert re.findall(
        r'type="radio" id="delivery-\d" name="delivery" value="(\w+)"', checkout_form(shopper)
    ) == [
        "letter",
        "tracked_parcel",
    ]


def test_rule_23_who_leaves_the_payment_page_finds_everything_as_it_was(
    shopper: Buyer, sessions: Sessions, config: Config
) -> None:
    typed = ANNA | {"recipient": "Ida Ek", "gift_note": "Grattis!", "delivery": "tracked_parcel"}
    typed |= {"price_tracked_parcel": "7900", "postal_code": "763 40", "phone": "070-1"}
    first = shopper.post("/checkout", **shopper.checkout_fields() | typed)
    token = order_token(Signer(config.secret_keys), 1)
    back = shopper.get(f"/checkout?order={token}")
    fields = fields_of(back.text, "checkout")
    kept = {name: fields[name] for name in typed if name != "gift_note"}
    assert kept == {name: value for name, value in typed.items() if name != "gift_note"}
    assert ">\nGrattis!</textarea>" in back.text
    assert 'aria-label="Basket, 1 item"' in back.text
    with sessions.begin() as db:
        assert db.get_one(StockLevel, 1).reserved == 1
    again = shopper.post("/checkout", **fields | {"gift_note": "Grattis!"})
    assert again.headers["location"] == first.headers["location"]


def test_rule_24_the_confirmation_repeats_everything_and_survives_a_reload(
    shopper: Buyer, sessions: Sessions
) -> None:
    placed = shopper.place()
    page = shopper.pay(placed.headers["location"])
    told = words_of(page)
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
    assert isinstance(order.arrives_by, date)
    for part in (
        "Thank you, Anna Ek",
        "Order number: 1001",
        "a confirmation is on its way to anna@example.se",
        f"With you by {order.arrives_by:%A} {order.arrives_by.day} {order.arrives_by:%B}",
        "Raven (en) SEK 245",
        "Postage: Letter SEK 36",
        "Total SEK 281",
        "VAT included SEK 56.20",
        "Anna Ek Strandvägen 1 763 40 Hallstavik Sweden",
        "Withdraw from contract here",
    ):
        assert part in told, part
    for _ in range(2):
        again = shopper.http.get(str(page.url))
        assert again.status_code == 200
        assert "1001" in again.text
    with sessions.begin() as db:
        assert len(db.scalars(select(Order)).all()) == 1


# --- product page ---------------------------------------------------------------------------------


def test_rules_25_26_27_photos_are_seen_and_not_counted_in_dots(
    shopper: Buyer, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        db.add(Photo(product_id=1, hash="fedcba9876543210", position=1, in_scale=True))
        db.add(Photo(product_id=1, hash="00112233445566ff", position=2))
    page = shopper.get("/products/raven").text
    thumbs = re.search(r'<ul class="thumbs">.*?</ul>', page, re.DOTALL)
    assert thumbs is not None
    assert len(re.findall("<img", thumbs[0])) == 3
    card = re.search(r'<li class="card.*?</li>', shopper.get("/products").text, re.DOTALL)
    assert card is not None
    assert {"0123456789abcdef", "fedcba9876543210"} <= set(re.findall(r"/media/(\w+)/", card[0]))


# --- the table ------------------------------------------------------------------------------------


def test_each_rule_has_its_row_and_its_test_or_its_reason() -> None:
    table = (ROOT / "docs/checkout-rules.md").read_text()
    rows = re.findall(r"^\| (\d+) \|(.*)\|(.*)\|(.*)\|$", table, re.MULTILINE)
    assert [int(number) for number, *_rest in rows] == list(range(1, 29))
    tests = "".join(
        (ROOT / folder / "test_checkout_rules.py").read_text()
        for folder in ("tests/storefront", "tests/journeys")
    )
    for _number, _rule, _kept, proof in rows:
        for name in re.findall(r"`(test_\w+)`", proof):
            assert f"def {name}(" in tests, name
        assert "`test_" in proof or len(proof) > 20
