"""The preferences are read again each second; whoever ends the shop waits for such a read."""

import threading
import time

import pytest

from shop.app import create_app
from shop.config import Config
from shop.kit.clock import system_clock
from shop.preferences.live import LivePreferences
from tests.support import free_socket, serving


def test_a_read_under_way_ends_before_the_shop_does(
    config: Config, sessions: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()
    app = create_app(config, system_clock)  # it reads them once itself
    read = LivePreferences.refresh

    def read_slowly(live: LivePreferences) -> None:
        begun.set()
        time.sleep(0.3)
        read(live)
        ended.set()

    monkeypatch.setattr(LivePreferences, "refresh", read_slowly)
    with free_socket() as listening, serving(app, listening):
        assert begun.wait(30)
    assert ended.is_set()
