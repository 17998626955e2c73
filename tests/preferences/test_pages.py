from collections.abc import Callable
from html import unescape
from typing import Any

import httpx2
import pytest

from shop.config import Config
from shop.kit.db import Sessions
from shop.preferences.actions import write_page, write_starting_texts
from tests.support import Buyer


@pytest.fixture
def texts(sessions: Sessions) -> None:
    with sessions.begin() as db:
        write_starting_texts(db)


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/pages/contact", "<h1>Kontakt</h1>"),
        ("/pages/delivery", "<h1>Leverans</h1>"),
        ("/pages/terms", "<h1>Köpvillkor</h1>"),
        ("/pages/privacy", "<h1>Integritet</h1>"),
        ("/en/pages/contact", "<h1>Contact</h1>"),
        ("/en/pages/delivery", "<h1>Delivery</h1>"),
        ("/en/pages/terms", "<h1>Terms of sale</h1>"),
        ("/en/pages/privacy", "<h1>Privacy</h1>"),
    ],
)
def test_each_text_has_its_page(buyer: Buyer, path: str, heading: str) -> None:
    page = buyer.get(path)
    assert page.status_code == 200
    assert heading in page.text
    assert "butik@example.se" in page.text


@pytest.mark.usefixtures("texts")
def test_the_delivery_page_tells_todays_postage(buyer: Buyer) -> None:
    page = unescape(buyer.get("/en/pages/delivery").text)
    assert "<h3>Sweden</h3>" in page
    assert "<td>250\u00a0g, 3 cm thick</td>\n<td>SEK\u00a054</td>" in page
    assert "Free postage from SEK\u00a0600." in page
    assert "That is Denmark, Finland and Germany." in page


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize("slug", ["home", "nothing", "contact.sv", "..%2fterms", "contact/x"])
def test_any_other_slug_is_no_page(buyer: Buyer, slug: str) -> None:
    assert buyer.get(f"/pages/{slug}").status_code == 404


def test_a_text_that_nobody_wrote_is_no_page(buyer: Buyer) -> None:
    assert buyer.get("/pages/terms").status_code == 404


def test_a_text_in_one_language_is_shown_in_it(buyer: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        write_page(db, "terms", "sv", title="Villkor", body="{country}")
    assert '<article class="prose">\n<h1>Villkor</h1>\n<p>Sverige</p>' in (
        buyer.get("/pages/terms").text
    )
    assert '<article class="prose" lang="sv">\n<h1>Villkor</h1>\n<p>Sverige</p>' in (
        buyer.get("/en/pages/terms").text
    )


def test_what_the_owner_types_cannot_script(buyer: Buyer, sessions: Sessions) -> None:
    bad = "<script>alert(1)</script>"
    with sessions.begin() as db:
        write_page(db, "terms", "sv", title=bad, body=f"{bad}\n\n[x](javascript:alert(1)) {{0}}")
    page = buyer.get("/pages/terms").text
    assert "<script>alert" not in page
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;</h1>" in page
    assert "<p>[x](javascript:alert(1)) {0}</p>" in page


def test_robots_keep_out_of_the_demo(buyer: Buyer) -> None:
    robots = buyer.get("/robots.txt")
    assert robots.headers["content-type"] == "text/plain; charset=utf-8"
    assert robots.text == "User-agent: *\nDisallow: /\n"


def test_robots_may_read_the_shelf_of_a_real_shop(start_shop: Callable[..., Config]) -> None:
    shop = start_shop(env="production")
    robots = httpx2.get(f"{shop.base_url}/robots.txt")
    assert robots.text.splitlines() == [
        "User-agent: *",
        "Disallow: /admin",
        "Disallow: /cart",
        "Disallow: /checkout",
        "Disallow: /orders",
        "Disallow: /en/cart",
        "Disallow: /en/checkout",
        "Disallow: /en/orders",
        "",
        f"Sitemap: {shop.base_url}/sitemap.xml",
    ]


def test_the_icon_is_found_by_browsers_that_only_guess(buyer: Buyer) -> None:
    answer: Any = buyer.get("/favicon.ico")
    assert answer.status_code == 302
    icon = buyer.get(answer.headers["location"])
    assert icon.status_code == 200
    assert icon.headers["content-type"] == "image/svg+xml"
