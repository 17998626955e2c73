import logging
import threading
import time
from datetime import timedelta

import pytest

from shop.kit.jobs import Job, run_jobs

SOON = timedelta(milliseconds=10)


class Rounds:
    """Counts rounds and stops everything after some of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.done = 0
        self.stop = threading.Event()

    def __call__(self) -> None:
        self.done += 1
        if self.done >= self.most:
            self.stop.set()


def test_a_job_comes_round_until_it_is_told_to_stop() -> None:
    rounds = Rounds(3)
    run_jobs([Job("mail", SOON, rounds)], rounds.stop)
    assert rounds.done == 3


def test_an_error_is_logged_under_the_jobs_name_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds = Rounds(3)

    def fails() -> None:
        rounds()
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "shop.jobs"):
        run_jobs([Job("mail", SOON, fails)], rounds.stop)
    assert rounds.done == 3
    assert caplog.messages == ["mail failed; it is tried again"] * 3


def test_a_slow_job_delays_no_other() -> None:
    rounds, released = Rounds(5), threading.Event()
    slow = Job("slow", SOON, lambda: released.wait(20))

    def end() -> None:
        rounds.stop.wait(20)
        released.set()

    ender = threading.Thread(target=end)
    ender.start()
    run_jobs([slow, Job("quick", SOON, rounds)], rounds.stop)
    ender.join()
    assert rounds.done >= 5


def test_it_wakes_at_once_when_it_is_told_to_stop() -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    run_jobs([Job("rare", timedelta(hours=1), lambda: None)], stop)
    assert time.monotonic() - began < 60


def test_what_hangs_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    stop, released = threading.Event(), threading.Event()
    threading.Timer(0.05, stop.set).start()
    try:
        run_jobs([Job("hangs", SOON, lambda: released.wait(20))], stop, grace=0.1)
        assert caplog.messages == ["hangs was still at work when the worker ended"]
    finally:
        released.set()
