"""How a parcel can be sent, and what it costs: from the tables, of the day."""

from datetime import date

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.shipping.models import ShippingRate, ShippingZone
from shop.shipping.queries import (
    DeliveryOption,
    Parcel,
    countries,
    delivery_options,
    rates_in_force,
    rates_to_come,
)
from tests.support import on_both_databases

TODAY = date(2026, 11, 23)
DOLL = Parcel(weight_g=20, thickness_mm=25, subtotal_amount=24500)


def prices(sessions: Sessions, country: str, parcel: Parcel, day: date = TODAY) -> dict[str, int]:
    with sessions.begin() as db:
        return {o.method: o.amount for o in delivery_options(db, country, parcel, day)}


@on_both_databases
def test_the_cheapest_way_comes_first(sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert delivery_options(db, "SE", DOLL, TODAY) == [
            DeliveryOption("letter", 3600, 1, 3),
            DeliveryOption("tracked_parcel", 7900, 1, 3),
        ]
        assert delivery_options(db, "DE", DOLL, TODAY) == [DeliveryOption("letter", 7900, 3, 8)]
        assert countries(db) == ["SE", "DE", "FI", "DK"]


@pytest.mark.parametrize("country", ["US", "", "se", "S", "SE,DE", "E"])
def test_where_no_zone_goes(country: str, sessions: Sessions) -> None:
    assert prices(sessions, country, DOLL) == {}
    with sessions.begin() as db:
        assert delivery_options(db, country, DOLL, TODAY) == []


@pytest.mark.parametrize(
    ("weight_g", "thickness_mm", "expected"),
    [
        (1, 1, {"letter": 3600, "tracked_parcel": 7900}),
        (100, 30, {"letter": 3600, "tracked_parcel": 7900}),
        (101, 30, {"letter": 5400, "tracked_parcel": 7900}),
        (250, 30, {"letter": 5400, "tracked_parcel": 7900}),
        (251, 30, {"tracked_parcel": 7900}),
        (100, 31, {"tracked_parcel": 7900}),
        (2000, 350, {"tracked_parcel": 7900}),
        (2001, 350, {}),
        (2000, 351, {}),
    ],
)
def test_each_step_ends_exactly_where_it_says(
    weight_g: int, thickness_mm: int, expected: dict[str, int], sessions: Sessions
) -> None:
    assert prices(sessions, "SE", Parcel(weight_g, thickness_mm, 100)) == expected


def test_free_begins_exactly_where_it_says(sessions: Sessions) -> None:
    assert prices(sessions, "SE", Parcel(20, 25, 59999)) == {
        "letter": 3600,
        "tracked_parcel": 7900,
    }
    assert prices(sessions, "SE", Parcel(20, 25, 60000)) == {"letter": 0, "tracked_parcel": 0}
    assert prices(sessions, "DE", Parcel(20, 25, 10**6)) == {"letter": 7900}


@on_both_databases
def test_a_price_counts_from_its_day_and_the_last_word_of_a_day_counts(
    sessions: Sessions,
) -> None:
    with sessions.begin() as db:
        sweden = db.scalars(select(ShippingZone).where(ShippingZone.name == "Sverige")).one()
        for day, amount in ((date(2027, 1, 1), 4000), (date(2027, 1, 1), 3900)):
            db.add(
                ShippingRate(
                    zone_id=sweden.id,
                    method="letter",
                    valid_from=day,
                    max_g=100,
                    max_mm=30,
                    amount=amount,
                )
            )
            db.flush()  # of one day the last one written counts: by its id
        zone_id = sweden.id
    assert prices(sessions, "SE", DOLL, date(2026, 12, 31))["letter"] == 3600
    assert prices(sessions, "SE", DOLL, date(2027, 1, 1))["letter"] == 3900
    with sessions.begin() as db:
        assert [r.amount for r in rates_to_come(db, zone_id, TODAY)] == [3900]
        assert rates_to_come(db, zone_id, date(2027, 1, 1)) == []
        assert [r.amount for r in rates_in_force(db, zone_id, date(2025, 12, 31))] == []


@on_both_databases
def test_a_step_that_is_no_longer_offered_leaves_the_next_one(sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.execute(update(ShippingRate).where(ShippingRate.max_g == 100).values(offered=False))
    assert prices(sessions, "SE", DOLL) == {"letter": 5400, "tracked_parcel": 7900}


def test_equal_prices_keep_one_order(sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.execute(update(ShippingRate).values(amount=5000))
    assert list(prices(sessions, "SE", DOLL)) == ["letter", "tracked_parcel"]
