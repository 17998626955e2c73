"""How a parcel can get to a country, what that costs and when it arrives: before the basket."""

import re
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
    options_of,
    steps_by_country,
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


def ways_to(
    db: Session, wanted: str, preferences: Preferences, parcel: Parcel, *, sent: date, today: date
) -> Ways:
    """Return how *parcel* gets to the country *wanted* when it leaves on *sent*; to the seller's
    own if that is no country of ours.
    """
    home = preferences.country
    code = wanted if re.fullmatch("[A-Z]{2}", wanted) else home
    by_country = steps_by_country(db, (code, home), today)
    country = code if code in by_country else home
    options = options_of(by_country.get(country, []), parcel)
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
            for option in with_pickup(options, preferences)
        ),
    )
