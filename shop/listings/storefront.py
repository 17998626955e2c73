"""The shop as told to those who do not look at pages, in one language."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple, Protocol

from babel.core import get_global

from shop.catalogue.models import Kind
from shop.kit.i18n import SOURCE_LOCALE
from shop.kit.money import Money
from shop.kit.urls import Urls
from shop.preferences.values import Preferences
from shop.shipping.dates import working_days_until
from shop.shipping.models import Method
from shop.shipping.queries import DeliveryOption
from shop.stock.offers import ShownVariant
from shop.stock.queries import Availability

PICTURE_SIDE = 1200  # pixels
SHARE_SIZE = (1200, 630)  # pixels, as those show it who show shared links
SHARE_DRAWING = 1  # raised when it is drawn in another way
POSTED = (Method.LETTER, Method.TRACKED_PARCEL)


class State(StrEnum):
    """What can be had of an item, as the pages say it."""

    AVAILABLE = "available"
    MADE_TO_ORDER = "made to order"
    HELD = "held"  # somebody is paying: not sold, and not to be had
    SOLD = "sold"  # the only piece there was
    SOLD_OUT = "sold out"
    WITHDRAWN = "withdrawn"


class Words(Protocol):
    @property
    def locale(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def story(self) -> str: ...
    @property
    def materials(self) -> str: ...
    @property
    def size(self) -> str: ...


class Pictured(Protocol):
    @property
    def hash(self) -> str: ...
    def alt(self, locale: str) -> str: ...


class Item(Protocol):
    """A product, as far as others are told of it."""

    @property
    def slug(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def weight_g(self) -> int: ...
    @property
    def lead_time_days(self) -> int | None: ...
    @property
    def takes_personal_text(self) -> bool: ...
    @property
    def photos(self) -> Sequence[Pictured]: ...
    def text(self, locale: str) -> Words: ...


class Sending(NamedTuple):
    """How a parcel gets to a country, and when it leaves."""

    country: str
    options: Sequence[DeliveryOption]
    sent: date  # at the latest

    @property
    def posted(self) -> list[DeliveryOption]:
        """What goes by post: fetching it oneself costs no postage to anywhere."""
        return [option for option in self.options if option.method in POSTED]


class Poster(NamedTuple):
    """What the picture shows that stands for a product where its page is shared."""

    photo_hash: str
    name: str
    shop_name: str

    @property
    def key(self) -> str:
        """What of its address changes when the picture does, so that it can be kept for ever."""
        shown = "\0".join([str(SHARE_DRAWING), *self])
        return hashlib.sha256(shown.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Storefront:
    shop: Preferences
    urls: Urls
    locale: str
    today: date

    def days_until(self, sent: date) -> int:
        """Return in how many working days what leaves on *sent* has been seen to."""
        return working_days_until(self.today, sent)

    def address(self, path: str) -> str:
        return self.urls.absolute(path, self.locale)

    def address_of(self, item: Item) -> str:
        return self.address(f"/products/{item.slug}")

    def picture(self, photo_hash: str) -> str:
        return f"{self.urls.base}/media/{photo_hash}/{PICTURE_SIDE}.jpeg"

    def pictures(self, item: Item) -> list[str]:
        return [self.picture(photo.hash) for photo in item.photos]

    def poster(self, item: Item) -> Poster:
        return Poster(item.photos[0].hash, self.text(item).name, self.shop.shop_name)

    def share_picture(self, item: Item) -> str:
        key = self.poster(item).key
        return self.address(f"/products/{item.slug}/share/{key}.jpeg")

    def text(self, item: Item) -> Words:
        return item.text(self.locale)

    def price(self, amount: int) -> str:
        """Return *amount* as machines read it: 245.00."""
        return str(Money(amount, self.shop.currency).decimal)

    def name(self, item: Item, variant: ShownVariant) -> str:
        """Return the name of one variant; the product's own where there is no choice."""
        name = self.text(item).name
        return f"{name}, {variant.options}" if variant.options else name


def state_of(item: Item, availability: Availability) -> State:
    if availability.withdrawn:
        return State.WITHDRAWN
    if availability.made_to_order:
        return State.MADE_TO_ORDER
    if availability.sold_out:
        return State.SOLD if item.kind == Kind.UNIQUE else State.SOLD_OUT
    return State.HELD if availability.held else State.AVAILABLE


def language_and_country(locale: str) -> str:
    """Return *locale* with the country where it is spoken most, as Open Graph asks: sv_SE."""
    if locale == SOURCE_LOCALE:
        return "en_GB"  # as everywhere else in the shop
    language, *_script, country = get_global("likely_subtags").get(locale, locale).split("_")
    return f"{language}_{country}"
