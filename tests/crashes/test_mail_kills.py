"""A worker that mails is killed with -9: before it claims a mail, while it talks to the server,
between the server's "taken" and its own tick. Nothing is lost, and of the one mail that it had in
hand there is one copy more at the most, to the byte the same.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.mail.letters import read_head
from shop.mail.models import Message
from shop.mail.worker import LEASE
from shop.reports.verify import verify
from shop.withdrawals.actions import declare_withdrawal
from shop.withdrawals.forms import Statement
from tests.crashes.killing import Point, wait_until
from tests.crashes.stage import Stage
from tests.mail.tools import Sink, raw_server
from tests.support import on_both_databases

SEED = 1
SAMPLE = 3  # points on each database
NOW, WHEN_THE_LEASE_IS_OVER = timedelta(), LEASE + timedelta(seconds=30)


@pytest.fixture
def sink(stage: Stage) -> Iterator[Sink]:
    """Yield the mail server of the shop on stage."""
    server = Sink()
    with raw_server(server.talk) as port:
        stage.config = replace(stage.config, smtp_url=f"smtp://127.0.0.1:{port}")
        yield server


def queue_mails(stage: Stage, withdrawals: int) -> list[Message]:
    """Let buyers withdraw: a mail to each, and one to the owner about each."""
    with stage.sessions.begin() as db:
        for _ in range(withdrawals):
            stage.played += 1
            address = f"kund{stage.played}@example.se"
            said = Statement(f"Nr {stage.played}", "Anna Ek", address, "", "", "sv")
            declare_withdrawal(db, said, proved=None, now=stage.clock())
        newest = select(Message).order_by(Message.id.desc()).limit(2 * withdrawals)
        return list(db.scalars(newest))[::-1]


def work(stage: Stage, ahead: timedelta) -> None:
    """Let a worker do one round, unharmed."""
    _victim, act = stage.worker("mail", ahead)
    act()


def copies(sink: Sink, mails: list[Message]) -> list[int]:
    """Return how often each of *mails* came; all copies of one must be the same."""
    came = Counter(sink.taken)
    ids = [str(read_head(content)["Message-ID"]).strip("<>").split("@")[0] for content in came]
    assert len(set(ids)) == len(ids), "two different mails have one Message-ID"
    each = dict(zip(ids, came.values(), strict=True))
    return [each.get(mail.message_id, 0) for mail in mails]


def check_all_are_ticked_off(stage: Stage) -> None:
    assert all_ticked_off(stage)
    with stage.sessions.begin() as db:
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


# --- at the moments that count --------------------------------------------------------------------


@contextmanager
def locked(sessions: Sessions) -> Iterator[Session]:
    """Let nobody write to the outbox for the length of the block."""
    with sessions.begin() as db:
        db.connection()  # on SQLite this takes the one right to write
        if sessions.engine.name == "postgresql":
            db.execute(text("LOCK TABLE outbox IN EXCLUSIVE MODE"))
        yield db


@dataclass
class Reaper:
    """Does *kill* when the conversation about the second mail has come to *step*."""

    sessions: Sessions
    step: str
    kill: Callable[[], None]
    calls: int = 0
    lock: AbstractContextManager[Any] | None = None

    def __call__(self, step: str) -> None:
        self.calls += step == "called"
        if self.calls != 2:
            return
        if self.step == "left" and step == "read":  # it may read "taken", but not write it down
            self.lock = locked(self.sessions)
            self.lock.__enter__()
        if step == self.step:
            self.kill()
            if self.lock is not None:
                self.lock.__exit__(None, None, None)
            raise ConnectionAbortedError


MOMENTS = [  # and how many copies there are in the end
    ("called", 1),  # it has claimed the mail and written it
    ("named", 1),
    ("begun", 1),  # in the middle of the content
    ("read", 2),  # the server has it, and has not said so
    ("left", 2),  # the server has said so, and it is not written down
]


@on_both_databases
@pytest.mark.parametrize(("step", "expected"), MOMENTS)
def test_killed_while_it_talks_to_the_server(
    step: str, expected: int, stage: Stage, sink: Sink
) -> None:
    mails = queue_mails(stage, 2)
    kill_at(stage, sink, step)
    assert copies(sink, mails) == [1, expected - 1, 0, 0]

    work(stage, NOW)  # the others need not wait for the lease
    assert copies(sink, mails) == [1, expected - 1, 1, 1]
    work(stage, WHEN_THE_LEASE_IS_OVER)
    work(stage, 2 * WHEN_THE_LEASE_IS_OVER)
    assert copies(sink, mails) == [1, expected, 1, 1]
    check_all_are_ticked_off(stage)


def kill_at(stage: Stage, sink: Sink, step: str) -> None:
    victim, act = stage.worker("mail", NOW)
    sink.tell = Reaper(stage.sessions, step, victim.kill)
    act()
    sink.tell = lambda _: None


@on_both_databases
def test_killed_before_the_claim_is_written(stage: Stage, sink: Sink) -> None:
    mails = queue_mails(stage, 1)
    victim, act = stage.worker("mail", NOW)
    with locked(stage.sessions) as db:
        threading.Timer(0.3, victim.kill).start()
        act()
        assert db.scalars(select(Message.leased_until)).all() == [None, None]
    assert sink.taken == []
    work(stage, NOW)
    assert copies(sink, mails) == [1, 1]
    check_all_are_ticked_off(stage)


def test_a_mail_ticked_off_before_it_is_sent_is_lost_and_found_out(
    stage: Stage, sink: Sink
) -> None:
    """The control: it goes well as long as nobody dies."""
    mails = queue_mails(stage, 2)
    stage.sabotage = "the_mail_is_ticked_off_before_it_is_sent"
    kill_at(stage, sink, "called")
    work(stage, WHEN_THE_LEASE_IS_OVER)
    assert copies(sink, mails) == [1, 0, 1, 1]


# --- at every write, every wait for the disk and every send ---------------------------------------


def killed_at(stage: Stage, sink: Sink, point: Point) -> bool:
    """Kill a worker that mails at *point*, then let another finish; say whether it died there."""
    mails = queue_mails(stage, 1)
    victim, act = stage.worker("mail", NOW)
    died = stage.executioner.kill(victim, act, point)
    victim.kill()
    before = sum(copies(sink, mails))
    work(stage, WHEN_THE_LEASE_IS_OVER)
    found = copies(sink, mails)
    assert min(found) == 1, f"lost, killed at {point}: {found}"
    assert sum(found) <= 3, f"too many copies, killed at {point}: {found}"
    assert before <= 2
    check_all_are_ticked_off(stage)
    return died


def rehearse(stage: Stage, sink: Sink) -> list[Point]:
    mails = queue_mails(stage, 1)
    points = stage.executioner.points(*stage.worker("mail", NOW))
    assert copies(sink, mails) == [1, 1]
    return points


@on_both_databases
def test_killed_here_and_there(stage: Stage, sink: Sink) -> None:
    chance = random.Random(f"{SEED} {stage.sessions.engine.name}")
    for point in chance.sample(rehearse(stage, sink), SAMPLE):
        killed_at(stage, sink, point)


@pytest.mark.slow
@on_both_databases
@pytest.mark.parametrize("executioner", ["strace", "by name"], indirect=True)
def test_killed_at_every_point(
    stage: Stage, sink: Sink, record_property: Callable[..., None]
) -> None:
    points = rehearse(stage, sink)
    died = [point for point in points if killed_at(stage, sink, point)]
    record_property("kills", len(died))
    assert len(died) >= 0.9 * len(points)


# --- `shop worker` itself -------------------------------------------------------------------------


@dataclass
class Crowd:
    """Counts how many conversations there are at the same time, and makes each last a while."""

    lasting: float
    most: int = 0
    here: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, step: str) -> None:
        with self.lock:
            self.here += {"called": 1, "left": -1}.get(step, 0)
            self.most = max(self.most, self.here)
        if step == "read":
            time.sleep(self.lasting)


@contextmanager
def shop_workers(stage: Stage, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    environ = {**os.environ, **stage.environ}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-m", "shop.cli", "worker"], env=environ)
            )
            for _ in range(number)
        ]
        try:
            yield workers
        finally:
            for worker in workers:
                worker.kill()


@on_both_databases
def test_two_workers_at_once_send_sixty_mails_once_each(stage: Stage, sink: Sink) -> None:
    mails = queue_mails(stage, 30)
    crowd = Crowd(lasting=0.03)
    sink.tell = crowd
    with shop_workers(stage, 2) as workers:
        wait_until(lambda: len(sink.taken) >= len(mails))
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(60) for worker in workers] == [0, 0]
    assert crowd.most == 2, "the two never met"
    assert copies(sink, mails) == [1] * 60
    check_all_are_ticked_off(stage)


@on_both_databases
def test_killed_between_taken_and_the_tick_it_leaves_one_copy(stage: Stage, sink: Sink) -> None:
    mails = queue_mails(stage, 2)
    with shop_workers(stage, 1) as [worker]:

        def kill() -> None:
            worker.kill()
            worker.wait()

        sink.tell = Reaper(stage.sessions, "left", kill)
        assert worker.wait(30) == -signal.SIGKILL
    sink.tell = lambda _: None
    assert copies(sink, mails) == [1, 1, 0, 0]
    with shop_workers(stage, 1):
        wait_until(lambda: copies(sink, mails) == [1, 1, 1, 1])
        with stage.sessions.begin() as db:  # five minutes pass
            in_hand = db.get_one(Message, mails[1].id)
            assert in_hand.leased_until is not None
            in_hand.leased_until -= LEASE
        wait_until(lambda: all_ticked_off(stage))
    assert copies(sink, mails) == [1, 2, 1, 1]


def all_ticked_off(stage: Stage) -> bool:
    with stage.sessions.begin() as db:
        return set(db.scalars(select(Message.status))) == {"sent"}


def test_asked_to_stop_a_worker_finishes_the_mail_in_hand_and_begins_no_other(
    stage: Stage, sink: Sink
) -> None:
    mails = queue_mails(stage, 2)
    sink.tell = Crowd(lasting=1)
    with shop_workers(stage, 1) as [worker]:
        wait_until(lambda: len(sink.taken) == 1)  # read, and not said
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert copies(sink, mails) == [1, 0, 0, 0]
    with stage.sessions.begin() as db:
        found = db.execute(select(Message.status, Message.tries).order_by(Message.id)).all()
    assert found == [("sent", 1), ("queued", 0), ("queued", 0), ("queued", 0)]
