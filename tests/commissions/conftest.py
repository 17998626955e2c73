import pytest

from shop.kit.db import Sessions
from shop.preferences.actions import set_preferences


@pytest.fixture
def in_english(sessions: Sessions) -> None:
    """Let the owner read English. For `usefixtures`: it comes before the shop opens."""
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
