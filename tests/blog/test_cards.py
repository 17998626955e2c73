"""What a card says, in every state, and what it may do: nothing but stand in a stranger's page."""

import re
from collections.abc import Callable
from html import unescape

import httpx2
import pytest
from sqlalchemy import select, update

from shop.catalogue.models import Collection, CollectionProduct, CollectionText, Product
from shop.config import Config
from shop.kit.db import Sessions
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.actions import count, release, reserve
from tests.support import NOON, Buyer, FixedClock, Shelf, on_both_databases, words_of

PHOTO = "0123456789abcdef"


@pytest.fixture
def clock(stand_in: StandInServer) -> FixedClock:
    stand_in.control("clock", set=NOON.timestamp())
    return FixedClock(NOON)


def card(buyer: Buyer, slug: str = "raven", prefix: str = "/en") -> str:
    return words_of(buyer.get(f"{prefix}/products/{slug}/card"))


def links_of(answer: httpx2.Response) -> list[str]:
    return [unescape(href) for href in re.findall(r'<a href="([^"]+)" target="_top"', answer.text)]


def together(sessions: Sessions, *slugs: str) -> None:
    """Put them in one collection."""
    with sessions.begin() as db:
        forest = Collection(slug="skogen", texts=[CollectionText(locale="sv", name="Skogen")])
        db.add(forest)
        db.flush()  # its id is needed for its members
        for product_id in db.scalars(select(Product.id).where(Product.slug.in_(slugs))):
            db.add(CollectionProduct(collection_id=forest.id, product_id=product_id))


# --- what it says ---------------------------------------------------------------------------------


@on_both_databases
def test_the_only_one_of_its_kind(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    assert card(buyer) == (
        "Provbutiken Raven (en) SEK 245 One of a kind"
        " Sent by Wednesday 25 November at the latest. See and buy"
    )
    assert card(buyer, prefix="") == (
        "Provbutiken Raven 245 kr Ett enda exemplar Skickas senast onsdag 25 november. Se och köp"
    )


def test_several_and_the_last_of_them(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    raven = shelf.add("raven", on_hand=4)
    assert "SEK 245 4 left Sent by" in card(buyer)
    with sessions.begin() as db:
        assert count(db, raven, seen=4, counted=1, by="owner", now=NOON)
    assert "SEK 245 1 left Sent by" in card(buyer)


def test_somebody_is_paying_and_thinks_better_of_it(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    raven = shelf.add("raven")
    with sessions.begin() as db:
        reserve(db, {raven: 1})
    assert card(buyer) == "Provbutiken Raven (en) SEK 245 Someone is paying"
    with sessions.begin() as db:
        release(db, {raven: 1})
    assert "One of a kind" in card(buyer)


@on_both_databases
def test_a_sold_one_shows_its_living_siblings(
    buyer: Buyer, new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions
) -> None:
    raven = shelf.add("raven")
    for slug in ("haren", "ugglan", "stranger"):
        shelf.add(slug)
    shelf.add("gone", on_hand=0, kind="unique")
    together(sessions, "raven", "haren", "ugglan", "gone")
    new_buyer().buy(raven)
    shown = card(buyer)
    assert shown.startswith(
        "Provbutiken Raven (en) SEK 245 Sold These are still looking for a home"
    )
    assert {name for name in ("Haren", "Ugglan", "Stranger", "Gone") if name in shown} == {
        "Haren",
        "Ugglan",
    }


def test_without_siblings_the_newest_are_shown_instead(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", on_hand=0, kind="batch")
    for slug in ("one", "two", "three", "four"):
        shelf.add(slug)
    shown = card(buyer)
    assert "SEK 245 Sold out These are still looking for a home" in shown
    assert re.findall(r"\w+ \(en\)", shown) == ["Raven (en)", "Four (en)", "Three (en)", "Two (en)"]


def test_made_to_order(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", kind="made_to_order", lead_time_days=14)
    assert card(buyer) == (
        "Provbutiken Raven (en) SEK 245 Made to order Made for you: it takes 14 days. See and buy"
    )


def test_what_is_put_away_says_so(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", status="archived")
    assert card(buyer) == "Provbutiken Raven (en) SEK 245 No longer for sale"


@on_both_databases
def test_of_a_draft_nothing_is_given_away(
    shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("secret", status="draft")
    shelf.add("taken-back", status="draft")
    with sessions.begin() as db:
        db.execute(update(Product).where(Product.slug == "secret").values(published_at=None))
    answer = buyer.get("/en/products/secret/card?from=sagostund")
    assert words_of(answer) == "Provbutiken Not in the shop right now"
    assert "ecret" not in answer.text
    assert PHOTO not in answer.text
    assert links_of(answer) == [f"{shop.base_url}/en/shelf?from=sagostund"]
    once = buyer.get("/en/products/taken-back/card")
    assert words_of(once) == "Provbutiken Taken-back (en) Not in the shop right now"
    assert PHOTO not in once.text
    assert buyer.get("/products/nobody/card").status_code == 404


@on_both_databases
def test_the_shelf_shows_the_newest_that_can_be_had(
    shop: Config, buyer: Buyer, shelf: Shelf
) -> None:
    assert words_of(buyer.get("/en/shelf/card")) == (
        "New on the shelf Provbutiken There is nothing on this shelf right now."
    )
    for slug in ("one", "two", "three", "four"):
        shelf.add(slug)
    shelf.add("gone", on_hand=0, kind="unique")
    answer = buyer.get("/en/shelf/card?from=every-post")
    assert re.findall(r"\w+ \(en\)", words_of(answer)) == ["Four (en)", "Three (en)", "Two (en)"]
    paths = ["shelf", "products/four", "products/three", "products/two"]
    assert links_of(answer) == [f"{shop.base_url}/en/{path}?from=every-post" for path in paths]
    page = words_of(buyer.get("/en/shelf"))
    assert re.findall(r"\w+ \(en\)", page) == ["Four (en)", "Three (en)", "Two (en)", "One (en)"]


def test_where_all_are_sold_the_shelf_shows_them_all_the_same(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("gone", on_hand=0, kind="unique")
    assert "Gone (en) SEK 245 Sold" in words_of(buyer.get("/en/shelf/card"))


def test_a_name_with_markup_is_a_name(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", names={"sv": "<script>alert(1)</script>"})
    answer = buyer.get("/products/raven/card")
    assert "<script>alert" not in answer.text
    assert "<script>alert(1)</script>" in unescape(answer.text)


@pytest.mark.parametrize("label", ['"><img src=x>', "x" * 10_000, "<b>"])
def test_what_is_no_label_leads_nowhere(
    shop: Config, buyer: Buyer, shelf: Shelf, label: str
) -> None:
    shelf.add("raven")
    answer = buyer.http.get("/products/raven/card", params={"from": label})
    assert answer.status_code == 200
    assert links_of(answer) == [f"{shop.base_url}/products/raven"]
    assert label not in answer.text


# --- what it may do -------------------------------------------------------------------------------


def test_a_card_may_be_framed_by_anybody_and_nothing_else_may(
    shop: Config, buyer: Buyer, shelf: Shelf
) -> None:
    shelf.add("raven")
    for path in (
        "/products/raven/card",
        "/en/products/raven/card",
        "/shelf/card",
        "/en/shelf/card",
    ):
        headers = buyer.get(path).headers
        assert headers["content-security-policy"] == (
            f"default-src 'none'; script-src 'self' {shop.base_url};"
            f" style-src 'self' {shop.base_url}; img-src 'self' {shop.base_url};"
            f" font-src 'self' {shop.base_url};"
            " form-action 'none'; base-uri 'none'; frame-ancestors *"
        )
        assert "x-frame-options" not in headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "cross-origin"
        assert "no-cache" in headers["cache-control"]
    for path in ("/products/raven", "/shelf", "/", "/cart", "/products/nobody/card", "/nope"):
        policy = buyer.get(path).headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "frame-src" not in policy


def test_a_card_knows_nobody_and_leaves_nothing(
    new_buyer: Callable[[], Buyer], shelf: Shelf
) -> None:
    raven = shelf.add("raven")
    buyer, stranger = new_buyer(), new_buyer()
    buyer.add(raven)
    assert buyer.place().status_code == 303  # their own hold is somebody's who is paying
    for path in ("/products/raven/card", "/shelf/card", "/products/raven/card?from=sagostund"):
        answer = stranger.get(path)
        assert "set-cookie" not in answer.headers
        assert "set-cookie" not in buyer.get(path).headers
        assert buyer.get(path).text == answer.text
        assert "noindex" in answer.text
    assert "Någon betalar just nu" in words_of(buyer.get("/products/raven/card"))


def test_everything_that_a_card_fetches_is_ours(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", on_hand=0, kind="unique")
    shelf.add("haren")
    for path in ("/products/raven/card", "/shelf/card"):
        page = buyer.get(path).text
        fetched = re.findall(
            r'(?:src|srcset)="([^"]+)"|<link rel="stylesheet" href="([^"]+)"', page
        )
        addresses = [one or other for one, other in fetched]
        assert len(addresses) >= 3
        assert all(re.match("/(static|media|small-photos)/", address) for address in addresses)


def test_what_is_kept_is_renewed_when_the_last_one_is_sold(
    start_shop: Callable[..., Config], shelf: Shelf
) -> None:
    """As in a shop that serves: the page cache is on, and the sale is made by the shop itself."""
    kept = start_shop(page_cache=True)
    raven = shelf.add("raven")
    with (
        httpx2.Client(base_url=kept.base_url, timeout=30) as reader,
        httpx2.Client(base_url=kept.base_url, timeout=30) as http,
    ):
        before = reader.get("/products/raven/card")
        assert "Ett enda exemplar" in words_of(before)
        assert reader.get("/products/raven/card").headers["etag"] == before.headers["etag"]
        Buyer(http).buy(raven)
        after = reader.get(
            "/products/raven/card", headers={"If-None-Match": before.headers["etag"]}
        )
        assert "Såld" in words_of(after)
        assert "Såld" in words_of(reader.get("/products/raven/card?from=sagostund"))
