from collections.abc import Callable
from datetime import datetime

import pytest

from shop.kit.db import Sessions
from shop.mail.actions import queue
from shop.mail.worker import PostOffice
from shop.preferences.actions import set_preferences
from tests.mail.tools import Recorder, post_office
from tests.support import NOON, FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def sender() -> Recorder:
    return Recorder()


@pytest.fixture
def office(sessions: Sessions, reads: Sessions, sender: Recorder, clock: FixedClock) -> PostOffice:
    return post_office(sessions, reads, sender, clock)


@pytest.fixture
def put(sessions: Sessions, clock: FixedClock) -> Callable[..., None]:
    """Return a function that queues a mail for each address, under subjects of their own."""
    subjects = iter(range(1, 10_000))

    def queue_for(*addresses: str, kind: str = "note", due_at: datetime | None = None) -> None:
        with sessions.begin() as db:
            for address in addresses:
                queue(
                    db,
                    kind,
                    next(subjects),
                    recipient=address,
                    locale="sv",
                    now=clock(),
                    due_at=due_at,
                )

    return queue_for


@pytest.fixture
def in_english(sessions: Sessions) -> None:
    """Let the owner read English. For `usefixtures`: it comes before the shop opens."""
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
