"""Money, days and countries as they are written in each language."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from shop.kit.i18n import (
    country_name,
    current_locale,
    format_day,
    format_moment,
    format_money,
    format_weekday,
    speaking,
)
from shop.kit.money import Money

DAY = date(2026, 11, 23)
LATE = datetime(2026, 11, 23, 23, 5, tzinfo=UTC)  # past midnight in Stockholm


@pytest.mark.parametrize(
    ("amount", "currency", "swedish", "english"),
    [
        (24500, "SEK", "245\u00a0kr", "SEK\u00a0245"),
        (24550, "SEK", "245,50\u00a0kr", "SEK\u00a0245.50"),
        (124500, "SEK", "1\u00a0245\u00a0kr", "SEK\u00a01,245"),
        (5, "SEK", "0,05\u00a0kr", "SEK\u00a00.05"),
        (0, "SEK", "0\u00a0kr", "SEK\u00a00"),
        (24550, "EUR", "245,50\u00a0€", "€\u00a0245.50"),
        (24550, "JPY", "24\u00a0550\u00a0JPY", "¥\u00a024,550"),
    ],
)
def test_money(amount: int, currency: str, swedish: str, english: str) -> None:
    assert format_money(Money(amount, currency), "sv") == swedish
    assert format_money(Money(amount, currency), "en") == english


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("de", "1.245,50\u00a0€"),
        ("fi", "1\u00a0245,50\u00a0€"),
        ("nl", "€\u00a01.245,50"),
        ("ja", "€\u00a01,245.50"),
    ],
)
def test_money_in_a_language_that_the_shop_does_not_come_with(locale: str, written: str) -> None:
    assert format_money(Money(124550, "EUR"), locale) == written


@pytest.mark.parametrize(
    ("locale", "day", "weekday", "moment"),
    [
        ("sv", "23 november", "måndag 23 november", "24 nov. 2026 00:05"),
        ("en", "23 November", "Monday 23 November", "24 Nov 2026 00:05"),
        ("de", "23. November", "Montag, 23. November", "24. Nov. 2026 00:05"),
        ("fi", "23. marraskuuta", "maanantai 23. marraskuuta", "24.11.2026 0.05"),
        ("ja", "11月23日", "11月23日月曜日", "2026年11月24日 0:05"),
    ],
)
def test_days(locale: str, day: str, weekday: str, moment: str) -> None:
    with speaking(locale):
        assert (format_day(DAY), format_weekday(DAY), format_moment(LATE)) == (day, weekday, moment)


def test_a_year_is_told_where_it_is_asked_for() -> None:
    for locale, written in (("sv", "23 november 2026"), ("de", "23. November 2026")):
        with speaking(locale):
            assert format_day(DAY, "d MMMM y") == written
    with speaking("sv"):
        assert format_day(DAY, "d MMM y") == "23 nov. 2026"
    with pytest.raises(ValueError, match="nobody writes a day as yy"):
        format_day(DAY, "yy")


def test_a_moment_belongs_to_the_local_day() -> None:
    with speaking("sv"):
        assert format_day(LATE) == "24 november"


def test_countries_are_named_in_the_readers_language() -> None:
    with speaking("sv"):
        assert country_name("DE") == "Tyskland"
    with speaking("en"):
        assert (country_name("DE"), country_name("XX")) == ("Germany", "XX")


def test_two_threads_speak_two_languages() -> None:
    with speaking("sv"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_locale).result() == "en"
        assert current_locale() == "sv"
