"""What the reconciler found amiss: noted once, settled once, new when the facts change."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.payments.findings import (
    note_finding,
    open_findings,
    right_again,
    see_to_finding,
    settled_findings,
)
from shop.payments.models import Finding
from tests.support import NOON, on_both_databases

LATER, LAST = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
Row = tuple[str, str, str, datetime, datetime | None]


@pytest.fixture
def db(sessions: Sessions) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


def rows(db: Session) -> list[Row]:
    db.flush()
    found = db.scalars(
        select(Finding).order_by(Finding.id).execution_options(populate_existing=True)
    )
    return [(f.kind, f.subject, f.detail, f.found_at, f.settled_at) for f in found]


@on_both_databases
def test_a_finding_is_noted_once(db: Session) -> None:
    note_finding(db, "ledger_differs", "SEK", "1 2", now=NOON)
    note_finding(db, "ledger_differs", "SEK", "1 2", now=LATER)
    assert rows(db) == [("ledger_differs", "SEK", "1 2", NOON, None)]
    note_finding(db, "ledger_differs", "EUR", "1 2", now=LATER)
    note_finding(db, "unknown_payment", "SEK", "1 2", now=LATER)
    assert len(rows(db)) == 3


def test_what_the_owner_has_seen_to_stays_so_until_the_facts_change(db: Session) -> None:
    note_finding(db, "ledger_differs", "SEK", "1 2", now=NOON)
    [found] = open_findings(db)
    assert see_to_finding(db, found.id, now=LATER) is True
    assert see_to_finding(db, found.id, now=LAST) is False
    note_finding(db, "ledger_differs", "SEK", "1 2", now=LAST)
    assert rows(db) == [("ledger_differs", "SEK", "1 2", NOON, LATER)]
    note_finding(db, "ledger_differs", "SEK", "1 3", now=LAST)
    assert rows(db) == [("ledger_differs", "SEK", "1 3", LAST, None)]


@on_both_databases
def test_what_is_right_again_is_settled_and_the_same_another_day_is_new(db: Session) -> None:
    note_finding(db, "ledger_differs", "SEK", "1 2", now=NOON)
    note_finding(db, "ledger_differs", "EUR", "1 2", now=NOON)
    note_finding(db, "unknown_payment", "SEK", "1 2", now=NOON)
    for now in (LATER, LAST):
        right_again(db, "ledger_differs", "SEK", now=now)
        assert rows(db) == [
            ("ledger_differs", "SEK", "", NOON, LATER),
            ("ledger_differs", "EUR", "1 2", NOON, None),
            ("unknown_payment", "SEK", "1 2", NOON, None),
        ]
    note_finding(db, "ledger_differs", "SEK", "1 2", now=LAST)
    assert rows(db)[0] == ("ledger_differs", "SEK", "1 2", LAST, None)


def test_a_quiet_one_asks_nothing_of_the_owner(db: Session) -> None:
    note_finding(db, "missed_event", "evt_1", "charge.refunded", now=NOON, quiet=True)
    assert rows(db) == [("missed_event", "evt_1", "charge.refunded", NOON, NOON)]
    assert open_findings(db) == []


def test_seeing_to_one_settles_no_other(db: Session) -> None:
    for subject in ("a", "b"):
        note_finding(db, "unknown_payment", subject, "1 SEK", now=NOON)
    first, second = open_findings(db)
    assert see_to_finding(db, first.id + 1000, now=LATER) is False
    assert see_to_finding(db, second.id, now=LATER) is True
    assert [found.subject for found in open_findings(db)] == ["a"]


def test_the_open_are_shown_in_order_and_the_settled_from_the_latest(db: Session) -> None:
    for subject in ("a", "b", "c", "d"):
        note_finding(db, "unknown_payment", subject, "1 SEK", now=NOON)
    a, b, c, d = open_findings(db)
    assert [found.subject for found in (a, b, c, d)] == ["a", "b", "c", "d"]
    see_to_finding(db, b.id, now=LAST)
    see_to_finding(db, a.id, now=LATER)
    see_to_finding(db, d.id, now=LATER)
    assert [found.subject for found in settled_findings(db, 9)] == ["b", "d", "a"]
    assert [found.subject for found in settled_findings(db, 2)] == ["b", "d"]
    assert [found.subject for found in open_findings(db)] == ["c"]
