"""Without one of its guards, the shop is found out by what the schedules are held against.

Each schedule is as short as it can be to need its guard, and breaks nothing with it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from shop.payments import inbox, ledger, refunds
from shop.payments.errors import PaymentError
from shop.payments.gateway import StripeGateway
from shop.payments.models import PaymentAttempt, ProviderEvent, Refund, Status
from shop.payments.provider import BalanceTransaction, Event
from shop.payments.till import Till
from tests.machine.schedules import Outcome, Step
from tests.races import without

Patch = pytest.MonkeyPatch
BOUGHT: list[Step] = [("place", 0), ("pay", 0), ("come_back", 0)]
PAID_LATE: list[Step] = [  # when somebody else had bought the piece
    ("place", 0),
    ("give_up_wrongly", 0),
    ("place", 1),
    ("pay", 0),
    ("pay", 9),
]
NO_SESSION_HEARD_OF: Step = ("fault", 169)  # three answers are lost, whatever is asked
NO_REFUND_HEARD_OF: Step = ("fault", 274)
SETTLING_FAILS: Step = ("fault", 231)


def the_states_that_can_be_paid(patch: Patch) -> None:
    """Take a payment each time that somebody tells of it."""
    without.attempt_guard(patch, status=Status.LATE)


def money_that_goes_back_by_itself(patch: Patch) -> None:
    """Keep money for which there is nothing any more."""
    patch.setattr("shop.payments.actions.refund_by_itself", lambda *_, **__: None)


def what_the_owner_has_seen(patch: Patch) -> None:
    """Let the owner give money back on a page that knows nothing of what went before."""

    def blindly(db: Session, order_id: int, wish: refunds.Wish, **named: Any) -> Refund:
        return refunds.request_refund(db, order_id, wish, **named | {"seen": without._Whatever()})

    patch.setattr("tests.machine.play.request_refund", blindly)


def what_is_left(patch: Patch) -> None:
    """Write down what goes back, however little is left."""
    write: Any = refunds._write_refund

    def generously(db: Session, attempt: PaymentAttempt, *rest: Any) -> Refund:
        rich = SimpleNamespace(
            id=attempt.id, order_id=attempt.order_id, amount=10**6, currency=attempt.currency
        )
        written: Refund = write(db, rich, *rest)
        return written

    patch.setattr(refunds, "_write_refund", generously)


def what_expired_is_free(patch: Patch) -> None:
    """Close a page and keep what it held."""
    patch.setattr("shop.payments.actions.release", lambda *_: None)


def the_use_of_what_expired(patch: Patch) -> None:
    """Close a page and keep the use of its code."""
    patch.setattr("shop.payments.actions.give_back", lambda *_: None)


def signatures(patch: Patch) -> None:
    """Believe whoever calls."""

    def believe(_gateway: StripeGateway, payload: bytes, _signature: str) -> Event:
        found = json.loads(payload)
        about = found["data"]["object"]
        return Event(found["id"], found["type"], about["id"], livemode=False)

    patch.setattr(StripeGateway, "read_event", believe)


def errors_in_hand(patch: Patch) -> None:
    """Count an event as done, whatever came of it."""
    act = inbox._act

    def swallow(till: Till, event: ProviderEvent) -> bool:
        try:
            return act(till, event)
        except PaymentError:
            return True

    patch.setattr(inbox, "_act", swallow)


def disputes_that_stop_an_order(patch: Patch) -> None:
    """Pack an order whose payment a bank questions."""
    patch.setattr("shop.payments.disputes._flag", lambda *_: None)


def fees(patch: Patch) -> None:
    """Book what buyers paid, and not what Stripe took of it."""
    book = ledger.book

    def gross(db: Session, transactions: Sequence[BalanceTransaction]) -> int:
        return book(db, [replace(moved, fee=0) for moved in transactions])

    patch.setattr("shop.payments.reconciler.book", gross)


def news_of_refunds(patch: Patch) -> None:
    """Tell no buyer that money comes back."""
    patch.setattr(refunds, "queue", lambda *_, **__: None)


@pytest.mark.parametrize(
    ("guard", "steps", "words"),
    [
        (the_states_that_can_be_paid, [*BOUGHT, ("come_back", 0)], "RefundTooLarge"),
        (money_that_goes_back_by_itself, PAID_LATE, "is still late"),
        (
            without.one_key,
            [NO_SESSION_HEARD_OF, ("place", 0), ("place_again", 0)],
            "became 2 sessions",
        ),
        (
            without.one_key_for_refunds,
            [*BOUGHT, NO_REFUND_HEARD_OF, ("owner_refunds_some", 3), ("lose", 0)],
            "was made 2 times",
        ),
        (
            without.what_a_refund_is_called,
            [*BOUGHT, NO_REFUND_HEARD_OF, ("owner_refunds_some", 3), ("compare_at_night", 0)],
            "was made 2 times",
        ),
        (
            what_the_owner_has_seen,
            [*BOUGHT, ("owner_refunds_some", 3), ("owner_clicks_again", 0)],
            "the owner has not seen that 500 went",
        ),
        (
            what_is_left,
            [*BOUGHT, ("owner_refunds_some", 0), ("owner_refunds_some", 2)],
            "more goes back than is left",
        ),
        (
            without.stripes_no,
            [("place", 0), ("pay", 0), ("give_up", 0)],
            "and had its session.paid",
        ),
        (
            without.bought_carts,
            [("place", 3), ("pay", 1), ("place_again", 0)],
            "was bought, and ordered once more",
        ),
        (what_expired_is_free, [("place", 0)], "there are 1, 1 promised, and not 1 and 0"),
        (the_use_of_what_expired, [("place", 18)], "count as uses of it"),
        (signatures, [("forge", 0)], "a forged event was kept"),
        (
            errors_in_hand,
            [("place", 0), ("pay", 0), SETTLING_FAILS, ("deliver", 0)],
            "counts as done, and Stripe was not asked",
        ),
        (disputes_that_stop_an_order, [*BOUGHT, ("dispute", 0)], "are flagged as disputed"),
        (fees, BOUGHT, "and the ledger says"),
        (news_of_refunds, [*BOUGHT, ("owner_refunds_some", 3)], "told of"),
    ],
)
def test_a_missing_guard_is_found(
    guard: Callable[[Patch], None],
    steps: list[Step],
    words: str,
    outcome: Outcome,
    monkeypatch: Patch,
) -> None:
    assert outcome(steps) == []
    guard(monkeypatch)
    assert [found for found in outcome(steps) if words in found] != []


@pytest.mark.parametrize("furnished", ["unchecked"], indirect=True)
def test_a_shelf_without_its_guard_is_found(outcome: Outcome, monkeypatch: Patch) -> None:
    """The database would refuse it, too: here it knows nothing of stock."""
    assert outcome(PAID_LATE) == []
    without.stock_guard(monkeypatch)
    assert "2 of variant 1 are paid, and there were 1" in outcome(PAID_LATE)
