"""A database that somebody else keeps busy is no fault of the buyer's, and passes."""

import logging

import pytest
from sqlalchemy import select, text

from shop.kit.db import Sessions
from shop.orders.models import Order
from tests.support import Buyer, Shelf, on_both_databases


@on_both_databases
def test_a_write_that_waits_too_long_is_asked_to_come_again(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    buyer.add(shelf.add())
    fields = buyer.checkout_fields() | {"name": "Anna Ek", "email": "anna@example.se"}
    fields |= {"address": "Strandvägen 1", "postal_code": "76340", "city": "Hallstavik"}
    with caplog.at_level(logging.ERROR), sessions.begin() as db:
        db.execute(text("UPDATE number_series SET last = last"))  # another process, and a slow one
        answer = buyer.post("/checkout", **fields)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "OperationalError" in caplog.text  # whoever reads the log sees why
    assert "anna@example.se" not in caplog.text
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []
    assert buyer.post("/checkout", **fields).status_code == 303


def test_who_has_paid_is_not_told_that_nothing_was_charged(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.prefix = "/en"
    paid = buyer.buy(shelf.add())
    token = str(paid.url).rpartition("/")[2]
    with sessions.begin() as db:
        db.execute(text("UPDATE number_series SET last = last"))
        answer = buyer.get(f"/checkout/return?order={token}")
    assert answer.status_code == 503
    assert "charged" not in answer.text
    assert "so is anything you have paid" in answer.text
