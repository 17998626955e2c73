"""How a parcel can get to a country, what that costs and when it arrives: before the basket."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Date, Select, Text, bindparam, literal, select
from sqlalchemy.orm import Session

from shop.kit.i18n import country_choices
from shop.preferences.values import Preferences
from shop.shipping.dates import working_days_after
from shop.shipping.models import ShippingRate, ShippingZone
from shop.shipping.names import method_name
from shop.shipping.queries import (
    DeliveryOption,
    Parcel,
    in_force,
    options_in,
    with_pickup,
)


@dataclass(frozen=True)
class Way:
    option: DeliveryOption
    first: date  # it arrives between these two days; or is ready by then, where it is fetched
    last: date

    @property
    def name(self) -> str:
        return method_name(self.option.method)

    @property
    def arrives_by(self) -> date | None:
        """The day that is promised; none where it is fetched."""
        return None if self.option.fetched else self.last


@dataclass(frozen=True)
class Ways:
    """To be compared by its values."""

    country: str
    home: str
    countries: tuple[str, ...]  # all that we send to
    ways: tuple[Way, ...]  # what is sent, cheapest first; then to fetch it

    @property
    def choices(self) -> Sequence[tuple[str, str]]:
        """All countries that we send to, with their names: the shop's own first."""
        return country_choices(self.countries, self.home)

    @property
    def options(self) -> list[DeliveryOption]:
        """What is sent to that country."""
        return [way.option for way in self.ways if not way.option.fetched]


class Step(NamedTuple):
    """A rate with its zone; of a country that is not asked for, the zone alone."""

    zone_id: int
    countries: str
    free_from_amount: int | None
    days_least: int
    days_most: int
    method: str
    max_g: int
    max_mm: int
    amount: int
    offered: bool


def _steps() -> Select[Any]:
    zone, rate = ShippingZone.__table__.c, ShippingRate.__table__.c
    listed = literal(",").concat(zone.countries).concat(",")
    wanted, home = (
        listed.contains(literal(",").concat(bindparam(name, type_=Text)).concat(","))
        for name in ("wanted", "home")
    )
    begun = (rate.zone_id == zone.id) & (rate.valid_from <= bindparam("today", type_=Date))
    return (
        select(
            *(zone.id, zone.countries, zone.free_from_amount, zone.days_least, zone.days_most),
            *(rate.method, rate.max_g, rate.max_mm, rate.amount, rate.offered),
        )
        .join_from(
            ShippingZone.__table__, ShippingRate.__table__, begun & (wanted | home), isouter=True
        )
        .order_by(zone.position, zone.id, rate.valid_from, rate.id)
    )


STEPS = _steps()  # made once: building it takes as long as the database takes to answer


def ways_to(
    db: Session, wanted: str, preferences: Preferences, parcel: Parcel, *, sent: date, today: date
) -> Ways:
    """Return how *parcel* gets to the country *wanted* when it leaves on *sent*; to the seller's
    own if that is no country of ours.
    """
    home = preferences.country
    code = wanted if re.fullmatch("[A-Z]{2}", wanted) else home
    asked = {"wanted": code, "home": home, "today": today}
    zones: dict[int, list[Step]] = {}
    for row in db.execute(STEPS, asked):
        zones.setdefault(row.id, []).append(Step._make(row))
    by_country: dict[str, list[Step]] = {}
    for steps in zones.values():
        for listed in steps[0].countries.split(","):
            by_country.setdefault(listed, steps)
    country = code if code in by_country else home
    steps = by_country.get(country, [])
    rates = in_force(step for step in steps if step.method)
    return Ways(
        country,
        home,
        tuple(by_country),
        tuple(
            Way(
                option,
                working_days_after(sent, option.days_least),
                working_days_after(sent, option.days_most),
            )
            for option in with_pickup(
                options_in(steps[0], rates, parcel) if steps else [], preferences
            )
        ),
    )
