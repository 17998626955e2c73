"""Every mail leaves once, in turn, whatever happens on the way."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from shop.kit.db import Sessions
from shop.mail import worker
from shop.mail.actions import send_again, withdraw
from shop.mail.errors import PutOff, Refused, ServerUnreachable
from shop.mail.letters import read_head
from shop.mail.models import Message
from shop.mail.worker import PostOffice, send_due
from shop.preferences.actions import set_preferences
from tests.mail.tools import Recorder, message, note, post_office
from tests.support import NOON, FixedClock, on_both_databases

Put = Callable[..., None]
MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The process is gone: no code of ours runs after this."""


def test_what_is_due_leaves_oldest_first(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("a@example.se", "b@example.se")
    put("later@example.se", due_at=NOON + timedelta(seconds=30))
    put("c@example.se")

    assert send_due(office) == worker.Outcome(sent=3)
    assert sender.recipients == ["a@example.se", "b@example.se", "c@example.se"]
    clock.advance(seconds=30)
    assert send_due(office) == worker.Outcome(sent=1)
    assert send_due(office) == worker.Outcome()
    assert sender.recipients[3:] == ["later@example.se"]
    sent = message(sessions)
    assert (sent.status, sent.tries, sent.sent_at) == ("sent", 1, NOON)
    assert (sent.leased_until, sent.trouble, sent.subject) == (None, None, "Subject 1")


@on_both_databases
def test_two_workers_never_send_the_same_mail(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    put(*(f"n{n}@example.se" for n in range(40)))
    sender, begin = Recorder(), threading.Barrier(4)

    def work() -> None:
        begin.wait()
        for _ in range(30):
            send_due(post_office(sessions, reads, sender, clock))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(sender.recipients) == sorted(f"n{n}@example.se" for n in range(40))


@on_both_databases
def test_a_claimed_mail_is_one_workers_until_its_lease_is_over(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    put("a@example.se")
    dead = post_office(sessions, reads, Recorder(failures=[Killed()]), clock)
    with pytest.raises(Killed):
        send_due(dead)

    sender = Recorder()
    other = post_office(sessions, reads, sender, clock)
    clock.advance(minutes=4, seconds=59)
    assert send_due(other) == worker.Outcome()
    clock.advance(seconds=1)
    assert send_due(other) == worker.Outcome(sent=1)
    assert sender.recipients == ["a@example.se"]


def test_a_crash_after_taken_and_before_the_tick_makes_one_copy_to_the_byte_the_same(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    put("a@example.se")
    taken = Recorder()

    class TakesAndDies:
        def send(self, letter: Any) -> None:
            taken.send(letter)
            raise Killed

    with pytest.raises(Killed):
        send_due(post_office(sessions, reads, TakesAndDies(), clock))
    clock.advance(minutes=6)
    assert send_due(post_office(sessions, reads, taken, clock)) == worker.Outcome(sent=1)
    clock.advance(days=1)
    assert send_due(post_office(sessions, reads, taken, clock)) == worker.Outcome()

    first, second = taken.letters
    assert first.raw == second.raw
    assert read_head(first.raw)["Message-ID"] == f"<{first.message_id}@shop.example>"
    assert read_head(first.raw)["Date"] == "Mon, 23 Nov 2026 12:00:00 +0100"


def test_a_tick_that_cannot_be_written_sends_nothing_twice(
    office: PostOffice,
    sender: Recorder,
    put: Put,
    clock: FixedClock,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put("a@example.se")

    def full_disk(*_: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr(worker, "_tick_off", full_disk)
        for _ in range(3):
            with pytest.raises(OperationalError):
                send_due(office)
            clock.advance(minutes=5)
    assert send_due(office) == worker.Outcome(sent=1)
    assert sender.recipients == ["a@example.se"]
    assert message(sessions).status == "sent"


def test_a_mail_put_off_waits_twice_as_long_each_time_and_is_given_up_after_three_days(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("a@example.se", "b@example.se")
    sender.failures = [PutOff("451 greylisted"), None, *[PutOff("451 greylisted")] * 100]
    waits = []
    send_due(office)
    assert sender.recipients == ["b@example.se"]  # so it is not the server
    while (found := message(sessions)).status == "queued":
        waits.append((found.due_at - clock()) / MINUTE)
        clock.at = found.due_at
        send_due(office)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[360] * 10]
    assert timedelta(days=2.8) < clock() - NOON < timedelta(days=3)
    assert (found.status, found.trouble, found.last_error) == (
        "parked",
        "put_off",
        "451 greylisted",
    )


def test_tries_are_spread_by_a_tenth_at_most(
    office: PostOffice, sender: Recorder, put: Put, sessions: Sessions
) -> None:
    put("a@example.se")
    office.chance = lambda: 1.0
    sender.failures = [PutOff("451")]
    send_due(office)
    assert message(sessions).due_at == NOON + timedelta(seconds=66)


def test_three_times_greylisted_then_taken(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("a@example.se")
    sender.failures = [PutOff("451")] * 3
    for minutes in (1, 2, 4, 0):
        send_due(office)
        clock.advance(minutes=minutes)
    found = message(sessions)
    assert (found.status, found.tries, found.trouble, found.last_error) == ("sent", 4, None, None)
    assert len(sender.letters) == 1


def test_a_refused_mail_is_left_to_the_owner_and_the_next_one_leaves(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("no@example.se", "yes@example.se")
    sender.failures = [Refused("550 no such user")]
    assert send_due(office) == worker.Outcome(sent=1, failed=1)
    found = message(sessions)
    assert (found.status, found.trouble, found.last_error) == (
        "parked",
        "refused",
        "550 no such user",
    )
    clock.advance(days=30)
    assert send_due(office) == worker.Outcome()
    assert sender.recipients == ["yes@example.se"]


def test_three_days_without_a_server_cost_no_mail(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("a@example.se", "b@example.se")
    sender.failures = [ServerUnreachable("refused")] * 100_000
    tries = 0
    while clock() < NOON + timedelta(hours=72):
        tries += send_due(office).failed
        clock.advance(minutes=15)
        if clock() == NOON + timedelta(hours=1):
            put("c@example.se")
    assert tries == 288  # one mail alone asks, each time
    found = message(sessions)
    assert (found.status, found.trouble, found.tries) == ("queued", "unreachable", 0)

    sender.failures = []
    back = clock()
    while clock() < back + timedelta(minutes=10):
        send_due(office)
        clock.advance(seconds=10)
    assert sender.recipients == ["a@example.se", "b@example.se", "c@example.se"]
    assert message(sessions, 3).trouble is None


def test_a_pause_is_as_long_as_the_wait_so_far_a_minute_at_least_and_five_at_most(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("a@example.se")
    sender.failures = [ServerUnreachable("refused")] * 6
    pauses = []
    for _ in range(6):
        send_due(office)
        pauses.append((message(sessions).due_at - clock()) / MINUTE)
        clock.at = message(sessions).due_at
    assert pauses == [1, 1, 2, 4, 5, 5]


def test_what_was_put_off_for_its_own_sake_does_not_hurry_when_the_server_is_back(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("slow@example.se")
    sender.failures = [PutOff("451"), ServerUnreachable("refused")]
    send_due(office)
    clock.advance(seconds=10)
    put("b@example.se", "c@example.se")
    send_due(office)
    clock.advance(seconds=30)
    put("d@example.se")
    send_due(office)
    assert sender.recipients == ["b@example.se", "c@example.se", "d@example.se"]
    assert message(sessions).due_at == NOON + MINUTE


def test_without_an_address_of_its_own_the_shop_waits(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        set_preferences(db, email="")
    put("a@example.se")
    send_due(office)
    found = message(sessions)
    assert (found.status, found.trouble, found.rendered) == ("queued", "no_sender", None)
    with sessions.begin() as db:
        set_preferences(db, email="butik@example.se")
    clock.advance(minutes=1)
    send_due(office)
    assert sender.letters[0].sender == "butik@example.se"


def test_a_mail_that_cannot_be_written_is_left_to_the_owner_and_the_next_one_leaves(
    sessions: Sessions, reads: Sessions, sender: Recorder, put: Put, clock: FixedClock
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("colour")

    office = post_office(sessions, reads, sender, clock, {"note": note, "broken": broken})
    put("a@example.se", kind="broken")
    put("b@example.se", kind="unheard of")
    put("c@example.se")
    assert send_due(office) == worker.Outcome(sent=1, failed=2)
    found = message(sessions)
    assert (found.status, found.trouble, found.last_error) == (
        "parked",
        "rendering",
        "KeyError: 'colour'",
    )
    assert message(sessions, 2).trouble == "rendering"

    with sessions.begin() as db:
        assert send_again(db, 1, now=clock())
    mended = post_office(sessions, reads, sender, clock, {"broken": note})
    assert send_due(mended) == worker.Outcome(sent=1)
    assert sender.recipients == ["c@example.se", "a@example.se"]


def test_a_database_that_is_busy_is_no_fault_of_the_mail(
    sessions: Sessions, reads: Sessions, sender: Recorder, put: Put, clock: FixedClock
) -> None:
    def busy(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    put("a@example.se")
    send_due(post_office(sessions, reads, sender, clock, {"note": busy}))
    found = message(sessions)
    assert (found.status, found.trouble, found.due_at) == ("queued", "put_off", NOON + MINUTE)


def test_a_sender_that_fails_in_an_unknown_way_does_not_stop_the_next_mail(
    office: PostOffice, sender: Recorder, put: Put, sessions: Sessions
) -> None:
    put("a@example.se", "b@example.se")
    sender.failures = [ZeroDivisionError("a bug")]
    assert send_due(office) == worker.Outcome(sent=1, failed=1)
    assert message(sessions).last_error == "ZeroDivisionError: a bug"


def test_a_mail_that_kills_every_worker_is_given_up(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    put("a@example.se")
    deaths = 0
    for _ in range(30):
        try:
            send_due(post_office(sessions, reads, Recorder(failures=[Killed()]), clock))
        except Killed:
            deaths += 1
        clock.advance(minutes=5)
    assert (deaths, message(sessions).status) == (20, "parked")


@pytest.mark.parametrize(
    "poison",
    [
        "a@example.se\r\nBcc: all@example.se",
        "a@example.se\nx",
        "a@example.se\x00",
        "a@example.se\u2028b",
        "a@example.se\x85b",
        "a@example.se,b@example.se",
        "a@example.se b@example.se",
        "a@example.se>\nBcc:<b@example.se",
        "<a@example.se>",
        f"{'a' * 400}@example.se",
        "a",
        "",
    ],
)
def test_a_poisoned_address_reaches_nobody_and_the_next_mail_leaves(
    office: PostOffice, sender: Recorder, put: Put, sessions: Sessions, poison: str
) -> None:
    put(poison, "good@example.se")
    assert send_due(office) == worker.Outcome(sent=1, failed=1)
    assert sender.recipients == ["good@example.se"]
    assert (message(sessions).status, message(sessions).trouble) == ("parked", "address")


def test_sent_again_is_the_same_mail_to_the_byte(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("a@example.se")
    send_due(office)
    clock.advance(days=3)
    with sessions.begin() as db:
        set_preferences(db, shop_name="Another name")
        assert send_again(db, 1, now=clock())
    with sessions.begin() as db:
        assert not send_again(db, 1, now=clock())  # it is waiting already
        assert not withdraw(db, "note", 1)  # it was sent before
    send_due(office)
    first, second = sender.letters
    assert first.raw == second.raw
    assert message(sessions).sent_at == clock()


def test_a_mail_given_up_starts_anew(
    office: PostOffice, sender: Recorder, put: Put, clock: FixedClock, sessions: Sessions
) -> None:
    put("a@example.se")
    sender.failures = [Refused("550"), PutOff("451")]
    send_due(office)
    with sessions.begin() as db:
        assert send_again(db, 1, now=clock())
    assert (message(sessions).tries, message(sessions).last_error) == (0, None)
    send_due(office)
    assert message(sessions).due_at == clock() + MINUTE
    with sessions.begin() as db:
        assert send_again(db, 1, now=clock())  # now, not in a minute
    assert send_due(office) == worker.Outcome(sent=1)


def test_a_mail_waiting_for_its_time_is_not_hurried(put: Put, sessions: Sessions) -> None:
    put("a@example.se", due_at=NOON + MINUTE)
    with sessions.begin() as db:
        assert not send_again(db, 1, now=NOON)
        assert withdraw(db, "note", 1)
        assert db.get(Message, 1) is None


def test_nothing_is_sent_inside_a_transaction(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    from shop.kit.db import transaction_is_open

    seen = []

    class Looks:
        def send(self, _letter: Any) -> None:
            seen.append(transaction_is_open())

    put("a@example.se")
    send_due(post_office(sessions, reads, Looks(), clock))
    assert seen == [False]
