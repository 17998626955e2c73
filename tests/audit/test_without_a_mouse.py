"""What axe-core cannot see: somebody buys with the keyboard alone, enlarges, and hears."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.audit.reach import Keys
from tests.audit.stage import Stage
from tests.audit.states import PUBLIC
from tests.support import GOOD_CARD

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", ["phone", "desk"])
def test_a_whole_purchase_by_keyboard(
    stage: Stage, new_page: Callable[..., Page], width: str
) -> None:
    page = new_page(width=width)
    keys = Keys(page)
    page.goto(stage.base)
    keys.tab_to(".skip", most=1)
    keys.press("Enter")
    page.goto(f"{stage.base}/products/{stage.names['batch']}")
    keys.tab_to(".thumbs li:nth-child(2) a")
    keys.press("Enter")
    expect(page.locator("#photo-2")).to_be_in_viewport(ratio=0.5)
    if page.locator("dialog[open]").count():
        keys.press("Escape")
    keys.tab_to("#add-to-cart button")
    keys.press("Enter")
    page.wait_for_url(f"{stage.base}/cart**")
    keys.tab_to("input[name=quantity]")
    keys.press("ArrowUp")
    keys.press("Tab")
    expect(page.locator("input[name=quantity]")).to_have_value("2")
    expect(page.locator("#basket")).to_have_accessible_name(re.compile("2"))
    page.evaluate("document.querySelector('main').focus()")
    keys.tab_to("a.buy")
    keys.press("Enter")
    page.wait_for_url(f"{stage.base}/checkout**")
    keys.write("[autocomplete=email]", "anna@example.se")
    page.evaluate("document.querySelector('main').focus()")
    for token, words in (
        ("name", "Anna Ek"),
        ("address-line1", "Strandvägen 1"),
        ("postal-code", "763 40"),
        ("address-level2", "Hallstavik"),
    ):
        page.evaluate("document.querySelector('main').focus()")
        keys.write(f"[autocomplete~={token}]", words)
    keys.press("Enter")
    page.wait_for_url("**/c/pay/**")
    for token, words in (
        ("cc-number", GOOD_CARD),
        ("cc-exp", "12 / 34"),
        ("cc-csc", "123"),
    ):
        page.locator(f"[autocomplete={token}]").focus()
        page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.locator("[data-order]").first.wait_for()


# --- errors ---------------------------------------------------------------------------------------


def test_what_is_wrong_is_told_tied_and_led_to(stage: Stage, new_page: Callable[..., Page]) -> None:
    page = new_page()
    wrong = next(state for state in PUBLIC if state.name == "checkout, wrong")
    wrong.open(page, stage, "/en")
    summary = page.locator(".problem").first
    expect(summary).to_be_focused()
    expect(summary).to_have_attribute("role", "alert")
    links = page.locator(".problem a")
    assert links.count() >= 2
    for link in links.all():
        field = page.locator(link.get_attribute("href") or "")
        expect(field).to_have_attribute("aria-invalid", "true")
        told = (field.get_attribute("aria-describedby") or "").split()
        assert any("error" in one for one in told)
        words = page.locator(f"#{told[0]}").inner_text()
        assert words == link.inner_text()
    expect(page.locator("[autocomplete~=name]").first).to_have_value("Anna Ek")  # nothing is lost
    links.first.click()
    expect(page.locator(links.first.get_attribute("href") or "")).to_be_focused()


# --- the reader's own settings --------------------------------------------------------------------


def test_nothing_moves_for_who_wants_no_motion(stage: Stage, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.emulate_media(reduced_motion="reduce")
    for path in ("/", "/products", f"/products/{stage.names['available']}", "/cart"):
        page.goto(stage.base + path)
        moving = page.evaluate(
            """() => [...document.querySelectorAll("*")].filter(e => {
              const style = getComputedStyle(e);
              const slow = value => value.split(",").some(part => parseFloat(part) > 0.01);
              return slow(style.transitionDuration) || style.animationName !== "none"
                || style.scrollBehavior === "smooth";
            }).map(e => e.outerHTML.slice(0, 100))"""
        )
        assert moving == [], path


def test_borders_stay_in_forced_colours(browser: Browser, stage: Stage) -> None:
    """Where the system's colours replace ours, what is a field or a button is still seen as one."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, forced_colors="active", locale="sv-SE"
    )
    page = context.new_page()
    for name in ("checkout", "product, variants", "withdrawal"):
        state = next(one for one in PUBLIC if one.name == name)
        state.open(page, stage, "")
        bare = page.evaluate(
            """() => [...document.querySelectorAll(
                "main input:not([type=hidden]):not([type=radio]):not([type=checkbox]), "
                + "main select, main textarea, main button:not(.plain)")]
              .filter(e => e.checkVisibility() && !e.closest(".visually-hidden"))
              .filter(e => {
                const style = getComputedStyle(e);
                return style.borderTopStyle === "none" || parseFloat(style.borderTopWidth) < 1;
              }).map(e => e.outerHTML.slice(0, 100))"""
        )
        assert bare == [], name
    context.close()


def test_the_data_for_machines_is_no_script_that_is_refused(
    stage: Stage, new_page: Callable[..., Page]
) -> None:
    """A data block is not run, so the policy lets it stand, and the browser says nothing."""
    page, said = new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    for path in ("/", "/products", f"/products/{stage.names['available']}"):
        page.goto(stage.base + path)
        blocks = page.locator("script[type='application/ld+json']").all_text_contents()
        assert blocks
        assert all(page.evaluate("text => typeof JSON.parse(text)", b) == "object" for b in blocks)
    assert said == []
