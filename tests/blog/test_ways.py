"""The owner's page that shows how a doll gets into a post, and what is copied there."""

import re
import time
from collections.abc import Callable
from html import unescape

import pytest
from playwright.sync_api import Page, expect

from shop.config import Config
from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences
from shop.sandbox.stand_in.server import StandInServer
from tests.support import NOON, Buyer, FixedClock, Shelf, product_by_slug


@pytest.fixture
def clock(stand_in: StandInServer) -> FixedClock:
    stand_in.control("clock", set=NOON.timestamp())
    return FixedClock(NOON)


def to_copy(html: str) -> dict[str, str]:
    """Return what can be copied, by the field that it stands in."""
    inputs = re.findall(r'<input id="([\w-]+)"[^>]*readonly value="([^"]*)"', html)
    texts = re.findall(r'<textarea id="([\w-]+)"[^>]*readonly>\n?(.*?)</textarea>', html, re.DOTALL)
    return {name: unescape(value) for name, value in [*inputs, *texts]}


def frames(html: str) -> list[str]:
    return [unescape(src) for src in re.findall(r'<iframe src="([^"]+)"', html)]


def test_everything_is_ready_to_be_copied(shop: Config, owner: Buyer, shelf: Shelf) -> None:
    shelf.add("haren", names={"sv": "Haren <b>", "en": "The Hare"})
    base, page = shop.base_url, owner.get("/admin/blog")
    address = f"{base}/products/haren?from=blogg-2026-11-23"
    assert to_copy(page.text) == {
        "address": address,
        "shelf-address": f"{base}/shelf?from=blogg-2026-11-23",
        "snippet": f'<p><a href="{address}"><img src="{base}/media/0123456789abcdef/400.jpeg"'
        ' alt="Haren &lt;b&gt;" width="300" height="300" style="max-width:100%;height:auto"><br>'
        "Haren &lt;b&gt;</a></p>",
    }
    assert frames(page.text) == ["/products/haren/card", "/shelf/card"]
    policy = page.headers["content-security-policy"]
    assert "frame-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_the_owner_chooses_the_doll_the_posts_name_and_its_language(
    shop: Config, owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    shelf.add("haren")
    with sessions.begin() as db:
        raven = product_by_slug(db, "raven")
        assert raven is not None
        product_id = raven.id
    page = owner.get(f"/admin/blog?product={product_id}&from=Story+time!&language=en").text
    ready = to_copy(page)
    assert ready["address"] == f"{shop.base_url}/en/products/raven?from=story-time"
    assert ready["shelf-address"] == f"{shop.base_url}/en/shelf?from=story-time"
    assert frames(page) == ["/en/products/raven/card", "/en/shelf/card"]
    assert f'<option value="{product_id}" selected>' in page
    assert owner.get(ready["address"].removeprefix(shop.base_url)).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["product=x", "product=999999999", "product=-1", "from=%3Cb%3E", "language=xx", "from="],
)
def test_nonsense_shows_the_newest(shop: Config, owner: Buyer, shelf: Shelf, query: str) -> None:
    shelf.add("raven")
    label = "b" if "%3Cb" in query else "blogg-2026-11-23"
    ready = to_copy(owner.get(f"/admin/blog?{query}").text)
    assert ready["address"] == f"{shop.base_url}/products/raven?from={label}"


def test_an_empty_shop_has_a_shelf(shop: Config, owner: Buyer) -> None:
    page = owner.get("/admin/blog").text
    assert list(to_copy(page)) == ["shelf-address"]
    assert "Inget är till salu än." in page


def test_only_the_owner_sees_it(buyer: Buyer) -> None:
    assert buyer.get("/admin/blog").headers["location"] == "/admin/sign-in?next=/admin/blog"


def test_it_is_in_the_owners_menu(owner: Buyer) -> None:
    assert 'href="/admin/blog"' in owner.get("/admin/more").text


@pytest.mark.parametrize(
    ("status", "link"), [("published", True), ("draft", True), ("archived", False)]
)
def test_each_doll_has_its_link_ready(
    shop: Config, owner: Buyer, shelf: Shelf, sessions: Sessions, status: str, link: bool
) -> None:
    shelf.add("raven", status=status)
    with sessions.begin() as db:
        raven = product_by_slug(db, "raven")
        assert raven is not None
        product_id = raven.id
    ready = to_copy(owner.get(f"/admin/products/{product_id}").text)
    address = f"{shop.base_url}/products/raven?from=blogg-2026-11-23"
    assert ready.get("post-address") == (address if link else None)


def test_a_label_is_in_the_owners_language(owner: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
    deadline = time.monotonic() + 20  # they are read once a second
    while "In a blog post" not in (page := owner.get("/admin/blog").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert to_copy(page)["address"].endswith("?from=blog-2026-11-23")


def test_where_nothing_is_counted_links_say_nothing_of_the_post(
    shop: Config, owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        set_preferences(db, sources_counted=False)
        raven = product_by_slug(db, "raven")
        assert raven is not None
        product_id = raven.id
    deadline = time.monotonic() + 20
    while "?from=" in (page := owner.get("/admin/blog?from=sagostund").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert to_copy(page)["address"] == f"{shop.base_url}/products/raven"
    assert to_copy(page)["shelf-address"] == f"{shop.base_url}/shelf"
    assert 'name="from"' not in page
    ready = to_copy(owner.get(f"/admin/products/{product_id}").text)
    assert ready["post-address"] == f"{shop.base_url}/products/raven"


@pytest.mark.browser
def test_a_press_copies_and_without_a_script_the_field_can_be_marked(
    shop: Config, owner: Buyer, shelf: Shelf, new_page: Callable[..., Page]
) -> None:
    shelf.add("raven")
    cookies = [{"name": n, "value": v, "url": shop.base_url} for n, v in owner.http.cookies.items()]
    page = new_page()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shop.base_url)
    page.goto(f"{shop.base_url}/admin/blog")
    page.get_by_role("button", name="Kopiera HTML-koden").click()
    expect(page.get_by_role("button", name="Kopierad")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#snippet").input_value()
    assert page.frame_locator("iframe").first.get_by_role("heading").inner_text() == "Raven"
    quiet = new_page(script=False)
    quiet.context.add_cookies(cookies)  # type: ignore[arg-type]
    quiet.goto(f"{shop.base_url}/admin/blog")
    assert quiet.locator("button[data-copy]:visible").count() == 0
    assert quiet.locator("#address").is_editable() is False
    assert quiet.locator("#address").input_value().endswith("/products/raven?from=blogg-2026-11-23")
