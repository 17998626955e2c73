"""Two buyers and the last use of a code, over HTTP: one has the price, the other loses nothing."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx2
import pytest
from sqlalchemy import select

from shop.checkout import pages
from shop.discounts.actions import add_discount
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Sessions
from shop.orders.models import Order
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.discounts.tools import new_discount
from tests.races import without
from tests.support import ANNA, Buyer, Shelf, fields_of, on_both_databases

CHANGED = (
    "The discount is not what it was when you opened this page. Nothing has been charged. Look "
    "at the new total, and order again if it suits you."
)


def ready(buyer: Buyer, variant_id: int, email: str) -> dict[str, str]:
    """Return what the buyer's page would send, with the code's price on it."""
    buyer.prefix = "/en"
    buyer.add(variant_id)
    typed = buyer.checkout_fields() | ANNA | {"email": email, "code": "JUL25"}
    shown = fields_of(buyer.post("/checkout", **typed, update="1").text, "checkout")
    assert shown["shown_discount"] == "5000"
    return shown


def rush(buyers: list[Buyer], forms: list[dict[str, str]]) -> list[httpx2.Response]:
    start = Barrier(len(buyers))

    def order(buyer: Buyer, form: dict[str, str]) -> httpx2.Response:
        start.wait(60)
        return buyer.post("/checkout", **form)

    with ThreadPoolExecutor(len(buyers)) as pool:
        return list(pool.map(order, buyers, forms))


def uses(sessions: Sessions) -> tuple[int, int]:
    with sessions.begin() as db:
        redemptions = db.scalars(select(Redemption.id)).all()
        return db.scalars(select(Discount.uses)).one(), len(redemptions)


def order_together(
    new_buyer: Callable[[], Buyer], variant_id: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Buyer], list[httpx2.Response]]:
    """Let two press the button, and place nothing before both of their forms were checked."""
    buyers = [new_buyer(), new_buyer()]
    forms = [ready(buyer, variant_id, f"b{n}@example.se") for n, buyer in enumerate(buyers)]
    both, place = Barrier(2), pages._place_and_pay

    def together(*given: object) -> object:
        both.wait(60)
        return place(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(pages, "_place_and_pay", together)
        return buyers, rush(buyers, forms)


@on_both_databases
def test_one_has_the_price_and_the_other_a_clear_page(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    stand_in: StandInServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000, most_uses=1))
    moss = shelf.add("moss", on_hand=5)
    buyers, answers = order_together(new_buyer, moss, monkeypatch)

    assert sorted(answer.status_code for answer in answers) == [303, 409]
    loser = answers.index(next(answer for answer in answers if answer.status_code == 409))
    told = answers[loser]
    assert CHANGED in told.text
    assert re.findall(r'data-total="(\d+)"', told.text)[0] == "28100"
    fields = fields_of(told.text, "checkout")
    assert (fields["name"], fields["email"]) == ("Anna Ek", f"b{loser}@example.se")
    assert (fields["code"], fields["shown_discount"]) == ("", "0")
    assert 'aria-label="Basket, 1 item"' in told.text
    assert uses(sessions) == (1, 1)
    with sessions.begin() as db:
        assert db.scalars(select(Order.total_amount)).all() == [23100]
        assert db.get_one(StockLevel, moss).reserved == 1

    confirmed = buyers[loser].post("/checkout", **fields)
    for buyer, answer in ((buyers[1 - loser], answers[1 - loser]), (buyers[loser], confirmed)):
        assert buyer.pay(answer.headers["location"]).status_code == 200
    paid = [row["amount"] for row in stand_in.log() if row["what"] == "session.paid"]
    assert paid == [23100, 28100]
    assert uses(sessions) == (1, 1)
    with sessions.begin() as db:
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


@on_both_databases
def test_without_the_guard_both_have_it(
    new_buyer: Callable[[], Buyer],
    shelf: Shelf,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control."""
    with sessions.begin() as db:
        add_discount(db, new_discount(kind="amount", value=5000, most_uses=1))
    without.turn(monkeypatch)
    without.uses_left(monkeypatch)
    without.look_at_uses(monkeypatch)
    without.drop_the_count_of_uses(sessions)
    _, answers = order_together(new_buyer, shelf.add("moss", on_hand=5), monkeypatch)
    assert [answer.status_code for answer in answers] == [303, 303]
    assert uses(sessions) == (2, 2)
