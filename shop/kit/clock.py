"""The one place where the shop asks what time it is."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]
LOCAL = ZoneInfo("Europe/Stockholm")


def system_clock() -> datetime:
    return datetime.now(UTC)


def local_day(at: datetime) -> date:
    """Return the day of *at* in the shop's own time zone."""
    return at.astimezone(LOCAL).date()


def beginning_of(day: date) -> datetime:
    """Return when *day* begins in the shop's own time zone."""
    return datetime.combine(day, time.min, LOCAL)
