"""From the attempt that was written down to its payment page, whatever Stripe answers to it."""

import json
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from shop.kit.db import Sessions
from shop.payments.conversations import expire, open_session, settle
from shop.payments.errors import PaymentMisconfigured, PaymentRefused, PaymentUnknown
from shop.payments.models import PaymentAttempt
from shop.payments.provider import CheckoutSession
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.tools import opened, placed, read, stand, timeline
from tests.support import FixedClock, Shelf, on_both_databases

CREATE = "/v1/checkout/sessions"
LEFT = "Stripe made no session of attempt"


def made(stand_in: StandInServer) -> int:
    return sum(row["what"] == "session.created" for row in stand_in.log())


def change(sessions: Sessions, attempt_id: str, **values: Any) -> None:
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).where(PaymentAttempt.id == attempt_id).values(**values))


def request_changed(sessions: Sessions, attempt: PaymentAttempt, **changes: Any) -> None:
    request = json.dumps(json.loads(attempt.request) | changes)
    change(sessions, attempt.id, request=request)


@on_both_databases
def test_its_session_and_its_address_are_written_down(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt_id = placed(sessions, till, shelf.add()).id
    change(sessions, attempt_id, last_error="some trouble before")
    url = open_session(till, attempt_id)
    attempt = read(sessions, attempt_id)
    assert url == attempt.url == f"{stand_in.url}/c/pay/{attempt.session_id}"
    assert (attempt.status, attempt.last_error, attempt.checked_at) == ("open", None, None)
    assert open_session(till, attempt_id) == url
    assert made(stand_in) == 1


@pytest.mark.parametrize(
    "status", ["open", "processing", "paid", "expired", "failed", "review", "late", "refunded"]
)
def test_only_what_has_no_page_yet_is_sent(
    status: str, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt_id = placed(sessions, till, shelf.add()).id
    change(sessions, attempt_id, status=status, url="its address")
    assert open_session(till, attempt_id) == "its address"
    assert made(stand_in) == 0


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("500", PaymentUnknown, "An unknown error occurred."),
        ("429", PaymentUnknown, "Request rate limit exceeded."),
        ("401", PaymentMisconfigured, "Invalid API Key provided."),
        ("403", PaymentMisconfigured, "The provided key does not have the required permissions."),
    ],
)
def test_a_failure_is_raised_and_written_down_and_the_attempt_stays(
    kind: str,
    error: type[Exception],
    words: str,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
) -> None:
    variant_id = shelf.add()
    attempt_id = placed(sessions, till, variant_id).id
    stand_in.control("faults", kind=kind, path=CREATE, times=3)
    with pytest.raises(error):
        open_session(till, attempt_id)
    attempt = read(sessions, attempt_id)
    assert (attempt.status, attempt.session_id, attempt.url) == ("creating", None, None)
    assert re.fullmatch(rf"Request req_\w+: {re.escape(words)}", attempt.last_error or "")
    assert stand(sessions, variant_id) == ([("pending", "creating")], 1, 1)

    stand_in.control("faults", clear=True)
    assert open_session(till, attempt_id) is not None
    assert read(sessions, attempt_id).last_error is None


@on_both_databases
def test_what_stripe_refuses_is_over_and_its_piece_is_free(
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    variant_id = shelf.add()
    attempt = placed(sessions, till, variant_id)
    request_changed(sessions, attempt, line_items=[])
    with caplog.at_level(logging.ERROR, logger="shop.payments"):
        assert open_session(till, attempt.id) is None
    attempt = read(sessions, attempt.id)
    assert (attempt.status, attempt.session_id, attempt.url) == ("expired", None, None)
    assert attempt.last_error
    assert [record.getMessage() for record in caplog.records] == [
        f"{LEFT} {attempt.id}: {attempt.last_error}"
    ]
    assert stand(sessions, variant_id) == ([("expired", "expired")], 1, 0)
    assert timeline(sessions) == [("placed", "buyer", ""), ("expired", "shop", "")]
    assert made(stand_in) == 0


def test_what_stripe_refuses_because_it_has_it_is_found(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """The session was made, its answer was lost, and the same key now means something else."""
    variant_id = shelf.add("moss", on_hand=2)
    attempt = placed(sessions, till, variant_id)
    stand_in.control("faults", kind="reset", path=CREATE, when="after", times=3)
    with pytest.raises(PaymentUnknown):
        open_session(till, attempt.id)
    other = opened(sessions, till, variant_id, cart="another-cart")
    request_changed(sessions, attempt, locale="en")
    url = open_session(till, attempt.id)
    found = read(sessions, attempt.id)
    assert url == found.url is not None
    assert (found.status, found.last_error) == ("open", None)
    assert found.session_id != other.session_id
    assert made(stand_in) == 2


def test_a_session_that_was_made_before_the_attempt_is_not_looked_at(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer, clock: FixedClock
) -> None:
    attempt = placed(sessions, till, shelf.add())
    stand_in.control("faults", kind="reset", path=CREATE, when="after", times=3)
    with pytest.raises(PaymentUnknown):
        open_session(till, attempt.id)
    change(sessions, attempt.id, created_at=clock() + timedelta(minutes=5))
    request_changed(sessions, attempt, locale="en")
    assert open_session(till, attempt.id) is None
    assert read(sessions, attempt.id).status == "expired"


def test_a_page_that_was_made_while_it_was_looked_for_is_not_given_up(
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one, who asked at the same time, has its address: it can be paid."""
    variant_id = shelf.add()
    attempt = placed(sessions, till, variant_id)
    request_changed(sessions, attempt, line_items=[])

    def made_meanwhile(_at: object) -> list[CheckoutSession]:
        change(sessions, attempt.id, status="open", session_id="cs_1", url="its address")
        return []

    monkeypatch.setattr(till.gateway, "sessions_since", made_meanwhile)
    assert open_session(till, attempt.id) == "its address"
    assert stand(sessions, variant_id) == ([("pending", "open")], 1, 1)
    assert read(sessions, attempt.id).last_error is None


def test_while_nobody_can_say_whether_it_was_made_it_stays(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    attempt = placed(sessions, till, variant_id)
    request_changed(sessions, attempt, line_items=[])
    stand_in.control("faults", kind="500", method="GET", path=CREATE, times=3)
    with pytest.raises(PaymentUnknown):
        open_session(till, attempt.id)
    assert stand(sessions, variant_id) == ([("pending", "creating")], 1, 1)


@pytest.mark.parametrize("how", ["paid", "expired"])
def test_a_session_that_is_no_longer_open_when_its_answer_comes_is_settled(
    how: str, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """Its page was paid, or closed, by somebody to whom the answer did come."""
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    if how == "paid":
        stand_in.control(f"sessions/{attempt.session_id}/pay")
    else:
        till.gateway.expire_session(str(attempt.session_id))
    change(sessions, attempt.id, status="creating", session_id=None, url=None)
    stand_in.control("faults", kind="500", path=CREATE, times=3)
    expire(till, attempt.id)  # asks whether it was made, and finds it
    expected = ("paid", "paid", 0, 0) if how == "paid" else ("expired", "expired", 1, 0)
    orders, *levels = stand(sessions, variant_id)
    assert (*orders[0], *levels) == expected
    assert read(sessions, attempt.id).session_id == attempt.session_id
    assert read(sessions, attempt.id).url is None


def test_who_asks_for_a_page_that_was_paid_already_gets_none_and_the_order_is_paid_at_once(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    variant_id = shelf.add()
    attempt = opened(sessions, till, variant_id)
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    change(sessions, attempt.id, status="creating", session_id=None, url=None)
    request_changed(sessions, attempt, locale="en")  # refused: the key was used for another
    assert open_session(till, attempt.id) is None
    assert stand(sessions, variant_id) == ([("paid", "paid")], 0, 0)


# --- the coupon -----------------------------------------------------------------------------------


def test_no_coupon_no_page(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """Or the buyer would be asked for more than was shown."""
    attempt = placed(sessions, till, shelf.add())
    coupon = {"id": attempt.id, "amount_off": 0, "currency": "sek", "duration": "once"}
    change(sessions, attempt.id, coupon=json.dumps(coupon))
    assert open_session(till, attempt.id) is None
    assert made(stand_in) == 0
    change(sessions, attempt.id, status="creating")
    stand_in.control("faults", kind="500", path="/v1/coupons", times=3)
    with pytest.raises(PaymentUnknown):
        open_session(till, attempt.id)
    assert made(stand_in) == 0


# --- whoever else asks ----------------------------------------------------------------------------


def test_settling_makes_the_page_that_nobody_has_made(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt_id = placed(sessions, till, shelf.add()).id
    settle(till, attempt_id)
    assert read(sessions, attempt_id).status == "open"
    assert made(stand_in) == 1


@pytest.mark.parametrize("status", ["expired", "failed"])
def test_settling_makes_no_page_of_what_is_over(
    status: str, shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    attempt_id = placed(sessions, till, shelf.add()).id
    change(sessions, attempt_id, status=status)
    settle(till, attempt_id)
    assert (read(sessions, attempt_id).status, made(stand_in)) == (status, 0)


def test_a_refusal_is_no_silence(
    shelf: Shelf, sessions: Sessions, till: Till, stand_in: StandInServer
) -> None:
    """With a key that may not, nobody can say that there is no page: the piece stays held."""
    variant_id = shelf.add()
    attempt = placed(sessions, till, variant_id)
    stand_in.control("faults", kind="401", path="/v1/.*", times=99)
    for ask in (open_session, settle, expire):
        with pytest.raises(PaymentMisconfigured):
            ask(till, attempt.id)
    assert stand(sessions, variant_id) == ([("pending", "creating")], 1, 1)
    assert not isinstance(PaymentMisconfigured(), PaymentRefused)
