"""Words, money and dates in the reader's language.

The msgids are English; ``translations/<locale>.po`` holds each other language and is compiled in
memory at start. The language of the moment is a context variable: set by the request, or by the
worker for one mail, and read by everything below.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import cast

from babel import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_interval,
    format_time,
    get_date_format,
)
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import LazyProxy

from shop.kit.clock import LOCAL
from shop.kit.money import Money, minor_digits

FOLDER = Path(__file__).parents[1] / "translations"
SOURCE_LOCALE = "en"
_current: ContextVar[str] = ContextVar("locale", default=SOURCE_LOCALE)


@cache
def known_locales() -> tuple[str, ...]:
    """Return every language the shop can speak: the source and one per file of translations."""
    return (SOURCE_LOCALE, *sorted(path.stem for path in FOLDER.glob("*.po")))


@cache
def translations(locale: str) -> NullTranslations:
    path = FOLDER / f"{locale}.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=locale)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def current_locale() -> str:
    return _current.get()


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Speak *locale* inside the block."""
    token = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(token)


def gettext(message: str) -> str:
    return translations(_current.get()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    return translations(_current.get()).ngettext(singular, plural, n)


def pgettext(context: str, message: str) -> str:
    return translations(_current.get()).pgettext(context, message)


def lazy_gettext(message: str) -> str:
    """Return a text that is translated when it is shown: for labels in class bodies."""
    return cast("str", LazyProxy(gettext, message, enable_cache=False))


# --- money, dates, countries ----------------------------------------------------------------------


def format_money(money: Money, locale: str | None = None) -> str:
    """Return the amount as written in *locale*; whole units without decimals: 245 kr."""
    return _written_money(money, locale or _current.get())


@lru_cache(maxsize=4096)  # a shop has few prices, and Babel takes its time with each
def _written_money(money: Money, locale: str) -> str:
    digits = minor_digits(money.currency)
    whole = digits == 0 or money.amount % 10**digits == 0
    return format_currency(
        money.decimal,
        money.currency,
        _money_pattern(locale, whole=whole),
        locale=locale,
        currency_digits=False,
    )


@cache
def _money_pattern(locale: str, *, whole: bool) -> str:
    """Return how *locale* writes money, its currency kept apart from the number: 1 245,50 kr."""
    pattern, *_negative = Locale.parse(locale).currency_formats["standard"].pattern.split(";")
    if whole:
        pattern = pattern.replace(".00", "")
    return re.sub(r"¤\s*(?=[#0])", "¤\u00a0", re.sub(r"(?<=0)\s*¤", "\u00a0¤", pattern))


def format_number(number: str) -> str:
    """Return a number as people write it: 9.5 is 9,5 in Swedish."""
    return format_decimal(Decimal(number), locale=_written_locale(), group_separator=False)


def format_day(day: date, style: str = "d MMMM") -> str:
    """Return *day* as written, without the year unless *style* asks: 23 november.

    A style is as Swedish has it; another language writes the same in its own way.
    """
    if isinstance(day, datetime):
        day = day.astimezone(LOCAL).date()
    return _written_day(day, style, _written_locale())


@lru_cache(maxsize=1024)
def _written_day(day: date, style: str, locale: str) -> str:
    return format_date(day, _day_pattern(style, locale), locale=locale)


@cache
def _day_pattern(style: str, locale: str) -> str:
    """Return how *locale* writes what Swedish writes as *style*."""
    known = Locale.parse(locale).datetime_skeletons
    match style:
        case "d MMMM":
            return str(known["MMMMd"].pattern)
        case "d MMM y":
            return str(known["yMMMd"].pattern)
        case "d MMMM y":
            return get_date_format("long", locale).pattern
        case "LLLL":  # a month by itself
            return style
        case "EEEE d MMMM" if "MMMMEEEEd" in known:
            return str(known["MMMMEEEEd"].pattern)
        case "EEEE d MMMM":  # the whole date without its year
            return re.sub(r"\W*y年?", "", get_date_format("full", locale).pattern).strip()
        case _:
            raise ValueError(f"nobody writes a day as {style}")


def format_weekday(day: date) -> str:
    return format_day(day, "EEEE d MMMM")


def format_days(first: date, last: date) -> str:
    """Return the days from *first* to *last*, shortly: 26–30 Nov."""
    return _written_days(first, last, _written_locale())


@lru_cache(maxsize=1024)
def _written_days(first: date, last: date, locale: str) -> str:
    return str(format_interval(first, last, "MMMd", locale=locale))


def format_moment(at: datetime) -> str:
    """Return the local date and time: 23 nov. 2026 14:05."""
    locale = _written_locale()
    hour = Locale.parse(locale).datetime_skeletons["Hm"].pattern
    pattern = f"{_day_pattern('d MMM y', locale)} {hour}"
    return format_datetime(at, pattern, tzinfo=LOCAL, locale=locale)


def format_clock(at: datetime) -> str:
    """Return the local time of day: 14:35."""
    return format_time(at, "short", tzinfo=LOCAL, locale=_written_locale())


def format_words(words: Sequence[str]) -> str:
    """Return *words* one after the other, as in a sentence: Denmark, Finland and Germany."""
    return format_list(list(words), locale=_written_locale())


def _written_locale() -> str:
    """Return the language with its customs: English is British, as everywhere else."""
    locale = _current.get()
    return "en_GB" if locale == SOURCE_LOCALE else locale


def country_name(code: str) -> str:
    return str(Locale.parse(_current.get()).territories.get(code, code))


def country_choices(codes: Sequence[str], home: str) -> Sequence[tuple[str, str]]:
    """Return the countries to choose from, with their names: *home* first, the others by name."""
    return _country_choices(tuple(codes), home, _current.get())


@lru_cache(64)
def _country_choices(codes: tuple[str, ...], home: str, locale: str) -> Sequence[tuple[str, str]]:
    names = Locale.parse(locale).territories
    named = [(code, str(names.get(code, code))) for code in codes]
    return sorted(named, key=lambda choice: (choice[0] != home, choice[1]))
