"""What people do in the shop, in their words."""

from playwright.sync_api import Page

from tests.support import ANNA, GOOD_CARD


def put_in_basket(page: Page, shop: str, slug: str, prefix: str = "") -> None:
    page.goto(f"{shop}{prefix}/products/{slug}")
    page.locator("form#add-to-cart button").first.click()
    page.wait_for_url(f"{shop}{prefix}/cart?added=*")


def fill_in_checkout(page: Page, shop: str, prefix: str = "", **changes: str) -> None:
    page.goto(f"{shop}{prefix}/checkout")
    form = page.locator("form#checkout")
    details = ANNA | changes
    form.locator("[autocomplete=email]").fill(details["email"])
    form.locator("[autocomplete=name]").fill(details["name"])
    form.locator("[autocomplete=address-line1]").fill(details["address"])
    form.locator("[autocomplete=postal-code]").fill(details["postal_code"])
    form.locator("[autocomplete=address-level2]").fill(details["city"])


def order(page: Page) -> None:
    page.locator("form#checkout button:not([name=update])").last.click()
    page.wait_for_url("**/c/pay/**")


def pay(page: Page, card: str = GOOD_CARD) -> None:
    form = page.locator("form#pay")
    form.locator("[autocomplete=cc-number]").fill(card)
    form.locator("[autocomplete=cc-exp]").fill("12 / 34")
    form.locator("[autocomplete=cc-csc]").fill("123")
    form.locator("button[type=submit], button:not([type])").last.click()


def order_number(page: Page, shop: str) -> int:
    """Return the number on the order page, once it is there."""
    page.wait_for_url(f"{shop}/**/orders/**" if "/en" in page.url else f"{shop}/orders/**")
    shown = page.locator("[data-order]").first
    shown.wait_for()
    return int(shown.get_attribute("data-order") or 0)


def buy(page: Page, shop: str, slug: str, **details: str) -> int:
    put_in_basket(page, shop, slug)
    fill_in_checkout(page, shop, **details)
    order(page)
    pay(page)
    return order_number(page, shop)
