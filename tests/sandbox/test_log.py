"""The log is what happened; nothing can make it say otherwise."""

import sqlite3
from pathlib import Path

import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.conftest import connect
from tests.sandbox.tools import order, pay


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log",
        "DELETE FROM log WHERE seq = 1",
        "UPDATE log SET details = '{}' WHERE seq = 1",
        "INSERT OR REPLACE INTO log (seq, at, what, details) VALUES (1, 0, 'nothing', '{}')",
    ],
)
def test_a_row_of_the_log_stays_as_it_is(database: Path, statement: str) -> None:
    with StandInServer(database) as server:
        connect(server.url).v1.checkout.sessions.create(order())
        before = server.log()
        outside = sqlite3.connect(database)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            outside.execute(statement)
        outside.close()
        assert server.log() == before

        server.reset()

        assert server.log() == []
        connect(server.url).v1.checkout.sessions.create(order())
        outside = sqlite3.connect(database)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            outside.execute(statement.replace("1", "(SELECT max(seq) FROM log)", 1))
        outside.close()


def test_the_log_adds_up_to_the_balance(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    payment = pay(client, stand_in, 100_000)
    pay(client, stand_in, 20_000, card="4000000000000259")
    client.v1.refunds.create({"payment_intent": payment, "amount": 1_000})
    stand_in.control("clock", advance=5 * 86_400)
    (payout,) = client.v1.payouts.list().data
    stand_in.control(f"payouts/{payout.id}/finish", outcome="failed")

    rows = [row for row in stand_in.log() if row["what"] == "balance_transaction.created"]
    listed = client.v1.balance_transactions.list({"limit": 100}).data

    assert [row["balance_transaction"] for row in rows] == [e.id for e in reversed(listed)]
    balance = client.v1.balance.retrieve()
    assert sum(row["net"] for row in rows) == balance.available[0].amount
    assert {row["what"] for row in stand_in.log()} >= {
        "session.created",
        "session.paid",
        "charge.succeeded",
        "charge.settled",
        "refund.created",
        "dispute.created",
        "payout.created",
        "payout.failed",
    }
    for row in stand_in.log():
        if row["what"].startswith(("session", "charge", "refund", "dispute", "payout")):
            assert isinstance(row["amount"], int)
            assert row["currency"] == "sek"
            assert "metadata" in row
