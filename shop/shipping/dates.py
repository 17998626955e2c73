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


def dispatch_date(today: date, dispatch_days: int, lead_time_days: int) -> date:
    """Return when the order is sent at the latest.

    *lead_time_days* are the calendar days in which something is made to order, 0 from the shelf.
    """
    return working_days_after(today + timedelta(days=lead_time_days), dispatch_days)
