"""Searching: the same is found on both databases, by words in each language, in one order."""

from collections.abc import Callable
from inspect import getsource, isfunction
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from shop.catalogue import actions
from shop.catalogue.actions import Words
from shop.catalogue.models import Product, SearchEntry, SearchSpelling
from shop.catalogue.queries import collections
from shop.catalogue.search import MOST_HITS, find, index_everything, keep_findable
from shop.kit.db import Sessions
from shop.kit.migrations import downgrade, migrate
from tests.catalogue.dolls import details_of, make, shelf_of_dolls
from tests.support import NOON, Buyer, Shelf, on_both_databases, product_by_slug

FOX, RUT, HEDGEHOG, SEAL, THUNDER = (
    "raven-ragnar",
    "raven-rut",
    "igelkotten-ivar",
    "salen-selma",
    "askan-osten",
)
# what is looked for, in which language, and what is found
EXACTLY: list[tuple[str, str, list[str]]] = [
    (
        "räven",
        "sv",
        [FOX, RUT, HEDGEHOG],
    ),  # names before stories, what there is before what is sold
    ("räv", "sv", [FOX, RUT, HEDGEHOG]),
    ("rävarna", "sv", [FOX, RUT, HEDGEHOG]),
    ("RÄVEN", "sv", [FOX, RUT, HEDGEHOG]),
    ("ra\u0308v", "sv", [FOX, RUT, HEDGEHOG]),
    ("fox", "en", [FOX, RUT, HEDGEHOG]),
    ("foxes", "en", [FOX, RUT, HEDGEHOG]),
    ("fox", "sv", [FOX, RUT, HEDGEHOG]),  # by the other language's words
    ("rav", "sv", []),  # å, ä and ö are letters of their own
    ("rä", "sv", [FOX, RUT, HEDGEHOG]),  # a beginning
    ("igel", "sv", [HEDGEHOG]),
    ("räven rut", "sv", [RUT]),
    ("rut räven", "sv", [RUT]),
    ("räv och rut", "sv", [RUT]),  # a word that is in every text tells nothing
    ("räven selma", "sv", []),
    ("skog", "sv", [HEDGEHOG, FOX, RUT]),  # by the collection, the newest first
    ("forest", "en", [HEDGEHOG, FOX, RUT]),
    ("merino", "sv", [FOX]),
    ("merinoull halsduk", "sv", [FOX]),
    ("scarf", "sv", [FOX]),
    ("åska", "en", [THUNDER]),  # known in Swedish alone
    ("östen", "en", [THUNDER]),
    ("lådan", "sv", []),  # a draft
    ("", "sv", []),
    ("%%%", "sv", []),
    ('"räven', "sv", [FOX, RUT, HEDGEHOG]),
    ("räv* OR igelkotten", "sv", []),  # no language of its own: three words
    ("räven NEAR/3 rut", "sv", []),
    ("-räven", "sv", [FOX, RUT, HEDGEHOG]),
    ("räven' OR '1'='1", "sv", []),
    ("🦊", "sv", []),
    ("x" * 10_000, "sv", []),
    ("räven " * 2000, "sv", [FOX, RUT, HEDGEHOG]),
    ("\\", "sv", []),
    ("_", "sv", []),
]
NEARLY: list[tuple[str, list[str]]] = [
    ("rävem", [FOX, RUT, HEDGEHOG]),
    ("raven", [FOX, RUT, HEDGEHOG]),
    ("rävne", [FOX, RUT, HEDGEHOG]),
    ("igelkoten", [HEDGEHOG]),
    ("igelkoteen", [HEDGEHOG]),
    ("igelkotteniiii", []),
    ("selmo", [SEAL]),
    ("sel", [SEAL]),
    ("rex", []),
    ("räven ragnra", [FOX]),
    ("rävem ragnra", [FOX]),
    ("ragnra xyzzy", []),
]


@pytest.fixture
def dolls(sessions: Sessions) -> Sessions:
    with sessions.begin() as db:
        shelf_of_dolls(db)
    return sessions


def slugs(db: Session, ids: Any) -> list[str]:
    there = {row.id: row.slug for row in db.execute(select(Product.id, Product.slug))}
    return [there[product_id] for product_id in ids]


@on_both_databases
def test_the_same_is_found_on_both_databases(dolls: Sessions) -> None:
    with dolls.begin() as db:
        found = [
            (words, locale, slugs(db, find(db, words, locale).product_ids))
            for words, locale, _ in EXACTLY
        ]
        assert found == EXACTLY


@on_both_databases
def test_what_is_misspelt_is_found_all_the_same(dolls: Sessions) -> None:
    with dolls.begin() as db:
        answers = [(words, find(db, words, "sv")) for words, _ in NEARLY]
        assert [(words, slugs(db, found.product_ids)) for words, found in answers] == NEARLY
        assert find(db, "räven", "sv").exact
        assert not find(db, "rävem", "sv").exact


@on_both_databases
def test_the_reader_s_language_comes_first(sessions: Sessions) -> None:
    with sessions.begin() as db:
        make(db, "Fia", "Barn owl", days=1)
        make(db, "Ett barn", "A child", days=0)
        for locale, first in (("sv", "ett-barn"), ("en", "fia")):
            assert slugs(db, find(db, "barn", locale).product_ids)[0] == first
            assert len(find(db, "barn", locale).product_ids) == 2


@on_both_databases
def test_no_more_is_found_than_anybody_looks_through(sessions: Sessions, shelf: Shelf) -> None:
    for number in range(MOST_HITS + 5):
        shelf.add(f"raven-{number}", names={"sv": f"Räven {number}"})
    with sessions.begin() as db:
        index_everything(db)
        for words in ("räv", "räven", "räv räven"):
            found = slugs(db, find(db, words, "sv").product_ids)
            assert len(found) == MOST_HITS
        assert slugs(db, find(db, "räven 77", "sv").product_ids) == ["raven-77"]


@on_both_databases
def test_two_words_meet_though_each_is_in_much_else(
    sessions: Sessions, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rarer of two words is read, and the other looked up for each: the newest of the common
    one need not have the rare one.
    """
    monkeypatch.setattr("shop.catalogue.search.MOST_READ", 20)
    shelf.add("sallsynt", names={"sv": "Räven Sällsynt"})
    for number in range(40):
        shelf.add(f"raven-{number}", names={"sv": f"Räven {number}"})
    with sessions.begin() as db:
        index_everything(db)
        for words in ("räven sällsynt", "sällsynt räven"):
            assert slugs(db, find(db, words, "sv").product_ids) == ["sallsynt"]


# --- the index is kept ----------------------------------------------------------------------------


def index(db: Session) -> set[tuple[Any, ...]]:
    entry = SearchEntry
    rows = db.execute(select(entry.term, entry.locale, entry.weight, entry.product_id))
    return {tuple(row) for row in rows}


def spelled(db: Session) -> set[str]:
    return set(db.scalars(select(SearchSpelling.word)))


def fox(db: Session) -> Product:
    product = product_by_slug(db, FOX)
    assert product is not None
    return product


def rename(db: Session) -> None:
    words = {"sv": Words("Lodjuret Lo", story="Tyst."), "en": Words("")}
    actions.edit_product(db, fox(db), details_of(fox(db), words), now=NOON)


def move_to_the_sea(db: Session) -> None:
    words = {text.locale: Words(text.name) for text in fox(db).texts}
    sea = collections(db)[1].id
    actions.edit_product(db, fox(db), details_of(fox(db), words, [sea]), now=NOON)


def publish_the_draft(db: Session) -> None:
    draft = product_by_slug(db, "raven-i-ladan")
    assert draft is not None
    actions.publish(db, draft, now=NOON)


def add_a_language(db: Session) -> None:
    thunder = product_by_slug(db, THUNDER)
    assert thunder is not None
    words = {"sv": Words("Åskan Östen"), "en": Words("Thunder", story="Loud.")}
    actions.edit_product(db, thunder, details_of(thunder, words), now=NOON)


def restore_the_fox(db: Session) -> None:
    actions.archive(db, fox(db))
    actions.restore(db, fox(db))


# what the owner does, a word that is found then, and one that is found no more
DEEDS: dict[str, tuple[Callable[[Session], Any], str, str]] = {
    "renamed": (rename, "lodjur", "ragnar"),
    "moved": (move_to_the_sea, "ragnar havet", "ragnar skogen"),
    "published": (publish_the_draft, "lådan", ""),
    "taken down": (lambda db: actions.unpublish(db, fox(db)), "", "ragnar"),
    "put away": (lambda db: actions.archive(db, fox(db)), "", "ragnar"),
    "taken out again": (restore_the_fox, "", "ragnar"),
    "duplicated": (lambda db: actions.duplicate(db, fox(db), "sv", now=NOON), "ragnar", ""),
    "priced": (lambda db: actions.set_price(db, fox(db), 1000, now=NOON), "ragnar", ""),
    "another language": (add_a_language, "thunder", ""),
    "a new collection": (
        lambda db: actions.create_collection(db, {"sv": "Fjällen"}, {}),
        "",
        "fjällen",
    ),
    "a collection renamed": (
        lambda db: actions.edit_collection(db, collections(db)[0], {"sv": "Myren"}, {}),
        "ragnar myren",
        "ragnar skogen",
    ),
    "a collection deleted": (
        lambda db: actions.delete_collection(db, collections(db)[0]),
        "ragnar",
        "skogen",
    ),
    "other members": (
        lambda db: actions.set_members(db, collections(db)[1].id, [fox(db).id]),
        "ragnar havet",
        "selma havet",
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
@on_both_databases
def test_the_index_follows_whatever_the_owner_does(dolls: Sessions, deed: str) -> None:
    """After each action it is the same as one that is made anew."""
    act, found_now, found_no_more = DEEDS[deed]
    with dolls.begin() as db:
        act(db)
    with dolls.begin() as db:
        kept, kept_words = index(db), spelled(db)
        if found_now:
            assert find(db, found_now, "sv").exact
            assert find(db, found_now, "sv").product_ids
        assert not (found_no_more and find(db, found_no_more, "sv").exact) or (
            find(db, found_no_more, "sv").product_ids == []
        )
        index_everything(db)
        assert index(db) == kept
        assert spelled(db) <= kept_words  # a word that is gone has no entries, and is not suggested


def test_every_action_is_walked() -> None:
    """An action that is new must say what it does to the index, or that it does nothing."""
    tells_nothing = {
        "create_product",  # a draft
        *("add_photos", "remove_photo", "move_photo", "describe_photo", "move_collection"),
    }
    verbs = {
        name
        for name, value in vars(actions).items()
        if isfunction(value) and value.__module__ == actions.__name__ and name[0] != "_"
    }
    acts = "".join(getsource(act) for act, _, _ in DEEDS.values())
    assert {verb for verb in verbs if f"actions.{verb}(" not in acts} == tells_nothing


def test_a_word_that_is_gone_is_not_suggested(dolls: Sessions) -> None:
    with dolls.begin() as db:
        assert find(db, "ragnra", "sv").product_ids
        actions.archive(db, fox(db))
        assert find(db, "ragnra", "sv").product_ids == []


def test_nothing_is_found_of_what_was_undone(dolls: Sessions) -> None:
    def break_off() -> None:
        with dolls.begin() as db:
            rename(db)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    with dolls.begin() as db:
        assert slugs(db, find(db, "ragnar", "sv").product_ids) == [FOX]
        assert find(db, "lodjur", "sv").product_ids == []


@on_both_databases
def test_a_shop_from_before_there_was_a_search_is_indexed_when_it_moves_up(
    dolls: Sessions, db_url: str
) -> None:
    with dolls.begin() as db:
        before = index(db)
        keys = db.execute(text("SELECT name, sort_key FROM product_texts ORDER BY name")).all()
    dolls.engine.dispose()
    downgrade(db_url, "0003")
    migrate(db_url)
    with dolls.begin() as db:
        assert index(db) == before
        assert len(before) > 50
        after = db.execute(text("SELECT name, sort_key FROM product_texts ORDER BY name")).all()
        assert after == keys
        assert all(key for _, key in keys)


# --- what it costs --------------------------------------------------------------------------------


def test_a_search_reads_no_list_of_words(dolls: Sessions) -> None:
    """The words of the shop are looked up by their spellings, however many there are."""
    asked: list[str] = []
    event.listen(
        dolls.engine, "before_cursor_execute", lambda *call: asked.append(call[2]), named=False
    )
    with dolls.begin() as db:
        find(db, "räven", "sv")
        assert len(asked) == 2  # BEGIN, and the search
        find(db, "rävem", "sv")
    near = [statement for statement in asked if "search_spellings" in statement]
    assert len(near) == 1
    assert "spelling IN" in near[0]


def test_an_index_of_nothing_is_none(sessions: Sessions) -> None:
    with sessions.begin() as db:
        keep_findable(db, [])
        index_everything(db)
        assert db.scalar(select(func.count()).select_from(SearchEntry)) == 0


# --- the page -------------------------------------------------------------------------------------


def test_a_hit_is_shown_and_what_was_looked_for_stands_in_the_field(
    dolls: Sessions, buyer: Buyer
) -> None:
    page = buyer.get("/search?q=igelkotten")
    assert page.status_code == 200
    assert "1 träff på ”igelkotten”" in page.text
    assert 'value="igelkotten"' in page.text
    assert 'href="/products/igelkotten-ivar"' in page.text
    assert '<meta name="robots" content="noindex, follow">' in page.text


def test_nothing_found_is_said_kindly_beside_what_is_new(dolls: Sessions, buyer: Buyer) -> None:
    page = buyer.get("/search?q=kamel").text
    assert "Inget hittades för ”kamel”. Pröva ett annat ord, eller färre." in page
    assert 'href="/products/salen-selma"' in page


def test_what_is_near_is_shown_as_near(dolls: Sessions, buyer: Buyer) -> None:
    assert "Inget här heter ”rävem”. Det här ligger nära." in buyer.get("/search?q=rävem").text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=",
        "q=%25%25%25",
        "q=%22%22%22",
        "q=*&page=2",
        "q=NEAR(a b)",
        "q=-",
        "q=%F0%9F%A6%8A",
        "q=%FF%FE",
        "q=r%C3%A4v&q=fox",
        "q=r%C3%A4v&page=1000000000",
        "q=r%C3%A4v&page=-1",
        "q=r%C3%A4v&page=x",
        "q=<script>alert(1)</script>",
        "q=" + "%C3%A4" * 10_000,
        "q=" + "a " * 5_000,
        "page=2",
    ],
)
def test_whatever_is_looked_for_there_is_an_answer(
    dolls: Sessions, buyer: Buyer, query: str
) -> None:
    page = buyer.get(f"/search?{query}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text


def test_no_text_has_a_nul(dolls: Sessions, buyer: Buyer) -> None:
    assert buyer.get("/search?q=r%00v").status_code == 404


def test_hits_have_pages(sessions: Sessions, shelf: Shelf, buyer: Buyer) -> None:
    for number in range(30):
        shelf.add(f"raven-{number}", names={"sv": f"Räven {number}"})
    with sessions.begin() as db:
        index_everything(db)
    first = buyer.get("/search?q=räven").text
    assert "30 träffar" in first
    assert "Sida 1 av 2" in first
    assert 'href="/search?q=r%C3%A4ven&amp;page=2"' in first
    assert first.count('<li class="card') == 24
    assert buyer.get("/search?q=räven&page=2").text.count('<li class="card') == 6
    assert buyer.get("/search?q=räven&page=99").text.count('<li class="card') == 6
