"""What postage costs, as a page tells it: for each zone how long it takes, and a table."""

from collections.abc import Sequence
from datetime import date

from babel.numbers import format_decimal
from sqlalchemy.orm import Session

from shop.kit.i18n import (
    country_name,
    current_locale,
    format_money,
    format_words,
    ngettext,
    speaking,
)
from shop.kit.i18n import gettext as _
from shop.kit.markdown import as_markdown
from shop.kit.money import Money
from shop.preferences.texts import filled
from shop.preferences.values import Preferences
from shop.shipping.models import ShippingRate, ShippingZone
from shop.shipping.names import method_name
from shop.shipping.queries import rates_in_force, zones

KILO = 1000


def postage_table(db: Session, currency: str, today: date) -> str:
    """Return every price in force, zone by zone, in the language of the moment; "" if none is."""
    parts = []
    for zone in zones(db):
        if rates := rates_in_force(db, zone.id, today):
            parts += [f"### {as_markdown(zone_name(zone))}", about_zone(zone, currency)]
            parts.append(_table(rates, currency))
    return "\n\n".join(parts)


def text_in_full(
    db: Session, body: str, locale: str, preferences: Preferences, *, base_url: str, today: date
) -> str:
    """Return the body of a text page with facts and postage in their places, in its *locale*."""
    with speaking(locale):
        asked_for = "{postage_table}" in body
        table = postage_table(db, preferences.currency, today) if asked_for else ""
        return filled(body, preferences, base_url=base_url, postage_table=table)


def _table(rates: Sequence[ShippingRate], currency: str) -> str:
    head = [_("Sent as"), _("At most"), _("Price")]
    rows = [
        [method_name(rate.method), bounds(rate), _price(rate.amount, currency)]
        for rate in by_method(rates)
    ]
    return "\n".join(map(_row, [head, ["---"] * len(head), *rows]))


def by_method(rates: Sequence[ShippingRate]) -> list[ShippingRate]:
    """Return the rates method by method, each from light to heavy."""
    return sorted(rates, key=lambda rate: (rate.method, rate.max_g))


def zone_name(zone: ShippingZone) -> str:
    """Return a zone's name; a zone of one country has its country's, in the reader's language."""
    codes = zone.country_codes
    return country_name(codes[0]) if len(codes) == 1 else zone.name


def bounds(rate: ShippingRate) -> str:
    """Return what fits, such as "250 g, 3 cm thick"."""
    return _("%(weight)s, %(thickness)s cm thick") % {
        "weight": weight(rate.max_g),
        "thickness": format_decimal(rate.max_mm / 10, locale=current_locale()),
    }


def weight(grams: int) -> str:
    if grams < KILO:
        return f"{grams}\u00a0g"
    return f"{format_decimal(grams / KILO, locale=current_locale())}\u00a0kg"


def about_zone(zone: ShippingZone, currency: str) -> str:
    """Return, as Markdown, how long it takes, what is free, and which countries are meant."""
    sentences = [days_on_the_way(zone)]
    if zone.free_from_amount is not None:
        amount = format_money(Money(zone.free_from_amount, currency))
        sentences.append(_("Free postage from %(amount)s.") % {"amount": amount})
    if len(zone.country_codes) > 1:
        names = sorted(country_name(code) for code in zone.country_codes)
        countries = format_words(names)
        sentences.append(_("That is %(countries)s.") % {"countries": countries})
    return as_markdown(" ".join(sentences))


def days_on_the_way(zone: ShippingZone) -> str:
    least, most = zone.days_least, zone.days_most
    if least == most:
        return ngettext(
            "%(num)s working day on the way.", "%(num)s working days on the way.", most
        ) % {"num": most}
    return _("%(least)s–%(most)s working days on the way.") % {"least": least, "most": most}


def _price(amount: int, currency: str) -> str:
    return format_money(Money(amount, currency)) if amount else _("free")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(as_markdown(cell) for cell in cells)} |"
