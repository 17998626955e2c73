"""A kept page is the page: never another visitor's, never an old one for longer than a second."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx2
import pytest
from sqlalchemy import event, update

import shop.app
from shop.catalogue.models import Product, ProductText
from shop.catalogue.shelf import FEW
from shop.config import Config
from shop.kit.clock import Clock, system_clock
from shop.kit.db import Sessions, read_sessions
from shop.kit.public_version import public_version
from shop.owner.actions import invite_owner
from shop.preferences.actions import set_preferences
from shop.stock.actions import consume, count, release, reserve
from tests.support import NOON, Buyer, FixedClock, Shelf, on_both_databases

LATE = datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC)  # a second before midnight in Stockholm


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what grows by every question about products that the served shop asks."""
    statements: list[str] = []

    def listened_to(url: str) -> Sessions:
        sessions = read_sessions(url)

        @event.listens_for(sessions.engine, "before_cursor_execute")
        def note(_c: object, _cursor: object, statement: str, *_others: object) -> None:
            if "FROM products" in statement:
                statements.append(statement)

        return sessions

    monkeypatch.setattr(shop.app, "read_sessions", listened_to)
    return statements


@pytest.fixture
def shop_with_cache(start_shop: Callable[..., Config]) -> Config:
    return start_shop(page_cache=True)


@pytest.fixture
def http(shop_with_cache: Config) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=shop_with_cache.base_url, timeout=30) as client:
        yield client


@pytest.fixture
def stranger(shop_with_cache: Config) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=shop_with_cache.base_url, timeout=30) as client:
        yield client


def rename(sessions: Sessions, name: str) -> None:
    """Rename every product, behind the back of whoever keeps pages."""
    with sessions.engine.begin() as connection:
        connection.execute(update(ProductText).values(name=name))


@pytest.fixture
def shelf(shelf: Shelf) -> Shelf:
    shelf.add()
    return shelf


# --- what is kept ---------------------------------------------------------------------------------


def test_a_page_is_made_once(
    shelf: Shelf, sessions: Sessions, http: httpx2.Client, stranger: httpx2.Client
) -> None:
    first = http.get("/products/raven")
    rename(sessions, "Ingen ser mig")
    again = stranger.get("/products/raven")
    assert again.content == first.content
    assert first.headers["cache-control"] == "public, no-cache"
    assert {part.strip() for part in first.headers["vary"].split(",")} == {
        "Accept-Encoding",
        "Cookie",
    }
    assert first.headers["x-request-id"] != again.headers["x-request-id"]


def test_the_other_language_is_another_page(shelf: Shelf, http: httpx2.Client) -> None:
    assert 'lang="sv"' in http.get("/products").text
    assert 'lang="en"' in http.get("/en/products").text
    assert 'lang="sv"' in http.get("/products").text


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "identity"])
def test_each_encoding_has_its_own_mark_and_is_not_sent_twice(
    shelf: Shelf, http: httpx2.Client, encoding: str
) -> None:
    whole = http.get("/products", headers={"Accept-Encoding": "identity"})
    page = http.get("/products", headers={"Accept-Encoding": encoding})
    if encoding != "zstd":  # which this client cannot read
        assert page.text == whole.text
    assert page.headers.get("content-encoding", "identity") == encoding
    etag = page.headers["etag"]
    assert (etag == whole.headers["etag"]) is (encoding == "identity")
    has = {"Accept-Encoding": encoding, "If-None-Match": f'"other", W/{etag}'}
    unchanged = http.get("/products", headers=has)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == etag
    assert unchanged.headers["cache-control"] == "public, no-cache"
    assert unchanged.headers["content-security-policy"]
    changed = http.get("/products", headers=has | {"If-None-Match": '"other"'})
    assert changed.status_code == 200


def test_head_tells_what_get_would(shelf: Shelf, http: httpx2.Client) -> None:
    page = http.get("/products")
    head = http.head("/products")
    assert head.content == b""
    for name in ("etag", "content-length", "content-type", "content-encoding", "vary"):
        assert head.headers[name] == page.headers[name]


def test_of_a_parameter_that_is_given_twice_the_last_counts(
    shelf: Shelf, http: httpx2.Client
) -> None:
    twice = http.get("/products?sort=price_low&sort=name").text
    assert twice == http.get("/products?sort=name").text
    assert twice != http.get("/products?sort=price_low").text


def test_parameters_that_the_page_does_not_read_are_dropped(
    shelf: Shelf, sessions: Sessions, http: httpx2.Client
) -> None:
    first = http.get("/products?fbclid=abc&page=1")
    rename(sessions, "Ingen ser mig")
    assert http.get("/products?page=1&gclid=x").content == first.content
    assert "fbclid" not in first.text


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["from=bloggen", "utm_source=x", "ref=x", "source=x", "note=x"])
def test_a_visit_with_a_label_passes_by(
    shelf: Shelf, sessions: Sessions, http: httpx2.Client, label: str
) -> None:
    http.get("/products")
    rename(sessions, "Nytt namn")
    page = http.get(f"/products?{label}")
    assert "Nytt namn" in page.text
    assert page.headers["cache-control"] == "private, no-cache"


def test_a_visit_with_a_cart_passes_by_and_is_nobody_elses(
    shelf: Shelf, sessions: Sessions, http: httpx2.Client, stranger: httpx2.Client
) -> None:
    buyer = Buyer(http)
    empty = stranger.get("/products").text
    buyer.add(1)
    own = buyer.get("/products")
    assert own.text != empty
    assert own.headers["cache-control"] == "private, no-cache"
    assert stranger.get("/products").text == empty


def test_errors_are_not_kept(shelf: Shelf, http: httpx2.Client) -> None:
    missing = http.get("/products/nobody")
    assert missing.status_code == 404
    assert missing.headers["cache-control"] == "private, no-cache"
    shelf.add("nobody")
    assert http.get("/products/nobody").status_code == 200


@pytest.mark.parametrize(
    "path", ["/cart", "/checkout", "/healthz", "/withdrawal", "/admin", "/products/raven/"]
)
def test_these_are_never_kept(shelf: Shelf, http: httpx2.Client, path: str) -> None:
    for _ in range(2):
        page = http.get(path)
        assert "etag" not in page.headers
        assert "public" not in page.headers.get("cache-control", "")


def test_another_host_is_not_answered_from_what_is_kept(shelf: Shelf, http: httpx2.Client) -> None:
    http.get("/products")
    assert http.get("/products", headers={"Host": "evil.example"}).status_code == 400


def test_nonsense_of_any_length_is_answered(shelf: Shelf, http: httpx2.Client) -> None:
    for query in ("page=" + "9" * 8000, "%%%", "page=%ff", "&&&===", "page=1&" * 500, "%00"):
        assert http.get(f"/products?{query}").status_code in (200, 404)


# --- how long -------------------------------------------------------------------------------------


def seen_within_seconds(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@on_both_databases
def test_what_another_process_changes_is_seen(
    shelf: Shelf, sessions: Sessions, http: httpx2.Client
) -> None:
    http.get("/products")
    with sessions.begin() as db:
        db.execute(update(ProductText).values(name="Räven Rut"))
    assert seen_within_seconds(lambda: "Räven Rut" in http.get("/products").text)


def test_what_this_process_changes_is_seen_at_once(
    shelf: Shelf, http: httpx2.Client, stranger: httpx2.Client
) -> None:
    buyer = Buyer(http)
    assert "Ett enda exemplar" in stranger.get("/products/raven").text
    buyer.add(1)
    assert buyer.place().status_code == 303
    assert "Någon betalar" in stranger.get("/products/raven").text


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    return FixedClock(request.param) if hasattr(request, "param") else system_clock


@pytest.mark.parametrize("clock", [LATE], indirect=True)
def test_at_midnight_promised_dates_move(
    shelf: Shelf, sessions: Sessions, http: httpx2.Client
) -> None:
    http.get("/products")
    rename(sessions, "Morgondagens räv")
    assert seen_within_seconds(lambda: "Morgondagens räv" in http.get("/products").text)


# --- the crowd ------------------------------------------------------------------------------------


def test_a_crowd_has_the_page_made_once(
    asked: list[str], shelf: Shelf, shop_with_cache: Config
) -> None:
    def look(path: str) -> int:
        return httpx2.get(f"{shop_with_cache.base_url}{path}", timeout=30).status_code

    assert look("/products?page=1") == 200  # in a thread: on the event loop nobody could overtake
    alone = len(asked)
    assert alone > 0
    with ThreadPoolExecutor(16) as crowd:
        assert set(crowd.map(look, ["/en/products?page=1"] * 48)) == {200}
    assert len(asked) == 2 * alone


# --- what raises the version ----------------------------------------------------------------------


def version(sessions: Sessions) -> int:
    with sessions.begin() as db:
        return public_version(db)


@on_both_databases
def test_what_buyers_read_raises_the_version_once(sessions: Sessions) -> None:
    shelf = Shelf(sessions)
    before = version(sessions)
    variant_id = shelf.add()
    assert version(sessions) == before + 1
    with sessions.begin() as db:
        db.get_one(Product, 1).status = "archived"
    assert version(sessions) == before + 2
    with sessions.begin() as db:
        set_preferences(db, city="Norrtälje")
    assert version(sessions) == before + 3
    with sessions.begin() as db:
        reserve(db, {variant_id: 1})
    assert version(sessions) == before + 4


def test_what_they_do_not_read_leaves_it(sessions: Sessions) -> None:
    before = version(sessions)
    with sessions.begin() as db:
        invite_owner(db, "agare@example.se", now=NOON)
    assert version(sessions) == before


def test_what_is_undone_leaves_it(sessions: Sessions) -> None:
    Shelf(sessions).add()
    before = version(sessions)

    def fail() -> None:
        with sessions.begin() as db:
            db.get_one(Product, 1).status = "archived"
            db.flush()  # the change has been sent before it is undone
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert version(sessions) == before


def test_of_many_pieces_each_is_not_news(sessions: Sessions) -> None:
    variant_id = Shelf(sessions).add(on_hand=FEW + 4)
    before = version(sessions)
    with sessions.begin() as db:
        reserve(db, {variant_id: 1})  # 13 left
    with sessions.begin() as db:
        consume(db, {variant_id: 1}, order_id=None, now=NOON)  # type: ignore[arg-type]
    assert version(sessions) == before
    with sessions.begin() as db:
        reserve(db, {variant_id: 3})  # 10 left: now they are counted out
    assert version(sessions) == before + 1
    with sessions.begin() as db:
        release(db, {variant_id: 3})  # 13 again, and 10 before
    assert version(sessions) == before + 2
    with sessions.begin() as db:
        assert count(db, variant_id, seen=13, counted=14, by="owner", now=NOON)
    assert version(sessions) == before + 2


def test_the_words_on_the_page_say_how_few_there_are(
    sessions: Sessions, shop: Config, buyer: Buyer
) -> None:
    shelf = Shelf(sessions)
    shelf.add("few", on_hand=FEW)
    shelf.add("many", on_hand=FEW + 1)
    text = re.sub(r"\s+", " ", buyer.get("/products").text)
    assert f"{FEW} kvar" in text
    assert f"{FEW + 1} kvar" not in text
    assert "Finns i lager" in text
