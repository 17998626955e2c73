"""What a post has led to is known without following anybody: the page itself carries it on."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import httpx2
import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

import shop.app
from shop.blog.arrivals import carried, is_a_person
from shop.blog.counts import MOST_A_DAY, THE_REST, Counts, Place, add_counts
from shop.blog.models import BlogPost, Mention, VisitCount
from shop.blog.sources import source_in
from shop.catalogue.models import Product
from shop.config import Config
from shop.kit.db import Sessions, write_sessions
from shop.orders.models import Order
from shop.preferences.actions import set_preferences
from tests.support import ANNA, NOON, Buyer, Shelf, fields_of, on_both_databases

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
TODAY = date(2026, 11, 23)
BLOG = "https://blogg.example.se/"


@pytest.fixture
def shelf(shelf: Shelf) -> Shelf:
    shelf.add("raven", on_hand=9)
    shelf.add("ugglan", on_hand=9)
    with shelf.sessions.begin() as db:
        set_preferences(db, blog_url=f"{BLOG}dockor", more_blogs=["https://annan.example.se"])
    return shelf


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.app, "SECONDS_BETWEEN_COUNTS", 0.02)


@pytest.fixture
def visitor(shelf: Shelf, start_shop: Callable[..., Config]) -> Iterator[Buyer]:
    started = start_shop(page_cache=True)
    headers = {"User-Agent": BROWSER}
    with httpx2.Client(base_url=started.base_url, headers=headers, timeout=30) as http:
        yield Buyer(http)


def rows(db: Session) -> list[tuple[str, str, int, int]]:
    """Return source, slug, visits and carts of what has been written down."""
    found = db.execute(
        select(VisitCount, Product.slug)
        .outerjoin(Product, Product.id == VisitCount.product_id)
        .order_by(VisitCount.source, Product.slug)
    ).all()
    return [(one.source, slug or "", one.visits, one.carts) for one, slug in found]


def counted(sessions: Sessions, expected: list[tuple[str, str, int, int]]) -> None:
    """Wait until it is written down what is expected, and nothing else."""
    deadline = time.monotonic() + 10
    while True:
        with sessions.begin() as db:
            found = rows(db)
        if found == expected or time.monotonic() > deadline:
            assert found == expected
            return
        time.sleep(0.02)


def links(html: str) -> list[str]:
    return re.findall(r'<a [^>]*href="(/[^"]*)"', html)


# --- from the landing to the order ----------------------------------------------------------------


def test_a_label_goes_from_the_landing_to_the_paid_order(
    visitor: Buyer, sessions: Sessions
) -> None:
    landing = visitor.get("/?from=Sagostund")
    assert "set-cookie" not in landing.headers
    assert landing.headers["cache-control"] == "private, no-cache"
    assert "/products?from=sagostund" in links(landing.text)
    shown = visitor.get("/products?from=sagostund")
    assert "/products/raven?from=sagostund" in links(shown.text)
    doll = visitor.get("/products/raven?from=sagostund")
    assert "set-cookie" not in doll.headers
    assert not visitor.http.cookies
    fields = fields_of(doll.text, "add-to-cart")
    assert fields["from"] == "sagostund"

    added = visitor.post("/cart", **fields)
    assert added.headers["location"].startswith("/cart?added=")
    placed = visitor.place()
    assert placed.status_code == 303
    visitor.pay(placed.headers["location"])
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
        assert (order.source, order.status) == ("sagostund", "paid")
    counted(sessions, [("sagostund", "", 2, 0), ("sagostund", "raven", 1, 1)])


def test_who_goes_on_from_page_to_page_has_come_once(visitor: Buyer, sessions: Sessions) -> None:
    here = str(visitor.http.base_url)
    visitor.get("/products/raven?from=sagostund")
    visitor.http.get("/products/ugglan?from=sagostund", headers={"Referer": f"{here}/products"})
    visitor.get("/products/raven?from=sist")  # what came before is written with it
    counted(sessions, [("sagostund", "raven", 1, 0), ("sist", "raven", 1, 0)])


def test_the_last_that_is_known_counts(visitor: Buyer, sessions: Sessions) -> None:
    for slug, source in [("raven", "forst"), ("ugglan", "sist"), ("raven", "")]:
        fields = fields_of(visitor.get(f"/products/{slug}?from={source}").text, "add-to-cart")
        assert fields.get("from", "") == source
        visitor.post("/cart", **fields)
    visitor.place()
    with sessions.begin() as db:
        assert db.scalars(select(Order.source)).all() == ["sist"]


def test_a_later_label_reaches_the_order_by_the_checkout(
    visitor: Buyer, sessions: Sessions
) -> None:
    visitor.post("/cart", **fields_of(visitor.get("/products/raven").text, "add-to-cart"))
    cart = visitor.get("/cart?from=sagostund")
    assert "/checkout?from=sagostund" in re.findall('href="([^"]+)"', cart.text)
    fields = visitor.checkout_fields("/checkout?from=sagostund")
    assert fields["from"] == "sagostund"
    again = visitor.post("/checkout", **fields)  # without a name: asked once more
    assert again.status_code == 422
    assert fields_of(again.text, "checkout")["from"] == "sagostund"
    visitor.post("/checkout", **(fields | ANNA))
    with sessions.begin() as db:
        assert db.scalars(select(Order.source)).all() == ["sagostund"]


@pytest.mark.parametrize("name", ["from", "ref", "source", "utm_source"])
def test_other_names_for_a_label_mean_the_same(visitor: Buyer, name: str) -> None:
    page = visitor.get(f"/products/raven?{name}=Nyhetsbrev").text
    assert fields_of(page, "add-to-cart")["from"] == "nyhetsbrev"
    assert "/cart?from=nyhetsbrev" in links(page)


# --- what others are told -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/products", "/products/raven", "/en/products/raven"])
def test_no_address_that_others_keep_has_the_label(visitor: Buyer, path: str) -> None:
    """Neither canonical, nor the other languages, nor what machines read of the page."""
    page = visitor.get(f"{path}?from=sagostund").text
    kept = re.findall(r'<link rel="(?:canonical|alternate" hreflang)[^>]*>', page)
    told = re.findall(
        r'<meta property="og:[^>]*>|<script type="application/ld.json">.*?</script>', page
    )
    assert len(kept) == 3
    assert told
    assert "sagostund" not in "".join([*kept, *told])
    assert "sagostund" in page


def test_a_kept_page_never_has_a_label(visitor: Buyer) -> None:
    visitor.get("/products/raven?from=sagostund")
    kept = visitor.get("/products/raven")
    assert kept.headers["cache-control"] == "public, no-cache"
    assert "sagostund" not in kept.text
    visitor.http.get("/products/raven", headers={"Referer": BLOG})
    assert visitor.get("/products/raven").text == kept.text


# --- what is no label -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    [
        "x" * 10_000,
        "x" * 41,
        "<script>alert(1)</script>",
        '"><b>',
        "en etikett",
        "a/b",
        "~7",  # a post that there is not
        "%00",
        "\u202eabc",
        "",
    ],
)
def test_what_is_no_label_is_none(visitor: Buyer, sessions: Sessions, label: str) -> None:
    page = visitor.http.get("/products/raven", params={"from": label})
    assert page.status_code == 200
    assert "from" not in fields_of(page.text, "add-to-cart")
    assert page.text.count("<script>") == 0
    visitor.post("/cart", variant="1", quantity="1", **{"from": label})
    visitor.place()
    counted(sessions, [("", "raven", 0, 1)])
    with sessions.begin() as db:
        assert db.scalars(select(Order.source)).all() == [""]


def test_many_parameters_are_no_reason_to_fail(visitor: Buyer) -> None:
    assert visitor.get("/products/raven?" + "&".join(["from=a"] * 500)).status_code == 200
    assert source_in("&".join(["from=a"] * 500)) == ""


def test_links_are_carried_on_wherever_they_lead_in_the_shop() -> None:
    page = (
        '<link href="/x"><a class="a" href="/p?q=1&amp;b=2#c">a</a><a href="//foreign/">b</a>'
        '<a href="https://x.se/">c</a><a href="/media/1.jpeg">d</a><a href="/en?from=x">e</a>'
        '<form method="dialog"></form><form action="/search"></form>'
        '<form action="https://x.se/"></form>'
    )
    assert carried(page, "räv") == (
        '<link href="/x"><a class="a" href="/p?q=1&amp;b=2&amp;from=r%C3%A4v#c">a</a>'
        '<a href="//foreign/">b</a>'
        '<a href="https://x.se/">c</a><a href="/media/1.jpeg">d</a><a href="/en?from=x">e</a>'
        '<form method="dialog"></form>'
        '<form action="/search"><input type="hidden" name="from" value="räv"></form>'
        '<form action="https://x.se/"></form>'
    )


# --- from the blog, without a label ---------------------------------------------------------------


def mention(sessions: Sessions, post: str, *slugs: str, label: str = "") -> int:
    """Let *post* mention products; return its id."""
    with sessions.begin() as db:
        found = BlogPost(url=f"{BLOG}{post}", title=post.capitalize(), found_at=NOON)
        db.add(found)
        db.flush()  # its id is needed for the mentions
        for product_id in db.scalars(select(Product.id).where(Product.slug.in_(slugs))):
            db.add(Mention(post_id=found.id, product_id=product_id, label=label, found_at=NOON))
        return found.id


def test_the_only_post_that_mentions_a_doll_has_probably_led_to_it(
    shelf: Shelf, sessions: Sessions, visitor: Buyer
) -> None:
    post = mention(sessions, "sagostund", "raven")
    time.sleep(1.3)  # until the shop has looked
    visitor.http.headers["Referer"] = BLOG
    doll = visitor.get("/products/raven").text
    assert fields_of(doll, "add-to-cart")["from"] == f"~{post}"
    other = visitor.get("/products/ugglan").text
    assert fields_of(other, "add-to-cart")["from"] == "blogg.example.se"
    mention(sessions, "vinter", "raven")
    time.sleep(1.3)
    doll = visitor.get("/products/raven").text  # two mention it: nobody knows which
    assert fields_of(doll, "add-to-cart")["from"] == "blogg.example.se"
    counted(
        sessions,
        [
            ("blogg.example.se", "raven", 1, 0),
            ("blogg.example.se", "ugglan", 1, 0),
            (f"~{post}", "raven", 1, 0),
        ],
    )


@pytest.mark.parametrize(
    ("referer", "source"),
    [
        ("https://annan.example.se/", "annan.example.se"),
        ("https://www.blogg.example.se/", "blogg.example.se"),
        ("https://blogg.example.se.evil.example/", None),
        ("https://evil.example/?https://blogg.example.se/", None),
        ("https://google.com/", None),
        ("blogg.example.se", None),
        ("https://", None),
        ("", None),
    ],
)
def test_only_the_owners_blogs_count(visitor: Buyer, referer: str, source: str | None) -> None:
    page = visitor.http.get("/products/raven", headers={"Referer": referer})
    assert fields_of(page.text, "add-to-cart").get("from") == source
    cached = "public, no-cache" if source is None else "private, no-cache"
    assert page.headers["cache-control"] == cached


# --- who is counted -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": ""},
        {"User-Agent": "curl/8.5.0"},
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"User-Agent": "WordPress/7.1; https://blogg.example.se"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Cookie": "owner=anything"},
    ],
)
def test_programs_the_owner_and_what_is_fetched_ahead_are_not_counted(
    visitor: Buyer, sessions: Sessions, headers: dict[str, str]
) -> None:
    assert visitor.http.get("/products/raven?from=x", headers=headers).status_code == 200
    visitor.http.head("/products/raven?from=x")
    visitor.get("/products/none?from=x")
    visitor.get("/products/raven?from=seen")
    counted(sessions, [("seen", "raven", 1, 0)])


def test_a_browser_is_a_person() -> None:
    assert is_a_person({"user-agent": BROWSER})


def test_the_switch_turns_all_of_it_off(
    visitor: Buyer, shelf: Shelf, start_shop: Callable[..., Config], sessions: Sessions
) -> None:
    visitor.post("/cart", **fields_of(visitor.get("/products/raven?from=x").text, "add-to-cart"))
    counted(sessions, [("x", "raven", 1, 1)])
    with sessions.begin() as db:
        set_preferences(db, sources_counted=False)
        db.execute(delete(VisitCount))
    time.sleep(1.3)
    page = visitor.http.get("/products/raven?from=x", headers={"Referer": BLOG})
    assert "from" not in fields_of(page.text, "add-to-cart")
    visitor.post("/cart", variant="1", quantity="1", **{"from": "x"})
    visitor.post("/checkout", **(visitor.checkout_fields("/checkout?from=x") | ANNA))
    time.sleep(0.2)
    counted(sessions, [])
    with sessions.begin() as db:
        assert db.scalars(select(Order.source)).all() == [""]


# --- the counts -----------------------------------------------------------------------------------


@on_both_databases
def test_several_who_write_add_up(shelf: Shelf, sessions: Sessions) -> None:
    for _ in range(2):
        with sessions.begin() as db:
            add_counts(
                db,
                {Place(TODAY, "a", "raven"): 2, Place(TODAY, "a", "gone"): 1},
                {Place(TODAY, "a", "raven"): 1, Place(TODAY, "", ""): 3},
            )
    with sessions.begin() as db:
        assert sorted(rows(db)) == [("", "", 0, 6), ("a", "", 2, 0), ("a", "raven", 4, 2)]


@on_both_databases
def test_processes_that_write_at_once_lose_nothing(db_url: str, shelf: Shelf) -> None:
    def write_some(number: int) -> None:
        sessions = write_sessions(db_url)
        for _ in range(20):
            with sessions.begin() as db:
                add_counts(db, {Place(TODAY, "a", "raven"): 1}, {Place(TODAY, f"b{number}", ""): 1})
        sessions.engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_some, range(4)))
    with shelf.sessions.begin() as db:
        assert rows(db)[0] == ("a", "raven", 80, 0)
        assert rows(db)[1:] == [(f"b{number}", "", 0, 20) for number in range(4)]


def test_invented_labels_have_room_for_so_many_and_no_more(sessions: Sessions) -> None:
    counts = Counts(lambda source: source == "sagostund")
    for number in range(3 * MOST_A_DAY):
        counts.visit(TODAY, f"x{number}")
    counts.visit(TODAY, "sagostund")
    counts.visit(TODAY, "x1")
    counts.write_down(sessions)
    with sessions.begin() as db:
        found = {source: visits for source, _slug, visits, _carts in rows(db)}
    assert len(found) == MOST_A_DAY + 2
    assert (found["sagostund"], found["x1"], found[THE_REST]) == (1, 2, 2 * MOST_A_DAY)


def test_what_cannot_be_written_is_kept(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    counts = Counts(lambda _source: False)
    counts.visit(TODAY, "a")
    with sessions.begin() as db:
        db.execute(text("ALTER TABLE visit_counts RENAME TO away"))
    counts.write_down(sessions)
    assert "could not be written" in caplog.text
    with sessions.begin() as db:
        db.execute(text("ALTER TABLE away RENAME TO visit_counts"))
    counts.visit(TODAY, "a")
    counts.write_down(sessions)
    with sessions.begin() as db:
        assert rows(db) == [("a", "", 2, 0)]
