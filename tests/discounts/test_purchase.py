"""A whole purchase with a code, over real HTTP: every sum on the way is the same."""

import json
import re

import pytest
from sqlalchemy import select, update

from shop.config import Config
from shop.discounts.actions import add_discount, end_discount
from shop.discounts.models import Discount
from shop.kit.db import Sessions
from shop.kit.i18n import speaking
from shop.mail.letterhead import Letterhead
from shop.orders.messages import confirmation, notice
from shop.orders.models import Order, OrderLine
from shop.payments.errors import PaymentRefused
from shop.payments.gateway import StripeGateway
from shop.payments.models import PaymentAttempt
from shop.preferences.queries import preferences
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from tests.discounts.tools import new_discount, uses_and_redemptions
from tests.mail.tools import STATIONERY
from tests.support import ANNA, NOON, Buyer, Shelf, fields_of, on_both_databases

WRONG = "We do not know that code. Check how it is spelt, or go on without it."


def offer(sessions: Sessions, **facts: object) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(**facts))


def applied(buyer: Buyer, code: str) -> dict[str, str]:
    """Press "Use the code" and return what the page would send next."""
    fields = buyer.checkout_fields() | ANNA | {"code": code}
    answer = buyer.post("/checkout", **fields, update="1")
    assert answer.status_code == 200, answer.text
    return fields_of(answer.text, "checkout")


def no_breach(sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert [found.invariant.rule for found in verify(db) if not found.holds] == []


@on_both_databases
def test_what_is_taken_off_is_taken_off_everywhere(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    offer(sessions, code="JUL25", value=33, most_uses=1)
    buyer.prefix = "/en"
    buyer.add(shelf.add("raven"))
    buyer.add(shelf.add("moss", on_hand=5, price_amount=8901), 2)

    shown = applied(buyer, " jul 25")
    assert (shown["subtotal"], shown["shown_discount"]) == ("42302", "13960")  # 13 959.66
    placed = buyer.post("/checkout", **shown)
    assert placed.status_code == 303, placed.text
    page = buyer.pay(placed.headers["location"])

    total = 42302 - 13960 + 3600
    assert f'data-total="{total}"' in page.text
    assert "Discount (JUL25)" in page.text
    assert "139.60" in page.text
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
        assert (order.status, order.review) == ("paid", None)
        assert (order.discount_code, order.discount_amount) == ("JUL25", 13960)
        assert (order.subtotal_amount, order.shipping_amount) == (42302, 3600)
        assert order.total_amount == total
        lines = db.execute(
            select(OrderLine.discount_amount, OrderLine.vat_amount).order_by(OrderLine.id)
        ).all()
        # 8085.19 and 5874.80 of 13960, by largest remainder; VAT of 16415 and 11927
        assert [tuple(line) for line in lines] == [(8085, 3283), (5875, 2385)]
        assert order.vat_amount == 3283 + 2385 + 720
        attempt = db.scalars(select(PaymentAttempt)).one()
        assert attempt.amount == total
        assert attempt.coupon is not None
        assert json.loads(attempt.coupon)["amount_off"] == 13960
        paper = Letterhead(STATIONERY, preferences(db))
        for write in (confirmation, notice):
            with speaking("en"):
                mail = write(db, order.id, "en", paper)
            for body in (mail.text, mail.html):
                assert "Discount (JUL25)" in body
                assert "139.60" in body
                assert "319.42" in body
    paid = [row["amount"] for row in stand_in.log() if row["what"] == "session.paid"]
    assert paid == [total]
    assert uses_and_redemptions(sessions) == (1, [(order.id, 13960)])
    no_breach(sessions)


@on_both_databases
def test_an_unknown_code_loses_nothing_that_was_typed(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.prefix = "/en"
    buyer.add(shelf.add())
    for button in ({}, {"update": "1"}):
        fields = buyer.checkout_fields() | ANNA | {"code": "JUL26"} | button
        answer = buyer.post("/checkout", **fields)
        assert answer.status_code == 422
        assert f'<span class="error" id="code-error">{WRONG}</span>' in answer.text
        kept = fields_of(answer.text, "checkout")
        assert (kept["code"], kept["name"]) == ("JUL26", "Anna Ek")
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []


def test_a_code_that_was_not_used_yet_is_asked_about_with_the_new_total(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    offer(sessions, kind="amount", value=5000)
    buyer.add(shelf.add())
    answer = buyer.place(code="JUL25")
    assert answer.status_code == 409
    assert re.findall(r'data-total="(\d+)"', answer.text)[0] == "23100"
    placed = buyer.post("/checkout", **fields_of(answer.text, "checkout"))
    assert 'data-total="23100"' in buyer.pay(placed.headers["location"]).text


@pytest.mark.parametrize("what", ["ended", "smaller", "used up"])
def test_a_discount_that_is_gone_is_not_charged_in_silence(
    what: str, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    offer(sessions, kind="amount", value=5000, most_uses=1)
    buyer.add(shelf.add())
    shown = applied(buyer, "JUL25")
    with sessions.begin() as db:
        if what == "ended":
            end_discount(db, db.scalars(select(Discount.id)).one(), now=NOON)
        elif what == "smaller":
            db.execute(update(Discount).values(value=4000))
        else:
            db.execute(update(Discount).values(uses=1))

    answer = buyer.post("/checkout", **shown)

    assert answer.status_code == 409
    total = "24100" if what == "smaller" else "28100"
    assert re.findall(r'data-total="(\d+)"', answer.text)[0] == total
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []
    confirmed = buyer.post("/checkout", **fields_of(answer.text, "checkout"))
    assert f'data-total="{total}"' in buyer.pay(confirmed.headers["location"]).text


@on_both_databases
def test_going_back_and_taking_the_code_away_frees_its_use(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    offer(sessions, kind="amount", value=5000, most_uses=1)
    buyer.add(shelf.add())
    placed = buyer.post("/checkout", **applied(buyer, "JUL25"))
    assert placed.status_code == 303
    assert uses_and_redemptions(sessions)[0] == 1
    again = applied(buyer, "JUL25")  # its own order has the last use
    assert again["shown_discount"] == "5000"
    same = buyer.post("/checkout", **again)
    assert same.headers["location"] == placed.headers["location"]

    other = buyer.place(code="")
    assert other.status_code == 303
    assert uses_and_redemptions(sessions) == (0, [])
    assert 'data-total="28100"' in buyer.pay(other.headers["location"]).text
    no_breach(sessions)


def test_nothing_to_pay_cannot_be_paid(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    offer(sessions, value=100)
    buyer.prefix = "/en"
    buyer.add(shelf.add(price_amount=70000))  # postage is free from 600 kr
    answer = buyer.post("/checkout", **applied(buyer, "JUL25"))
    assert answer.status_code == 409
    assert "an order must come to between" in answer.text
    assert uses_and_redemptions(sessions) == (0, [])


def test_a_coupon_that_stripe_has_already_will_do(
    config: Config,
) -> None:
    """The answer was lost and its key forgotten: the same coupon is there, and nothing is wrong."""
    gateway = StripeGateway(
        config.stripe_secret_key, config.stripe_webhook_secrets, config.stripe_api_base
    )
    request = {
        "id": "an-attempt",
        "name": "JUL25",
        "amount_off": 5000,
        "currency": "sek",
        "duration": "once",
        "max_redemptions": 1,
    }
    gateway.create_coupon(request, "cp:an-attempt:v1")
    gateway.create_coupon(request, "another key")
    with pytest.raises(PaymentRefused):
        gateway.create_coupon(request | {"id": "other", "amount_off": 0}, "a third key")
