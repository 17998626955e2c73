"""Promised dates count working days."""

from datetime import date, timedelta

import pytest

from shop.shipping.dates import dispatch_date, working_days_after

MONDAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("day", "count", "then"),
    [
        (MONDAY, 0, MONDAY),
        (MONDAY, 1, date(2026, 11, 24)),
        (MONDAY, 4, date(2026, 11, 27)),  # Friday
        (MONDAY, 5, date(2026, 11, 30)),  # over the weekend
        (date(2026, 11, 27), 1, date(2026, 11, 30)),
        (date(2026, 11, 28), 1, date(2026, 11, 30)),  # ordered on a Saturday
        (date(2026, 11, 29), 2, date(2026, 12, 1)),  # ordered on a Sunday
        (date(2026, 12, 31), 1, date(2027, 1, 1)),
        (date(2028, 2, 28), 1, date(2028, 2, 29)),
    ],
)
def test_working_days(day: date, count: int, then: date) -> None:
    assert working_days_after(day, count) == then


def test_no_promise_falls_on_a_weekend() -> None:
    for offset in range(14):
        for count in range(1, 11):
            then = working_days_after(MONDAY + timedelta(days=offset), count)
            assert then.weekday() <= 4


@pytest.mark.parametrize(
    ("today", "dispatch_days", "lead_time_days", "sent_by"),
    [
        (MONDAY, 2, 0, date(2026, 11, 25)),
        (MONDAY, 0, 0, MONDAY),
        (date(2026, 11, 26), 2, 0, date(2026, 11, 30)),
        (MONDAY, 2, 10, date(2026, 12, 7)),
        (MONDAY, 2, 5, date(2026, 12, 1)),  # made by Saturday, two working days from there
        (MONDAY, 1, 365, date(2027, 11, 24)),
    ],
)
def test_the_promised_day(
    today: date, dispatch_days: int, lead_time_days: int, sent_by: date
) -> None:
    assert dispatch_date(today, dispatch_days, lead_time_days) == sent_by
