"""The list: narrowed, sorted, turned page by page, and never dearer than what it shows."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, select, update

from shop.catalogue import listing
from shop.catalogue.actions import create_collection, duplicate
from shop.catalogue.chosen import Chosen, Sort, read_chosen
from shop.catalogue.listing import (
    PER_PAGE,
    last_page,
    listed_cards,
    pictured_collections,
    siblings_of,
    sold_cards,
)
from shop.catalogue.models import Collection, CollectionProduct, Kind, Photo, Product, Variant
from shop.catalogue.shelf import cards_of, living_siblings
from shop.config import Config
from shop.kit.db import Sessions
from shop.stock.models import StockLevel
from tests.catalogue.dolls import make, shelf_of_dolls
from tests.support import NOON, Buyer, Shelf, fields_of, on_both_databases, product_by_slug

FOX, RUT, HEDGEHOG, SEAL, THUNDER = (
    "raven-ragnar",
    "raven-rut",
    "igelkotten-ivar",
    "salen-selma",
    "askan-osten",
)
CHOICES: list[tuple[dict[str, str], list[str]]] = [
    ({}, [THUNDER, SEAL, HEDGEHOG, RUT, FOX]),
    ({"sort": "price_low"}, [THUNDER, HEDGEHOG, FOX, RUT, SEAL]),
    ({"sort": "price_high"}, [SEAL, RUT, FOX, HEDGEHOG, THUNDER]),
    ({"sort": "name"}, [HEDGEHOG, FOX, RUT, SEAL, THUNDER]),  # Åskan behind Sälen
    ({"stock": "1"}, [THUNDER, SEAL, HEDGEHOG, FOX]),
    ({"kind": "unique"}, [THUNDER, RUT, FOX]),
    ({"kind": "unique", "stock": "1", "sort": "price_high"}, [FOX, THUNDER]),
    ({"price_from": "245"}, [SEAL, RUT, FOX]),
    ({"price_to": "245"}, [THUNDER, HEDGEHOG, FOX]),
    ({"price_from": "300", "price_to": "200"}, [RUT, FOX]),  # the wrong way round
    ({"height_from": "8", "height_to": "9"}, [RUT, FOX]),
    ({"height_from": "9,1"}, [THUNDER]),
    ({"height_to": "7.0", "sort": "name"}, [SEAL]),
]


@pytest.fixture
def dolls(sessions: Sessions) -> Sessions:
    with sessions.begin() as db:
        shelf_of_dolls(db)
    return sessions


def shown(html: str) -> list[str]:
    """Return the slugs of a page's cards, in their order."""
    return re.findall(r'class="name"><a href="(?:/en)?/products/([^"]+)"', html)


# --- what is chosen -------------------------------------------------------------------------------


@on_both_databases
def test_the_list_is_narrowed_and_sorted_alike_on_both_databases(dolls: Sessions) -> None:
    with dolls.begin() as db:
        found = [
            (query, [c.slug for c in listed_cards(db, "sv", read_chosen(query, "SEK"), None, {})])
            for query, _ in CHOICES
        ]
    assert found == CHOICES


@on_both_databases
@pytest.mark.parametrize("few", [500, 0])
def test_a_collection_is_listed_alike_however_many_are_in_it(
    dolls: Sessions, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Few members are read and sorted; for many the order is walked and they are looked up."""
    narrowed = listing.ONE_TOO_MANY.offset(None).offset(few)
    monkeypatch.setattr(listing, "ONE_TOO_MANY", narrowed)
    forest = {FOX, RUT, HEDGEHOG}
    with dolls.begin() as db:
        forest_id = db.scalar(select(Collection.id).where(Collection.slug == "skogen"))
        for query, all_of_them in CHOICES:
            cards = listed_cards(db, "sv", read_chosen(query, "SEK"), forest_id, {})
            assert [c.slug for c in cards] == [slug for slug in all_of_them if slug in forest]


def test_names_are_sorted_in_the_reader_s_language(dolls: Sessions) -> None:
    with dolls.begin() as db:
        cards = listed_cards(db, "en", Chosen(sort=Sort.NAME), None, {})
    assert [card.name for card in cards] == [
        "Ivar the Hedgehog",
        "Ragnar the Fox",
        "Rut the Fox",
        "Selma the Seal",
        "Åskan Östen",  # in Swedish alone
    ]


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ({"page": "1000000000"}, Chosen()),
        ({"page": "-1"}, Chosen()),
        ({"page": "1.5"}, Chosen()),
        ({"page": "10000"}, Chosen(page=10000)),
        ({"price_from": "abc"}, Chosen()),
        ({"price_from": "-5"}, Chosen()),
        ({"price_from": "0"}, Chosen()),
        ({"price_from": "1e9"}, Chosen()),
        ({"price_from": "9999999"}, Chosen()),
        ({"price_from": " 245,50 "}, Chosen(price_from=24550)),
        ({"price_from": "300", "price_to": "200"}, Chosen(price_from=20000, price_to=30000)),
        ({"height_to": "9.5"}, Chosen(height_to=95)),
        ({"height_to": "٩"}, Chosen()),
        ({"sort": "xyz"}, Chosen()),
        ({"sort": "name"}, Chosen(sort=Sort.NAME)),
        ({"kind": "unique"}, Chosen(kind=Kind.UNIQUE)),
        ({"kind": "' OR 1=1"}, Chosen()),
        ({"stock": "yes"}, Chosen()),
        ({"stock": "1"}, Chosen(in_stock=True)),
        ({"sort": "x" * 10_000, "price_to": "9" * 10_000}, Chosen()),
    ],
)
def test_what_makes_no_sense_is_left_out(query: dict[str, str], chosen: Chosen) -> None:
    assert read_chosen(query, "SEK") == chosen


def test_a_choice_is_written_as_it_is_read() -> None:
    chosen = Chosen(Kind.BATCH, True, 20050, 30000, 75, 100, Sort.NAME, 3)
    query = chosen.query("SEK")
    assert query == (
        "?kind=batch&stock=1&price_from=200.5&price_to=300&height_from=7.5&height_to=10"
        "&sort=name&page=3"
    )
    assert read_chosen(dict(p.split("=") for p in query[1:].split("&")), "SEK") == chosen
    assert chosen.but(kind=None) == Chosen(None, True, 20050, 30000, 75, 100, Sort.NAME, 1)
    assert Chosen(page=2).plain
    assert Chosen().query("SEK") == ""
    assert read_chosen({"price_from": "200"}, "JPY").price_from == 200  # without a smaller part


# --- the page -------------------------------------------------------------------------------------


def test_the_form_shows_what_is_chosen_and_each_can_be_taken_away(
    dolls: Sessions, buyer: Buyer
) -> None:
    page = buyer.get("/products?price_from=200&stock=1&sort=price_low").text
    assert shown(page) == [FOX, SEAL]
    assert 'name="price_from" inputmode="decimal" autocomplete="off" value="200"' in page
    assert 'name="stock" value="1" checked' in page
    assert '<option value="price_low" selected>' in page
    away = re.findall(r'<li><a href="([^"]+)"><span class="visually-hidden">', page)
    assert away == [
        "/products?stock=1&amp;price_from=200",
        "/products?stock=1&amp;sort=price_low",
        "/products?price_from=200&amp;sort=price_low",
    ]


def test_a_collection_in_the_form_leads_to_its_own_page(dolls: Sessions, buyer: Buyer) -> None:
    answer = buyer.get("/products?collection=skogen&stock=1&sort=&kind=&price_from=")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/collections/skogen?stock=1"
    assert shown(buyer.get("/collections/skogen?stock=1").text) == [HEDGEHOG, FOX]
    assert buyer.get("/en/products?collection=skogen").headers["location"] == (
        "/en/collections/skogen"
    )
    assert len(shown(buyer.get("/products?collection=nope").text)) == 5
    assert buyer.get("/collections/nope").status_code == 404


def test_nothing_like_that_is_said_with_a_way_back(dolls: Sessions, buyer: Buyer) -> None:
    page = buyer.get("/products?price_from=9000")
    assert page.status_code == 200
    assert "Inget på hyllan stämmer med det just nu." in page.text


def canonical(html: str) -> str:
    found = re.search(r'<link rel="canonical" href="[^/]+//[^/]+([^"]*)">', html)
    assert found is not None
    return found[1]


def test_only_plain_lists_are_for_search_engines(
    start_shop: Callable[..., Config], shelf: Shelf, new_buyer: Callable[[], Buyer]
) -> None:
    for number in range(PER_PAGE + 1):
        shelf.add(f"doll-{number}")
    noindex = '<meta name="robots" content="noindex, follow">'
    buyer = new_buyer()
    for path, address, kept_out in [
        ("/products", "/products", False),
        ("/products?page=2", "/products?page=2", False),
        ("/products?page=99", "/products?page=2", False),
        ("/products?page=1", "/products", False),
        ("/products?sort=name", "/products", True),
        ("/products?stock=1&page=2", "/products", True),
        ("/products?utm=x", "/products", False),
    ]:
        html = buyer.get(path).text
        assert (canonical(html), noindex in html) == (address, kept_out), path


def test_a_choice_survives_turning_the_page(sessions: Sessions, shelf: Shelf, buyer: Buyer) -> None:
    for number in range(PER_PAGE * 2 + 1):
        shelf.add(f"doll-{number}", price_amount=(number + 1) * 1000)
    first = buyer.get("/products?sort=price_low&price_from=20").text
    assert shown(first)[0] == "doll-1"
    assert 'rel="next" href="/products?price_from=20&amp;sort=price_low&amp;page=2"' in first
    assert 'rel="prev"' not in first
    second = buyer.get("/products?price_from=20&sort=price_low&page=2").text
    assert shown(second) == [f"doll-{number}" for number in range(25, 49)]
    assert 'rel="prev" href="/products?price_from=20&amp;sort=price_low"' in second
    assert 'rel="next"' not in second


@on_both_databases
def test_a_page_behind_the_last_is_the_last(sessions: Sessions, shelf: Shelf) -> None:
    for number in range(PER_PAGE + 1):
        shelf.add(f"doll-{number}")
    with sessions.begin() as db:
        for sort in Sort:
            assert last_page(db, "sv", Chosen(sort=sort), None) == 2
        assert last_page(db, "sv", Chosen(kind=Kind.BATCH), None) == 1


@pytest.mark.parametrize(
    "query",
    [
        "page=1000000000&sort=xyz&price_from=abc",
        "page=2&page=3&sort=name&sort=price_low",
        "sort=" + "x" * 10_000,
        "price_from=%F0%9F%A6%8A",
        "kind[]=unique&stock=1&stock=0",
        "height_from=%FF",
        "&&&===",
    ],
)
def test_nonsense_is_put_right_quietly(dolls: Sessions, buyer: Buyer, query: str) -> None:
    for path in ("/products", "/collections/skogen", "/sold"):
        page = buyer.get(f"{path}?{query}")
        assert page.status_code == (404 if path == "/sold" and "page=3" in query else 200), page.url


def test_the_own_hold_never_reads_sold_out(
    dolls: Sessions, buyer: Buyer, new_buyer: Callable[[], Buyer]
) -> None:
    with dolls.begin() as db:
        variant_id = db.scalar(select(Variant.id).join(Product).where(Product.slug == FOX))
    assert variant_id is not None
    buyer.add(variant_id)
    assert buyer.place().status_code == 303
    for path in ("/products", "/products?stock=1", "/collections/skogen", "/search?q=ragnar", "/"):
        mine, theirs = buyer.get(path).text, new_buyer().get(path).text
        assert FOX in mine, path
        assert "Någon betalar" not in mine, path
        assert "Någon betalar" in theirs, path


# --- cards ----------------------------------------------------------------------------------------


@on_both_databases
def test_a_card_tells_what_there_is(sessions: Sessions, shelf: Shelf) -> None:
    first = shelf.add("raven", on_hand=2, price_amount=20000, names={"sv": "Räven"})
    with sessions.begin() as db:
        product_id = db.get_one(Variant, first).product_id
        db.add_all(
            [
                Variant(product_id=product_id, sku="big", position=1, price_amount=30000),
                Photo(product_id=product_id, hash="aaaaaaaaaaaaaaaa", position=1),
                Photo(product_id=product_id, hash="bbbbbbbbbbbbbbbb", position=2, in_scale=True),
            ]
        )
        db.execute(update(StockLevel).values(reserved=2))
    with sessions.begin() as db:
        [card] = listed_cards(db, "en", Chosen(), None, {})
        assert (card.locale, card.name) == ("sv", "Räven")
        assert (card.price_amount, card.highest_amount, card.several_prices) == (20000, 30000, True)
        assert (card.on_hand, card.free, card.held, card.sold_out) == (2, 0, True, False)
        assert (card.photo_hash, card.alt) == ("0123456789abcdef", None)
        assert card.second_hash == "bbbbbbbbbbbbbbbb"  # in scale before the one that comes first
        [mine] = listed_cards(db, "sv", Chosen(), None, {first: 2})
        assert (mine.free, mine.held, mine.buyable) == (2, False, 2)
        assert [c.slug for c in cards_of(db, [99, product_id], "sv", {})] == ["raven"]


def statements(sessions: Sessions, work: Callable[[Any], object]) -> int:
    """Return how many statements *work* takes, without BEGIN."""
    asked: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2])

    event.listen(sessions.engine, "before_cursor_execute", note)
    with sessions.begin() as db:
        work(db)
    event.remove(sessions.engine, "before_cursor_execute", note)
    return len([statement for statement in asked if not statement.startswith("BEGIN")])


def test_a_list_takes_one_statement_however_long_it_is(sessions: Sessions, shelf: Shelf) -> None:
    for number in range(PER_PAGE + 1):
        shelf.add(f"doll-{number}")
    for sort in Sort:
        chosen = Chosen(sort=sort, in_stock=True)
        assert statements(sessions, lambda db: listed_cards(db, "sv", chosen, None, {})) == 1  # noqa: B023


@pytest.mark.parametrize("sort", list(Sort))
def test_each_order_walks_an_index(sessions: Sessions, sort: Sort) -> None:
    """SQLite sorts no more than the one page: what is walked comes in order already."""
    asked: list[tuple[str, Any]] = []
    event.listen(
        sessions.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3]))
    )
    with sessions.begin() as db:
        listed_cards(db, "sv", Chosen(sort=sort), None, {})
        statement, values = asked[-1]
        plan = db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    within = next(row.id for row in plan if "places" in row.detail)
    steps = [row.detail for row in plan if row.parent == within]
    assert "USING" in steps[0], steps
    assert "INDEX" in steps[0], steps
    assert not [step for step in steps if "TEMP B-TREE" in step], steps


# --- what has found a home ------------------------------------------------------------------------


@on_both_databases
def test_what_is_sold_leads_to_siblings_that_are_not(dolls: Sessions) -> None:
    with dolls.begin() as db:
        [rut] = sold_cards(db, "sv", 1)
        assert rut.slug == RUT
        living = siblings_of(db, [rut.product_id], "sv")
        assert [card.slug for card in living[rut.product_id]] == [HEDGEHOG, FOX]
        related = living_siblings(db, rut.product_id, "sv", 1)
        assert [card.slug for card in related] == [HEDGEHOG]
        seal = db.scalar(select(Product.id).where(Product.slug == SEAL))
        assert seal is not None
        assert living_siblings(db, seal, "sv", 4) == []  # alone in the sea
        assert sold_cards(db, "sv", 2) == []


def test_each_that_is_sold_leads_to_others(sessions: Sessions) -> None:
    with sessions.begin() as db:
        family = create_collection(db, {"sv": "Familjen"}, {}).id
        here = [make(db, f"Här {n}", days=n, collection_ids=[family]).id for n in range(3)]
        gone = [make(db, f"Borta {n}", on_hand=0, collection_ids=[family]).id for n in range(2)]
        alone = make(db, "Ensam", on_hand=0).id
        siblings = siblings_of(db, [*gone, alone], "sv")
        ids = {of: [card.product_id for card in cards] for of, cards in siblings.items()}
        assert ids == {gone[0]: [here[2], here[1]], gone[1]: [here[0], here[2]], alone: []}


def test_the_gallery_of_what_is_sold_is_a_page(dolls: Sessions, buyer: Buyer) -> None:
    page = buyer.get("/sold")
    assert page.status_code == 200
    assert shown(page.text) == [RUT]
    sibling = '<a href="/products/igelkotten-ivar">Igelkotten Ivar</a>'
    assert f"Syskon som väntar: <span>{sibling}," in page.text
    assert 'href="/sold"' in buyer.get("/products").text
    assert buyer.get("/sold?page=2").status_code == 404


# --- collections ----------------------------------------------------------------------------------


@on_both_databases
def test_a_collection_is_shown_by_a_photo_of_its_newest(sessions: Sessions, shelf: Shelf) -> None:
    with sessions.begin() as db:
        sea = create_collection(db, {"sv": "Havet", "en": "The sea"}, {"sv": "Salt.", "en": ""})
        create_collection(db, {"sv": "Ingenting"}, {})
        old, new, draft = (
            make(db, name, published=name != "Utkast") for name in ("Gammal", "Ny", "Utkast")
        )
        new.photos[0].hash = "fedcba9876543210"
        draft.photos[0].hash = "1111111111111111"
        for product in (old, new, draft):
            db.add(CollectionProduct(collection_id=sea.id, product_id=product.id))
    with sessions.begin() as db:
        havet, nothing = pictured_collections(db, "en")
        assert (havet.slug, havet.name, havet.photo_hash) == (
            "havet",
            "The sea",
            "fedcba9876543210",
        )
        assert (nothing.locale, nothing.name, nothing.photo_hash) == ("sv", "Ingenting", None)


def test_home_shows_the_maker_and_the_collections(dolls: Sessions, buyer: Buyer) -> None:
    page = buyer.get("/").text
    assert "Provbutiken Ek i Hallstavik" in page
    assert shown(page)[-1] == FOX
    assert re.findall(r'<h3><a href="([^"]+)">', page) == [
        "/collections/skogen",
        "/collections/havet",
    ]


# --- how high it is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "millimetres", "shown_again"),
    [("9", 90, "9"), ("9,5", 95, "9,5"), (" 9.5 cm ", 95, "9,5"), ("", None, "")],
)
def test_the_owner_says_how_high_it_is(
    owner: Buyer, dolls: Sessions, typed: str, millimetres: int | None, shown_again: str
) -> None:
    with dolls.begin() as db:
        fox = db.scalar(select(Product.id).where(Product.slug == FOX))
    address = f"/admin/products/{fox}"
    fields = fields_of(owner.http.get(address).text, "product")
    assert fields["height"] == "9"
    fields.pop("photos")
    answer = owner.http.post(address, data=fields | {"height": typed})
    assert answer.status_code == 303
    with dolls.begin() as db:
        assert db.scalar(select(Product.height_mm).where(Product.slug == FOX)) == millimetres
    assert fields_of(owner.http.get(address).text, "product")["height"] == shown_again


@pytest.mark.parametrize("typed", ["high", "-9", "0", "9,55", "1000", "٩"])
def test_a_height_that_is_none_is_asked_for_again(
    owner: Buyer, dolls: Sessions, typed: str
) -> None:
    with dolls.begin() as db:
        fox = db.scalar(select(Product.id).where(Product.slug == FOX))
    address = f"/admin/products/{fox}"
    fields = fields_of(owner.http.get(address).text, "product") | {"height": typed}
    fields.pop("photos")
    answer = owner.http.post(address, data=fields)
    assert answer.status_code == 422
    assert "Skriv höjden i centimeter, till exempel 9 eller 9,5." in answer.text
    assert fields_of(answer.text, "product")["height"] == typed


def test_a_copy_is_as_high(dolls: Sessions) -> None:
    with dolls.begin() as db:
        fox = product_by_slug(db, FOX)
        assert fox is not None
        assert duplicate(db, fox, "sv", now=NOON).height_mm == 90
