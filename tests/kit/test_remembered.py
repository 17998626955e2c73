"""A macro that is asked the same again is not run again, and never answers for something else."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
from jinja2 import DictLoader

from shop.kit import i18n, templating
from shop.kit.templating import make_environment

PAGE = """
{%- macro shown(thing, level) %}{{ ran(thing) }}<h2>{{ thing.name }}</h2>{% endmacro %}
{%- macro other(thing, level) %}{{ ran(thing) }}{{ _("Search") }} {{ shop.currency }}{% endmacro %}
{%- set macro = shown if which == "shown" else other %}
{%- for thing in things %}{{ remembered(macro, thing, 2) }}{% endfor %}
"""
PIECE = (
    "{% macro shown(thing) %}{{ ran(thing) }}{{ thing.name }}, {{ shop.currency }}. {% endmacro %}"
)
OF_A_PIECE = """
{%- for thing in things %}{{ remembered("piece.html#shown", thing) }}{% endfor %}
"""


class Thing(NamedTuple):
    name: str


@dataclass
class Preferences:
    currency: str = "SEK"


class Page:
    """A page of one template, and how often its macros were run."""

    def __init__(self) -> None:
        self.runs = 0
        self.environment = make_environment(html=True)
        self.environment.loader = DictLoader(
            {"page.html": PAGE, "again.html": PAGE, "piece.html": PIECE, "whole.html": OF_A_PIECE}
        )

    def ran(self, _thing: Thing) -> str:
        self.runs += 1
        return ""

    def show(
        self,
        *names: str,
        shop: Preferences,
        which: str = "shown",
        language: str = "sv",
        template: str = "page.html",
    ) -> str:
        with i18n.speaking(language):
            return self.environment.get_template(template).render(
                things=[Thing(name) for name in names], shop=shop, ran=self.ran, which=which
            )


def test_the_same_is_run_once() -> None:
    page, shop = Page(), Preferences()
    assert page.show("Räv", "Räv", "Älg", shop=shop) == "<h2>Räv</h2><h2>Räv</h2><h2>Älg</h2>"
    assert page.show("Älg", shop=shop) == "<h2>Älg</h2>"
    assert page.runs == 2


def test_what_is_not_markup_stays_escaped() -> None:
    page, shop = Page(), Preferences()
    for _ in range(2):
        assert page.show("<script>", shop=shop) == "<h2>&lt;script&gt;</h2>"


def test_another_macro_language_template_or_preference_is_another_answer() -> None:
    page, shop = Page(), Preferences()
    assert page.show("Räv", shop=shop, which="other") == "Sök SEK"
    assert page.show("Räv", shop=shop, which="other", language="en") == "Search SEK"
    assert page.show("Räv", shop=shop) == "<h2>Räv</h2>"
    assert page.show("Räv", shop=shop, which="other", template="again.html") == "Sök SEK"
    assert page.runs == 4
    assert page.show("Räv", shop=Preferences("EUR"), which="other") == "Sök EUR"
    assert page.runs == 5


def test_what_another_template_shows_is_remembered_too() -> None:
    page, shop = Page(), Preferences()
    assert page.show("Räv", "Älg", "Räv", shop=shop, template="whole.html") == (
        "Räv, SEK. Älg, SEK. Räv, SEK. "
    )
    assert page.runs == 2
    assert page.show("Räv", shop=Preferences("EUR"), template="whole.html") == "Räv, EUR. "
    assert page.runs == 3


def test_it_forgets_before_there_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    page, shop = Page(), Preferences()
    monkeypatch.setattr(templating, "MOST_REMEMBERED", 3 * len("<h2>a</h2>"))
    page.show("a", "b", "c", "d", shop=shop)
    page.show("d", shop=shop)
    assert page.runs == 4
    page.show("a", shop=shop)
    assert page.runs == 5
