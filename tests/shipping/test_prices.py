from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit.db import Sessions
from shop.kit.i18n import speaking
from shop.shipping.actions import (
    Tier,
    ZoneFacts,
    add_zone,
    change_zone,
    forget_coming_prices,
    remove_zone,
    set_prices,
    start_with_swedish_postage,
)
from shop.shipping.models import ShippingRate, ShippingZone
from shop.shipping.queries import (
    DeliveryOption,
    Parcel,
    countries,
    delivery_options,
    rates_in_force,
    rates_to_come,
    zones,
)
from shop.shipping.table import postage_table
from shop.tax.actions import set_vat_rate, start_with_swedish_vat
from shop.tax.queries import vat_rate_bp
from tests.support import on_both_databases

MONDAY = date(2026, 11, 23)
TUESDAY = date(2026, 11, 24)
NEW_YEAR = date(2027, 1, 1)
SMALL, LARGE = Tier("letter", 100, 30, 3600), Tier("letter", 250, 30, 5400)


def prices(db: Session, zone_id: int, day: date) -> list[tuple[str, int, int, int]]:
    rates = rates_in_force(db, zone_id, day)
    return [(rate.method, rate.max_g, rate.max_mm, rate.amount) for rate in rates]


@pytest.fixture
def zone_id(sessions: Sessions) -> int:
    """Return a zone with two prices since the Monday."""
    with sessions.begin() as db:
        zone = add_zone(db, ZoneFacts("Norden", "NO,IS", None, 2, 5))
        set_prices(db, zone.id, [SMALL, LARGE], MONDAY)
        return zone.id


def rows(db: Session, zone_id: int) -> int:
    query = select(ShippingRate).where(ShippingRate.zone_id == zone_id)
    return len(db.scalars(query).all())


@on_both_databases
def test_a_new_price_goes_from_its_day_and_the_old_stays_written(
    sessions: Sessions, zone_id: int
) -> None:
    with sessions.begin() as db:
        set_prices(db, zone_id, [Tier("letter", 100, 30, 3900), LARGE], TUESDAY)
    with sessions.begin() as db:
        assert prices(db, zone_id, MONDAY)[0] == ("letter", 100, 30, 3600)
        assert prices(db, zone_id, TUESDAY)[0] == ("letter", 100, 30, 3900)
        assert rows(db, zone_id) == 3  # what has not changed is not written again


def test_of_one_day_the_last_word_counts(sessions: Sessions, zone_id: int) -> None:
    with sessions.begin() as db:
        set_prices(db, zone_id, [Tier("letter", 100, 30, 3900), LARGE], MONDAY)
        set_prices(db, zone_id, [Tier("letter", 100, 20, 3900), LARGE], MONDAY)
    with sessions.begin() as db:
        assert prices(db, zone_id, MONDAY)[0] == ("letter", 100, 20, 3900)
        assert rows(db, zone_id) == 4


@on_both_databases
def test_a_step_that_is_removed_ends_and_can_come_back(sessions: Sessions, zone_id: int) -> None:
    with sessions.begin() as db:
        set_prices(db, zone_id, [LARGE], TUESDAY)
    with sessions.begin() as db:
        assert [price[1] for price in prices(db, zone_id, MONDAY)] == [100, 250]
        assert [price[1] for price in prices(db, zone_id, TUESDAY)] == [250]
        light = Parcel(weight_g=50, thickness_mm=20, subtotal_amount=10_000)
        assert delivery_options(db, "NO", light, TUESDAY) == [DeliveryOption("letter", 5400, 2, 5)]
    with sessions.begin() as db:
        set_prices(db, zone_id, [SMALL, LARGE], TUESDAY)
        assert [price[1] for price in prices(db, zone_id, TUESDAY)] == [100, 250]


def test_everything_can_be_removed(sessions: Sessions, zone_id: int) -> None:
    with sessions.begin() as db:
        set_prices(db, zone_id, [], TUESDAY)
        assert prices(db, zone_id, TUESDAY) == []


def test_what_is_to_come_is_listed_and_can_be_taken_back(sessions: Sessions, zone_id: int) -> None:
    with sessions.begin() as db:
        set_prices(db, zone_id, [Tier("letter", 100, 30, 4000), LARGE], NEW_YEAR)
        set_prices(db, zone_id, [Tier("letter", 100, 30, 4200)], NEW_YEAR)
    with sessions.begin() as db:
        coming = rates_to_come(db, zone_id, MONDAY)
        assert [(rate.max_g, rate.amount, rate.offered) for rate in coming] == [
            (100, 4200, True),
            (250, 5400, False),
        ]
        assert rates_to_come(db, zone_id, NEW_YEAR) == []
        forget_coming_prices(db, zone_id, MONDAY)
        assert rates_to_come(db, zone_id, MONDAY) == []
        assert [price[1] for price in prices(db, zone_id, NEW_YEAR)] == [100, 250]


def test_todays_price_leaves_the_planned_one_alone(sessions: Sessions, zone_id: int) -> None:
    with sessions.begin() as db:
        set_prices(db, zone_id, [Tier("letter", 100, 30, 4000), LARGE], NEW_YEAR)
        set_prices(db, zone_id, [Tier("letter", 100, 30, 3700), LARGE], MONDAY)
        assert prices(db, zone_id, MONDAY)[0][3] == 3700
        assert prices(db, zone_id, NEW_YEAR)[0][3] == 4000


def test_a_zone_is_changed_and_removed(sessions: Sessions, zone_id: int) -> None:
    with sessions.begin() as db:
        change_zone(db, zone_id, ZoneFacts("Norge", "NO", 80_000, 1, 2))
    with sessions.begin() as db:
        zone = db.get_one(ShippingZone, zone_id)
        assert (zone.name, zone.country_codes, zone.free_from_amount) == ("Norge", ["NO"], 80_000)
        assert [zone.position for zone in zones(db)] == [0, 1, 2]
        remove_zone(db, zone_id)
    with sessions.begin() as db:
        assert "NO" not in countries(db)
        assert rows(db, zone_id) == 0


@pytest.fixture
def bare(sessions: Sessions) -> Sessions:
    """Return the sessions of a shop without any zone."""
    with sessions.begin() as db:
        for zone in zones(db):
            remove_zone(db, zone.id)
    return sessions


@on_both_databases
def test_what_a_swedish_shop_begins_with(bare: Sessions) -> None:
    with bare.begin() as db:
        start_with_swedish_postage(db, MONDAY)
        start_with_swedish_postage(db, TUESDAY)  # the second time nothing happens
    with bare.begin() as db:
        sweden, eu = zones(db)
        assert (sweden.name, sweden.countries, sweden.free_from_amount) == ("Sverige", "SE", 60_000)
        assert (sweden.days_least, sweden.days_most, eu.days_least, eu.days_most) == (1, 3, 3, 8)
        assert prices(db, sweden.id, MONDAY) == [
            ("letter", 100, 30, 3600),
            ("letter", 250, 30, 5400),
            ("tracked_parcel", 2000, 350, 7900),
        ]
        assert prices(db, eu.id, MONDAY) == [("letter", 2000, 100, 7900)]
        assert len(set(eu.country_codes)) == 26
        assert "SE" not in eu.country_codes
        assert rows(db, sweden.id) == 3
        doll = Parcel(weight_g=20, thickness_mm=31, subtotal_amount=24_500)
        assert delivery_options(db, "SE", doll, MONDAY) == [
            DeliveryOption("tracked_parcel", 7900, 1, 3)
        ]


def test_swedish_vat_and_its_changes(sessions: Sessions) -> None:
    with sessions.begin() as db:
        start_with_swedish_vat(db)
        assert vat_rate_bp(db, "SE", date(1990, 6, 30)) == 0
        assert vat_rate_bp(db, "SE", date(1990, 7, 1)) == 2500
        set_vat_rate(db, "SE", 2600, MONDAY)
        set_vat_rate(db, "FI", 2550, MONDAY)
    with sessions.begin() as db:
        assert vat_rate_bp(db, "SE", date(2026, 11, 22)) == 2500
        assert vat_rate_bp(db, "SE", MONDAY) == 2600
        assert vat_rate_bp(db, "FI", TUESDAY) == 2550


# --- as pages tell it -----------------------------------------------------------------------------


def test_the_table_tells_every_zone(bare: Sessions) -> None:
    with bare.begin() as db:
        sweden = add_zone(db, ZoneFacts("Hemma", "SE", 60_000, 1, 3))
        set_prices(db, sweden.id, [SMALL, Tier("tracked_parcel", 1500, 345, 7950)], MONDAY)
        north = add_zone(db, ZoneFacts("N*rden | <b>", "NO,IS", None, 4, 4))
        set_prices(db, north.id, [Tier("letter", 2000, 100, 0)], MONDAY)
        add_zone(db, ZoneFacts("Ingenstans", "US", None, 9, 9))
    with bare.begin() as db, speaking("en"):
        assert postage_table(db, "SEK", MONDAY) == (
            "### Sweden\n\n"
            "1–3 working days on the way. Free postage from SEK\u00a0600.\n\n"
            "| Sent as | At most | Price |\n"
            "| --- | --- | --- |\n"
            "| Letter | 100\u00a0g, 3 cm thick | SEK\u00a036 |\n"
            "| Tracked parcel | 1.5\u00a0kg, 34.5 cm thick | SEK\u00a079.50 |\n\n"
            "### N\\*rden \\| \\<b\\>\n\n"
            "4 working days on the way. That is Iceland and Norway.\n\n"
            "| Sent as | At most | Price |\n"
            "| --- | --- | --- |\n"
            "| Letter | 2\u00a0kg, 10 cm thick | free |"
        )
        assert postage_table(db, "SEK", date(2026, 11, 22)) == ""
