"""Whatever befalls the mail server, the clock or a mail: all mails leave, in turn and once, over
real sockets. What happens when a worker is killed stands in ``tests/crashes``.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, func, select

from shop.kit.clock import Clock
from shop.kit.db import Sessions
from shop.mail import worker
from shop.mail.errors import PutOff, ServerUnreachable, Unclear
from shop.mail.letters import Letter, read_head
from shop.mail.models import Message
from shop.mail.senders import SMTPSender, SMTPServer
from shop.mail.worker import Outcome, PostOffice, send_due
from tests.mail.tools import (
    Recorder,
    Sink,
    dripping,
    free_port,
    mail_server,
    message,
    post_office,
    raw_server,
    shown,
)
from tests.support import NOON, Buyer, FixedClock, on_both_databases

Put = Callable[..., None]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LOOK = HOUR


def smtp(port: int, longest: float = 10) -> SMTPSender:
    return SMTPSender(SMTPServer("127.0.0.1", port), "shop.example", 5, longest)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(sessions: Sessions) -> None:
    """Let three days pass in seconds: nobody cuts the power here."""
    if sessions.engine.name == "sqlite":
        sessions.engine.dispose()

        @event.listens_for(sessions.engine, "connect")
        def hurry(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def port() -> int:
    """Return the port of the mail server: nobody answers there until a test opens it."""
    return free_port()


@pytest.fixture
def office(sessions: Sessions, reads: Sessions, port: int, clock: FixedClock) -> PostOffice:
    return post_office(sessions, reads, smtp(port), clock)


def messages(sessions: Sessions) -> list[Message]:
    with sessions.begin() as db:
        return list(db.scalars(select(Message).order_by(Message.id)))


def work_for(office: PostOffice, clock: FixedClock, span: timedelta) -> Outcome:
    """Do what the worker does during *span*, which is nothing most of the time: so look at once
    when something is due, and every hour.
    """
    total, end = Outcome(), clock() + span
    while clock() < end:
        outcome = send_due(office)
        total.sent, total.failed = total.sent + outcome.sent, total.failed + outcome.failed
        with office.reads.begin() as db:
            waiting = select(func.min(Message.due_at)).where(Message.status == "queued")
            due = db.scalar(waiting.where(Message.due_at > clock())) or end
        clock.at = min(due, clock() + LOOK, end)
    return total


# --- the server is away for three days ------------------------------------------------------------


@contextmanager
def nobody(_port: int) -> Iterator[None]:
    yield


@contextmanager
def turned_away(port: int) -> Iterator[None]:
    with raw_server(lambda caller: caller.sendall(b"421 closed\r\n"), port):
        yield


@contextmanager
def hung_up_on(port: int) -> Iterator[None]:
    with raw_server(lambda _caller: None, port):
        yield


@pytest.mark.parametrize(
    "away", [nobody, *(pytest.param(a, marks=pytest.mark.slow) for a in (turned_away, hung_up_on))]
)
def test_after_three_days_without_a_server_all_mails_leave_once_oldest_first(
    away: Callable[[int], AbstractContextManager[None]],
    office: PostOffice,
    put: Put,
    clock: FixedClock,
    sessions: Sessions,
    port: int,
) -> None:
    put("n0@example.se", "n1@example.se")
    with away(port):
        for day in range(3):
            tried = work_for(office, clock, DAY)
            assert tried.sent == 0
            assert tried.failed <= 24 * 12 + 5  # one mail asks for all
            put(f"n{2 * day + 2}@example.se", f"n{2 * day + 3}@example.se")
    assert {(m.status, m.tries) for m in messages(sessions)} == {("queued", 0)}

    with mail_server(port) as server:
        put("n8@example.se")  # the youngest does not jump the queue
        assert work_for(office, clock, 10 * MINUTE) == Outcome(sent=9)
    assert server.recipients == [[f"n{n}@example.se"] for n in range(9)]
    ids = [str(read_head(content)["Message-ID"]) for content in server.contents]
    assert ids == [f"<{m.message_id}@shop.example>" for m in messages(sessions)]
    assert {m.status for m in messages(sessions)} == {"sent"}


def test_a_server_that_put_every_mail_off_for_three_days_gets_all_within_ten_minutes(
    office: PostOffice, put: Put, clock: FixedClock, sessions: Sessions, port: int
) -> None:
    with mail_server(port) as server:
        put("before@example.se")
        assert send_due(office) == Outcome(sent=1)
        clock.advance(minutes=1)
        server.closed = "451 4.3.0 out of order"
        put("n0@example.se")
        work_for(office, clock, 3 * DAY - HOUR)
        put("n1@example.se", "n2@example.se")
        work_for(office, clock, HOUR)
        assert 3 * 24 * 12 - 5 < server.heard < 3 * 24 * 12 + 40  # every five minutes, no storm
        assert {m.status for m in messages(sessions)[1:]} == {"queued"}

        server.closed = ""
        assert work_for(office, clock, 10 * MINUTE) == Outcome(sent=3)
    assert sorted(to for [to] in server.recipients[1:]) == [f"n{n}@example.se" for n in range(3)]


def test_after_such_hours_a_mail_waits_for_its_own_sake_as_one_tried_four_times(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    sender = Recorder(failures=[PutOff("451")] * 2000)
    office = post_office(sessions, reads, sender, clock)
    put("n0@example.se")
    work_for(office, clock, 3 * HOUR)
    assert message(sessions).tries == 4
    put("n1@example.se")
    sender.failures = [PutOff("451"), None]
    clock.at = message(sessions).due_at
    assert send_due(office) == Outcome(sent=1, failed=1)
    sender.failures = [PutOff("451")]
    clock.at = message(sessions).due_at
    assert send_due(office) == Outcome(failed=1)
    assert message(sessions).due_at == clock() + 16 * MINUTE


def test_what_may_have_been_taken_is_not_asked_for_every_few_minutes(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    """Each further try may be a further copy: twenty at the most, whoever else is served."""
    sender = Recorder(failures=[Unclear("the connection broke")] * 2000)
    office = post_office(sessions, reads, sender, clock)
    put("a@example.se")
    assert work_for(office, clock, 4 * DAY) == Outcome(failed=20)
    assert message(sessions).status == "parked"


@pytest.mark.usefixtures("in_english")
def test_the_owner_sees_what_waits_and_that_it_goes_out_by_itself(
    owner: Buyer, office: PostOffice, put: Put, clock: FixedClock, port: int
) -> None:
    put("a@example.se", "b@example.se")
    work_for(office, clock, HOUR)
    seen = shown(owner.get("/admin/mail").text)
    assert "All mail waits, and goes out by itself when the server is back." in seen
    assert seen.count("Trying again") == 2
    assert "Waiting to be sent" in seen
    assert f"127.0.0.1:{port} does not answer" in shown(owner.get("/admin/mail/1").text)

    with mail_server(port):
        work_for(office, clock, 10 * MINUTE)
    seen = shown(owner.get("/admin/mail").text)
    assert "Waiting to be sent" not in seen
    assert "All mail waits" not in seen


# --- what the server says to one mail -------------------------------------------------------------


def test_greylisted_three_times_then_taken_once(
    office: PostOffice, put: Put, clock: FixedClock, sessions: Sessions, port: int
) -> None:
    put("anna@example.se")
    with mail_server(port) as server:
        server.to_recipient = ["451 4.7.1 greylisted"] * 3
        assert work_for(office, clock, 8 * MINUTE) == Outcome(sent=1, failed=3)
    assert server.recipients == [["anna@example.se"]]
    found = message(sessions)
    assert (found.status, found.tries, found.trouble) == ("sent", 4, None)
    assert found.sent_at == NOON + 7 * MINUTE  # after one, two and four


def test_a_server_that_drips_its_last_answer_is_left_and_the_others_proceed(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock, port: int
) -> None:
    put("slow@example.se", "b@example.se", "c@example.se")
    office = post_office(sessions, reads, smtp(port, longest=0.5), clock)
    began = time.monotonic()
    with mail_server(port) as server:
        server.to_content = ["drip"]
        assert send_due(office) == Outcome(sent=2, failed=1)
        assert 0.4 < time.monotonic() - began < 60
        assert server.recipients == [["b@example.se"], ["c@example.se"]]
        assert message(sessions).last_error is not None
        clock.advance(minutes=1)
        assert send_due(office) == Outcome(sent=1)
    assert server.recipients[2] == ["slow@example.se"]


def test_a_server_that_drips_its_greeting_costs_everybody_a_minute(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock, port: int
) -> None:
    put("a@example.se", "b@example.se")
    office = post_office(sessions, reads, smtp(port, longest=0.5), clock)
    began = time.monotonic()
    with raw_server(dripping, port):
        assert send_due(office) == Outcome(failed=1)
    assert 0.4 < time.monotonic() - began < 60
    clock.advance(minutes=1)
    with mail_server(port) as server:
        assert send_due(office) == Outcome(sent=2)
    assert server.recipients == [["a@example.se"], ["b@example.se"]]


def test_a_line_dropped_before_the_answer_is_tried_again_with_the_same_mail(
    office: PostOffice, put: Put, clock: FixedClock, sessions: Sessions, port: int
) -> None:
    put("anna@example.se", "b@example.se")
    with mail_server(port) as server:
        server.to_content = ["drop"] * 2
        assert send_due(office) == Outcome(failed=2)
        assert send_due(office) == Outcome()
        clock.advance(minutes=1)
        assert send_due(office) == Outcome(sent=2)
        clock.advance(days=1)
        assert send_due(office) == Outcome()
    first, second, *again = server.contents
    assert again == [first, second]
    ids = [read_head(raw)["Message-ID"] for raw in (first, second)]
    assert ids == [f"<{m.message_id}@shop.example>" for m in messages(sessions)]


# --- two workers ----------------------------------------------------------------------------------


def race(sessions: Sessions, reads: Sessions, clock: Clock) -> list[str]:
    """Let two workers send what there is, slowly; return who got mail."""
    sink, both = Sink(), threading.Barrier(2)
    with raw_server(sink.talk) as port:

        def work() -> None:
            office = post_office(sessions, reads, smtp(port), clock)
            both.wait()
            for _ in range(10):
                send_due(office)

        workers = [threading.Thread(target=work) for _ in range(2)]
        for thread in workers:
            thread.start()
        for thread in workers:
            thread.join(60)
    return sorted(sink.recipients)


@on_both_databases
def test_two_workers_send_each_mail_once(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    everybody = sorted(f"n{n}@example.se" for n in range(60))
    put(*everybody)
    assert race(sessions, reads, clock) == everybody


@on_both_databases
def test_without_the_lease_two_workers_send_twice(
    sessions: Sessions,
    reads: Sessions,
    put: Put,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: what a worker has in hand is anybody's."""
    monkeypatch.setattr(worker, "LEASE", timedelta())
    put(*(f"n{n}@example.se" for n in range(60)))
    assert len(race(sessions, reads, clock)) > 60


# --- the clock jumps ------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: no code of ours runs after this."""


class Dies:
    def send(self, _letter: Letter) -> None:
        raise Killed


def put_four_in_four_states(
    office: PostOffice, put: Put, sender: Recorder, clock: FixedClock
) -> None:
    """One in a dead worker's hand, one put off, one waiting for the server, one just written."""
    put("dead@example.se", "put-off@example.se", "waiting@example.se")
    dying = post_office(office.sessions, office.reads, Dies(), clock)
    with pytest.raises(Killed):
        send_due(dying)
    sender.failures = [PutOff("451"), ServerUnreachable("refused")]
    assert send_due(office) == Outcome(failed=2)
    put("new@example.se")


@pytest.mark.parametrize("jump", [DAY, -DAY, -HOUR])
def test_whatever_the_clock_did_nothing_is_stuck(
    jump: timedelta, sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    sender = Recorder()
    office = post_office(sessions, reads, sender, clock)
    put_four_in_four_states(office, put, sender, clock)
    clock.at += jump
    longest = 10 * MINUTE if abs(jump) == DAY else HOUR + 10 * MINUTE
    assert work_for(office, clock, longest) == Outcome(sent=4)
    assert sorted(sender.recipients) == sorted(
        ["dead@example.se", "put-off@example.se", "waiting@example.se", "new@example.se"]
    )
    assert {m.status for m in messages(sessions)} == {"sent"}


def test_a_parcel_notice_keeps_its_time_to_be_taken_back_when_two_clocks_differ(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    """The shop's clock is a minute ahead of the worker's: no reason to hurry."""
    sender = Recorder()
    put("a@example.se", due_at=NOON + 2 * MINUTE)
    clock.advance(minutes=-1)
    office = post_office(sessions, reads, sender, clock)
    assert work_for(office, clock, 3 * MINUTE) == Outcome()
    assert send_due(office) == Outcome(sent=1)


def test_a_lease_holds_between_two_clocks_that_differ(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    put("a@example.se")
    with pytest.raises(Killed):
        send_due(post_office(sessions, reads, Dies(), clock))
    behind = FixedClock(clock() - 9 * MINUTE)
    assert send_due(post_office(sessions, reads, Recorder(), behind)) == Outcome()


def test_no_jump_of_the_clock_makes_a_storm(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    """A mail that nobody takes is tried once more for each jump, and no oftener."""

    class Refuses:
        def __init__(self) -> None:
            self.asked: list[float] = []

        def send(self, letter: Letter) -> None:
            if letter.recipient == "good@example.se":
                return
            self.asked.append(elapsed)
            raise PutOff("451")

    sender, elapsed = Refuses(), 0.0  # elapsed is the time of a clock that nobody sets
    office = post_office(sessions, reads, sender, clock)
    put("bad@example.se", "good@example.se")
    jumps = {3600.0: DAY, 7200.0: -DAY, 10_800.0: -DAY, 14_400.0: DAY}
    while elapsed < 6 * 3600:
        send_due(office)
        clock.advance(seconds=30)
        elapsed += 30
        clock.at += jumps.get(elapsed, timedelta())
    without_jumps = 9  # at once, and after 1, 3, 7, 15, 31, 63, 127 and 255 minutes
    assert without_jumps <= len(sender.asked) <= without_jumps + len(jumps)
    assert min(later - sooner for sooner, later in pairwise(sender.asked)) >= 60
    assert message(sessions).status == "queued"


# --- coming to an end -----------------------------------------------------------------------------


def test_asked_to_stop_it_finishes_the_mail_in_hand_and_begins_no_other(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    sender = Recorder()
    office = post_office(sessions, reads, sender, clock)
    office.stopping = lambda: bool(sender.letters)
    put("a@example.se", "b@example.se")
    assert send_due(office) == Outcome(sent=1)
    assert [m.status for m in messages(sessions)] == ["sent", "queued"]
