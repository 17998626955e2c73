"""What the worker does by itself, and how often. What each of it does is tested in its room."""

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from shop import worker
from shop.config import Config
from shop.kit.jobs import Job

WORK = {
    "mail": (timedelta(seconds=1), "send_due"),
    "changed carts": (timedelta(seconds=2), "release_changed_carts"),
    "pings": (timedelta(seconds=2), "read_pinged"),
    "refunds": (timedelta(seconds=5), "send_refunds"),
    "those who wait": (timedelta(seconds=15), "tell_and_forget"),
    "reconciler": (timedelta(minutes=1), "reconcile"),
    "news and ledger": (timedelta(minutes=1), "catch_up"),
    "comparison": (timedelta(minutes=10), "compare_everything"),
    "unused photos": (timedelta(hours=1), "remove_unused_photos"),
    "old wishes": (timedelta(hours=1), "forget_old_wishes"),
}


def test_everything_is_seen_to_and_as_often_as_it_should_be(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    for _every, name in WORK.values():
        monkeypatch.setattr(worker, name, lambda *_facts, name=name, **_more: called.append(name))
    given: list[Job] = []

    def take(jobs: Sequence[Job], _stop: threading.Event) -> None:
        given.extend(jobs)

    monkeypatch.setattr(worker, "run_jobs", take)
    worker.run_worker(config, threading.Event())
    seen = {}
    for job in given:
        job.work()
        seen[job.name] = (job.every, called.pop())
    assert seen == WORK
