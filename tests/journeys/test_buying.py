"""Whole purchases through a real browser, as different people make them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.browser import NewPage
from tests.journeys.steps import buy, fill_in_checkout, order, order_number, pay, put_in_basket
from tests.support import DECLINED_CARD, Shelf, on_both_databases

pytestmark = pytest.mark.browser
THREE_D_SECURE = "4000002500003155"


@pytest.fixture(autouse=True)
def _books_agree(sessions: Sessions, stand_in: StandInServer) -> Iterator[None]:
    """After every journey the books add up, and agree with Stripe's own log to the öre."""
    yield
    with sessions.begin() as db:
        assert [finding.invariant.rule for finding in verify(db) if not finding.holds] == []
        bought = [o for o in db.scalars(select(Order)) if o.bought]
        ours = sorted((str(o.id), o.total_amount) for o in bought)
    paid = [row for row in stand_in.log() if row["what"] == "session.paid"]
    assert sorted((row["client_reference_id"], row["amount"]) for row in paid) == ours


@pytest.mark.parametrize("width", ["phone", "desk"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_doll_is_bought(
    width: str, script: bool, new_page: NewPage, shop: Config, shelf: Shelf
) -> None:
    shelf.add("raven")
    page = new_page(width=width, script=script)
    assert buy(page, shop.base_url, "raven") == 1001
    assert page.locator("[data-total='28100']").count() > 0


@on_both_databases
def test_it_is_bought_in_english(new_page: NewPage, shop: Config, shelf: Shelf) -> None:
    shelf.add("raven", names={"sv": "Räven", "en": "The Fox"})
    page = new_page(locale="en-GB")
    put_in_basket(page, shop.base_url, "raven", "/en")
    assert page.get_by_text("The Fox").count() > 0
    fill_in_checkout(page, shop.base_url, "/en")
    order(page)
    pay(page)
    assert order_number(page, shop.base_url) == 1001
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_declined_card_and_then_a_good_one(
    script: bool, new_page: NewPage, shop: Config, shelf: Shelf
) -> None:
    shelf.add("raven")
    page = new_page(script=script)
    put_in_basket(page, shop.base_url, "raven")
    fill_in_checkout(page, shop.base_url)
    order(page)
    pay(page, DECLINED_CARD)
    assert page.locator("[role=alert]").count() > 0
    pay(page)
    assert order_number(page, shop.base_url) == 1001


def test_three_d_secure(new_page: NewPage, shop: Config, shelf: Shelf) -> None:
    shelf.add("raven")
    page = new_page()
    put_in_basket(page, shop.base_url, "raven")
    fill_in_checkout(page, shop.base_url)
    order(page)
    pay(page, THREE_D_SECURE)
    page.locator("form button").first.click()
    assert order_number(page, shop.base_url) == 1001


@pytest.mark.parametrize("method", ["klarna", "swish"])
def test_klarna_and_swish(method: str, new_page: NewPage, shop: Config, shelf: Shelf) -> None:
    shelf.add("raven")
    page = new_page()
    put_in_basket(page, shop.base_url, "raven")
    fill_in_checkout(page, shop.base_url)
    order(page)
    page.locator(f"input[name=method][value={method}]").check(force=True)
    page.locator("form#pay button").last.click()
    page.locator("form button").first.click()
    assert order_number(page, shop.base_url) == 1001


def test_back_from_the_payment_page_everything_is_still_there(
    new_page: NewPage, shop: Config, shelf: Shelf
) -> None:
    shelf.add("raven")
    page = new_page(script=False)
    put_in_basket(page, shop.base_url, "raven")
    fill_in_checkout(page, shop.base_url, name="Karin Öberg")
    order(page)
    page.locator("a[href*='/checkout?order=']").first.click()
    page.wait_for_url(f"{shop.base_url}/checkout?order=*")
    assert page.locator("[autocomplete=name]").input_value() == "Karin Öberg"
    fill_in_checkout(page, shop.base_url, name="Karin Öberg")
    order(page)
    pay(page)
    assert order_number(page, shop.base_url) == 1001


@on_both_databases
def test_two_people_after_the_last_doll(
    new_page: NewPage, shop: Config, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("raven")
    quick, slow = new_page(), new_page(width="desk", script=False)
    for page in (quick, slow):
        put_in_basket(page, shop.base_url, "raven")
        fill_in_checkout(page, shop.base_url, name="Karin Öberg")
    order(quick)

    slow.locator("form#checkout button:not([name=update])").last.click()

    assert slow.locator("[role=alert]").count() > 0
    assert slow.locator("form#checkout [autocomplete=name]").input_value() == "Karin Öberg"
    pay(quick)
    assert order_number(quick, shop.base_url) == 1001
    slow.goto(f"{shop.base_url}/products/raven")
    assert slow.locator("form#add-to-cart").count() == 0
    with sessions.begin() as db:
        level = db.get_one(StockLevel, variant_id)
        assert (level.on_hand, level.reserved) == (0, 0)


def test_the_postage_of_another_country_without_script(
    new_page: NewPage, shop: Config, shelf: Shelf
) -> None:
    shelf.add("raven")
    page = new_page(script=False)
    put_in_basket(page, shop.base_url, "raven")
    fill_in_checkout(page, shop.base_url, postal_code="10115", city="Berlin")
    page.locator("form#checkout select[name=country]").select_option("DE")
    page.locator("form#checkout button[name=update]").click()
    assert page.locator("form#checkout input[name=price_letter]").get_attribute("value") == "7900"
    assert page.locator("form#checkout [autocomplete=name]").input_value() == "Anna Ek"
    order(page)
    pay(page)
    assert order_number(page, shop.base_url) == 1001
    assert page.locator("[data-total='32400']").count() > 0
