"""The owner's form for money that goes back: what stands in it at first, and what it takes."""

from collections.abc import Iterator

import pytest
from starlette.datastructures import FormData

from shop.kit.forms import MAX_AMOUNT
from shop.kit.i18n import speaking
from shop.orders.models import OrderLine
from shop.payments.forms import LineFields, RefundForm
from shop.payments.refunds import Wish

LINES = [OrderLine(id=7, quantity=3), OrderLine(id=9, quantity=1)]
LEFT = {7: 2, 9: 1}


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with speaking("en"):
        yield


def form(**typed: str) -> RefundForm:
    return RefundForm(
        LINES, LEFT, FormData({name.replace("_", "-"): v for name, v in typed.items()})
    )


def wrong(filled: RefundForm) -> dict[str, str]:
    valid = filled.validate()
    errors = {field.name: str(field.errors[0]) for field in filled if field.errors}
    assert valid is not bool(errors)
    return errors


@pytest.mark.parametrize("restock", [True, False])
def test_what_stands_in_it_at_first(restock: bool) -> None:
    shown = RefundForm(LINES, LEFT, restock=restock)
    assert {name: field.data for name, field in shown._fields.items()} == {
        "seen": None,
        "whole": False,
        "restock": restock,
        "postage": False,
        "other": None,
        "quantity-7": 0,
        "restock-7": restock,
        "quantity-9": 0,
        "restock-9": restock,
    }
    labels = {name: str(field.label.text) for name, field in shown._fields.items()}
    assert labels["restock"] == labels["restock-7"] == "Back on the shelf"
    assert (labels["postage"], labels["other"]) == ("Postage", "Another amount")
    assert labels["quantity-9"] == "Pieces"
    assert shown.lines == [
        LineFields(LINES[0], 2, shown["quantity-7"], shown["restock-7"]),
        LineFields(LINES[1], 1, shown["quantity-9"], shown["restock-9"]),
    ]


def test_what_is_back_on_the_shelf_is_so_unless_the_owner_says_otherwise() -> None:
    assert RefundForm(LINES, LEFT)["restock"].data is True
    assert RefundForm(LINES, LEFT)["restock-7"].data is True


def test_what_was_typed_is_the_wish() -> None:
    filled = form(seen="100", quantity_7="2", restock_9="y", postage="y", other="45,50")
    assert wrong(filled) == {}
    assert filled["seen"].data == 100
    assert filled.parts == Wish({7: 2}, frozenset({9}), postage=True, other_amount=4550)
    filled = form(seen="0", quantity_7="1", quantity_9="1", restock_7="y", whole="y", restock="y")
    assert filled.parts == Wish({7: 1, 9: 1}, frozenset({7}))
    assert (filled["whole"].data, filled["restock"].data) == (True, True)


def test_a_form_in_which_nothing_was_typed_wishes_nothing() -> None:
    filled = form(seen="0", quantity_7="0", quantity_9="", other="")
    assert wrong(filled) == {}
    assert filled.parts == Wish({}, frozenset())
    assert (filled["whole"].data, filled["restock"].data) == (False, False)


@pytest.mark.parametrize(
    ("typed", "name", "most"),
    [
        ({"quantity_7": "3"}, "quantity-7", 2),
        ({"quantity_9": "2"}, "quantity-9", 1),
        ({"quantity_9": "-1"}, "quantity-9", 1),
        ({"seen": "100000000"}, "seen", MAX_AMOUNT),
        ({"seen": "-1"}, "seen", MAX_AMOUNT),
        ({"seen": "x"}, "seen", MAX_AMOUNT),
    ],
)
def test_no_more_than_there_is(typed: dict[str, str], name: str, most: int) -> None:
    assert wrong(form(**typed)) == {name: f"Enter a whole number from 0 to {most}."}


@pytest.mark.parametrize("seen", ["0", "99999999"])
def test_as_much_as_there_can_be(seen: str) -> None:
    filled = form(seen=seen, quantity_7="2", quantity_9="1")
    assert wrong(filled) == {}
    assert filled["seen"].data == int(seen)


def test_its_messages_are_in_the_readers_language() -> None:
    with speaking("sv"):
        filled = RefundForm(LINES, LEFT, FormData({"quantity-7": "x"}))
        assert wrong(filled) == {"quantity-7": "Skriv ett heltal från 0 till 2."}
        assert str(filled["postage"].label.text) == "Frakt"
        assert filled.meta.locales == ["sv"]
