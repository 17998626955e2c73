"""Finding something in a browser, without script, at the width of a small phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from shop.catalogue.search import index_everything
from shop.config import Config
from shop.kit.db import Sessions
from tests.support import Shelf

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(new_page: Callable[..., Page], sessions: Sessions, shelf: Shelf) -> Page:
    shelf.add("raven", price_amount=30000, names={"sv": "Räven"})
    shelf.add("ugglan", price_amount=20000, names={"sv": "Ugglan"})
    with sessions.begin() as db:
        index_everything(db)
    page = new_page(script=False)
    page.set_viewport_size({"width": 320, "height": 700})
    return page


def cards(page: Page) -> list[str]:
    return page.locator(".card .name").all_inner_texts()


def test_the_list_is_narrowed_in_its_fold_and_widened_again(phone: Page, shop: Config) -> None:
    phone.goto(f"{shop.base_url}/products")
    expect(phone.get_by_label("Sortera efter")).to_be_hidden()
    phone.get_by_text("Filtrera och sortera").click()
    phone.get_by_label("Sortera efter").select_option("price_low")
    phone.locator("[name=price_to]").fill("250,00")
    phone.get_by_role("button", name="Visa").click()
    assert phone.url == (
        f"{shop.base_url}/products?sort=price_low&kind=&price_from=&price_to=250%2C00"
    )
    assert cards(phone) == ["Ugglan"]
    phone.get_by_role("link", name="Ta bort: Högst 250 kr").click()
    assert phone.url == f"{shop.base_url}/products?sort=price_low"
    assert cards(phone) == ["Ugglan", "Räven"]
    phone.get_by_role("link", name="Ta bort: Lägsta priset först").click()
    assert cards(phone) == ["Ugglan", "Räven"]
    assert phone.url == f"{shop.base_url}/products"


def test_a_search_begins_at_the_head_of_every_page(phone: Page, shop: Config) -> None:
    phone.goto(shop.base_url)
    phone.get_by_role("banner").get_by_role("link", name="Sök").click()
    phone.get_by_role("searchbox", name="Sök").fill("rävar")
    phone.get_by_role("searchbox", name="Sök").press("Enter")
    expect(phone.get_by_role("status")).to_have_text("1 träff på ”rävar”")
    assert cards(phone) == ["Räven"]
    expect(phone.get_by_role("searchbox", name="Sök")).to_have_value("rävar")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 320
