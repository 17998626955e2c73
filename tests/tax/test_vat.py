"""VAT out of a price that includes it: the worked table of the decision is what the code does."""

import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from shop.kit.db import Sessions
from shop.tax.actions import set_vat_rate, start_with_swedish_vat
from shop.tax.models import VatRate
from shop.tax.queries import vat_rate_bp
from shop.tax.vat import vat_included
from tests.support import on_both_databases

DECISION = Path(__file__).parents[2] / "docs/decisions/0003-money-and-vat.md"


def worked_table() -> list[tuple[int, int, str, int]]:
    """Return each line of the decision's table: gross in öre, basis points, exact, VAT."""
    found = re.findall(
        r"^\| [\d.]+ kr = (\d+) öre \| (\d+) % \| ([\d.]+) \| (\d+) \|$",
        DECISION.read_text(),
        re.MULTILINE,
    )
    return [(int(gross), int(rate) * 100, exact, int(vat)) for gross, rate, exact, vat in found]


def test_the_worked_table_is_true() -> None:
    table = worked_table()
    assert len(table) == 8
    for gross, rate_bp, exact, vat in table:
        assert vat_included(gross, rate_bp) == vat, (gross, rate_bp)
        share = Fraction(gross) * rate_bp / (10_000 + rate_bp)
        assert abs(share - Fraction(exact)) <= Fraction(1, 200), (gross, rate_bp)


@pytest.mark.parametrize(
    ("gross", "rate_bp", "vat"),
    [
        (0, 2500, 0),
        (24500, 0, 0),
        (1, 2500, 0),  # 0.2
        (5, 1111, 0),  # 0.49995, just under the half
        (99_999_999, 2500, 20_000_000),  # 19 999 999.8
        (10000, 2550, 2032),  # Finland's rate has a half: 2031.87
        (1, 9999, 0),  # 0.499975, just under the half
        (11, 1000, 1),
        (3, 2000, 1),  # exactly 0.5: up
        (9, 2000, 2),  # exactly 1.5: up
        (15, 2000, 3),  # exactly 2.5: up, not to the even one
    ],
)
def test_single_amounts(gross: int, rate_bp: int, vat: int) -> None:
    assert vat_included(gross, rate_bp) == vat


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 99_999_999), st.integers(0, 9999))
def test_it_is_within_half_an_ore_of_the_truth(gross: int, rate_bp: int) -> None:
    vat = vat_included(gross, rate_bp)
    truth = Fraction(gross) * rate_bp / (10_000 + rate_bp)
    assert isinstance(vat, int)
    assert abs(truth - vat) <= Fraction(1, 2)
    assert 0 <= vat <= gross


@on_both_databases
def test_a_rate_is_in_force_from_its_day_until_the_next(sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.add(VatRate(country="SE", valid_from=date(2027, 1, 1), rate_bp=2600))
        db.add(VatRate(country="DE", valid_from=date(2021, 1, 1), rate_bp=1900))
    with sessions.begin() as db:
        assert vat_rate_bp(db, "SE", date(1990, 6, 30)) == 0
        assert vat_rate_bp(db, "SE", date(1990, 7, 1)) == 2500
        assert vat_rate_bp(db, "SE", date(2026, 12, 31)) == 2500
        assert vat_rate_bp(db, "SE", date(2027, 1, 1)) == 2600
        assert vat_rate_bp(db, "DE", date(2026, 11, 23)) == 1900
        assert vat_rate_bp(db, "NO", date(2026, 11, 23)) == 0


@on_both_databases
def test_a_rate_changes_from_today_on_and_only_if_it_is_another(sessions: Sessions) -> None:
    today = date(2026, 11, 23)
    with sessions.begin() as db:
        start_with_swedish_vat(db)  # as at every start
        set_vat_rate(db, "SE", 2500, today)
        set_vat_rate(db, "FI", 2550, today)
    with sessions.begin() as db:
        rates = sorted((r.country, r.valid_from, r.rate_bp) for r in db.query(VatRate))
        assert rates == [("FI", today, 2550), ("SE", date(1990, 7, 1), 2500)]
        set_vat_rate(db, "FI", 2400, today)  # a slip, mended on the same day
    with sessions.begin() as db:
        assert vat_rate_bp(db, "FI", today) == 2400
        assert db.get_one(VatRate, ("FI", today)).percent == 24


def test_a_new_shop_starts_with_sweden(sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.execute(delete(VatRate))
        start_with_swedish_vat(db)
    with sessions.begin() as db:
        rates = [(r.country, r.valid_from, r.rate_bp) for r in db.query(VatRate)]
        assert rates == [("SE", date(1990, 7, 1), 2500)]
