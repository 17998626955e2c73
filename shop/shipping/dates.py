"""Promised dates count working days, Monday to Friday."""

from datetime import date, timedelta

FRIDAY = 4


def working_days_after(day: date, count: int) -> date:
    """Return the working day *count* working days after *day*."""
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() <= FRIDAY:
            count -= 1
    return day


def working_days_until(today: date, day: date) -> int:
    """Return how many working days there are after *today*, up to *day* and with it."""
    days = (today + timedelta(days=n) for n in range(1, (day - today).days + 1))
    return sum(one.weekday() <= FRIDAY for one in days)


def dispatch_date(today: date, dispatch_days: int, lead_time_days: int) -> date:
    """Return when the order is sent at the latest.

    *lead_time_days* are the calendar days in which something is made to order, 0 from the shelf.
    """
    return working_days_after(today + timedelta(days=lead_time_days), dispatch_days)
