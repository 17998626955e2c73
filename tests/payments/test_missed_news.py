"""News that never came is read at Stripe: after half a minute, once, and without a word to say."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.payments.inbox import process, store
from shop.payments.models import Cursor, Finding, PaymentAttempt, ProviderEvent
from shop.payments.reconciler import Outcome, everything, read_events, reconcile
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.tools import deliver, opened, stand, timeline
from tests.support import FixedClock, Shelf, on_both_databases

EVENTS = "/v1/events"
SECOND = timedelta(seconds=1)
SOLD = [("placed", "buyer", ""), ("paid", "stripe", "")]


@pytest.fixture
def raven(shelf: Shelf) -> int:
    return shelf.add("raven")


@pytest.fixture
def unheard(raven: int, sessions: Sessions, till: Till, stand_in: StandInServer) -> PaymentAttempt:
    """Return an attempt that was paid, of which no word came."""
    attempt = opened(sessions, till, raven)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    return attempt


def told_at(till: Till) -> datetime:
    """Return when Stripe told of the payment."""
    [news] = till.gateway.events_since(till.now() - timedelta(hours=1))
    return datetime.fromtimestamp(json.loads(news.payload)["created"], UTC)


def findings(sessions: Sessions) -> list[tuple[str, str, str, datetime, datetime | None]]:
    with sessions.begin() as db:
        rows = db.scalars(select(Finding).order_by(Finding.id))
        return [(r.kind, r.subject, r.detail, r.found_at, r.settled_at) for r in rows]


def kept(sessions: Sessions) -> list[tuple[str, int, bool, str | None]]:
    """Return each event's type, how often it was tried, if it is done with, and its trouble."""
    with sessions.begin() as db:
        rows = db.scalars(select(ProviderEvent).order_by(ProviderEvent.received_at))
        return [(row.type, row.tries, row.processed_at is not None, row.error) for row in rows]


def cursor(sessions: Sessions, name: str) -> datetime | None:
    with sessions.begin() as db:
        return db.scalar(select(Cursor.at).where(Cursor.name == name))


@pytest.mark.parametrize(("age", "missed"), [(29, 0), (30, 1), (31, 1)])
def test_it_is_missed_from_the_thirtieth_second_on(
    age: int,
    missed: int,
    unheard: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
) -> None:
    clock.at = told_at(till) + age * SECOND
    assert read_events(till) == Outcome(done=missed)
    assert len(kept(sessions)) == missed
    assert cursor(sessions, "events") == clock()
    assert timeline(sessions) == SOLD[: 1 + missed]
    assert unheard.status == "open"


@on_both_databases
def test_it_is_acted_upon_once_and_noted_quietly(
    unheard: PaymentAttempt, raven: int, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    clock.at = first = told_at(till) + timedelta(minutes=1)
    for _ in range(3):
        read_events(till)
        clock.advance(minutes=1)
    assert kept(sessions) == [("checkout.session.completed", 1, True, None)]
    [(kind, subject, detail, found_at, settled_at)] = findings(sessions)
    assert (kind, detail) == ("missed_event", "checkout.session.completed")
    assert (found_at, settled_at) == (first, first)
    assert subject.startswith("evt_")
    assert stand(sessions, raven) == ([("paid", "paid")], 0, 0)
    assert timeline(sessions) == SOLD
    with sessions.begin() as db:
        event = db.scalars(select(ProviderEvent)).one()
        assert (event.received_at, event.processed_at) == (first, first)
        assert (event.id, event.object_id) == (subject, unheard.session_id)
        assert json.loads(event.payload)["id"] == subject


@on_both_databases
def test_a_webhook_that_comes_after_all_changes_nothing(
    unheard: PaymentAttempt,
    raven: int,
    shop: Config,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
) -> None:
    clock.at = told_at(till) + timedelta(minutes=1)
    read_events(till)
    before = findings(sessions)
    with sessions.begin() as db:
        news = db.scalars(select(ProviderEvent.payload)).one().encode()
    assert deliver(shop, news).status_code == 200
    assert kept(sessions) == [("checkout.session.completed", 1, True, None)]
    assert findings(sessions) == before
    assert timeline(sessions) == SOLD
    assert stand(sessions, raven) == ([("paid", "paid")], 0, 0)
    assert unheard.status == "open"  # as it was read before


def test_news_that_came_are_not_missed(
    unheard: PaymentAttempt, sessions: Sessions, till: Till, clock: FixedClock
) -> None:
    [news] = till.gateway.events_since(till.now() - timedelta(hours=1))
    with sessions.begin() as db:
        assert store(db, news, news.payload, now=clock())
    process(till, news.id)
    clock.advance(minutes=5)
    assert read_events(till) == Outcome()
    assert findings(sessions) == []
    assert unheard.id


def test_the_owners_button_does_not_wait_for_half_a_minute(
    unheard: PaymentAttempt, raven: int, sessions: Sessions, till: Till
) -> None:
    done = everything(till, sleep=lambda _: None)
    assert done["events"] == Outcome(done=1)
    assert stand(sessions, raven) == ([("paid", "paid")], 0, 0)
    assert unheard.id


def test_what_stripe_does_not_tell_now_is_asked_for_again(
    unheard: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock.advance(minutes=1)
    stand_in.control("faults", kind="500", path=EVENTS, times=3)
    assert read_events(till) == Outcome(failed=1)
    assert cursor(sessions, "events") is None
    said = [record.getMessage() for record in caplog.records]
    assert said[-1].startswith("the events wait: Request req_")
    assert read_events(till) == Outcome(done=1)
    assert cursor(sessions, "events") == clock()
    assert unheard.id


def test_news_that_cannot_be_acted_upon_now_are_kept_for_the_next_round(
    unheard: PaymentAttempt,
    raven: int,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    clock.advance(minutes=1)
    stand_in.control("faults", kind="500", path="/v1/checkout/sessions/.*", times=3)
    assert read_events(till) == Outcome(failed=1)
    [(_, tries, done, error)] = kept(sessions)
    assert (tries, done) == (1, False)
    assert (error or "").endswith(": An unknown error occurred.")
    assert reconcile(till) == Outcome(done=1)
    assert kept(sessions) == [("checkout.session.completed", 2, True, None)]
    assert stand(sessions, raven) == ([("paid", "paid")], 0, 0)
    assert unheard.id


@pytest.mark.parametrize(
    ("read_last", "asked_from"),
    [
        (None, timedelta(days=30)),
        (timedelta(days=31), timedelta(days=30)),
        (timedelta(days=1), timedelta(days=1, minutes=10)),
        (timedelta(0), timedelta(minutes=10)),
    ],
)
def test_it_reads_on_ten_minutes_before_where_it_was_but_no_further_than_stripe_keeps(
    read_last: timedelta | None,
    asked_from: timedelta,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if read_last is not None:
        with sessions.begin() as db:
            db.add(Cursor(name="events", at=clock() - read_last))
    asked: list[datetime] = []
    listed = till.gateway.events_since

    def since(at: datetime) -> object:
        asked.append(at)
        return listed(at)

    monkeypatch.setattr(till.gateway, "events_since", since)
    assert read_events(till) == Outcome()
    assert asked == [clock() - asked_from]


def test_news_of_the_other_mode_are_not_ours(
    unheard: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.advance(minutes=1)
    monkeypatch.setattr(till.gateway, "livemode", True)
    assert read_events(till) == Outcome()
    assert (kept(sessions), findings(sessions)) == ([], [])
    assert unheard.id


def test_news_are_acted_upon_in_the_order_in_which_they_happened(
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    clock: FixedClock,
) -> None:
    variant_id = shelf.add("moss", on_hand=3)
    for cart in ("one", "two", "three"):
        attempt = opened(sessions, till, variant_id, cart=cart)
        stand_in.control(f"sessions/{attempt.session_id}/pay")
        stand_in.control("clock", advance=60)
    clock.advance(minutes=10)
    assert read_events(till) == Outcome(done=3)
    with sessions.begin() as db:
        ids = db.scalars(select(PaymentAttempt.session_id).order_by(PaymentAttempt.order_id)).all()
        subjects = db.scalars(select(Finding.subject).order_by(Finding.id)).all()
        of_event = {e.id: e.object_id for e in db.scalars(select(ProviderEvent))}
    assert [of_event[subject] for subject in subjects] == ids
