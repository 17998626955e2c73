"""How a parcel can get to a country, what that costs and when it arrives: before the basket."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from shop.kit.i18n import country_choices
from shop.preferences.values import Preferences
from shop.shipping.dates import working_days_after
from shop.shipping.names import method_name
from shop.shipping.queries import (
    DeliveryOption,
    Parcel,
    options_in,
    rates_in_force,
    with_pickup,
    zones,
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
    country: str
    home: str
    countries: Sequence[str]  # all that we send to
    ways: Sequence[Way]  # what is sent, cheapest first; then to fetch it

    @property
    def choices(self) -> Sequence[tuple[str, str]]:
        """All countries that we send to, with their names: the shop's own first."""
        return country_choices(self.countries, self.home)

    @property
    def options(self) -> list[DeliveryOption]:
        """What is sent to that country."""
        return [way.option for way in self.ways if not way.option.fetched]


def ways_to(
    db: Session, wanted: str, preferences: Preferences, parcel: Parcel, *, sent: date, today: date
) -> Ways:
    """Return how *parcel* gets to the country *wanted* when it leaves on *sent*; to the seller's
    own if that is no country of ours.
    """
    by_country = {code: zone for zone in zones(db) for code in zone.country_codes}
    country = wanted if wanted in by_country else preferences.country
    zone = by_country.get(country)
    options = (
        options_in(zone, rates_in_force(db, zone.id, today), parcel) if zone is not None else []
    )
    return Ways(
        country,
        preferences.country,
        list(by_country),
        [
            Way(
                option,
                working_days_after(sent, option.days_least),
                working_days_after(sent, option.days_most),
            )
            for option in with_pickup(options, preferences)
        ],
    )
