"""Text in, values or messages out: nothing but a plain number is a number."""

from decimal import Decimal

import pytest
from starlette.datastructures import FormData, UploadFile

from shop.kit.forms import (
    CountField,
    LineField,
    MoneyField,
    Needed,
    ShopForm,
    clean_lines,
    whole_number,
)

NO_COUNTS = [
    *("-1", "-0", "1.5", "1,5", "1e3", "1000000000", "9223372036854775808", "1" * 400, "ett"),
    *("١", "１", "1_0", "0x1", "0b1", "1\0", "\0", "NaN", "Infinity", "+1", "1 0", "1;", "[1]"),
]


class Sample(ShopForm):
    price = MoneyField("Price")
    count = CountField("Count", 1, 99)
    line = LineField("Line", [Needed("Write something.")])


def filled(**values: object) -> Sample:
    form = Sample(FormData(list(values.items())))  # type: ignore[arg-type]
    form.validate()
    return form


@pytest.mark.parametrize("text", [*NO_COUNTS, "", " "])
def test_what_is_no_whole_number(text: str) -> None:
    assert whole_number(text, least=0, most=2**62) is None


def test_only_text_is_read_as_a_number() -> None:
    values: list[object] = [None, 1, 1.0, True, ["1"], ("1", "2"), b"1", {}]
    for value in values:
        assert whole_number(value, least=0, most=99) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), (" 7\n", 7), ("99", 99)])
def test_whole_numbers_within_bounds(text: str, number: int) -> None:
    assert whole_number(text, least=0, most=99) == number


@pytest.mark.parametrize("text", ["0", "100"])
def test_whole_numbers_out_of_bounds(text: str) -> None:
    assert whole_number(text, least=1, most=99) is None


@pytest.mark.parametrize("text", [*NO_COUNTS, "0", "100"])
def test_a_count_that_is_none_keeps_what_was_typed(text: str) -> None:
    field = filled(count=text).count
    assert field.data is None
    assert field.errors == ["Enter a whole number from 1 to 99."]
    assert field._value() == text


def test_an_empty_count_is_no_mistake() -> None:
    field = filled(count=" ").count
    assert (field.data, list(field.errors)) == (None, [])


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("245", 24500),
        ("245,50", 24550),
        ("245.5", 24550),
        ("1 245 kr", 124500),
        ("1\u00a024\u202f5", 124500),
        ("€12", 1200),
        ("0", 0),
        ("0,05", 5),
        ("999999,99", 99999999),
    ],
)
def test_amounts_as_people_write_them(text: str, amount: int) -> None:
    field = filled(price=text).price
    assert (field.data, list(field.errors)) == (amount, [])


@pytest.mark.parametrize(
    "text", [*("-1", "1e3", "0x1", "١", "1_0", "NaN", "1\0", "245,505", ",50", "5,", "1,234.50")]
)
def test_what_is_no_amount(text: str) -> None:
    field = filled(price=text).price
    assert field.data is None
    assert field.errors == ["Enter the amount in figures, such as 245 or 245.50."]
    assert field._value() == text


def test_an_amount_that_no_card_can_pay() -> None:
    assert filled(price="1000000").price.errors == [
        "That amount is more than a card payment can be."
    ]


@pytest.mark.parametrize(("amount", "text"), [(24500, "245"), (24550, "245,50"), (5, "0,05")])
def test_an_amount_is_shown_as_it_can_be_written(amount: int, text: str) -> None:
    assert Sample(price=amount).price._value() == text
    assert filled(price=text).price.data == amount


def test_cents_are_exact() -> None:
    for cents in range(100):
        text = f"19,{cents:02}"
        assert filled(price=text).price.data == int(Decimal(text.replace(",", ".")) * 100)


def test_a_line_is_one_line() -> None:
    typed = " Anna\r\nBcc: eve@example.com\x00\x1b\x7f\u2028\x85Ek\t "
    assert filled(line=typed).line.data == "Anna Bcc: eve@example.com Ek"


@pytest.mark.parametrize("typed", ["", "   ", "\0", "\r\n", "\u2028"])
def test_nothing_typed_is_nothing(typed: str) -> None:
    assert filled(line=typed).line.errors == ["Write something."]


def test_a_file_in_place_of_a_text_is_nothing() -> None:
    upload = UploadFile(file=None, filename="x.txt")  # type: ignore[arg-type]
    form = filled(line=upload, count=upload, price=upload)
    assert form.line.errors == ["Write something."]
    assert form.count.data is None
    assert form.count.errors == ["Enter a whole number from 1 to 99."]
    assert form.price.data is None
    assert form.price.errors == ["Enter the amount in figures, such as 245 or 245.50."]


def test_a_text_of_several_lines_keeps_its_lines_and_nothing_that_no_text_has() -> None:
    assert (
        clean_lines(" Hej\r\nBo\0rje,\x1b[31m\r\rdu\x7f\tdär\n\n") == "Hej\nBorje,[31m\n\ndu\tdär"
    )
    assert [clean_lines(nothing) for nothing in (None, b"x", "", " \n\0 ")] == [""] * 4
