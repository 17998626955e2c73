"""What is Stripe's and what is the shop's, and the lists a bookkeeper reads."""

from typing import Any

import pytest
import stripe

from shop.sandbox.stand_in.money import fee
from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import charge_of, euros, pay

DAY = 86_400
SWEDISH = "4000007520000008"


@pytest.mark.parametrize(
    ("amount", "currency", "method", "country", "kept"),
    [
        (10_000, "sek", "card", "SE", 330),
        (10_000, "sek", "card", "FR", 330),
        (10_000, "sek", "card", "GB", 430),
        (10_000, "sek", "card", "US", 505),
        (23_133, "sek", "card", "SE", 527),
        (10_000, "sek", "swish", None, 330),
        (10_000, "sek", "klarna", None, 330),
        (10_000, "eur", "card", "DE", 175),
        (10_000, "eur", "sepa_debit", "AT", 35),
    ],
)
def test_the_swedish_price_list(
    amount: int, currency: str, method: str, country: str | None, kept: int
) -> None:
    assert fee(amount, currency, method, country) == kept


@pytest.mark.parametrize(
    ("card", "kept"), [(SWEDISH, 330), ("4000008260000000", 430), ("4242424242424242", 505)]
)
def test_the_card_decides_the_fee(
    client: stripe.StripeClient, stand_in: StandInServer, card: str, kept: int
) -> None:
    pay(client, stand_in, 10_000, card=card)
    stand_in.control("clock", advance=5)
    (entry,) = client.v1.balance_transactions.list().data
    assert (entry.amount, entry.fee, entry.net) == (10_000, kept, 10_000 - kept)
    assert [(d.amount, d.type) for d in entry.fee_details] == [(kept, "stripe_fee")]


def test_fees_are_not_given_back_with_a_refund(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    payment = pay(client, stand_in, 10_000, card=SWEDISH)
    stand_in.control("clock", advance=5)
    client.v1.refunds.create({"payment_intent": payment})
    balance = client.v1.balance.retrieve()
    assert balance.available[0].amount + balance.pending[0].amount == -330


def test_money_is_pending_for_three_days(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("clock", set=1_800_000_000.0)  # not at midnight, when payouts run
    pay(client, stand_in, 10_000, card=SWEDISH)
    stand_in.control("clock", advance=5)

    def sums() -> tuple[list[int], list[int]]:
        balance = client.v1.balance.retrieve()
        return [b.amount for b in balance.available], [b.amount for b in balance.pending]

    (entry,) = client.v1.balance_transactions.list().data
    assert entry.available_on == entry.created + 3 * DAY
    assert (sums(), entry.status) == (([0], [9_670]), "pending")

    stand_in.control("clock", advance=3 * DAY)

    assert sums() == ([9_670], [0])
    assert client.v1.balance_transactions.retrieve(entry.id).status == "available"


def test_one_card_brings_money_that_can_be_used_at_once(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    pay(client, stand_in, 10_000, card="4000000000000077")
    stand_in.control("clock", advance=5)
    balance = client.v1.balance.retrieve()
    assert ([b.amount for b in balance.available], balance.pending[0].amount) == ([9_495], 0)


def test_each_currency_has_its_own_balance(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(euros(2_000))
    stand_in.control(f"sessions/{session.id}/pay", card="4000002760003184")
    stand_in.control("clock", advance=5)
    pending = [(b.currency, b.amount) for b in client.v1.balance.retrieve().pending]
    assert pending == [("sek", 0), ("eur", 1_945)]


def test_the_fee_may_come_late_with_an_update_of_the_charge(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("settlement", after=3_600)
    payment = pay(client, stand_in)
    stand_in.control("clock", advance=3_590)
    assert charge_of(client, payment).balance_transaction is None
    assert client.v1.balance_transactions.list().data == []

    stand_in.control("clock", advance=20)

    charge = charge_of(client, payment)
    (event,) = client.v1.events.list({"type": "charge.updated"}).data
    assert event.data.object.balance_transaction == charge.balance_transaction
    (entry,) = client.v1.balance_transactions.list({"source": charge.id}).data
    assert entry.id == charge.balance_transaction


def test_balance_transactions_are_listed_by_type_source_currency_and_time(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("clock", freeze=True)
    payment = pay(client, stand_in)
    stand_in.control("clock", advance=5)
    then = stand_in.control("clock", advance=60)["now"]
    refund = client.v1.refunds.create({"payment_intent": payment, "amount": 100})
    client.v1.refunds.create({"payment_intent": payment, "amount": 200})

    def amounts(**filters: Any) -> list[int]:
        wanted: Any = filters
        return [entry.amount for entry in client.v1.balance_transactions.list(wanted).data]

    assert amounts() == [-200, -100, 23_100]
    assert amounts(type="refund") == [-200, -100]
    assert amounts(type="charge", currency="sek") == [23_100]
    assert amounts(currency="eur") == []
    assert amounts(source=refund.id) == [-100]
    assert amounts(created={"gte": int(then)}) == [-200, -100]
    assert amounts(created={"lt": int(then)}) == [23_100]
    assert amounts(created=refund.created) == [-200, -100]
    pages = client.v1.balance_transactions.list({"limit": 1}).auto_paging_iter()
    assert [entry.amount for entry in pages] == [-200, -100, 23_100]
    expanded = client.v1.balance_transactions.list({"type": "refund", "expand": ["data.source"]})
    assert [isinstance(entry.source, stripe.Refund) for entry in expanded.data] == [True, True]


def test_sessions_refunds_and_events_are_listed_since_a_moment(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("clock", freeze=True)
    first = pay(client, stand_in)
    client.v1.refunds.create({"payment_intent": first, "amount": 100})
    then = int(stand_in.control("clock", advance=60)["now"])
    second = pay(client, stand_in)
    refund = client.v1.refunds.create({"payment_intent": second, "amount": 200})

    sessions = client.v1.checkout.sessions.list({"created": {"gte": then}}).data
    assert [session.payment_intent for session in sessions] == [second]
    of_first = client.v1.checkout.sessions.list({"payment_intent": first}).data
    assert [session.payment_intent for session in of_first] == [first]
    assert [r.id for r in client.v1.refunds.list({"created": {"gte": then}}).data] == [refund.id]
    by_charge = client.v1.refunds.list({"charge": charge_of(client, second).id}).data
    assert [r.id for r in by_charge] == [refund.id]
    by_payment = client.v1.refunds.list({"payment_intent": second}).data
    assert [r.id for r in by_payment] == [refund.id]
    events = client.v1.events.list(
        {"created": {"gte": then}, "types": ["refund.created", "checkout.session.completed"]}
    ).data
    assert [event.type for event in events] == ["refund.created", "checkout.session.completed"]
    at_once = [event.id for event in client.v1.events.list({"created": {"gte": then}}).data]
    paged = client.v1.events.list({"created": {"gte": then}, "limit": 2}).auto_paging_iter()
    assert [event.id for event in paged] == at_once
    assert len(at_once) == 6
