import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.kit.i18n import speaking
from shop.kit.markdown import markdown
from shop.preferences.actions import write_page, write_starting_texts
from shop.preferences.models import PageText
from shop.preferences.texts import (
    PLACEHOLDERS,
    SLUGS,
    filled,
    is_starting_text,
    notes_before_opening,
    starting_texts,
)
from shop.preferences.values import Preferences

BASE = "https://shop.example"
MAJA = Preferences(
    shop_name="Majas",
    legal_name="Maja Lind",
    org_number="556703-7485",
    vat_number="SE556703748501",
    street="Storgatan 1",
    postal_code="763 40",
    city="Hallstavik",
    email="maja@example.se",
    phone="070-123 45 67",
)


def fill(body: str, preferences: Preferences = MAJA, table: str = "") -> str:
    return filled(body, preferences, base_url=BASE, postage_table=table)


# --- what comes with the program ------------------------------------------------------------------


def test_every_text_is_there_in_both_languages() -> None:
    assert set(starting_texts()) == {(slug, code) for slug in SLUGS for code in ("sv", "en")}


@pytest.mark.parametrize("key", sorted(starting_texts()), ids="-".join)
def test_a_starting_text_uses_known_placeholders_only(key: tuple[str, str]) -> None:
    named = set(re.findall(r"\{(\w*)\}", starting_texts()[key].body))
    assert named <= set(PLACEHOLDERS)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_two_languages_say_as_much(slug: str) -> None:
    swedish, english = (starting_texts()[slug, code].body for code in ("sv", "en"))
    shape = re.compile(r"^#+|\{\w+\}|^- |^> ", re.MULTILINE)
    assert shape.findall(swedish) == shape.findall(english)


def test_no_text_links_to_the_closed_dispute_platform() -> None:
    assert not [key for key, text in starting_texts().items() if "ec.europa.eu" in text.body]


def test_nothing_is_left_to_fill_in() -> None:
    for (_slug, locale), text in starting_texts().items():
        with speaking(locale):
            assert not re.search(r"[{}]", fill(text.body, table="| a |\n| --- |"))


def test_notes_are_in_the_owners_language_or_english() -> None:
    assert notes_before_opening("sv").startswith("1. Texterna är en utgångspunkt")
    assert notes_before_opening("en").startswith("1. These texts are a starting point")
    assert notes_before_opening("de") == notes_before_opening("en")


def test_missing_texts_are_written_and_others_kept(sessions: Sessions) -> None:
    with sessions.begin() as db:
        write_page(db, "terms", "sv", title="Mina villkor", body="Betala först.")
        write_starting_texts(db)
    with sessions.begin() as db:
        texts = {(text.slug, text.locale): text.title for text in db.scalars(select(PageText))}
    assert len(texts) == 10
    assert texts["terms", "sv"] == "Mina villkor"
    assert texts["terms", "en"] == "Terms of sale"


def test_a_text_is_untouched_until_a_word_changes() -> None:
    text = starting_texts()["contact", "en"]
    through_a_textarea = text.body.replace("\n", "\r\n") + "\r\n"
    assert is_starting_text("contact", "en", text.title, through_a_textarea)
    assert not is_starting_text("contact", "en", "Write to me", text.body)
    assert not is_starting_text("contact", "en", text.title, text.body + " Hello.")
    assert not is_starting_text("contact", "de", text.title, text.body)


# --- facts in their places ------------------------------------------------------------------------


def test_facts_are_filled_in() -> None:
    body = "{shop_name}, {legal_name}, {org_number}, {street}, {postal_code} {city}, {phone}."
    assert fill(body) == (
        "Majas, Maja Lind, 556703-7485, Storgatan 1, 763 40 Hallstavik, 070-123 45 67."
    )


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("sv", "Sverige. All prices are in svenska kronor and include VAT."),
        ("en", "Sweden. All prices are in Swedish kronor and include VAT."),
    ],
)
def test_country_and_currency_are_in_the_language_of_the_moment(locale: str, expected: str) -> None:
    with speaking(locale):
        assert fill("{country}. {prices}") == expected


@pytest.mark.parametrize(("days", "words"), [(1, "1 working day"), (2, "2 working days")])
def test_one_day_is_a_day(days: int, words: str) -> None:
    assert fill("within {dispatch_days}", replace(MAJA, dispatch_days=days)) == f"within {words}"


def test_who_is_exempt_says_nothing_about_vat() -> None:
    exempt = replace(MAJA, vat_registered=False)
    body = "{prices}\n\nVAT number: {vat_number}\n\nEnd."
    assert fill(body, exempt) == "All prices are in Swedish kronor.\n\nEnd."


def test_a_line_that_introduces_nothing_is_left_out() -> None:
    body = "E-mail: {email}\n\nPhone: {phone}\n\nI answer.\n\n"
    body += "{legal_name}\\\nNumber {org_number}\\\n{city}"
    without = replace(MAJA, phone="", org_number="")
    assert fill(body, without) == (
        "E-mail: <maja@example.se>\n\nI answer.\n\nMaja Lind\\\nHallstavik"
    )


def test_a_sentence_that_goes_on_is_kept() -> None:
    body = "Write to {email}, with a picture."
    assert fill(body, replace(MAJA, email="")) == "Write to , with a picture."


def test_without_postage_there_is_no_table() -> None:
    assert fill("Before.\n\n{postage_table}\n\nAfter.") == "Before.\n\nAfter."


@pytest.mark.parametrize(
    "typed",
    [
        "{",
        "}",
        "{}",
        "{0}",
        "{0.__class__}",
        "{unknown}",
        "{shop_name!r}",
        "{shop_name:>99999999}",
        "{preferences.email}",
        "%(shop_name)s %s %d",
        "{{ shop.shop_name }}",
        "{% include 'x' %}",
        "$shop_name \\g<0>",
    ],
)
def test_other_braces_stay_as_typed(typed: str) -> None:
    assert fill(f"a {typed} b") == f"a {typed} b"


def test_a_fact_is_not_filled_a_second_time() -> None:
    assert fill("{shop_name}", replace(MAJA, shop_name="{email} \\1")) == "{email} \\\\1"


def html(body: str, **facts: str) -> str:
    return markdown(fill(body, replace(MAJA, **facts))).strip()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["*Maja* & _Lind_", "Maja [x](https://evil.example)", "a | b", "`x`", "~~y~~", "\\"]
)
def test_a_fact_is_never_read_as_markdown(name: str) -> None:
    shown = name.replace("&", "&amp;")
    assert html("By {legal_name}.", legal_name=name) == f"<p>By {shown}.</p>"


@pytest.mark.parametrize("street", ["- gatan", "+ 1", "# ett", "12. gatan", "3) c", "===", "> x"])
def test_a_fact_does_not_begin_a_list_or_a_heading(street: str) -> None:
    shown = street.replace(">", "&gt;")
    assert html("Maja\n{street}", street=street) == f"<p>Maja\n{shown}</p>"


def test_an_address_is_a_link_and_a_link_stays_one() -> None:
    link = '<a href="mailto:maja@example.se">maja@example.se</a>'
    assert html("{email}") == f"<p>{link}</p>"
    assert html("[Write](mailto:{email})") == '<p><a href="mailto:maja@example.se">Write</a></p>'
    assert html("{base_url}") == f'<p><a href="{BASE}">{BASE}</a></p>'


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](data:text/html,y)", "<p>[x](data:text/html,y)</p>"),
        ("![x](https://evil.example/x.png)", "<p></p>"),
    ],
)
def test_markup_does_nothing(typed: str, shown: str) -> None:
    assert html(typed) == shown
