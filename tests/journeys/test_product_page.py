"""The product page in a real browser: its photos with and without script, and on paper."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from shop.catalogue.models import Photo, Product
from shop.config import Config
from shop.kit.db import Sessions
from tests.support import Shelf

pytestmark = pytest.mark.browser
FIRST, SECOND = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def raven(shelf: Shelf, sessions: Sessions) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        product_id = db.scalars(select(Product.id)).one()
        db.add(Photo(product_id=product_id, position=1, hash=SECOND, in_scale=True))


@pytest.mark.usefixtures("raven")
def test_without_script_a_photo_opens_as_itself(
    shop: Config, new_page: Callable[..., Page]
) -> None:
    page = new_page(script=False)
    page.goto(f"{shop.base_url}/products/raven")
    assert page.locator(".strip a").nth(1).get_attribute("href") == f"/media/{SECOND}/1200.jpeg"
    expect(page.locator("dialog")).to_be_hidden()
    with page.expect_request(f"**/media/{FIRST}/1200.jpeg"):
        page.locator(".strip a").first.click()


@pytest.mark.usefixtures("raven")
def test_full_view_is_opened_left_and_returned_from_by_keyboard(
    shop: Config, new_page: Callable[..., Page]
) -> None:
    page = new_page(width="desk")
    page.goto(f"{shop.base_url}/en/products/raven")
    link = page.get_by_role("link", name="Full view of photo 2")
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Photos")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    expect(dialog.locator("img")).to_have_count(2)
    large = f"{shop.base_url}/media/{SECOND}/1200.jpeg"
    assert dialog.locator("img").nth(1).get_attribute("src") == large
    expect(dialog.locator("img").nth(1)).to_be_in_viewport(ratio=0.9)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()
    link.click()  # and again, without the photos twice
    expect(dialog.locator("img")).to_have_count(2)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    link.click()
    dialog.locator("img").nth(1).click()
    expect(dialog).to_be_hidden()
    assert page.url == f"{shop.base_url}/en/products/raven"


@pytest.mark.usefixtures("raven")
def test_the_country_is_chosen_without_script(shop: Config, new_page: Callable[..., Page]) -> None:
    page = new_page(script=False)
    page.goto(f"{shop.base_url}/en/products/raven")
    page.get_by_label("Delivery to").select_option("FI")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(f"{shop.base_url}/en/products/raven?country=FI#sending")
    expect(page.locator(".sending dl")).to_contain_text("SEK\u00a079")
    expect(page.get_by_label("Delivery to")).to_have_value("FI")
    expect(page.locator("#sending")).to_be_in_viewport()


@pytest.mark.usefixtures("raven")
def test_on_paper_it_is_a_sheet_with_photo_name_price_and_address(
    shop: Config, new_page: Callable[..., Page]
) -> None:
    page = new_page(width="desk")
    page.emulate_media(media="print")
    page.goto(f"{shop.base_url}/en/products/raven")
    for shown in ("#photo-1 img", "#photo-2 img", "h1", ".item .price", ".safety", "address"):
        expect(page.locator(shown).first).to_be_visible()
    expect(page.locator(".paper-only")).to_have_text(f"{shop.base_url}/en/products/raven")
    for hidden in ("nav", "form#add-to-cart", ".sending", ".thumbs", ".skip", ".bottom ul"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")
    expect(page.locator(".paper-only")).to_be_hidden()
