"""Another language is one file of translations and one setting.

The file here is German by name and puts every sentence in ⟦brackets⟧; everything that the owner
has written is in Greek letters. What is then read in Latin letters outside of brackets, on any
page and in any state, somebody forgot to translate.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from playwright.sync_api import Page
from sqlalchemy import text

from shop.kit import i18n
from shop.preferences.actions import set_preferences
from shop.sandbox.stand_in.server import StandInServer
from tests.audit.conftest import new_stage
from tests.audit.stage import Stage
from tests.audit.states import PUBLIC, State
from tests.translations import collected

pytestmark = pytest.mark.browser
GREEK = "Αβγδ"
WRITTEN_BY_THE_OWNER = {
    "variants": ("options",),
    "product_texts": ("name", "story", "materials", "size", "care", "warning"),
    "photo_texts": ("alt",),
    "collection_texts": ("name", "text"),
    "page_texts": ("title", "body"),
    "blog_posts": ("title",),
    "order_lines": ("name",),
    "orders": ("name", "address", "city"),
    "shipping_zones": ("name",),
    "withdrawals": ("name",),
}
OWNER = ("shop_name", "legal_name", "street", "city")
READ = """() => {
  const read = [document.title], nodes = [];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest("script, style")) {
      nodes.push(walker.currentNode.textContent);
    }
  }
  read.push(nodes.join(" "));  // a sentence may have links in it
  for (const element of document.querySelectorAll("*")) {
    for (const name of ["alt", "title", "aria-label", "placeholder"]) {
      if (element.hasAttribute(name)) read.push(element.getAttribute(name));
    }
  }
  const told = "meta[name=description], meta[property$=title], meta[property$=description]";
  for (const meta of document.querySelectorAll(told)) read.push(meta.content);
  return read;
}"""


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, stand_in_server: StandInServer
) -> Iterator[Stage]:
    """Yield a shop that speaks three languages, the third of them in brackets."""
    folder = tmp_path_factory.mktemp("translations")
    (folder / "sv.po").write_bytes((i18n.FOLDER / "sv.po").read_bytes())
    with (folder / "de.po").open("wb") as file:
        write_po(file, bracketed())
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(i18n, "FOLDER", folder)
        forget()
        filled = stack.enter_context(
            new_stage(tmp_path_factory.mktemp("german"), sqlite_template, stand_in_server)
        )
        with filled.sessions.begin() as db:
            for table, columns in WRITTEN_BY_THE_OWNER.items():
                for column in columns:
                    change = f"UPDATE {table} SET {column} = '{GREEK}' WHERE {column} <> ''"  # noqa: S608
                    db.execute(text(change))
            set_preferences(
                db,
                languages=["sv", "en", "de"],
                tagline={"sv": GREEK},
                pickup={"sv": GREEK},
                **dict.fromkeys(OWNER, GREEK),
            )
        until_noticed(filled)
        yield filled
    forget()


def until_noticed(stage: Stage) -> None:
    """Wait until the shop knows its new settings: it looks once a second."""
    deadline = time.monotonic() + 60
    while GREEK not in (page := httpx2.get(f"{stage.base}/de", timeout=60)).text:
        assert time.monotonic() < deadline, page.status_code
        time.sleep(0.1)


def forget() -> None:
    i18n.known_locales.cache_clear()
    i18n.translations.cache_clear()


def bracketed() -> Catalog:
    catalog = Catalog(locale="de")
    for message in collected():
        if not message.id:
            continue
        both = isinstance(message.id, tuple | list)
        words = tuple(f"⟦{one}⟧" for one in message.id) if both else f"⟦{message.id}⟧"
        catalog.add(message.id, words, context=message.context)
    return catalog


def outside_of_brackets(words: str) -> str:
    """Return *words* without what stands in brackets, and without what needs no translation."""
    inside = re.compile(r"⟦[^⟦⟧]*⟧")
    while inside.search(words):
        words = inside.sub(" ", words)
    german = Locale("de")
    names = [
        *(name for width in german.days["format"].values() for name in width.values()),
        *(name for width in german.months["format"].values() for name in width.values()),
        *german.territories.values(),
        *("Svenska", "English", "Deutsch", "SEK", "Visa", "Mastercard", "Swish"),
        "Anna Ek",  # who has typed her name
    ]
    for name in sorted(filter(None, names), key=len, reverse=True):
        words = re.sub(rf"\b{re.escape(name)}(?!\w)", " ", words)
    words = re.sub(r"\S+@\S+|https?://\S+", " ", words)
    words = re.sub(r"\b[A-Z]{1,2}-?\d+\b|\b[A-Z]+-\w+\b", " ", words)  # numbers of items
    return re.sub(r"\d\s*(?:g|kg|cm|mm)\b", " ", words)


@pytest.mark.parametrize("state", PUBLIC, ids=[re.sub(r"\W+", "-", state.name) for state in PUBLIC])
def test_nothing_is_left_in_another_language(
    stage: Stage, new_page: Callable[..., Page], state: State
) -> None:
    page = new_page(locale="de-DE")
    state.open(page, stage, "/de")
    assert page.locator("html").get_attribute("lang") == "de"
    read: list[str] = page.evaluate(READ)
    assert any("⟦" in words for words in read)
    latin = r"[A-Za-zÀ-ÖØ-öø-ɏ]+"
    assert [re.findall(latin, left) for left in map(outside_of_brackets, read)] == [[]] * len(read)


def test_each_page_leads_to_the_two_others(stage: Stage, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{stage.base}/de/products/{stage.names['available']}")
    path = f"/products/{stage.names['available']}"
    here = {"sv": path, "en": f"/en{path}", "de": f"/de{path}"}
    others = page.locator("header a[hreflang]")
    assert {
        link.get_attribute("hreflang"): link.get_attribute("href") for link in others.all()
    } == {"sv": here["sv"], "en": here["en"]}
    assert [link.inner_text() for link in others.all()] == ["Svenska", "English"]
    alternates = page.locator("link[rel=alternate][hreflang]").all()
    assert {link.get_attribute("hreflang"): link.get_attribute("href") for link in alternates} == {
        language: stage.base + address for language, address in here.items()
    }
    others.first.click()
    page.wait_for_url(stage.base + here["sv"])
    assert page.locator("html").get_attribute("lang") == "sv"


def test_prices_and_days_are_written_as_in_german(
    stage: Stage, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(f"{stage.base}/de/products/{stage.names['available']}")
    assert page.locator(".price").first.inner_text() == "345\u00a0SEK"
    days = "|".join(Locale("de").days["format"]["wide"].values())
    assert re.search(rf"⟦[^⟧]*({days}), \d+\. ", page.locator("main").inner_text())


def test_the_feed_speaks_german_too(stage: Stage, new_page: Callable[..., Page]) -> None:
    answer = new_page().request.get(f"{stage.base}/de/feeds/new.atom")
    assert answer.status == 200
    assert 'xml:lang="de"' in answer.text()
    assert f"<title>⟦{GREEK}: new items⟧</title>" in answer.text()


def test_what_is_left_in_english_is_found() -> None:
    """The control."""
    assert (
        outside_of_brackets("⟦From ⟦SEK 245⟧⟧ Dienstag, 24. November 345\u00a0SEK").strip(
            " ,.0123456789\u00a0"
        )
        == ""
    )
    assert "Add to basket" in outside_of_brackets("⟦Sent⟧ Add to basket")
