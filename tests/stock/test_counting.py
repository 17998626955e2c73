"""What the owner's pages of the shelf say, word for word, and what they do with odd requests."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from sqlalchemy import text

from shop.catalogue.models import Kind
from shop.catalogue.queries import products_of_variants
from shop.kit.db import Sessions
from shop.kit.i18n import speaking
from shop.orders.models import Order
from shop.preferences.actions import set_preferences
from shop.stock.actions import consume, count, follow_kind, put_back, reserve
from shop.stock.admin import _came_between
from shop.stock.forms import CountForm
from shop.stock.queries import stock_levels
from tests.stock.test_actions import AN_ORDER
from tests.support import NOON, Buyer, Shelf

ONE_SOLD = "One was sold while you counted. Look again, and save what there is now."
SOME_SOLD = "Some were sold while you counted. Look again, and save what there is now."
CHANGED = "The number was changed in the meantime. Look again, and save what there is now."
ONE_HELD = (
    "Somebody is paying for 1 of them right now, so there cannot be fewer. Try again in an hour."
)
TWO_HELD = (
    "Buyers are paying for 2 of them right now, so there cannot be fewer. Try again in an hour."
)


@pytest.fixture(autouse=True)
def _english(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")


def refusal(owner: Buyer, variant_id: int, **form: str) -> tuple[int, str]:
    """Send a count that is refused; return the status and the sentence beside that variant."""
    answer = owner.post(f"/admin/stock/{variant_id}", **form)
    found = re.findall(r'<span class="error" id="error-(\d+)" role="alert">([^<]*)<', answer.text)
    assert [int(id_) for id_, _ in found] == [variant_id], answer.text
    return answer.status_code, unescape(found[0][1])


def on_hand(sessions: Sessions, variant_id: int) -> int:
    with sessions.begin() as db:
        return stock_levels(db, [variant_id])[variant_id].on_hand


@pytest.mark.parametrize(
    ("there", "sentence"),
    [(4, ONE_SOLD), (3, SOME_SOLD), (0, SOME_SOLD), (6, CHANGED), (9, CHANGED)],
)
def test_what_came_between_is_said(
    there: int, sentence: str, owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare = shelf.add("hare", 5, kind="batch")
    with sessions.begin() as db:
        count(db, hare, seen=5, counted=there, by="owner", now=NOON)
    assert refusal(owner, hare, seen="5", counted="7") == (409, sentence)
    assert on_hand(sessions, hare) == there


@pytest.mark.parametrize(("held", "sentence"), [(1, ONE_HELD), (2, TWO_HELD)])
def test_how_many_are_being_paid_for_is_said(
    held: int, sentence: str, owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare = shelf.add("hare", 5)
    with sessions.begin() as db:
        reserve(db, {hare: held})
    assert refusal(owner, hare, seen="5", counted="0") == (409, sentence)
    assert on_hand(sessions, hare) == 5


def test_an_empty_shelf_is_filled(owner: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    hare = shelf.add("hare", 0, kind="batch")
    answer = owner.post(f"/admin/stock/{hare}", seen="0", counted="9999")
    assert answer.headers["location"] == f"/admin/stock?note=counted#variant-{hare}"
    assert on_hand(sessions, hare) == 9999
    page = owner.get("/admin/stock").text
    assert re.search(rf'<button form="step-{hare}"[^>]*value="10000"[^>]*disabled>', page)
    assert refusal(owner, hare, seen="9999", counted="10000") == (
        422,
        "Enter a whole number from 0 to 9999.",
    )


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"seen": "1", "counted": "2"}, "Enter a whole number from 0 to 1."),
        ({"seen": "1", "counted": ""}, "Enter how many there are."),
        ({"seen": "1"}, "Enter how many there are."),
        ({"counted": "1"}, "Count once more."),
        ({"seen": "many", "counted": "1"}, "Enter a whole number from 0 to 9999."),
    ],
)
def test_what_is_wrong_with_a_count_is_said(
    form: dict[str, str], sentence: str, owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    fox = shelf.add("fox", 1)
    assert refusal(owner, fox, **form) == (422, sentence)
    page = owner.post(f"/admin/stock/{fox}", **form).text
    typed = re.findall(r'<input name="counted"[^>]* value="([^"]*)" aria-invalid', page)
    assert typed == [form.get("counted", "")]
    assert on_hand(sessions, fox) == 1


def test_what_is_made_to_order_has_nothing_to_count(owner: Buyer, shelf: Shelf) -> None:
    drake = shelf.add("drake", kind="made_to_order", lead_time_days=7)
    refused = owner.post(f"/admin/stock/{drake}", seen="1", counted="2")
    assert refused.status_code == 409
    assert (
        '<p class="notice problem" role="alert">'
        "It is made to order now, so there is nothing to count.</p>"
    ) in refused.text
    page = owner.get(f"/admin/stock/{drake}")
    assert page.status_code == 200
    assert "Nothing has been counted or sold yet." in page.text


def test_what_is_made_to_order_now_has_nothing_left_of_what_was_counted(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare = shelf.add("hare", 5)
    with sessions.begin() as db:
        product = products_of_variants(db, [hare])[hare]
        product.kind, product.lead_time_days = Kind.MADE_TO_ORDER, 7
        follow_kind(db, product, by="owner", now=NOON)
    assert list(told(owner.get(f"/admin/stock/{hare}").text)) == [
        ("Counted", "you", "−5", "0"),
        ("Counted", "you", "+5", "5"),
    ]


@pytest.mark.parametrize(
    ("seen", "there", "sentence"),
    [(5, 4, ONE_SOLD), (5, 3, SOME_SOLD), (5, 5, CHANGED), (5, 6, CHANGED)],
)
def test_a_number_that_changed_and_changed_back_was_not_sold(
    seen: int, there: int, sentence: str
) -> None:
    with speaking("en"):
        assert _came_between(seen, there) == sentence


@pytest.mark.parametrize("number", ["0", "2", "abc", "1.0", "4294967297", "-1"])
def test_what_is_not_there_is_not_found(number: str, owner: Buyer, shelf: Shelf) -> None:
    assert shelf.add("hare", 5) == 1
    assert owner.get("/admin/stock/1").status_code == 200
    assert owner.get(f"/admin/stock/{number}").status_code == 404
    assert owner.post(f"/admin/stock/{number}", seen="5", counted="6").status_code == 404


def told(page: str) -> Iterator[tuple[str, ...]]:
    """Yield each line of a ledger as a reader sees it, without its time."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    for row in re.findall(r"<tr>.*?</tr>", body, re.DOTALL):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        yield tuple(" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in cells[1:])


def test_a_ledger_is_of_one_thing_and_says_what_was_left(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare, moss = shelf.add("hare", 5), shelf.add("moss", 7)
    with sessions.begin() as db:
        db.execute(text(AN_ORDER))
        assert db.get_one(Order, 1).number == 1001
        reserve(db, {hare: 2, moss: 1})
        consume(db, {hare: 2, moss: 1}, order_id=1, now=NOON)
        put_back(db, {hare: 1}, order_id=1, by="shop", now=NOON)
        count(db, hare, seen=4, counted=6, by="anna", now=NOON)
    page = owner.get(f"/admin/stock/{hare}").text
    assert '<p class="lead">6 left. Every change is here, the latest first.</p>' in page
    assert list(told(page)) == [
        ("Counted", "anna", "+2", "6"),
        ("Came back, order 1001", "the shop", "+1", "4"),
        ("Sold, order 1001", "the shop", "−2", "3"),
        ("Counted", "you", "+5", "5"),
    ]
    assert next(told(owner.get(f"/admin/stock/{moss}").text)) == (
        "Sold, order 1001",
        "the shop",
        "−1",
        "6",
    )


def test_a_long_ledger_is_shown_to_its_five_hundredth_line(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    hare = shelf.add("hare", 1)
    with sessions.begin() as db:
        for pieces in range(1, 501):
            count(db, hare, seen=pieces, counted=pieces + 1, by="owner", now=NOON)
    rows = list(told(owner.get(f"/admin/stock/{hare}").text))
    assert (len(rows), rows[0][3], rows[-1][3]) == (500, "501", "2")


def test_the_list_is_there_with_what_lies_on_the_shelf(
    owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    assert "Nothing to count." in owner.get("/admin/stock").text
    hare, fox = shelf.add("hare", 5), shelf.add("fox", 1)
    with sessions.begin() as db:
        reserve(db, {hare: 2})
    page = owner.get("/admin/stock")
    assert page.status_code == 200
    assert "2 being paid for" in page.text
    assert re.findall(r'id="variant-(\d+)"', page.text) == [str(fox), str(hare)]


def test_a_form_knows_how_many_there_may_be() -> None:
    assert CountForm(None).errors == {}
    for most, valid in ((9999, True), (1, False)):
        form = CountForm(None, most=most)
        form.counted.process_formdata(["2"])
        form.seen.process_formdata(["0"])
        assert form.validate() is valid
