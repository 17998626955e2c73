"""What Stripe says of a failure names sessions and people: neither stands in a log."""

import logging

import pytest
import stripe
from sqlalchemy import update

from shop.kit.db import Sessions
from shop.payments.errors import PaymentRefused
from shop.payments.gateway import StripeGateway, _errors_in_our_words
from shop.payments.models import PaymentAttempt
from shop.payments.reconciler import reconcile
from shop.payments.till import Till
from tests.conftest import STRIPE_KEY
from tests.support import Buyer, FixedClock, Shelf


@pytest.mark.parametrize("silent", [True, False], ids=["nobody answers", "nobody knows it"])
def test_no_session_is_named(
    silent: bool,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    clock: FixedClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    buyer.add(shelf.add())
    buyer.place()
    with sessions.begin() as db:
        db.execute(update(PaymentAttempt).values(session_id="cs_test_a1B2c3"))
    clock.advance(minutes=3)
    nobody = StripeGateway(STRIPE_KEY, (), "http://127.0.0.1:1", sleep=lambda _: None)
    with caplog.at_level(logging.INFO):
        assert reconcile(Till(sessions, nobody, clock) if silent else till).failed == 1
    records = [record for record in caplog.records if record.name.startswith("shop")]
    assert records
    for record in records:
        assert "cs_test" not in record.getMessage()
        together = record.name == "shop.requests"  # lines of their own, written at once
        assert together or "\n" not in record.getMessage()  # one event, one line


def test_no_buyer_is_named() -> None:
    error = stripe.InvalidRequestError(  # type: ignore[no-untyped-call] # the SDK's
        "Invalid email:\n anna.ek@example.se", "customer_email"
    )
    with pytest.raises(PaymentRefused, match=r"^Invalid email: …$"), _errors_in_our_words():
        raise error
