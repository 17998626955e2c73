"""Zones and prices as the owner writes them: text in, values or messages out."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, cast

from wtforms import BooleanField, DateField, Field, FieldList, FormField, SelectField, TextAreaField
from wtforms.validators import ValidationError

from shop.kit.forms import AtMost, CountField, LineField, MoneyField, Needed, ShopForm, clean_lines
from shop.kit.i18n import country_name, format_day, speaking
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.preferences.forms import country_codes, language_name
from shop.preferences.values import Preferences
from shop.shipping.actions import OTHER_EU, Tier, ZoneFacts
from shop.shipping.models import Method, ShippingRate, ShippingZone
from shop.shipping.names import method_name
from shop.shipping.table import weight

HEAVIEST_G = 30_000
THICKEST_MM = 1500
MOST_TIERS = 60
ALL_OF_EU = "EU"
LONGEST_PLACE = 500


class ZoneForm(ShopForm):
    """A zone; *taken* names the zone that each other country belongs to already."""

    name = LineField(
        lazy("Name of the zone"), [Needed(lazy("Enter a name for the zone.")), AtMost(60)]
    )
    countries = TextAreaField(lazy("Countries"))
    free_from_amount = MoneyField(lazy("Free postage from (optional)"))
    days_least = CountField(
        lazy("At least"),
        0,
        60,
        validators=[Needed(lazy("Enter how many days, from 0 to 60."))],
    )
    days_most = CountField(
        lazy("At most"), 0, 60, validators=[Needed(lazy("Enter how many days, from 0 to 60."))]
    )

    def __init__(
        self, formdata: Any, zone: ShippingZone | None, *, taken: Mapping[str, str]
    ) -> None:
        super().__init__(formdata, obj=zone)
        self._taken = taken
        self._codes: list[str] = []
        if zone is not None and not formdata:
            self.countries.data = ", ".join(zone.country_codes)

    def validate_countries(self, field: Field) -> None:
        text = field.data if isinstance(field.data, str) else ""
        self._codes, unknown = countries_in(text, self._taken)
        if unknown:
            raise ValidationError(
                _("“%(word)s” is neither a country nor a country’s code.") % {"word": unknown[0]}
            )
        if not self._codes:
            raise ValidationError(_("Name at least one country, such as SE or Sweden."))
        for code in self._codes:
            if code in self._taken:
                raise ValidationError(
                    _("%(country)s is already in the zone %(zone)s. Take it out there first.")
                    % {"country": country_name(code), "zone": self._taken[code]}
                )

    def validate_free_from_amount(self, field: Field) -> None:
        if field.data == 0:
            raise ValidationError(_("Enter an amount above 0, or leave it empty."))

    def validate_days_most(self, field: Field) -> None:
        least = self.days_least.data
        if field.data is not None and least is not None and field.data < least:
            raise ValidationError(_("This cannot be fewer days than the field before it."))

    def facts(self) -> ZoneFacts:
        return ZoneFacts(
            self.name.data or "",
            ",".join(self._codes),
            self.free_from_amount.data,
            self.days_least.data,
            self.days_most.data,
        )


def countries_in(text: str, taken: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the country codes that *text* names, each once, and the words that name none.

    A country is its code or its name, in the reader's language or in English; EU is every
    member that is not *taken* by another zone.
    """
    names = _codes_by_name()
    codes: dict[str, None] = {}
    unknown = []
    for word in filter(None, (part.strip() for part in re.split(r"[,;\n]", text))):
        if word.upper() == ALL_OF_EU:
            members = ["SE", *OTHER_EU.split(",")]
            codes |= dict.fromkeys(code for code in members if code not in taken)
        elif (code := names.get(word.casefold())) is not None:
            codes[code] = None
        else:
            unknown.append(word[:60])
    return list(codes), unknown


def _codes_by_name() -> dict[str, str]:
    codes = country_codes()
    with speaking("en"):
        english = {country_name(code).casefold(): code for code in codes}
    ours = {country_name(code).casefold(): code for code in codes}
    return english | ours | {code.casefold(): code for code in codes}


# --- to fetch it ----------------------------------------------------------------------------------


class PickupForm(ShopForm):
    """Whether buyers may fetch what they bought, and where and when, in each language."""

    pickup_offered = BooleanField(lazy("Buyers may fetch their order here"))

    def __init__(self, formdata: Any, now: Preferences) -> None:
        texts = {f"place_{code}": text for code, text in (now.pickup or {}).items()}
        super().__init__(formdata, data={"pickup_offered": now.pickup_offered, **texts})
        self._languages = now.languages

    @property
    def places(self) -> list[Field]:
        """Return the fields that say where and when, one for each language of the shop."""
        return [self[f"place_{code}"] for code in self._languages]

    def validate(self, extra_validators: Any = None) -> bool:
        valid = bool(super().validate(extra_validators))
        if self.pickup_offered.data and not any(field.data for field in self.places):
            self.places[0].errors = [_("Write where and when an order can be fetched.")]
            return False
        return valid

    def values(self) -> dict[str, Any]:
        texts = {field.short_name.removeprefix("place_"): field.data for field in self.places}
        return {
            "pickup_offered": self.pickup_offered.data,
            "pickup": {code: text for code, text in texts.items() if text},
        }


def pickup_form(formdata: Any, now: Preferences) -> PickupForm:
    """Return the form with a text for each language of the shop."""
    places = {
        f"place_{code}": TextAreaField(
            language_name(code), [AtMost(LONGEST_PLACE)], filters=[clean_lines]
        )
        for code in now.languages
    }
    made = cast("type[PickupForm]", type("PickupForm", (PickupForm,), places))
    return made(formdata, now)


# --- prices ---------------------------------------------------------------------------------------


class TierForm(ShopForm):
    """One line of the price list; a line with nothing in it is no line."""

    method = SelectField(lazy("Sent as"))
    max_g = CountField(lazy("Weight at most, g"), 1, HEAVIEST_G)
    max_mm = CountField(lazy("Thickness at most, mm"), 1, THICKEST_MM)
    amount = MoneyField(lazy("Price"))
    remove = BooleanField(lazy("Remove this line"))

    def __init__(self, formdata: Any = None, *, meta: Any = None, **kwargs: Any) -> None:
        del meta  # the enclosing form's; ours says the same
        super().__init__(formdata, **kwargs)
        self.method.choices = {method.value: method_name(method) for method in Method}

    @property
    def figures(self) -> Sequence[Field]:
        return (self.max_g, self.max_mm, self.amount)

    @property
    def counts(self) -> bool:
        """Whether the line is to be kept: it says something, and is not to be taken away."""
        typed = (str(field.raw_data[0]) for field in self.figures if field.raw_data)
        return not self.remove.data and any(text.strip() for text in typed)

    def validate(self, extra_validators: Any = None) -> bool:
        if not self.counts:
            return True
        valid = bool(super().validate(extra_validators))
        for field in self.figures:
            if field.data is None and not field.errors:
                field.errors = [_("Enter a number here, or remove the line.")]
        return valid and not any(field.errors for field in self.figures)

    def tier(self) -> Tier:
        return Tier(self.method.data, self.max_g.data, self.max_mm.data, self.amount.data)


class PricesForm(ShopForm):
    """The whole price list of a zone, as it shall be from a day on."""

    tiers = FieldList(FormField(TierForm), max_entries=MOST_TIERS)
    valid_from = DateField(lazy("Applies from"))

    def __init__(self, formdata: Any, rates: Sequence[ShippingRate], *, today: date) -> None:
        lines = [
            {name: getattr(rate, name) for name in ("method", "max_g", "max_mm", "amount")}
            for rate in rates
        ]
        super().__init__(formdata, data={"tiers": [*lines, {}], "valid_from": today})
        self._today = today

    def validate_valid_from(self, field: Field) -> None:
        if field.data is None:
            raise ValidationError(_("Choose the day from which this applies."))
        if field.data < self._today:
            raise ValidationError(
                _("A price can change on %(day)s at the earliest: what is sold is sold.")
                % {"day": format_day(self._today)}
            )

    def validate(self, extra_validators: Any = None) -> bool:
        # Not short-circuited: every line says what is wrong with it.
        valid = bool(super().validate(extra_validators))
        return valid and not self._clash()

    def _clash(self) -> bool:
        """Mark the first line that cannot stand beside another of its method."""
        lines = [line.form for line in self.tiers if line.form.counts]
        lines.sort(key=lambda line: (line.method.data, line.max_g.data))
        for lighter, line in pairwise(lines):
            if lighter.method.data != line.method.data:
                continue
            step = {"step": weight(lighter.max_g.data)}
            if lighter.max_g.data == line.max_g.data:
                line.max_g.errors = [_("There are two prices up to %(step)s. Keep one.") % step]
                return True
            if line.amount.data < lighter.amount.data:
                line.amount.errors = [
                    _("That is less than for %(step)s, so something lighter would cost more.")
                    % step
                ]
                return True
        return False

    def price_list(self) -> list[Tier]:
        return [line.form.tier() for line in self.tiers if line.form.counts]

    def first_day(self) -> date:
        return self.valid_from.data or self._today
