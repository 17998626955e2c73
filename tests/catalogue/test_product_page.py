"""What a buyer reads of one thing before the basket: true, in words, and with little work."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import Engine, event, select, update

from shop.catalogue.models import (
    Collection,
    CollectionProduct,
    CollectionText,
    Photo,
    PhotoText,
    Product,
    ProductText,
    Variant,
)
from shop.catalogue.shelf import _siblings
from shop.kit.db import Sessions
from shop.sandbox.stand_in.server import StandInServer
from shop.shipping.models import ShippingRate, ShippingZone
from shop.stock.actions import count, put_back, put_on_shelf, release, reserve
from shop.stock.models import StockLevel
from tests.support import NOON, Buyer, FixedClock, Shelf, fields_of, on_both_databases, words_of


@pytest.fixture
def clock(stand_in: StandInServer) -> FixedClock:
    stand_in.control("clock", set=NOON.timestamp())
    return FixedClock(NOON)


def english(buyer: Buyer, path: str = "/products/raven") -> str:
    return words_of(Buyer(buyer.http, "/en").get(path))


def product_of(sessions: Sessions, slug: str = "raven") -> int:
    with sessions.begin() as db:
        return db.scalars(select(Product.id).where(Product.slug == slug)).one()


# --- the numbers of an edition --------------------------------------------------------------------


@on_both_databases
def test_the_next_piece_of_an_edition_has_its_number(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", on_hand=4, kind="batch", edition_size=12)
    assert "4 of 12 left The next one is number 9 of 12." in english(buyer)


def test_while_others_pay_the_number_is_one_of_those_left(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    raven = shelf.add("raven", on_hand=4, kind="batch", edition_size=12)
    with sessions.begin() as db:
        reserve(db, {raven: 1})
    shown = english(buyer)
    assert "3 of 12 left Yours will be one of the numbers 9 to 12." in shown
    assert "The next one" not in shown
    with sessions.begin() as db:
        release(db, {raven: 1})
    assert "The next one is number 9 of 12." in english(Buyer(buyer.http))


def test_the_buyers_own_hold_does_not_make_the_number_unsure(
    new_buyer: Callable[[], Buyer], shelf: Shelf
) -> None:
    raven = shelf.add("raven", on_hand=4, kind="batch", edition_size=12)
    holder = new_buyer()
    holder.add(raven)
    assert holder.place().status_code == 303
    assert "The next one is number 9 of 12." in english(holder)
    assert "Yours will be one of the numbers 9 to 12." in english(new_buyer())


def test_no_number_is_told_that_only_the_owner_knows(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    """A piece that was sent back has the number it had; one that was made later has any."""
    back, more = (
        shelf.add(slug, on_hand=3, kind="batch", edition_size=12) for slug in ("back", "more")
    )
    shelf.add("odd", on_hand=7, kind="batch", edition_size=5)
    with sessions.begin() as db:
        put_back(db, {back: 1}, order_id=None, by="owner", now=NOON)  # type: ignore[arg-type]
        count(db, more, seen=3, counted=5, by="owner", now=NOON)
    for slug in ("back", "more", "odd"):
        shown = english(buyer, f"/products/{slug}")
        assert "number" not in shown.split("Item number")[0], slug


def test_where_pieces_are_not_counted_out_to_buyers_no_number_is_told(
    buyer: Buyer, shelf: Shelf
) -> None:
    shelf.add("raven", on_hand=30, kind="batch", edition_size=100)
    assert "The next one" not in english(buyer)


# --- postage and days -----------------------------------------------------------------------------


@on_both_databases
def test_it_says_when_it_is_sent_and_when_each_way_arrives(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    shown = english(buyer)
    assert "Sent by Wednesday 25 November at the latest." in shown
    assert "Letter Arrives 26–30 Nov SEK 36 Tracked parcel Arrives 26–30 Nov SEK 79" in shown


def test_the_country_is_asked_for_before_the_basket(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven")
    page = buyer.get("/en/products/raven?country=DE")
    assert "Letter Arrives 30 Nov – 7 Dec SEK 79" in words_of(page)
    assert "Tracked parcel" not in words_of(page)
    form = re.search(
        r'<form class="field" method="get" action="([^"]+)".*?</form>', page.text, re.DOTALL
    )
    assert form is not None
    assert form[1] == "/en/products/raven#sending"
    assert re.findall(r'<option value="(\w+)"( selected)?>([^<]+)', form[0]) == [
        ("SE", "", "Sweden"),
        ("DK", "", "Denmark"),
        ("FI", "", "Finland"),
        ("DE", " selected", "Germany"),
    ]
    assert '<link rel="canonical" href="' + str(buyer.http.base_url).rstrip("/") in page.text
    assert "?country" not in page.text.split("</head>")[0].split("canonical")[1].split(">")[0]


@pytest.mark.parametrize("asked", ["", "XX", "se", "%F0%9F%A6%8A", "D" * 10_000, "DE&country=FI"])
def test_a_country_that_there_is_not_is_the_sellers_own(
    buyer: Buyer, shelf: Shelf, asked: str
) -> None:
    shelf.add("raven")
    shown = words_of(buyer.get(f"/en/products/raven?country={asked}"))
    expected = "SEK 79" if "FI" in asked else "SEK 36"
    assert f"Arrives {'30 Nov – 7 Dec' if 'FI' in asked else '26–30 Nov'} {expected}" in shown


def test_a_country_in_two_zones_has_the_postage_of_the_first_as_at_the_checkout(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        eu = db.scalars(select(ShippingZone).where(ShippingZone.name == "EU")).one()
        eu.countries += ",SE"
        db.add(
            ShippingRate(
                zone_id=eu.id,
                method="tracked_parcel",
                valid_from=date(2026, 1, 1),
                max_g=100,
                max_mm=30,
                amount=100,
            )
        )
    shown = english(buyer)
    assert "Letter Arrives 26–30 Nov SEK 36 Tracked parcel Arrives 26–30 Nov SEK 79" in shown


def test_what_cannot_be_sent_there_says_so(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", weight_g=5000)
    assert "It cannot be sent to Sweden as it is. Write to us" in english(buyer)


def test_free_postage_is_called_free(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", price_amount=60000)
    assert "Letter Arrives 26–30 Nov Free" in english(buyer)


def test_what_is_made_to_order_counts_its_days(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", kind="made_to_order", lead_time_days=14)
    shown = english(buyer)
    assert "Made to order Made for you: it takes 14 days." in shown
    assert "Sent by Wednesday 9 December at the latest." in shown
    assert "Arrives 10–14 Dec" in shown


# --- what can be had ------------------------------------------------------------------------------


def with_two_variants(sessions: Sessions, *, on_hand: int) -> tuple[int, int]:
    with sessions.begin() as db:
        product = db.scalars(select(Product)).one()
        db.execute(update(Variant).values(options="Röd"))
        other = Variant(
            product_id=product.id, position=1, sku="R-2", options="Blå", price_amount=19500
        )
        db.add(other)
        db.flush()  # its id is needed for its stock
        put_on_shelf(db, other.id, on_hand, by="owner", now=NOON)
        first = db.scalars(select(Variant.id).where(Variant.options == "Röd")).one()
        return first, other.id


@on_both_databases
def test_variants_are_labelled_radios_and_what_is_gone_cannot_be_chosen(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven", on_hand=3, kind="batch")
    red, blue = with_two_variants(sessions, on_hand=0)
    page = buyer.get("/en/products/raven")
    assert "From SEK 195" in words_of(page)
    fieldset = re.search(r"<fieldset.*?</fieldset>", page.text, re.DOTALL)
    assert fieldset is not None
    assert "<legend" in fieldset[0]
    radios = re.findall(r'<label class="choice"><input type="radio"([^>]*)>', fieldset[0])
    assert radios == [
        f' name="variant" value="{red}" checked',
        f' name="variant" value="{blue}" disabled',
    ]
    assert fields_of(page.text, "add-to-cart") == {"variant": str(red)}
    # and who wants the other one may wait for it
    assert fields_of(page.text, "tell-me") == {"variant": str(blue), "email": ""}


def test_words_are_asked_for_where_a_thing_takes_them(buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("plain")
    shelf.add("named", takes_personal_text=True)
    assert fields_of(buyer.get("/products/plain").text, "add-to-cart").keys() == {"variant"}
    page = buyer.get("/en/products/named")
    assert fields_of(page.text, "add-to-cart").keys() == {"variant", "text"}
    assert re.search(r'<input id="text" name="text" maxlength="60"[^>]*text-hint', page.text)
    assert "the 14 days to change your mind do not apply to it." in words_of(page)
    assert "14 days to change your mind, unless it bears words of yours." in words_of(page)


@on_both_databases
def test_what_was_the_only_one_and_is_sold_leads_on(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven", on_hand=0, kind="unique")
    shelf.add("haren")
    together(sessions, "raven", "haren")
    page = buyer.get("/en/products/raven")
    shown = words_of(page)
    assert "Sold It has found a home, and stays here to be looked at." in shown
    assert 'href="/en/products/raven/commission"' in page.text
    assert "These are still looking for a home Haren (en) SEK 245 One of a kind" in shown
    for absent in ('id="add-to-cart"', 'id="tell-me"', "Sent by"):
        assert absent not in page.text


def test_what_is_sold_out_can_be_waited_for(buyer: Buyer, shelf: Shelf) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    page = buyer.get("/en/products/raven")
    assert "Sold out They have all found homes." in words_of(page)
    assert fields_of(page.text, "tell-me") == {"variant": str(raven), "email": ""}
    assert 'action="/en/products/raven/waiting"' in page.text
    assert "/commission" not in page.text


def test_what_is_withdrawn_says_so_and_offers_nothing(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        db.execute(update(Product).values(status="archived"))
    page = buyer.get("/en/products/raven")
    assert "No longer for sale" in words_of(page)
    for absent in ('id="add-to-cart"', 'id="tell-me"', "/commission", "Sent by"):
        assert absent not in page.text
    with sessions.begin() as db:
        db.execute(update(Product).values(status="draft"))
    for path in ("", "/waiting", "/commission", "/commission/sent"):
        assert buyer.get(f"/products/raven{path}?anew").status_code == 404, path


@pytest.mark.parametrize("slug", ["nope", "r%C3%A4v", "raven.html", "%2e%2e%2fraven", "a" * 900])
def test_an_address_of_nothing_is_not_found(buyer: Buyer, shelf: Shelf, slug: str) -> None:
    shelf.add("raven")
    assert buyer.get(f"/products/{slug}").status_code == 404


# --- words, photos, languages ---------------------------------------------------------------------


def together(sessions: Sessions, *slugs: str) -> None:
    with sessions.begin() as db:
        collection = Collection(slug="forest")
        collection.texts = [CollectionText(locale="sv", name="Skogen")]
        db.add(collection)
        db.flush()  # its id is needed for its members
        ids = db.scalars(select(Product.id).where(Product.slug.in_(slugs)))
        db.add_all(CollectionProduct(collection_id=collection.id, product_id=id_) for id_ in ids)


def test_what_is_told_in_the_other_language_is_marked_so(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven", names={"sv": "Räven Ragnar"})
    with sessions.begin() as db:
        db.execute(
            update(ProductText).values(
                story="En räv.", size="9 cm", materials="Ull", care="Skaka.", warning="Smådelar."
            )
        )
    page = buyer.get("/en/products/raven").text
    assert '<h1 lang="sv">Räven Ragnar</h1>' in page
    assert '<span class="visually-hidden" lang="sv">: Räven Ragnar</span></button>' in page
    assert '<p class="story" lang="sv">En räv.</p>' in page
    for heading, told in (("Size", "9 cm"), ("Materials", "Ull"), ("Care", "Skaka.")):
        assert f'<div><dt>{heading}</dt><dd lang="sv">{told}</dd></div>' in page
    assert '<strong>Warning</strong> <span lang="sv">Smådelar.</span>' in page
    assert (
        'lang="sv"' not in buyer.get("/products/raven").text.split("<main")[1].split("<footer")[0]
    )


def test_safety_and_who_made_it_stand_by_themselves(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    with sessions.begin() as db:
        db.execute(update(ProductText).values(warning="Not for children under 3."))
    page = buyer.get("/en/products/raven")
    block = re.search(r'<section class="safety".*?</section>', page.text, re.DOTALL)
    assert block is not None
    assert " ".join(re.sub(r"<[^>]*>", " ", block[0]).split()) == (
        "Safety Warning Not for children under 3. Made by Provbutiken Ek, Storgatan 1, 763 40 "
        "Hallstavik, Sweden, butik@example.se"
    )


def test_each_photo_has_its_place_and_the_first_comes_at_once(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    product_id = product_of(sessions)
    with sessions.begin() as db:
        second = Photo(product_id=product_id, position=1, hash="fedcba9876543210", in_scale=True)
        second.texts = [PhotoText(locale="en", alt="In a hand")]
        db.add(second)
    page = buyer.get("/en/products/raven").text
    photos = re.findall(r"<img[^>]*>", page)
    assert all(re.search(r'width="(\d+)" height="\1"', photo) for photo in photos)
    assert [photo for photo in photos if 'loading="lazy"' not in photo] == [photos[0]]
    assert 'fetchpriority="high"' in photos[0]
    assert 'alt="Raven (en)"' in photos[0]
    assert 'alt="In a hand"' in photos[1]
    assert re.findall(r'<a href="(/media/[^"]+)">', page) == [
        "/media/0123456789abcdef/1200.jpeg",
        "/media/fedcba9876543210/1200.jpeg",
    ]
    assert re.findall(r'<a href="#photo-(\d)" aria-label="Photo (\d)">', page) == [
        ("1", "1"),
        ("2", "2"),
    ]


# --- work -----------------------------------------------------------------------------------------


@contextmanager
def counted() -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM" in statement:
            said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("pieces", [0, 1, 4])
def test_the_page_asks_the_database_five_times(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, pieces: int
) -> None:
    shelf.add("raven", on_hand=pieces, kind="batch")
    shelf.add("haren")
    together(sessions, "raven", "haren")
    with counted() as said:
        assert buyer.get("/products/raven?anew").status_code == 200
    asked = [one for one in said if "preferences" not in one and "public_version" not in one]
    assert len(asked) == 5, "\n".join(asked)


def test_the_buyers_own_piece_is_never_somebody_elses(
    new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions
) -> None:
    raven = shelf.add("raven")
    holder, other = new_buyer(), new_buyer()
    holder.add(raven)
    assert holder.place().status_code == 303
    with sessions.begin() as db:
        assert db.get_one(StockLevel, raven).reserved == 1
    assert 'id="add-to-cart"' in holder.get("/products/raven").text
    page = other.get("/en/products/raven")
    assert "Someone is paying for it right now. If it comes to nothing" in words_of(page)
    assert fields_of(page.text, "tell-me") == {"variant": str(raven), "email": ""}


@on_both_databases
def test_beside_it_stands_what_there_is_of_its_collection(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    slugs = ["raven", *(f"doll-{n}" for n in range(8))]
    for slug in slugs:
        shelf.add(slug, on_hand=0 if slug == "doll-7" else 1, kind="unique")
    shelf.add("stranger")
    together(sessions, *slugs)
    with sessions.begin() as db:
        db.execute(update(Product).where(Product.slug == "doll-6").values(status="archived"))
    page = buyer.get("/products/raven").text
    assert "<h2>I gott sällskap</h2>" in page
    named = re.findall(r'<h3 class="name"><a href="/products/([^"]+)"', page)
    assert named == ["doll-5", "doll-4", "doll-3", "doll-2"]
    assert 'class="shelf"' not in buyer.get("/products/stranger").text


def test_however_many_of_a_collection_are_sold_only_its_latest_are_looked_at(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the latest three are sold, and what is older is not asked about."""
    monkeypatch.setattr("shop.catalogue.shelf.LATEST_SIBLINGS", 3)
    _siblings.cache_clear()
    for slug, pieces in (("old", 1), ("raven", 1), ("one", 1), ("two", 0), ("three", 0)):
        shelf.add(slug, on_hand=pieces, kind="unique")
    together(sessions, "old", "raven", "one", "two", "three")
    page = buyer.get("/products/raven").text
    _siblings.cache_clear()
    assert re.findall(r'<h3 class="name"><a href="/products/([^"]+)"', page) == ["one"]
