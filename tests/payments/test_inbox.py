"""An event that was kept: what Stripe is asked because of it, and what is noted of the answer."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.payments import inbox
from shop.payments.errors import PaymentMisconfigured, PaymentUnknown
from shop.payments.inbox import process, store
from shop.payments.models import PaymentAttempt, ProviderEvent
from shop.payments.provider import Event
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.tools import paid
from tests.support import NOON, FixedClock, Shelf, on_both_databases

Asked = list[tuple[str, str]]


@pytest.fixture
def bought(shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer) -> PaymentAttempt:
    return paid(sessions, till, stand_in, shelf.add())


@pytest.fixture
def asked(till: Till, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Let nobody be asked; return what would have been."""
    questions: Asked = []

    def asking(name: str) -> Callable[[Till, str], None]:
        def ask(at: Till, what: str) -> None:
            assert at is till
            questions.append((name, what))

        return ask

    for name in ("settle", "ask_about_refunds", "ask_about_disputes"):
        monkeypatch.setattr(inbox, name, asking(name))
    return questions


def keep(sessions: Sessions, type_: str, about: dict[str, Any], id_: str = "evt_1") -> None:
    payload = json.dumps({"data": {"object": about}})
    news = Event(id_, type_, about.get("id", ""), livemode=False)
    with sessions.begin() as db:
        assert store(db, news, payload, now=NOON) is True


def the_event(sessions: Sessions) -> ProviderEvent:
    with sessions.begin() as db:
        return db.scalars(select(ProviderEvent)).one()


@on_both_databases
def test_an_event_is_kept_once_as_it_came(sessions: Sessions) -> None:
    first = Event("evt_1", "charge.refunded", "ch_1", livemode=False, payload="not this")
    other = Event("evt_1", "refund.failed", "re_1", livemode=False)
    with sessions.begin() as db:
        assert store(db, first, "its payload", now=NOON) is True
        assert store(db, other, "another", now=NOON + timedelta(hours=1)) is False
    kept = the_event(sessions)
    assert (kept.id, kept.type, kept.object_id) == ("evt_1", "charge.refunded", "ch_1")
    assert (kept.payload, kept.received_at) == ("its payload", NOON)
    assert (kept.processed_at, kept.tries, kept.error) == (None, 0, None)


@pytest.mark.parametrize(
    ("type_", "named", "question"),
    [
        ("checkout.session.completed", "session", "settle"),
        ("checkout.session.expired", "session", "settle"),
        ("checkout.session.async_payment_succeeded", "session", "settle"),
        ("checkout.session.async_payment_failed", "session", "settle"),
        ("checkout.session.completed", "payment", "settle"),
        ("charge.refunded", "payment", "ask_about_refunds"),
        ("charge.refunded", "whole payment", "ask_about_refunds"),
        ("refund.created", "payment", "ask_about_refunds"),
        ("refund.updated", "payment", "ask_about_refunds"),
        ("refund.failed", "payment", "ask_about_refunds"),
        ("charge.updated", "payment", None),
        ("payment_intent.succeeded", "payment", None),
    ],
)
def test_what_an_event_of_a_payment_of_ours_hints_at(  # noqa: PLR0917 - fixtures
    type_: str,
    named: str,
    question: str | None,
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    asked: Asked,
    clock: FixedClock,
) -> None:
    subjects: dict[str, dict[str, Any]] = {
        "session": {"id": bought.session_id},
        "payment": {"id": "x_1", "payment_intent": bought.payment_intent_id},
        "whole payment": {"id": "x_1", "payment_intent": {"id": bought.payment_intent_id}},
    }
    keep(sessions, type_, subjects[named])
    clock.advance(minutes=1)
    process(till, "evt_1")
    assert asked == ([(question, bought.id)] if question else [])
    event = the_event(sessions)
    assert (event.tries, event.processed_at, event.error) == (1, clock(), None)


@pytest.mark.parametrize("type_", ["charge.dispute.created", "charge.dispute.closed"])
def test_of_a_dispute_the_bank_is_asked_by_its_payment_whoevers_it_is(
    type_: str, sessions: Sessions, till: Till, asked: Asked
) -> None:
    keep(sessions, type_, {"id": "du_1", "payment_intent": "pi_of_nobody"})
    process(till, "evt_1")
    assert asked == [("ask_about_disputes", "pi_of_nobody")]
    assert the_event(sessions).error is None


def test_a_dispute_that_names_no_payment_is_asked_about_as_that(
    sessions: Sessions, till: Till, asked: Asked
) -> None:
    keep(sessions, "charge.dispute.created", {"id": "du_1", "payment_intent": None})
    process(till, "evt_1")
    assert asked == [("ask_about_disputes", "")]


@pytest.mark.parametrize(
    ("type_", "about"),
    [
        ("checkout.session.completed", {"id": "cs_of_nobody"}),
        ("checkout.session.completed", {"id": "cs_of_nobody", "payment_intent": None}),
        ("charge.refunded", {"id": "ch_1", "payment_intent": "pi_of_nobody"}),
        ("refund.failed", {"id": "re_1", "payment_intent": None}),
        ("balance.available", {}),
    ],
)
@pytest.mark.usefixtures("bought")
def test_what_is_not_about_a_payment_of_ours_is_done_with(
    type_: str, about: dict[str, Any], sessions: Sessions, till: Till, asked: Asked
) -> None:
    keep(sessions, type_, about)
    process(till, "evt_1")
    assert asked == []
    event = the_event(sessions)
    assert (event.tries, event.error) == (1, "no attempt is meant")
    assert event.processed_at == till.now()


@on_both_databases
@pytest.mark.parametrize("error", [PaymentUnknown, PaymentMisconfigured])
def test_what_could_not_be_asked_is_kept_with_its_trouble(
    error: type[Exception],
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(sessions, "checkout.session.completed", {"id": bought.session_id})

    def silent(_till: Till, _attempt_id: str) -> None:
        raise error("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "settle", silent)
        for tries in (1, 2):
            with pytest.raises(error, match=r"^no answer$"):
                process(till, "evt_1")
            event = the_event(sessions)
            assert (event.tries, event.processed_at, event.error) == (tries, None, "no answer")
    process(till, "evt_1")
    event = the_event(sessions)
    assert (event.tries, event.processed_at, event.error) == (3, till.now(), None)


def test_a_fault_of_our_own_leaves_the_event_as_it_was(
    bought: PaymentAttempt,
    sessions: Sessions,
    till: Till,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(sessions, "checkout.session.completed", {"id": bought.session_id})

    def broken(_till: Till, _attempt_id: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(inbox, "settle", broken)
    with pytest.raises(ZeroDivisionError):
        process(till, "evt_1")
    event = the_event(sessions)
    assert (event.tries, event.processed_at, event.error) == (0, None, None)
