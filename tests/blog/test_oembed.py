"""What a blog is told of our addresses, in the shape that WordPress takes, in every state."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from sqlalchemy import update

from shop.blog.labels import label_of, label_of_title, read_label
from shop.blog.oembed import read_address
from shop.catalogue.models import Product
from shop.config import Config
from shop.kit.db import Sessions
from shop.stock.actions import reserve
from tests.support import Buyer, Shelf, on_both_databases

SHAPE = re.compile(
    r'<blockquote><a href="([^"]+)">([^<]+)</a></blockquote>'
    r'<iframe src="([^"]+)" width="(100%)" height="(\d+)" title="([^"]+)" frameborder="0"'
    r' marginwidth="0" marginheight="0" scrolling="no"></iframe>'
)
LINK = re.compile(r"<link([^<>]+)/?>")  # as WordPress looks for it
PHOTO = "/media/0123456789abcdef/400.jpeg"


def ask(buyer: Buyer, url: str, **more: str) -> httpx2.Response:
    return buyer.get(f"/oembed?{urlencode({'url': url, **more})}")


def told(buyer: Buyer, url: str, **more: str) -> dict[str, Any]:
    answer = ask(buyer, url, **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    content: dict[str, Any] = json.loads(answer.text)
    return content


def html_of(content: dict[str, Any]) -> tuple[str, ...]:
    """Return the link, its words, the frame's address, width, height and title."""
    found = SHAPE.fullmatch(content["html"])
    assert found is not None, content["html"]
    return tuple(unescape(part) for part in found.groups())


@on_both_databases
def test_a_doll_is_told_of_in_the_shape_that_wordpress_takes(
    shop: Config, buyer: Buyer, shelf: Shelf
) -> None:
    shelf.add("raven", names={"sv": "Räven Ragnar", "en": "Ragnar the Fox"})
    base = shop.base_url
    swedish = told(buyer, f"{base}/products/raven", maxwidth="600", maxheight="750", format="json")
    assert html_of(swedish) == (
        f"{base}/products/raven",
        "Räven Ragnar",
        f"{base}/products/raven/card",
        "100%",
        "300",
        "Räven Ragnar · Provbutiken",
    )
    del swedish["html"]
    assert swedish == {
        "version": "1.0",
        "type": "rich",
        "provider_name": "Provbutiken",
        "provider_url": f"{base}/",
        "author_name": "Provbutiken Ek",
        "title": "Räven Ragnar",
        "width": 600,
        "height": 300,
        "thumbnail_url": f"{base}{PHOTO}",
        "thumbnail_width": 400,
        "thumbnail_height": 400,
    }
    english = told(buyer, f"{base}/en/products/raven/")
    assert english["title"] == "Ragnar the Fox"
    assert html_of(english)[0] == f"{base}/en/products/raven"
    assert html_of(english)[2] == f"{base}/en/products/raven/card"


def test_the_shelf_is_told_of(shop: Config, buyer: Buyer) -> None:
    content = told(buyer, f"{shop.base_url}/en/shelf?from=every-post")
    assert content["title"] == "New on the shelf"
    assert html_of(content) == (
        f"{shop.base_url}/en/shelf?from=every-post",
        "New on the shelf",
        f"{shop.base_url}/en/shelf/card?from=every-post",
        "100%",
        "380",
        "New on the shelf · Provbutiken",
    )
    assert "thumbnail_url" not in content
    assert told(buyer, f"{shop.base_url}/shelf")["title"] == "Nytt på hyllan"


@pytest.mark.parametrize(
    ("room", "size", "thumbnail"),
    [
        ({}, (500, 300), True),
        ({"maxwidth": "500", "maxheight": "750"}, (500, 300), True),
        ({"maxwidth": "2000", "maxheight": "2000"}, (600, 300), True),
        ({"maxwidth": "330"}, (330, 300), False),
        ({"maxwidth": "500", "maxheight": "200"}, (500, 200), False),
        ({"maxwidth": "0", "maxheight": "-3"}, (500, 300), True),
        ({"maxwidth": "wide", "maxheight": "9" * 400}, (500, 300), True),
    ],
)
def test_it_takes_no_more_room_than_there_is(
    shop: Config,
    buyer: Buyer,
    shelf: Shelf,
    room: dict[str, str],
    size: tuple[int, int],
    thumbnail: bool,
) -> None:
    shelf.add("raven")
    content = told(buyer, f"{shop.base_url}/products/raven", **room)
    assert (content["width"], content["height"]) == size
    assert html_of(content)[3:5] == ("100%", str(size[1]))
    assert ("thumbnail_url" in content) is thumbnail


def test_whatever_becomes_of_a_doll_its_post_keeps_its_card(
    shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("sold", on_hand=0, kind="unique")
    shelf.add("away", status="archived")
    held = shelf.add("held")
    shelf.add("made", kind="made_to_order", lead_time_days=14)
    with sessions.begin() as db:
        reserve(db, {held: 1})
    for slug in ("sold", "away", "held", "made"):
        content = told(buyer, f"{shop.base_url}/products/{slug}")
        assert content["title"] == slug.capitalize()
        assert content["thumbnail_url"] == f"{shop.base_url}{PHOTO}"


def test_of_a_draft_nothing_is_given_away(
    shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("secret", status="draft")
    shelf.add("taken-back", status="draft")
    with sessions.begin() as db:
        db.execute(update(Product).where(Product.slug == "secret").values(published_at=None))
    never = told(buyer, f"{shop.base_url}/products/secret")
    assert never["title"] == "Provbutiken"
    assert html_of(never) == (
        f"{shop.base_url}/products/secret",
        "Provbutiken",
        f"{shop.base_url}/products/secret/card",
        "100%",
        "300",
        "Provbutiken",
    )
    assert "Secret" not in json.dumps(never)
    assert "thumbnail_url" not in never
    once = told(buyer, f"{shop.base_url}/products/taken-back")
    assert once["title"] == "Taken-back"
    assert "thumbnail_url" not in once


def test_no_price_is_told_for_a_blog_never_asks_again(
    shop: Config, buyer: Buyer, shelf: Shelf
) -> None:
    shelf.add("raven", price_amount=24500)
    assert "245" not in ask(buyer, f"{shop.base_url}/products/raven").text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "{base}",
        "{base}/",
        "{base}/products",
        "{base}/products/nobody",
        "{base}/products/raven/waiting",
        "{base}/products/RAVEN",
        "{base}/sv/products/raven",
        "{base}/de/products/raven",
        "{base}/products/raven%00",
        "{base}/products/%C3%A4",
        "{base}/admin/products/1",
        "https://elsewhere.example/products/raven",
        "{base}.elsewhere.example/products/raven",
        "{base}@elsewhere.example/products/raven",
        "ftp://{host}/products/raven",
        "javascript:alert(1)",
        "//{host}/products/raven",
        "/products/raven",
        "http://[::1/products/raven",
        "{base}/products/raven?" + "a=1&" * 200,
    ],
)
def test_what_is_not_ours_is_not_there(shop: Config, buyer: Buyer, shelf: Shelf, url: str) -> None:
    shelf.add("raven")
    address = url.format(base=shop.base_url, host=urlsplit(shop.base_url).netloc)
    answer = ask(buyer, address)
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_request_without_an_address_is_answered(shop: Config, buyer: Buyer) -> None:
    assert buyer.get("/oembed").status_code == 404


@pytest.mark.parametrize("form", ["xml", "XML", "json2", ""])
def test_json_alone_is_spoken(shop: Config, buyer: Buyer, shelf: Shelf, form: str) -> None:
    shelf.add("raven")
    answer = ask(buyer, f"{shop.base_url}/products/raven", format=form)
    assert (answer.status_code, answer.content) == (501, b"")


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("from=sagostund", "sagostund"),
        ("from=Sagostund-I-November", "sagostund-i-november"),
        ("ref=sagostund", "sagostund"),
        ("utm_source=newsletter&utm_medium=mail", "newsletter"),
        ("utm_source=newsletter&from=sagostund", "sagostund"),
        ("from=&source=sagostund", "sagostund"),
        ("from=h%C3%B6st", "höst"),
        ("country=FI", ""),
    ],
)
def test_the_label_of_the_pasted_address_survives(
    shop: Config, buyer: Buyer, shelf: Shelf, query: str, label: str
) -> None:
    shelf.add("raven")
    link, _name, frame, *_others = html_of(told(buyer, f"{shop.base_url}/products/raven?{query}"))
    expected = {"from": [label]} if label else {}
    assert parse_qs(urlsplit(link).query) == parse_qs(urlsplit(frame).query) == expected
    card = buyer.get(frame.removeprefix(shop.base_url))
    assert card.status_code == 200
    (leads_to,) = re.findall(r'<h1><a href="([^"]+)"', card.text)
    assert parse_qs(urlsplit(unescape(leads_to)).query) == expected


@pytest.mark.parametrize(
    "label", ['"><script>alert(1)</script>', "<b>", "x" * 10_000, "a b", "\n", "%00", "a\x00b", "'"]
)
def test_what_is_no_label_breaks_nothing(
    shop: Config, buyer: Buyer, shelf: Shelf, label: str
) -> None:
    shelf.add("raven")
    address = f"{shop.base_url}/products/raven?{urlencode({'from': label})}"
    link, _name, frame, *_others = html_of(told(buyer, address))
    assert (link, frame) == (
        f"{shop.base_url}/products/raven",
        f"{shop.base_url}/products/raven/card",
    )


def test_names_with_markup_are_escaped(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    name = """Räven "R" <b>& 'c'"""
    shelf.add("raven", names={"sv": name})
    content = told(buyer, f"{shop.base_url}/products/raven")
    assert content["title"] == name
    assert html_of(content)[1] == name
    assert html_of(content)[5] == f"{name} · Provbutiken"


def test_a_label_is_one_word() -> None:
    assert read_label(" Sagostund ") == "sagostund"
    assert read_label("x" * 40) == "x" * 40
    assert read_label("x" * 41) == ""
    assert label_of([("from", "<b>"), ("ref", "fine"), ("from", "first")]) == "first"
    assert label_of_title("Sagostund i november, igen!") == "sagostund-i-november-igen"
    assert label_of_title("Ett mycket långt namn på ett inlägg i bloggen") == (
        "ett-mycket-langt-namn-pa-ett-inlagg-i-bl"
    )
    assert label_of_title(" ") == ""


def test_an_address_is_read_by_its_parts() -> None:
    base, languages = "https://shop.example", ("sv", "en")
    read = read_address("http://shop.example/en/products/raven/card#?secret=x", base, languages)
    assert read == ("/products/raven", "raven", "en", "")
    assert read_address("https://shop.example:8443/shelf", base, languages) is None


# --- how it is found ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/products/raven", 200),
        ("/en/products/raven?from=sagostund", 200),
        ("/products/secret", 404),
        ("/shelf", 200),
        ("/en/shelf", 200),
    ],
)
def test_a_page_says_where_to_ask(
    shop: Config, buyer: Buyer, shelf: Shelf, path: str, status: int
) -> None:
    shelf.add("raven", names={"sv": 'Räven <b>"', "en": "Ragnar <the> Fox"})
    shelf.add("secret", status="draft")
    page = buyer.get(path)
    assert page.status_code == status
    head = page.content[:8192].split(b"</head>")[0].decode("utf-8", "ignore")
    links = [link for link in LINK.findall(head) if "application/json+oembed" in link]
    assert len(links) == 1
    (href,) = re.findall(r'href="([^"]+)"', links[0])
    asked = urlsplit(unescape(href))
    clean = path.partition("?")[0]
    assert f"{asked.scheme}://{asked.netloc}{asked.path}" == f"{shop.base_url}/oembed"
    assert parse_qs(asked.query) == {"format": ["json"], "url": [f"{shop.base_url}{clean}"]}
    # as WordPress asks: with the pasted address in place of the one that it found
    again = told(buyer, f"{shop.base_url}{path}", dnt="1", format="json", maxwidth="600")
    assert html_of(again)[0].startswith(f"{shop.base_url}{clean}")


def test_other_pages_name_no_card(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    for path in ("/", "/products", "/cart", "/nope", "/products/raven/nope"):
        assert "json+oembed" not in buyer.get(path).text


def test_head_answers_as_get_does(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    asked = urlencode({"url": f"{shop.base_url}/products/raven"})
    for path in (f"/oembed?{asked}", "/products/raven", "/products/raven/card", "/shelf"):
        answer = buyer.http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == buyer.get(path).headers["content-type"]


def test_nobody_asks_too_often(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    answers = {ask(buyer, f"{shop.base_url}/products/raven").status_code for _ in range(120)}
    assert answers == {200}
