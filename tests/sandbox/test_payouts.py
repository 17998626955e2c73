"""Money on its way to the shop's bank."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.tools import euros, kinds, pay

DAY = 86_400
NOON = 1_800_014_400.0  # on a day in January 2027
AT_ONCE = "4000000000000077"


@pytest.fixture(autouse=True)
def _noon(stand_in: StandInServer) -> None:
    stand_in.control("clock", set=NOON)
    stand_in.control("clock", freeze=True)


@pytest.fixture
def earned(client: stripe.StripeClient, stand_in: StandInServer) -> str:
    """A payment over 100 kr, of which 94.95 can be paid out."""
    payment = pay(client, stand_in, 10_000, card=AT_ONCE)
    stand_in.control("clock", advance=5)
    return payment


@pytest.fixture
def balance(client: stripe.StripeClient) -> Callable[[], list[tuple[str, int, int]]]:
    def read() -> list[tuple[str, int, int]]:
        found = client.v1.balance.retrieve()
        pending = {b.currency: b.amount for b in found.pending}
        return [(b.currency, b.amount, pending[b.currency]) for b in found.available]

    return read


def test_what_is_available_is_paid_out(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str, balance: Any
) -> None:
    pay(client, stand_in, 20_000)
    client.v1.refunds.create({"payment_intent": earned, "amount": 1_000})
    stand_in.control("clock", advance=5)
    assert balance() == [("sek", 8_495, 19_170)]

    (made,) = stand_in.control("payouts/run", outcome="paid")["payouts"]

    payout = client.v1.payouts.retrieve(made["id"], {"expand": ["balance_transaction"]})
    assert payout.id.startswith("po_")
    assert (payout.status, payout.amount, payout.currency) == ("paid", 8_495, "sek")
    assert (payout.automatic, payout.reconciliation_status) == (True, "completed")
    entry = payout.balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert (entry.type, entry.amount, entry.fee) == ("payout", -8_495, 0)
    assert balance() == [("sek", 0, 19_170)]
    assert kinds(client, 4) == [
        "payout.created",
        "payout.updated",
        "payout.reconciliation_completed",
        "payout.paid",
    ]


def test_a_payout_lists_what_it_settled_itself_included(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str
) -> None:
    client.v1.refunds.create({"payment_intent": earned, "amount": 1_000})
    (first,) = stand_in.control("payouts/run", outcome="paid")["payouts"]
    pay(client, stand_in, 30_000, card=AT_ONCE)
    stand_in.control("clock", advance=5)
    (second,) = stand_in.control("payouts/run", outcome="paid")["payouts"]

    def settled(payout: str) -> list[tuple[str, int]]:
        entries = client.v1.balance_transactions.list({"payout": payout}).data
        return [(entry.type, entry.net) for entry in entries]

    assert settled(first["id"]) == [("payout", -8_495), ("refund", -1_000), ("charge", 9_495)]
    assert settled(second["id"]) == [("payout", -28_845), ("charge", 28_845)]
    with pytest.raises(stripe.InvalidRequestError, match="No such payout"):
        client.v1.balance_transactions.list({"payout": "po_none"})


def test_a_payout_that_fails_brings_its_money_back(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str, balance: Any
) -> None:
    (made,) = stand_in.control("payouts/run", outcome="failed")["payouts"]

    payout = client.v1.payouts.retrieve(made["id"], {"expand": ["failure_balance_transaction"]})
    assert (payout.status, payout.failure_code) == ("failed", "account_closed")
    entry = payout.failure_balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert (entry.type, entry.amount, entry.source) == ("payout_failure", 9_495, payout.id)
    assert balance() == [("sek", 9_495, 0)]
    assert kinds(client, 1) == ["payout.failed"]

    (again,) = stand_in.control("payouts/run", outcome="paid")["payouts"]

    entries = client.v1.balance_transactions.list({"payout": again["id"]}).data
    assert [(e.type, e.net) for e in entries] == [("payout", -9_495), ("payout_failure", 9_495)]


def test_a_payout_thought_paid_may_fail(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str, balance: Any
) -> None:
    (made,) = stand_in.control("payouts/run", outcome="paid")["payouts"]
    stand_in.control(f"payouts/{made['id']}/finish", outcome="failed")
    assert balance() == [("sek", 9_495, 0)]
    with pytest.raises(ValueError, match="The payout is failed"):
        stand_in.control(f"payouts/{made['id']}/finish", outcome="paid")
    with pytest.raises(ValueError, match="cannot become lost"):
        stand_in.control("payouts/run", outcome="lost")


def test_money_goes_out_by_itself_at_midnight_and_arrives_a_day_later(
    client: stripe.StripeClient, stand_in: StandInServer, balance: Any
) -> None:
    pay(client, stand_in, 10_000, card="4000007520000008")
    stand_in.control("clock", advance=3 * DAY + 5)
    assert balance() == [("sek", 9_670, 0)]

    def after(seconds: int) -> tuple[str, str]:
        stand_in.control("clock", advance=seconds)
        payout = client.v1.payouts.list().data[0]
        return payout.status, str(payout.reconciliation_status)

    assert after(DAY // 2) == ("pending", "in_progress")
    assert balance() == [("sek", 0, 0)]
    assert after(3_600) == ("in_transit", "completed")
    assert after(DAY) == ("paid", "completed")
    stand_in.control("clock", advance=30 * DAY)
    assert len(client.v1.payouts.list().data) == 1


def test_a_long_time_passes_in_order(
    client: stripe.StripeClient, stand_in: StandInServer, balance: Any
) -> None:
    pay(client, stand_in, 10_000)
    stand_in.control("clock", advance=30 * DAY)
    (payout,) = client.v1.payouts.list().data
    assert (payout.status, payout.amount) == ("paid", 9_495)
    midnight = NOON + 3.5 * DAY
    assert (payout.created, payout.arrival_date) == (midnight, midnight + DAY)
    (paid,) = client.v1.events.list({"type": "payout.paid"}).data
    assert paid.created == payout.arrival_date
    assert balance() == [("sek", 0, 0)]


def test_nothing_goes_out_of_an_empty_or_overdrawn_balance(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str, balance: Any
) -> None:
    client.v1.refunds.create({"payment_intent": earned})
    assert balance() == [("sek", -505, 0)]
    assert stand_in.control("payouts/run")["payouts"] == []
    stand_in.control("clock", advance=2 * DAY)
    assert client.v1.payouts.list().data == []


def test_each_currency_is_paid_out_by_itself(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str, balance: Any
) -> None:
    session = client.v1.checkout.sessions.create(euros(2_000))
    stand_in.control(f"sessions/{session.id}/pay", card=AT_ONCE)
    stand_in.control("clock", advance=5)

    made = stand_in.control("payouts/run")["payouts"]

    assert [(p["currency"], p["amount"]) for p in made] == [("sek", 9_495), ("eur", 1_910)]
    assert balance() == [("sek", 0, 0), ("eur", 0, 0)]


def test_payouts_are_listed_by_state_and_time(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str
) -> None:
    (failed,) = stand_in.control("payouts/run", outcome="failed")["payouts"]
    stand_in.control("clock", advance=60)
    (paid,) = stand_in.control("payouts/run", outcome="paid")["payouts"]

    def ids(**filters: Any) -> list[str]:
        wanted: Any = filters
        return [payout.id for payout in client.v1.payouts.list(wanted).data]

    assert ids() == [paid["id"], failed["id"]]
    assert ids(status="failed") == [failed["id"]]
    assert ids(created={"gte": paid["created"]}) == [paid["id"]]
    assert ids(arrival_date={"lt": paid["arrival_date"]}) == [failed["id"]]


def test_the_log_knows_each_payout(
    client: stripe.StripeClient, stand_in: StandInServer, earned: str
) -> None:
    stand_in.control("payouts/run", outcome="failed")
    rows = [(row["what"], row["amount"]) for row in stand_in.log()[-5:]]
    assert rows == [
        ("balance_transaction.created", -9_495),
        ("payout.created", 9_495),
        ("payout.in_transit", 9_495),
        ("balance_transaction.created", 9_495),
        ("payout.failed", 9_495),
    ]
