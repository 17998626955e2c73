"""The owner sees what each post has earned, and every krona stands in some row."""

import re
import time
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from xml.etree import ElementTree as ET

import httpx2
import pytest
from sqlalchemy import func, select

import shop.app
from shop.blog.counts import THE_REST, Place, add_counts
from shop.blog.mentions import write_post
from shop.blog.models import BlogPost, Mention
from shop.blog.reading import Post
from shop.blog.report import MOST_ROWS, Earned, Kind, Report, report
from shop.catalogue.models import Product
from shop.config import Config
from shop.kit.clock import system_clock
from shop.kit.db import Sessions
from shop.kit.public_version import public_version
from shop.orders.models import Order
from shop.orders.queries import paid_by_source
from shop.preferences.actions import set_preferences
from tests.blog.test_pingback import Blog, blog
from tests.blog.test_sources import BROWSER
from tests.support import NOON, Buyer, Shelf, fields_of, on_both_databases

__all__ = ["blog"]
TODAY = date(2026, 11, 23)
POST = "https://blogg.example.se/sagostund"


def write(sessions: Sessions, url: str, title: str, *, label: str = "", slug: str = "raven") -> int:
    with sessions.begin() as db:
        post = BlogPost(url=url, title=title, found_at=NOON)
        db.add(post)
        db.flush()  # its id is needed for the mention
        product_id = db.scalars(select(Product.id).where(Product.slug == slug)).one()
        db.add(Mention(post_id=post.id, product_id=product_id, label=label, found_at=NOON))
        return post.id


def facts(found: Report) -> list[tuple[str, str, int, int, int, int]]:
    return [
        (row.kind.value, row.title or row.source, row.visits, row.carts, row.orders, row.amount)
        for row in found.rows
    ]


# --- the report -----------------------------------------------------------------------------------


@on_both_databases
def test_counts_and_orders_meet_in_one_row_for_each_source(
    shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add()
    sago = write(sessions, "https://b.se/sago", "Sagostund", label="sago")
    write(sessions, "https://b.se/vinter", "Vinter", label="delad")
    write(sessions, "https://b.se/var", "Vår", label="delad")
    day_before = TODAY - timedelta(days=1)
    with sessions.begin() as db:
        visits = {
            Place(TODAY, "sago", "raven"): 30,
            Place(day_before, "sago", ""): 11,
            Place(day_before - timedelta(days=1), "sago", ""): 500,
            Place(TODAY, f"~{sago}", "raven"): 4,
            Place(TODAY, "~99999", ""): 1,
            Place(TODAY, "delad", ""): 2,
            Place(TODAY, THE_REST, ""): 7,
        }
        add_counts(db, visits, {Place(TODAY, "sago", "raven"): 5, Place(TODAY, "", "raven"): 9})
        earned = [Earned("sago", 3, 84000), Earned("mejl", 1, 24500), Earned("", 6, 120000)]
        found = report(db, earned, day_before, TODAY)
    assert facts(found) == [
        ("post", "Sagostund", 41, 5, 3, 84000),
        ("label", "mejl", 0, 0, 1, 24500),
        ("probably", "Sagostund", 4, 0, 0, 0),
        ("label", "delad", 2, 0, 0, 0),
        ("probably", "~99999", 1, 0, 0, 0),
        ("others", "", 7, 0, 0, 0),
        ("unknown", "", 0, 9, 6, 120000),
    ]
    assert (found.total.orders, found.total.amount) == (10, 228500)


def test_many_labels_become_one_row_and_lose_nothing(sessions: Sessions) -> None:
    earned = [Earned(f"x{number}", 1, number) for number in range(1, MOST_ROWS + 51)]
    with sessions.begin() as db:
        found = report(db, earned, TODAY, TODAY)
    assert len(found.rows) == MOST_ROWS + 2
    assert found.rows[-2].kind == Kind.OTHERS
    assert (found.rows[-2].orders, found.rows[-2].amount) == (50, sum(range(1, 51)))
    assert found.total.amount == sum(row.amount for row in found.rows) == sum(range(1, 151))


def test_an_empty_shop_has_an_empty_report(sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert facts(report(db, [], TODAY, TODAY)) == [("unknown", "", 0, 0, 0, 0)]


# --- from the post to the owner's page ------------------------------------------------------------


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.app, "SECONDS_BETWEEN_COUNTS", 0.02)


@pytest.fixture
def visitor(shop: Config) -> Iterator[Buyer]:
    with httpx2.Client(
        base_url=shop.base_url, headers={"User-Agent": BROWSER}, timeout=30
    ) as client:
        yield Buyer(client)


def cells(page: str, row: str) -> list[str]:
    """Return the numbers of a row of the owner's table."""
    found = re.search(rf"<tr {row}>(.*?)</tr>", page, re.DOTALL)
    assert found is not None, page
    texts = (re.sub("<[^>]+>", "", cell) for cell in re.findall("<td.*?</td>", found[1], re.DOTALL))
    return [unescape(" ".join(text.split())).replace("\xa0", " ") for text in texts]


def test_two_purchases_add_up_on_the_owners_page(
    shelf: Shelf, visitor: Buyer, buyer: Buyer, owner: Buyer, sessions: Sessions,
) -> None:  # fmt: skip
    raven = shelf.add("raven", on_hand=5)
    doll = visitor.get("/products/raven?from=sagostund").text
    visitor.post("/cart", **fields_of(doll, "add-to-cart"))
    placed = visitor.place()
    visitor.pay(placed.headers["location"])
    buyer.buy(raven, 2)
    pending = Buyer(visitor.http)
    pending.http.cookies.clear()
    pending.add(raven)
    assert pending.place().status_code == 303  # and never pays
    with sessions.begin() as db:
        since = system_clock() - timedelta(hours=1)
        assert sorted(paid_by_source(db, since)) == [("", 1, 52600), ("sagostund", 1, 28100)]
        assert paid_by_source(db, system_clock() + timedelta(hours=1)) == []
    time.sleep(0.5)  # until it is written down
    page = owner.get("/admin/blog/posts").text
    assert cells(page, 'data-source="sagostund"') == ["sagostund", "1", "1", "1", "281 kr"]
    unknown = cells(page, 'data-source=""')
    assert unknown[1:] == ["–", "2", "1", "526 kr"]
    assert cells(page, "data-sum")[1:] == ["1", "3", "2", "807 kr"]
    with sessions.begin() as db:
        paid = select(func.count(), func.sum(Order.total_amount)).where(Order.status == "paid")
        assert tuple(db.execute(paid).one()) == (2, 80700)


def test_a_period_that_is_none_is_thirty_days(owner: Buyer) -> None:
    for asked, chosen in (("7", "7"), ("365", "365"), ("8", "30"), ("x", "30"), ("", "30")):
        page = owner.get(f"/admin/blog/posts?days={asked}").text
        assert f'days={chosen}" aria-current="page"' in page


# --- posts that are pasted ------------------------------------------------------------------------


@pytest.fixture
def told(sessions: Sessions, blog: Blog, shelf: Shelf) -> Blog:
    """Return a blog that the shop knows of."""
    shelf.add()
    with sessions.begin() as db:
        set_preferences(db, blog_url=blog.url)
    return blog


@on_both_databases
def test_pages_are_made_anew_when_a_post_is_read_or_has_another_name(
    sessions: Sessions, shelf: Shelf
) -> None:
    shelf.add("raven")
    for title in ("Sagostund", "Sagostunden"):
        with sessions.begin() as db:
            before = public_version(db)
            assert write_post(db, Post(POST, title, {"raven": "sagostund"}), now=NOON) == 1
        with sessions.begin() as db:
            assert public_version(db) == before + 1


def test_the_owner_pastes_a_post(
    told: Blog, owner: Buyer, buyer: Buyer, shop: Config, shelf: Shelf
) -> None:
    shelf.add("haren")
    dolls = [f"{shop.base_url}/products/{slug}" for slug in ("haren", "raven")]
    post = told.write("/sagostund", *dolls, title="Saga & <b>lek")
    told.posts["/sagostund"] = str(told.posts["/sagostund"]).replace(
        "Saga & <b>lek", "Saga &amp; &lt;b>lek"
    )
    read = owner.post("/admin/blog/posts", address=f" {post} ")
    assert read.headers["location"] == "/admin/blog/posts?note=post-read"
    assert f'<a href="{post}">Saga &amp; &lt;b&gt;lek</a>' in owner.get("/admin/blog/posts").text
    assert f'<a href="{post}">Saga &amp; &lt;b&gt;lek</a>' in buyer.get("/products/raven").text
    feed = ET.fromstring(buyer.get("/en/feeds/mentions.atom").text)  # noqa: S314 - ours
    atom = "{http://www.w3.org/2005/Atom}"
    assert [one.text for one in feed.iterfind(f"{atom}entry/{atom}title")] == ["Saga & <b>lek"]
    assert [one.text for one in feed.iterfind(f"{atom}entry/{atom}id")] == [post]
    content = feed.findtext(f"{atom}entry/{atom}content")
    assert content == (
        f'<p><a href="{shop.base_url}/en/products/raven">Raven (en)</a>, '
        f'<a href="{shop.base_url}/en/products/haren">Haren (en)</a></p>'
    )
    number = re.search(r"/admin/blog/posts/(\d+)/remove", owner.get("/admin/blog/posts").text)
    assert number is not None
    assert owner.post(number[0]).status_code == 303
    assert "Saga" not in buyer.get("/products/raven").text
    assert owner.post(number[0]).status_code == 404
    assert owner.post("/admin/blog/posts/x/remove").status_code == 404


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://evil.example/p", "inget inlägg på någon av dina bloggar"),
        ("", "inget inlägg på någon av dina bloggar"),
        ("x" * 5000, "inget inlägg på någon av dina bloggar"),
        ("{blog}/none", "finns inget sådant inlägg"),
        ("{blog}/away", "leder vidare"),
        ("{blog}/empty", "ingen länk till en vara"),
        ("{blog}/broken", "svarade inte"),
    ],
)
def test_what_cannot_be_read_is_said_at_the_field(
    told: Blog, owner: Buyer, sessions: Sessions, address: str, words: str
) -> None:
    told.write("/empty", "https://annan.example.se/")
    told.posts["/away"] = (302, {"Location": "https://evil.example/"}, b"")
    told.posts["/broken"] = (500, {}, b"")
    answer = owner.post("/admin/blog/posts", address=address.format(blog=told.url))
    assert answer.status_code == 422
    assert words in unescape(answer.text)
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(BlogPost)) == 0


def test_strangers_see_and_change_nothing(buyer: Buyer) -> None:
    for path in ("/admin/blog/posts", "/admin/blog/posts/1/remove"):
        assert buyer.post(path).headers["location"].startswith("/admin/sign-in")
    assert buyer.get("/admin/blog/posts").headers["location"].startswith("/admin/sign-in")


# --- what the owner decides -----------------------------------------------------------------------


def test_the_owner_names_blogs_and_turns_counting_off(owner: Buyer, sessions: Sessions) -> None:
    saved = owner.post(
        "/admin/settings/blog",
        more_blogs="https://a.example.se/\r\n\r\n https://b.example.se/blogg \nhttps://a.example.se/",
    )
    assert saved.status_code == 303
    page = owner.get("/admin/settings/blog").text
    assert "https://a.example.se/\nhttps://b.example.se/blogg</textarea>" in page
    assert 'name="sources_counted" value="y"' in page
    assert 'name="sources_counted" value="y" checked' not in page
    posts = owner.get("/admin/blog/posts").text
    assert "Räkningen är avstängd" in posts
    owner.post("/admin/settings/blog", more_blogs="", sources_counted="y")
    assert "Räkningen är avstängd" not in owner.get("/admin/blog/posts").text


@pytest.mark.parametrize("bad", ["blogg", "ftp://a.example.se/", "https://", "https://[x"])
def test_what_is_no_address_of_a_blog_is_refused(owner: Buyer, bad: str) -> None:
    answer = owner.post("/admin/settings/blog", more_blogs=f"https://a.example.se\n{bad}")
    assert answer.status_code == 422
    assert "Skriv hela adressen" in answer.text
    assert bad in unescape(answer.text)
