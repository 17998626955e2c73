"""What only a browser can tell: it fits, it holds still, and it works with and without script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from shop.catalogue.models import Photo, Product
from shop.config import Config
from shop.kit.db import Sessions
from tests.journeys.steps import fill_in_checkout, put_in_basket
from tests.support import Shelf

pytestmark = pytest.mark.browser
PATHS = ("/", "/products", "/products/raven", "/cart", "/checkout", "/nope")
WATCH = """
window.moved = 0;
new PerformanceObserver(list => { for (const e of list.getEntries()) window.moved += e.value; })
  .observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_every_page_fits_and_holds_still(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page], width: int, scheme: str
) -> None:
    shelf.add("raven", on_hand=4, names={"sv": "Räven Ragnar från Hallstavik", "en": "Ragnar"})
    page = new_page()
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.add_init_script(WATCH)
    put_in_basket(page, shop.base_url, "raven")
    for path in PATHS:
        page.goto(shop.base_url + path)
        page.evaluate("document.fonts.ready")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("window.moved") < 0.01, path


def test_the_total_follows_the_chosen_delivery_without_script(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page]
) -> None:
    shelf.add("raven")
    page = new_page(script=False)
    put_in_basket(page, shop.base_url, "raven")
    page.goto(f"{shop.base_url}/en/checkout")
    total = page.locator("[data-total]:visible")
    assert total.get_attribute("data-total") == "28100"
    page.locator("input[value=tracked_parcel]").check()
    assert total.get_attribute("data-total") == "32400"
    expect(page.locator(".buy")).to_have_text(re.compile(r"Order and pay\sSEK\s324$"))


def test_a_thumbnail_shows_its_photo_without_script(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page], sessions: Sessions
) -> None:
    shelf.add("raven")
    add_photo(sessions)
    page = new_page(script=False)
    page.goto(f"{shop.base_url}/products/raven")
    expect(page.locator("#photo-2")).not_to_be_in_viewport(ratio=0.5)
    page.locator(".thumbs a").nth(1).click()
    expect(page.locator("#photo-2")).to_be_in_viewport(ratio=0.5)


def test_a_changed_quantity_renews_the_basket_in_place(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page]
) -> None:
    shelf.add("raven", on_hand=5)
    page = new_page()
    put_in_basket(page, f"{shop.base_url}", "raven", "/en")
    expect(page.get_by_role("button", name="Change the quantity")).to_have_count(0)
    box = page.locator("input[name=quantity]")
    box.fill("3")
    box.blur()
    expect(page.locator("[data-total]")).to_have_attribute("data-total", str(3 * 24500))  # free
    expect(page.locator("#basket")).to_have_accessible_name("Basket, 3 items")
    expect(page.get_by_role("status")).to_have_text(re.compile("The total is now SEK"))
    expect(page.locator("input[name=quantity]")).to_be_focused()


def test_going_on_at_once_goes_on_with_the_change(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page]
) -> None:
    shelf.add("raven", on_hand=5)
    page = new_page()
    put_in_basket(page, shop.base_url, "raven")
    page.locator("input[name=quantity]").fill("2")
    page.locator("a.buy").click()
    page.wait_for_url(f"{shop.base_url}/checkout")
    expect(page.locator("input[name=subtotal]")).to_have_value("49000")


def test_a_changed_country_renews_the_postage_in_place(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page]
) -> None:
    shelf.add("raven")
    page = new_page()
    put_in_basket(page, shop.base_url, "raven")
    fill_in_checkout(page, shop.base_url)
    expect(page.locator("button[name=update]")).to_be_hidden()
    page.locator("select[name=country]").select_option("FI")
    expect(page.locator("[data-total]:visible")).to_have_attribute("data-total", "32400")
    expect(page.locator("[name=name]")).to_have_value("Anna Ek")
    assert page.url == f"{shop.base_url}/checkout"


def test_focus_goes_to_what_is_wrong(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page]
) -> None:
    shelf.add("raven")
    page = new_page()
    put_in_basket(page, shop.base_url, "raven")
    fill_in_checkout(page, shop.base_url, postal_code="12")
    page.locator("form#checkout .buy").click()
    expect(page.locator(".problem")).to_be_focused()
    page.locator(".problem a").click()
    expect(page.locator("#postal_code")).to_be_focused()


def add_photo(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product_id = db.query(Product.id).scalar()
        db.add(Photo(product_id=product_id, position=1, hash="fedcba9876543210"))
