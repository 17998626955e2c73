"""The mails about an order: to the buyer what was bought and that it is on its way; to the owner
that something was sold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from shop.catalogue.models import Product
from shop.catalogue.queries import products_of_variants
from shop.kit.clock import local_day
from shop.kit.i18n import country_name
from shop.kit.i18n import gettext as _
from shop.kit.money import Money
from shop.kit.plain_text import plain_text
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Mail
from shop.orders.models import Order, OrderLine
from shop.orders.queries import order_in_full, order_token
from shop.orders.tracking import tracking_address
from shop.payments.queries import payment_method_of
from shop.preferences.queries import page_text
from shop.preferences.texts import filled
from shop.shipping.dates import working_days_after
from shop.shipping.names import method_name
from shop.shipping.queries import zones
from shop.shipping.table import postage_table

PHOTO = "400.jpeg"  # AVIF is not shown by every mail program


@dataclass(frozen=True)
class ShownLine:
    name: str
    quantity: int
    price: Money
    total: Money
    photo: str | None  # its whole address
    alt: str
    words: str  # that the buyer had put on it


@dataclass(frozen=True)
class Care:
    """How to look after what was bought; the same advice stands once."""

    names: Sequence[str]
    advice: str


@dataclass(frozen=True)
class Terms:
    """The terms of sale as they read today, to be kept by the buyer."""

    title: str
    markdown: str
    text: str


def confirmation(db: Session, order_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write to the buyer what was bought and paid, with the terms: the buyer's own copy."""
    order = _order(db, order_id)
    products = products_of_variants(db, [line.variant_id for line in order.lines])
    return letterhead.write(
        "order_confirmation",
        locale,
        order=order,
        lines=_lines(order, products, locale, letterhead),
        method=method_name(order.shipping_method),
        paid_by=_paid_by(payment_method_of(db, order.id)),
        order_url=_order_url(order, locale, letterhead),
        withdrawal_url=_withdrawal_url(order, locale, letterhead),
        care=_care(order.lines, products, locale),
        terms=_terms(db, locale, letterhead, local_day(order.placed_at)),
    )


def notice(db: Session, order_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write to the owner what was sold, and where it goes. An answer reaches the buyer."""
    order = _order(db, order_id)
    return letterhead.write(
        "order_notice",
        locale,
        reply_to=order.email,
        order=order,
        place=_place(order, letterhead),
        method=method_name(order.shipping_method),
        admin_url=f"{letterhead.urls.base}/admin/orders/{order.number}",
    )


def dispatch(db: Session, order_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write to the buyer that the order is on its way, and when to expect it."""
    order = _order(db, order_id)
    shipment = order.shipments[-1]
    products = products_of_variants(db, [line.variant_id for line in order.lines])
    return letterhead.write(
        "dispatch",
        locale,
        follows=("order_confirmation", order.id),
        order=order,
        lines=_lines(order, products, locale, letterhead),
        method=method_name(order.shipping_method),
        tracking=shipment.tracking,
        tracking_url=tracking_address(shipment.tracking, locale),
        arrives=_arrives(db, order.country, local_day(shipment.sent_at)),
        order_url=_order_url(order, locale, letterhead),
        withdrawal_url=_withdrawal_url(order, locale, letterhead),
    )


# --- the facts ------------------------------------------------------------------------------------


def _order(db: Session, order_id: int) -> Order:
    order = order_in_full(db, order_id)
    if order is None:
        raise LookupError(f"there is no order with the id {order_id}")
    return order


def _place(order: Order, letterhead: Letterhead) -> str:
    """Return the buyer's town, with its country when it lies abroad."""
    if order.country == letterhead.preferences.country:
        return order.city
    return _("%(town)s, %(country)s") % {
        "town": order.city,
        "country": country_name(order.country),
    }


def _order_url(order: Order, locale: str, letterhead: Letterhead) -> str:
    token = order_token(letterhead.signer, order.id)
    return letterhead.urls.absolute(f"/orders/{token}", locale)


def _withdrawal_url(order: Order, locale: str, letterhead: Letterhead) -> str:
    token = order_token(letterhead.signer, order.id)
    return letterhead.urls.absolute(f"/withdrawal?order={token}", locale)


def _lines(
    order: Order, products: dict[int, Product], locale: str, letterhead: Letterhead
) -> list[ShownLine]:
    return [
        ShownLine(
            name=line.name,
            quantity=line.quantity,
            price=line.price,
            total=line.total,
            photo=f"{letterhead.urls.base}/media/{line.photo_hash}/{PHOTO}"
            if line.photo_hash
            else None,
            alt=_alt(line, products.get(line.variant_id), locale),
            words=line.personal_text,
        )
        for line in order.lines
    ]


def _alt(line: OrderLine, product: Product | None, locale: str) -> str:
    photos = product.photos if product is not None else []
    described = (photo.alt(locale) for photo in photos if photo.hash == line.photo_hash)
    return next(described, "") or line.name


def _care(lines: Sequence[OrderLine], products: dict[int, Product], locale: str) -> list[Care]:
    names: dict[str, list[str]] = {}
    for line in lines:
        product = products.get(line.variant_id)
        advice = product.text(locale).care.strip() if product is not None else ""
        if advice and line.name not in names.setdefault(advice, []):
            names[advice].append(line.name)
    return [Care(of, advice) for advice, of in names.items()]


def _paid_by(method: str) -> str:
    words = {"card": _("Paid by card"), "swish": _("Paid by Swish"), "klarna": _("Paid by Klarna")}
    return words.get(method, _("Paid"))


def _terms(db: Session, locale: str, letterhead: Letterhead, day: date) -> Terms | None:
    page = page_text(db, "terms", locale)
    if page is None:
        return None
    shop = letterhead.preferences
    postage = postage_table(db, shop.currency, day) if "{postage_table}" in page.body else ""
    markdown = filled(page.body, shop, base_url=letterhead.urls.base, postage_table=postage)
    return Terms(page.title, markdown, plain_text(markdown))


def _arrives(db: Session, country: str, sent: date) -> tuple[date, date] | None:
    """Return the first and the last day on which it usually arrives."""
    zone = next((zone for zone in zones(db) if country in zone.country_codes), None)
    if zone is None:
        return None
    return working_days_after(sent, zone.days_least), working_days_after(sent, zone.days_most)
