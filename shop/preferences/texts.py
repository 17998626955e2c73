"""The owner's texts: what they start from, and the shop's facts put in their places.

A fixed set of names in braces is replaced, literally and once. Everything else that the owner
types stays as typed, other braces included, and a fact is never read as Markdown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.numbers import get_currency_name

from shop.kit.i18n import country_name, current_locale, ngettext
from shop.kit.i18n import gettext as _
from shop.kit.markdown import as_markdown
from shop.preferences.values import Preferences

FOLDER = Path(__file__).parent / "starting_texts"
PAGES = ("contact", "delivery", "terms", "privacy")  # each has its public page
SLUGS = ("home", *PAGES)  # home is the maker's own text on the first page
PLACEHOLDERS = (
    *("shop_name", "base_url", "legal_name", "org_number", "vat_number"),
    *("street", "postal_code", "city", "country", "email", "phone"),
    *("dispatch_days", "prices", "postage_table"),
)

_PLACE = re.compile(r"(?P<before>mailto:)?\{(?P<name>" + "|".join(PLACEHOLDERS) + r")\}")
_STARTS_A_BLOCK = re.compile(r"^(?:[-+=]|\d+(?=[.)]))")
_HARD_BREAK = "\\\n"


@dataclass(frozen=True)
class Text:
    title: str
    body: str  # Markdown


# --- what a new shop starts from ------------------------------------------------------------------


@cache
def starting_texts() -> Mapping[tuple[str, str], Text]:
    """Return the texts that come with the program, by slug and locale."""
    return {
        (slug, path.stem.removeprefix(f"{slug}.")): _read(path)
        for slug in SLUGS
        for path in sorted(FOLDER.glob(f"{slug}.*.md"))
    }


def notes_before_opening(locale: str) -> str:
    """Return what to look through before the shop opens, as Markdown; English if need be."""
    path = FOLDER / f"notes.{locale}.md"
    return _read(path if path.exists() else FOLDER / "notes.en.md").body


def is_starting_text(slug: str, locale: str, title: str, body: str) -> bool:
    """Say whether nobody has touched the text yet: it stands word for word as it came."""
    came = starting_texts().get((slug, locale))
    return came is not None and (title.strip(), unix_lines(body)) == (came.title, came.body)


def unix_lines(text: str) -> str:
    """Return *text* with the line ends that a textarea changes, and without blank ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _read(path: Path) -> Text:
    first, _newline, rest = path.read_text(encoding="utf-8").partition("\n")
    return Text(first.removeprefix("# ").strip(), unix_lines(rest))


# --- the shop's facts in their places -------------------------------------------------------------


def filled(body: str, preferences: Preferences, *, base_url: str, postage_table: str = "") -> str:
    """Return *body* with its placeholders filled in the language of the moment, as Markdown.

    A line that only introduces a fact which is not there ("Telephone: {phone}") is left out.
    """
    values = facts(preferences, base_url) | {"postage_table": postage_table}
    paragraphs = (_without_empty(part, values) for part in unix_lines(body).split("\n\n"))
    text = "\n\n".join(part for part in paragraphs if part)
    return _PLACE.sub(lambda place: _shown(place, values), text)


def facts(preferences: Preferences, base_url: str) -> dict[str, str]:
    """Return what stands for each placeholder but the postage, in the language of the moment."""
    days = preferences.dispatch_days
    names = ("shop_name", "legal_name", "org_number", "street", "postal_code", "city")
    return {name: getattr(preferences, name) for name in (*names, "email", "phone")} | {
        "base_url": base_url,
        "vat_number": preferences.vat_number if preferences.vat_registered else "",
        "country": country_name(preferences.country),
        "dispatch_days": ngettext("%(num)s working day", "%(num)s working days", days)
        % {"num": days},
        "prices": _prices(preferences),
    }


def _prices(preferences: Preferences) -> str:
    currency = get_currency_name(preferences.currency, count=2, locale=current_locale())
    if preferences.vat_registered:
        return _("All prices are in %(currency)s and include VAT.") % {"currency": currency}
    return _("All prices are in %(currency)s.") % {"currency": currency}


def _without_empty(paragraph: str, values: Mapping[str, str]) -> str:
    lines = paragraph.split(_HARD_BREAK)
    return _HARD_BREAK.join(line for line in lines if not _introduces_nothing(line, values))


def _introduces_nothing(line: str, values: Mapping[str, str]) -> bool:
    places = list(_PLACE.finditer(line))
    if len(places) != 1 or values[places[0]["name"]]:
        return False
    return line[places[0].end() :].strip() in ("", ".")


def _shown(place: re.Match[str], values: Mapping[str, str]) -> str:
    name, before, value = place["name"], place["before"] or "", values[place["name"]]
    if name == "postage_table":
        return f"\n\n{value}\n\n"  # Markdown of our own
    if before:  # the owner made a link of it
        return before + "".join(value.split())
    if name in ("email", "base_url") and re.fullmatch(r"[^\s<>\\]+[@:][^\s<>\\]+", value):
        return f"<{value}>"  # a link to tap on
    escaped = as_markdown(value)
    if place.start() == 0 or place.string[place.start() - 1] == "\n":
        escaped = _STARTS_A_BLOCK.sub(_kept_in_line, escaped)
    return escaped


def _kept_in_line(start: re.Match[str]) -> str:
    """Escape what would begin a list or an underline: "- x", "12. x"."""
    return f"{start[0]}\\" if start[0].isdigit() else f"\\{start[0]}"
