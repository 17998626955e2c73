"""The owner's page of discounts."""

from datetime import date

from sqlalchemy import select

from shop.discounts.models import Discount
from shop.kit.db import Sessions
from tests.support import Buyer, on_both_databases


@on_both_databases
def test_a_discount_is_made_and_ended(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.post(
        "/admin/discounts/new",
        code="jul 25",
        percent="15",
        minimum_amount="200",
        starts_on="2026-12-01",
        ends_on="2026-12-24",
        most_uses="40",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/discounts?note=saved")
    with sessions.begin() as db:
        made = db.scalars(select(Discount)).one()
        assert (made.code, made.kind, made.value) == ("JUL25", "percent", 15)
        assert (made.minimum_amount, made.most_uses, made.uses) == (20000, 40, 0)
        assert (made.starts_on, made.ends_on) == (date(2026, 12, 1), date(2026, 12, 24))
    assert "JUL25" in owner.get("/admin/discounts").text
    for _ in range(2):
        ended = owner.post(f"/admin/discounts/{made.id}/end")
        assert ended.headers["location"] == "/admin/discounts?note=discount-ended"
    with sessions.begin() as db:
        assert db.scalars(select(Discount.ended_at)).one() is not None
    assert owner.post("/admin/discounts/4711/end").status_code == 404


def test_what_is_no_discount_is_not_saved(owner: Buyer, sessions: Sessions) -> None:
    good = {"code": "JUL25", "percent": "", "amount": "50"}
    wrong = [
        {"code": " "},
        {"percent": "15"},  # both
        {"amount": ""},  # neither
        {"amount": "0"},
        {"amount": "", "percent": "101"},
        {"most_uses": "0"},
        {"starts_on": "2026-12-02", "ends_on": "2026-12-01"},
        {"ends_on": "tomorrow"},
        {"code": "X" * 31},
    ]
    for change in wrong:
        assert owner.post("/admin/discounts/new", **(good | change)).status_code == 422, change
    assert owner.post("/admin/discounts/new", **good).status_code == 303
    assert owner.post("/admin/discounts/new", **good).status_code == 422  # there is one already
    with sessions.begin() as db:
        found = db.scalars(select(Discount)).one()
        assert (found.kind, found.value) == ("amount", 5000)
