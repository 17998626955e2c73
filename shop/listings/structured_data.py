"""What a page's head tells machines: schema.org as JSON-LD, and Open Graph for shared links.

Everything here comes from the same objects that the page shows, so that no robot reads another
price than a buyer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from shop.kit.i18n import gettext as _
from shop.listings.storefront import (
    PICTURE_SIDE,
    SHARE_SIZE,
    Item,
    Sending,
    State,
    Storefront,
    language_and_country,
    state_of,
)
from shop.shipping.queries import DeliveryOption
from shop.stock.offers import Choice

SCHEMA = "https://schema.org"
DAYS_TO_WITHDRAW = 14  # by law, after the parcel has come
LONGEST_DESCRIPTION = 200
WORKING_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
# Somebody who pays holds a piece for minutes: it is out of stock, and not sold.
AVAILABILITY = {
    State.AVAILABLE: "InStock",
    State.MADE_TO_ORDER: "MadeToOrder",
    State.HELD: "OutOfStock",
    State.SOLD: "SoldOut",
    State.SOLD_OUT: "OutOfStock",
    State.WITHDRAWN: "Discontinued",
}
TO_BE_HAD = (State.AVAILABLE, State.MADE_TO_ORDER)

Thing = dict[str, Any]


@dataclass(frozen=True)
class Head:
    properties: Sequence[tuple[str, str]]  # Open Graph
    things: Sequence[Thing]  # schema.org


class Pictured(Protocol):
    """What has a photo, or none: a card on a list."""

    @property
    def photo_hash(self) -> str | None: ...
    @property
    def alt(self) -> str | None: ...


class Picture(NamedTuple):
    """A picture for Open Graph, which takes the first as the best."""

    address: str
    alt: str
    width: int = PICTURE_SIDE
    height: int = PICTURE_SIDE


def of_home(front: Storefront, shown: Pictured | None) -> Head:
    title = front.shop.tagline_in(front.locale) or front.shop.shop_name
    properties = _properties(front, "/", title, "", _photo(front, shown, title))
    return Head(properties, [_store(front), _website(front)])


def of_list(
    front: Storefront, path: str, title: str, description: str, shown: Pictured | None
) -> Head:
    """Return the head of a list; *shown* is the first on it."""
    steps = [(_("Items"), "/products")] if not path.startswith("/products") else []
    properties = _properties(front, path, title, description, _photo(front, shown, title))
    return Head(properties, [_breadcrumbs(front, [*steps, (title, path)])])


def of_product(front: Storefront, item: Item, choices: Sequence[Choice], sending: Sending) -> Head:
    text, path = front.text(item), f"/products/{item.slug}"
    photo = next(iter(item.photos), None)
    pictures = (
        [
            Picture(front.share_picture(item), text.name, *SHARE_SIZE),
            Picture(front.picture(photo.hash), photo.alt(front.locale) or text.name),
        ]
        if photo
        else []
    )
    steps = [(_("Items"), "/products"), (text.name, path)]
    return Head(
        [
            *_properties(front, path, text.name, text.story, pictures, kind="product"),
            *_offered(front, item, choices),
        ],
        [_product(front, item, choices, sending), _breadcrumbs(front, steps)],
    )


def _photo(front: Storefront, shown: Pictured | None, title: str) -> list[Picture]:
    if shown is None or not shown.photo_hash:
        return []
    return [Picture(front.picture(shown.photo_hash), shown.alt or title)]


# --- Open Graph -----------------------------------------------------------------------------------


def _properties(
    front: Storefront,
    path: str,
    title: str,
    description: str,
    pictures: Sequence[Picture],
    *,
    kind: str = "website",
) -> list[tuple[str, str]]:
    about = description or front.shop.tagline_in(front.locale)
    others = [code for code in front.shop.languages if code != front.locale]
    properties = [
        ("og:type", kind),
        ("og:site_name", front.shop.shop_name),
        ("og:title", title),
        ("og:description", _cut(about)),
        ("og:url", front.address(path)),
        ("og:locale", language_and_country(front.locale)),
        *(("og:locale:alternate", language_and_country(code)) for code in others),
        ("twitter:card", "summary_large_image"),
    ]
    for picture in pictures:
        properties += [
            ("og:image", picture.address),
            ("og:image:type", "image/jpeg"),
            ("og:image:width", str(picture.width)),
            ("og:image:height", str(picture.height)),
            ("og:image:alt", picture.alt),
        ]
    return [(name, content) for name, content in properties if content]


def _cut(text: str) -> str:
    """Return the beginning of *text* on one line, cut between words."""
    line = " ".join(text[: 2 * LONGEST_DESCRIPTION].split())
    if len(line) <= LONGEST_DESCRIPTION:
        return line
    beginning = line[: LONGEST_DESCRIPTION - 1]
    return f"{beginning.rpartition(' ')[0] or beginning}…"


def _offered(front: Storefront, item: Item, choices: Sequence[Choice]) -> list[tuple[str, str]]:
    """Return the price that the page shows: the lowest, where there are several."""
    to_be_had = any(state_of(item, one.availability) in TO_BE_HAD for one in choices)
    return [
        ("product:price:amount", front.price(min(one.price_amount for one in choices))),
        ("product:price:currency", front.shop.currency),
        ("product:availability", "in stock" if to_be_had else "out of stock"),
        ("product:condition", "new"),
    ]


# --- schema.org -----------------------------------------------------------------------------------


def _product(front: Storefront, item: Item, choices: Sequence[Choice], sending: Sending) -> Thing:
    """Return the product, or the group of its variants where there are several."""
    whole = {"@context": SCHEMA} | _described(front, item)
    if len(choices) == 1:
        return whole | {
            "@type": "Product",
            "sku": choices[0].variant.sku,
            "offers": _offer(front, item, choices[0], sending),
        }
    return whole | {
        "@type": "ProductGroup",
        "productGroupID": item.slug,
        "hasVariant": [
            {
                "@type": "Product",
                "name": front.name(item, one.variant),
                "sku": one.variant.sku,
                "image": front.pictures(item)[:1],
                "offers": _offer(front, item, one, sending),
            }
            for one in choices
        ],
    }


def _described(front: Storefront, item: Item) -> Thing:
    text = front.text(item)
    described = {
        "name": text.name,
        "description": text.story,
        "image": front.pictures(item),
        "url": front.address_of(item),
        "brand": {"@type": "Brand", "name": front.shop.shop_name},
        "material": text.materials,
        "size": text.size,
        "weight": {"@type": "QuantitativeValue", "value": item.weight_g, "unitCode": "GRM"},
    }
    return {name: value for name, value in described.items() if value}


def _offer(front: Storefront, item: Item, choice: Choice, sending: Sending) -> Thing:
    state = state_of(item, choice.availability)
    told: Thing = {
        "@type": "Offer",
        "url": front.address_of(item),
        "price": front.price(choice.price_amount),
        "priceCurrency": front.shop.currency,
        "availability": f"{SCHEMA}/{AVAILABILITY[state]}",
        "itemCondition": f"{SCHEMA}/NewCondition",
        "seller": {"@type": "OnlineStore", "@id": _store_id(front), "name": front.shop.shop_name},
    }
    if state in TO_BE_HAD and sending.posted:
        told["shippingDetails"] = [_shipping(front, sending, option) for option in sending.posted]
    if not item.takes_personal_text:  # whether that can be returned is up to what is written
        told["hasMerchantReturnPolicy"] = _returns(front)
    return told


def _shipping(front: Storefront, sending: Sending, option: DeliveryOption) -> Thing:
    return {
        "@type": "OfferShippingDetails",
        "shippingRate": {
            "@type": "MonetaryAmount",
            "value": front.price(option.amount),
            "currency": front.shop.currency,
        },
        "shippingDestination": {"@type": "DefinedRegion", "addressCountry": sending.country},
        "deliveryTime": {
            "@type": "ShippingDeliveryTime",
            "handlingTime": _days(0, front.days_until(sending.sent)),
            "transitTime": _days(option.days_least, option.days_most),
            "businessDays": {
                "@type": "OpeningHoursSpecification",
                "dayOfWeek": [f"{SCHEMA}/{day}" for day in WORKING_DAYS],
            },
        },
    }


def _days(least: int, most: int) -> Thing:
    return {"@type": "QuantitativeValue", "minValue": least, "maxValue": most, "unitCode": "DAY"}


def _returns(front: Storefront) -> Thing:
    """Return the right to change one's mind, as the law gives it and the terms tell it."""
    return {
        "@type": "MerchantReturnPolicy",
        "applicableCountry": front.shop.country,
        "returnPolicyCountry": front.shop.country,
        "returnPolicyCategory": f"{SCHEMA}/MerchantReturnFiniteReturnWindow",
        "merchantReturnDays": DAYS_TO_WITHDRAW,
        "returnMethod": f"{SCHEMA}/ReturnByMail",
        "returnFees": f"{SCHEMA}/ReturnFeesCustomerResponsibility",
        "refundType": f"{SCHEMA}/FullRefund",
        "merchantReturnLink": front.address("/pages/terms"),
    }


def _breadcrumbs(front: Storefront, steps: Sequence[tuple[str, str]]) -> Thing:
    """Return the way from home to a page, as names and paths."""
    way = [(front.shop.shop_name, "/"), *steps]
    return {
        "@context": SCHEMA,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": front.address(path)}
            for place, (name, path) in enumerate(way, start=1)
        ],
    }


def _store(front: Storefront) -> Thing:
    shop = front.shop
    address = {
        "streetAddress": shop.street,
        "postalCode": shop.postal_code,
        "addressLocality": shop.city,
        "addressCountry": shop.country,
    }
    store: Mapping[str, Any] = {
        "@context": SCHEMA,
        "@type": "OnlineStore",
        "@id": _store_id(front),
        "name": shop.shop_name,
        "legalName": shop.legal_name,
        "description": shop.tagline_in(front.locale),
        "url": front.address("/"),
        "image": front.picture(shop.portrait_hash) if shop.portrait_hash else "",
        "email": shop.email,
        "telephone": shop.phone,
        "vatID": shop.vat_number if shop.vat_registered else "",
        "address": {"@type": "PostalAddress"} | address if shop.street else None,
        "sameAs": shop.blog_url,
        "hasMerchantReturnPolicy": _returns(front),
    }
    return {name: value for name, value in store.items() if value}


def _website(front: Storefront) -> Thing:
    return {
        "@context": SCHEMA,
        "@type": "WebSite",
        "name": front.shop.shop_name,
        "url": front.address("/"),
        "inLanguage": front.locale,
        "publisher": {"@id": _store_id(front)},
    }


def _store_id(front: Storefront) -> str:
    return f"{front.urls.base}/#shop"
