from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Date, Select, Text, bindparam, literal, select
from sqlalchemy.orm import Session

from shop.kit.db import rows_of
from shop.preferences.values import Preferences
from shop.shipping.dates import working_days_after
from shop.shipping.models import PICKUP, Method, ShippingRate, ShippingZone


@dataclass(frozen=True)
class Parcel:
    """What has to be sent: weight, thickness, and what it is worth."""

    weight_g: int
    thickness_mm: int
    subtotal_amount: int


@dataclass(frozen=True)
class DeliveryOption:
    method: str
    amount: int
    days_least: int
    days_most: int

    @property
    def fetched(self) -> bool:
        """Whether the buyer comes for it."""
        return self.method == PICKUP

    def arrives_by(self, dispatch: date) -> date | None:
        """Return the day by which it is there if it is sent on *dispatch*; None if nothing is."""
        return None if self.fetched else working_days_after(dispatch, self.days_most)


class Zone(Protocol):
    """Countries that share their postage, as far as a price depends on them."""

    @property
    def free_from_amount(self) -> int | None: ...
    @property
    def days_least(self) -> int: ...
    @property
    def days_most(self) -> int: ...


class Rate(Protocol):
    """What one method costs up to a weight and a thickness."""

    @property
    def method(self) -> str: ...
    @property
    def max_g(self) -> int: ...
    @property
    def max_mm(self) -> int: ...
    @property
    def amount(self) -> int: ...
    @property
    def offered(self) -> bool: ...


SomeRate = TypeVar("SomeRate", bound=Rate)


def zones(db: Session) -> Sequence[ShippingZone]:
    return db.scalars(select(ShippingZone).order_by(ShippingZone.position, ShippingZone.id)).all()


def countries(db: Session) -> list[str]:
    """Return the codes of all countries that we send to, in the zones' order."""
    return [code for zone in zones(db) for code in zone.country_codes]


def rates_in_force(db: Session, zone_id: int, today: date) -> list[ShippingRate]:
    """Return the newest rate of each method and weight that has come into force, light to heavy."""
    rows = db.scalars(
        select(ShippingRate)
        .where(ShippingRate.zone_id == zone_id, ShippingRate.valid_from <= today)
        .order_by(ShippingRate.valid_from, ShippingRate.id)
    )
    return in_force(rows)


def in_force(rates: Iterable[SomeRate]) -> list[SomeRate]:
    """Return those of a zone's *rates*, in the order of their days, that no later one replaces."""
    newest = {(rate.method, rate.max_g): rate for rate in rates}
    offered = [rate for rate in newest.values() if rate.offered]
    return sorted(offered, key=lambda rate: (rate.max_g, rate.amount))


def rates_to_come(db: Session, zone_id: int, today: date) -> list[ShippingRate]:
    """Return what changes after *today*, in the order of the days: one row per step and day."""
    rows = db.scalars(
        select(ShippingRate)
        .where(ShippingRate.zone_id == zone_id, ShippingRate.valid_from > today)
        .order_by(ShippingRate.valid_from, ShippingRate.id)
    )
    newest = {(rate.valid_from, rate.method, rate.max_g): rate for rate in rows}
    return sorted(newest.values(), key=lambda rate: (rate.valid_from, rate.method, rate.max_g))


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
    one, other = (
        listed.contains(literal(",").concat(bindparam(name, type_=Text)).concat(","))
        for name in ("one", "other")
    )
    begun = (rate.zone_id == zone.id) & (rate.valid_from <= bindparam("today", type_=Date))
    return (
        select(
            *(zone.id, zone.countries, zone.free_from_amount, zone.days_least, zone.days_most),
            *(rate.method, rate.max_g, rate.max_mm, rate.amount, rate.offered),
        )
        .join_from(
            ShippingZone.__table__, ShippingRate.__table__, begun & (one | other), isouter=True
        )
        .order_by(zone.position, zone.id, rate.valid_from, rate.id)
    )


_STEPS = _steps()  # made once: building it takes as long as the database takes to answer


def steps_by_country(db: Session, countries: tuple[str, str], today: date) -> dict[str, list[Step]]:
    """Return all the countries that we send to, in the zones' order; the two asked for with the
    rates that have come into force by *today*, the others with their zone alone.
    """
    one, other = countries
    zones: dict[int, list[Step]] = {}
    for row in rows_of(db, _STEPS, {"one": one, "other": other, "today": today}):
        zones.setdefault(row.id, []).append(Step._make(row))
    found: dict[str, list[Step]] = {}
    for steps in zones.values():
        for country in steps[0].countries.split(","):
            found.setdefault(country, steps)
    return found


def delivery_options(
    db: Session, country: str, parcel: Parcel, today: date
) -> list[DeliveryOption]:
    """Return how *parcel* can be sent to *country*, cheapest first; empty if it cannot."""
    return options_of(steps_by_country(db, (country, country), today).get(country, []), parcel)


def options_of(steps: Sequence[Step], parcel: Parcel) -> list[DeliveryOption]:
    """Return how *parcel* can be sent by the *steps* of one country, cheapest first."""
    rates = in_force(step for step in steps if step.method)
    return options_in(steps[0], rates, parcel) if rates else []


def zone_of(db: Session, country: str) -> ShippingZone | None:
    return next((zone for zone in zones(db) if country in zone.country_codes), None)


def options_in(zone: Zone, rates: Sequence[Rate], parcel: Parcel) -> list[DeliveryOption]:
    """Return how *parcel* can be sent within *zone* at the *rates* in force, cheapest first."""
    fitting: dict[str, Rate] = {}
    for rate in rates:
        if parcel.weight_g <= rate.max_g and parcel.thickness_mm <= rate.max_mm:
            fitting.setdefault(rate.method, rate)  # the lightest tier that holds it
    free = zone.free_from_amount is not None and parcel.subtotal_amount >= zone.free_from_amount
    options = [
        DeliveryOption(method, 0 if free else rate.amount, zone.days_least, zone.days_most)
        for method, rate in fitting.items()
    ]
    order = list(Method)
    return sorted(options, key=lambda option: (option.amount, order.index(Method(option.method))))


def with_pickup(
    options: Sequence[DeliveryOption], preferences: Preferences
) -> Sequence[DeliveryOption]:
    """Return *options* and, where the seller offers it, to come and fetch it: last, for all that
    it costs nothing.
    """
    return [*options, DeliveryOption(PICKUP, 0, 0, 0)] if preferences.pickup_offered else options
