"""A discount as the owner writes it: what becomes of it, and what is said when it is none."""

import re
from datetime import UTC, date, datetime
from html import unescape

import pytest
from sqlalchemy import select

from shop.discounts.models import Discount
from shop.kit.db import Sessions
from shop.owner.models import AuditEntry
from shop.preferences.actions import set_preferences
from tests.support import NOON, Buyer, FixedClock

TAKEN = "There is a discount with this code already."
NO_CODE = "Enter a code, such as JUL25."
ONE_OF_TWO = "Enter either a percentage or an amount, not both."
NO_AMOUNT = "Enter the amount in figures, such as 245 or 245.50."


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(autouse=True)
def _english(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")


def refusals(owner: Buyer, **form: str) -> dict[str, str]:
    """Send a discount that is refused; return what is said beside each field."""
    answer = owner.post("/admin/discounts/new", **form)
    assert answer.status_code == 422, answer.text
    found = re.findall(r'<span class="error" id="(\w+)-error">([^<]*)<', answer.text)
    return {name: unescape(words) for name, words in found}


def facts(discount: Discount) -> tuple[object, ...]:
    return (
        *(discount.code, discount.kind, discount.value, discount.minimum_amount),
        *(discount.starts_on, discount.ends_on, discount.most_uses, discount.uses),
        *(discount.created_at, discount.ended_at),
    )


@pytest.mark.parametrize(
    ("form", "made"),
    [
        ({"code": "jul 25", "percent": "1"}, ("JUL25", "percent", 1, 0, None, None, None)),
        ({"code": "X " * 30, "percent": "100"}, ("X" * 30, "percent", 100, 0, None, None, None)),
        ({"code": "vår", "amount": "0,01"}, ("VÅR", "amount", 1, 0, None, None, None)),
        (
            {
                "code": "A",
                "amount": "50",
                "minimum_amount": "200",
                "starts_on": "2026-12-01",
                "ends_on": "2026-12-01",
                "most_uses": "100000",
            },
            ("A", "amount", 5000, 20000, date(2026, 12, 1), date(2026, 12, 1), 100_000),
        ),
        (
            {"code": "B", "percent": "15", "starts_on": "2026-12-01", "most_uses": "1"},
            ("B", "percent", 15, 0, date(2026, 12, 1), None, 1),
        ),
        (
            {"code": "C", "percent": "15", "ends_on": "2026-12-01"},
            ("C", "percent", 15, 0, None, date(2026, 12, 1), None),
        ),
    ],
)
def test_what_is_written_is_what_there_is(
    form: dict[str, str], made: tuple[object, ...], owner: Buyer, sessions: Sessions
) -> None:
    answer = owner.post("/admin/discounts/new", **form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/discounts?note=saved")
    with sessions.begin() as db:
        assert [facts(one) for one in db.scalars(select(Discount))] == [(*made, 0, NOON, None)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": ""}, {"code": NO_CODE}),
        ({"code": "\u3000 "}, {"code": NO_CODE}),
        ({"code": "X" * 31}, {"code": "Too long: use at most 30 characters."}),
        ({"code": "ß" * 16}, {"code": "Too long: use at most 30 characters."}),  # SS, SS, …
        ({"percent": "15"}, {"percent": ONE_OF_TWO}),
        ({"amount": ""}, {"percent": ONE_OF_TWO}),
        ({"amount": "0"}, {"amount": "Enter an amount above 0."}),
        ({"amount": "little"}, {"amount": NO_AMOUNT}),
        (
            {"amount": "", "percent": "101"},
            {"percent": "Enter a whole number from 1 to 100."},
        ),
        ({"amount": "", "percent": "0"}, {"percent": "Enter a whole number from 1 to 100."}),
        ({"percent": "15", "amount": "little"}, {"amount": NO_AMOUNT}),
        ({"most_uses": "0"}, {"most_uses": "Enter a whole number from 1 to 100000."}),
        ({"most_uses": "100001"}, {"most_uses": "Enter a whole number from 1 to 100000."}),
        (
            {"starts_on": "2026-12-02", "ends_on": "2026-12-01"},
            {"ends_on": "The last day cannot come before the first."},
        ),
        ({"ends_on": "soon"}, {"ends_on": "Not a valid date value."}),
        ({"code": "", "minimum_amount": "x"}, {"code": NO_CODE, "minimum_amount": NO_AMOUNT}),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    change: dict[str, str], said: dict[str, str], owner: Buyer, sessions: Sessions
) -> None:
    good = {"code": "JUL25", "percent": "", "amount": "50"}
    assert refusals(owner, **(good | change)) == said
    with sessions.begin() as db:
        assert db.scalars(select(Discount)).all() == []


def test_a_code_that_is_there_already_is_refused_and_everything_is_kept(
    owner: Buyer, sessions: Sessions
) -> None:
    form = {"code": "JUL25", "percent": "15", "most_uses": "7"}
    assert owner.post("/admin/discounts/new", **form).status_code == 303
    answer = owner.post("/admin/discounts/new", **(form | {"code": "jul 25"}))
    assert answer.status_code == 422
    assert re.findall(r'id="code-error">([^<]*)<', answer.text) == [TAKEN]
    assert 'value="15"' in answer.text
    assert 'value="7"' in answer.text
    with sessions.begin() as db:
        assert len(db.scalars(select(Discount)).all()) == 1


def test_the_form_is_empty_at_first(owner: Buyer) -> None:
    page = owner.get("/admin/discounts/new")
    assert page.status_code == 200
    assert 'class="error"' not in page.text
    fields = ("code", "percent", "amount", "minimum_amount", "starts_on", "ends_on", "most_uses")
    form = page.text.partition('<form class="narrow"')[2].partition("</form>")[0]
    assert re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', form) == [(one, "") for one in fields]


def test_the_list_has_the_newest_first_and_what_was_done_is_written_down(
    owner: Buyer, sessions: Sessions, clock: FixedClock
) -> None:
    assert "No discounts yet." in owner.get("/admin/discounts").text
    for code in ("OLD", "NEW"):
        owner.post("/admin/discounts/new", code=code, percent="15")
    page = owner.get("/admin/discounts")
    assert page.status_code == 200
    assert re.findall(r"<h2>(\w+)</h2>", page.text) == ["NEW", "OLD"]
    clock.advance(hours=1)
    for _ in range(2):  # the second time there is nothing to end
        ended = owner.post("/admin/discounts/1/end")
        assert (ended.status_code, ended.headers["location"]) == (
            303,
            "/admin/discounts?note=discount-ended",
        )
    later = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    with sessions.begin() as db:
        ends = {one.code: one.ended_at for one in db.scalars(select(Discount))}
        assert ends == {"OLD": later, "NEW": None}
        entries = db.scalars(
            select(AuditEntry)
            .where(AuditEntry.action.startswith("discount"))
            .order_by(AuditEntry.id)
        )
        assert [(e.by, e.action, e.subject, e.at) for e in entries] == [
            ("owner", "discount-made", "OLD", NOON),
            ("owner", "discount-made", "NEW", NOON),
            ("owner", "discount-ended", "OLD", later),
        ]


@pytest.mark.parametrize("number", ["0", "2", "abc", "1000000000"])
def test_what_is_not_there_cannot_be_ended(number: str, owner: Buyer) -> None:
    owner.post("/admin/discounts/new", code="JUL25", percent="15")
    assert owner.post(f"/admin/discounts/{number}/end").status_code == 404
