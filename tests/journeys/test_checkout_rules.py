"""Those of the rules in docs/checkout-rules.md that only a browser can tell."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from shop.config import Config
from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences
from tests.journeys.steps import fill_in_checkout, order, put_in_basket
from tests.support import ANNA, Shelf

pytestmark = pytest.mark.browser
PREFIX = "/en"


@pytest.fixture
def fetched(sessions: Sessions) -> None:
    """Let orders be fetched, from before the shop is served."""
    with sessions.begin() as db:
        set_preferences(db, pickup_offered=True, pickup={"en": "Storgatan 1. Saturdays."})


@pytest.fixture
def at_checkout(
    fetched: None, shop: Config, shelf: Shelf, new_page: Callable[..., Page]
) -> Callable[..., Page]:
    """Return a function that opens the checkout with a fox in the basket."""
    assert fetched is None
    shelf.add("raven", on_hand=3)

    def arrive(*, script: bool = True) -> Page:
        page = new_page(script=script)
        put_in_basket(page, shop.base_url, "raven", PREFIX)
        page.goto(f"{shop.base_url}{PREFIX}/checkout")
        return page

    return arrive


def test_rule_12_labels_stand_above_in_one_column(at_checkout: Callable[..., Page]) -> None:
    page = at_checkout()
    fields = page.evaluate(
        """() => [...document.querySelectorAll('#checkout .field')]
          .filter(field => field.checkVisibility({ contentVisibilityAuto: true }))
          .map(field => [field.querySelector('label'), field.querySelector('input, select')])
          .map(pair => [pair[1].id, ...pair.map(e => e.getBoundingClientRect())])
          .map(([id, label, box]) => [id, label.bottom <= box.top, Math.round(box.left)])"""
    )
    names = ["country", "name", "address", "postal_code", "city", "email", "phone"]
    assert [name for name, _above, _left in fields] == names
    assert all(above for _name, above, _left in fields)
    beside = {left for name, _above, left in fields if name != "city"}
    assert len(beside) == 1


def test_rule_13_enter_orders(at_checkout: Callable[..., Page], shop: Config) -> None:
    page = at_checkout()
    fill_in_checkout(page, shop.base_url, PREFIX)
    page.locator("#email").press("Enter")
    page.wait_for_url("**/c/pay/**")


def test_rule_16_a_fault_is_said_on_leaving_and_gone_when_mended(
    at_checkout: Callable[..., Page],
) -> None:
    page = at_checkout()
    box, told = page.locator("#postal_code"), page.locator("#postal_code-error")
    box.press_sequentially("7634")
    expect(told).to_have_count(0)  # not while it is being typed
    box.blur()
    expect(told).to_have_text("A Swedish postal code has five digits, such as 763 40.")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_attribute("aria-describedby", "postal_code-error")
    box.press_sequentially("0")
    expect(told).to_have_count(0)
    assert box.get_attribute("aria-invalid") is None
    page.locator("#country").select_option("DK")
    box.fill("1234")
    box.blur()
    expect(told).to_have_count(0)

    email, fault = page.locator("#email"), page.locator("#email-error")
    email.fill("anna@")
    email.blur()
    expect(fault).to_have_text("Enter a complete e-mail address, such as anna@example.se.")
    expect(email).to_have_attribute("aria-describedby", "email-error email-hint")
    email.fill("")
    email.blur()
    expect(fault).to_have_text("Enter your e-mail address: the confirmation goes there.")
    page.locator("form#checkout .buy").click()
    expect(page.locator("#name-error")).to_have_text(
        "Enter your name, so that the post can find you."
    )
    expect(page.locator("#name")).to_be_focused()


def test_rule_18_a_new_country_renews_what_it_costs(
    at_checkout: Callable[..., Page], shop: Config
) -> None:
    page = at_checkout()
    total = page.locator("[data-total]:visible")
    expect(page.get_by_role("button", name="Show postage")).to_have_count(0)
    page.locator("#name").fill("Anna Ek")
    page.locator("#country").select_option("DE")
    expect(total).to_have_attribute("data-total", "32400")
    expect(page.locator("#name")).to_have_value("Anna Ek")

    page.goto(f"{shop.base_url}{PREFIX}/cart")
    page.locator("#country").select_option("DE")
    expect(total).to_have_attribute("data-total", "32400")
    expect(page).to_have_url(f"{shop.base_url}{PREFIX}/cart?country=DE")
    expect(page.locator("#country")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("The total is now SEK\u00a0324.")
    page.locator("input[name=quantity]").fill("2")
    page.locator("input[name=quantity]").blur()
    expect(total).to_have_attribute("data-total", "56900")  # still to Germany
    page.get_by_role("link", name="Go to checkout").click()
    expect(page.locator("#country")).to_have_value("DE")


@pytest.mark.parametrize("script", [True, False])
def test_rule_19_back_loses_nothing(
    script: bool, at_checkout: Callable[..., Page], shop: Config
) -> None:
    page = at_checkout(script=script)
    fill_in_checkout(page, shop.base_url, PREFIX)
    page.locator("#gift summary").click()
    page.locator("#gift_note").fill("Grattis!")
    page.locator("input[value=tracked_parcel]").check()
    order(page)
    page.go_back()
    expect(page.locator("#address")).to_have_value(ANNA["address"])
    expect(page.locator("#gift_note")).to_have_value("Grattis!")
    expect(page.locator("input[value=tracked_parcel]")).to_be_checked()
    order(page)  # and the button can be pressed again


@pytest.mark.parametrize("script", [True, False])
def test_who_fetches_sees_no_address(script: bool, at_checkout: Callable[..., Page]) -> None:
    page = at_checkout(script=script)
    address, place = page.locator("#address"), page.locator(".place")
    expect(address).to_be_visible()
    expect(place).not_to_be_visible()
    page.locator("input[value=pickup]").check()
    expect(address).not_to_be_visible()
    expect(page.locator("#city")).not_to_be_visible()
    expect(place).to_have_text("Storgatan 1. Saturdays.")
    expect(page.locator("[data-total]:visible")).to_have_attribute("data-total", "24500")
    page.locator("#name").fill("Anna Ek")
    page.locator("#email").fill("anna@example.se")
    order(page)


def test_what_is_in_the_basket_is_said_aloud(
    shop: Config, shelf: Shelf, new_page: Callable[..., Page]
) -> None:
    shelf.add("raven")
    page = new_page()
    put_in_basket(page, shop.base_url, "raven", PREFIX)
    expect(page.get_by_role("status")).to_have_text("Raven (en) is in the basket.")


@pytest.mark.parametrize("width", [360, 320])  # 320 is a desk's screen at four times the size
def test_rule_28_it_fits_a_narrow_screen_and_a_thumb(
    width: int, at_checkout: Callable[..., Page], shop: Config
) -> None:
    page = at_checkout()
    page.set_viewport_size({"width": width, "height": 780})
    for path in ("/products/raven", "/cart", "/checkout"):
        page.goto(f"{shop.base_url}{PREFIX}{path}")
        shown = page.evaluate("document.documentElement.clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth") <= shown, path
        small = page.evaluate(
            """() => [...document.querySelectorAll(
              'main :is(button, .button, select, summary, input:not([type=hidden], [type=radio]))')]
              .filter(e => e.checkVisibility({ contentVisibilityAuto: true }) && !e.readOnly)
              .filter(e => e.getBoundingClientRect().height < 43.5)
              .map(e => e.outerHTML.slice(0, 80))"""
        )
        assert small == [], path


def test_rule_28_by_keyboard_alone(at_checkout: Callable[..., Page]) -> None:
    """From the first field to the payment page with Tab, typing and Enter."""
    page = at_checkout()
    page.locator("#country").focus()
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.name ?? document.activeElement.className")
        reached.append(name)
        if name in ANNA and name != "country":
            page.keyboard.type(ANNA[name])
        if page.evaluate("document.activeElement.matches('.buy')"):
            break
    assert reached[:7] == ["delivery", "name", "address", "postal_code", "city", "email", "phone"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/c/pay/**")
