"""What the owner sets: text in, values or messages out. Each form's names are preferences'."""

import re
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

from babel import Locale
from wtforms import BooleanField, Field, Form, SelectField, SelectMultipleField, TextAreaField
from wtforms.validators import ValidationError

from shop.kit.forms import (
    AtMost,
    CountField,
    LineField,
    Needed,
    ShopForm,
    clean_lines,
    email_address,
)
from shop.kit.i18n import country_name, known_locales
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.preferences.values import Preferences

CURRENCIES = ("SEK", "EUR", "NOK", "DKK", "GBP", "USD")  # all have hundredths, as our fields do
SWEDISH_POSTAL_CODE = re.compile(r"(\d{3}) ?(\d{2})", re.ASCII)


def web_address(_form: Form, field: Field) -> None:
    """Refuse what is no address of a web page; an empty field may stay empty."""
    if field.data and not is_web_address(field.data):
        raise ValidationError(_("Enter the whole address, such as https://blog.example.se."))


def is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "." in (parts.hostname or "")


@cache
def language_name(code: str) -> str:
    """Return what a language calls itself: Svenska, English."""
    name = Locale.parse(code).get_display_name(code) or code
    return name[0].upper() + name[1:]


def locales_for(now: Preferences) -> list[str]:
    """Return every language that the program speaks, the shop's own first."""
    return sorted(known_locales(), key=[*now.languages, *known_locales()].index)


class SectionForm(ShopForm):
    """One part of the settings."""

    def values(self) -> dict[str, Any]:
        """Return the preferences that the form sets."""
        return dict(self.data)


class ShopSettings(SectionForm):
    shop_name = LineField(
        lazy("The shop’s name"), [Needed(lazy("Enter the shop’s name.")), AtMost(60)]
    )
    default_language = SelectField(lazy("First language, at the shop’s own address"))
    languages = SelectMultipleField(lazy("Languages"))
    owner_language = SelectField(lazy("Your own language, on these pages and in e-mails to you"))
    currency = SelectField(lazy("Currency"), choices={code: code for code in CURRENCIES})

    def __init__(self, formdata: Any, now: Preferences, *, currency_fixed: bool) -> None:
        super().__init__(
            formdata,
            data={
                "shop_name": now.shop_name,
                "default_language": now.default_language,
                "languages": list(now.languages),
                "owner_language": now.owner_language,
                "currency": now.currency,
                **{f"tagline_{code}": line for code, line in (now.tagline or {}).items()},
            },
        )
        choices = {code: language_name(code) for code in locales_for(now)}
        for field in (self.default_language, self.languages, self.owner_language):
            field.choices = choices
        self._before = now
        self.currency_fixed = currency_fixed

    @property
    def taglines(self) -> list[Field]:
        """Return the tagline's fields, one for each language."""
        return [self[f"tagline_{code}"] for code in locales_for(self._before)]

    def validate_currency(self, field: Field) -> None:
        if self.currency_fixed and field.data != self._before.currency:
            raise ValidationError(
                _("The shop has orders in %(currency)s, so its currency stays.")
                % {"currency": self._before.currency}
            )

    def values(self) -> dict[str, Any]:
        first = self.default_language.data
        lines = {code: self[f"tagline_{code}"].data for code in known_locales()}
        return {
            "shop_name": self.shop_name.data,
            "languages": [first, *(code for code in self.languages.data or [] if code != first)],
            "owner_language": self.owner_language.data,
            "currency": self.currency.data,
            "tagline": {code: line for code, line in lines.items() if line},
        }


def shop_settings(formdata: Any, now: Preferences, *, currency_fixed: bool) -> ShopSettings:
    """Return the form with a tagline for each language that the program speaks."""
    taglines = {
        f"tagline_{code}": LineField(language_name(code), [AtMost(120)]) for code in known_locales()
    }
    made = cast("type[ShopSettings]", type("ShopSettings", (ShopSettings,), taglines))
    return made(formdata, now, currency_fixed=currency_fixed)


class SellerSettings(SectionForm):
    legal_name = LineField(
        lazy("Name of the person or company that sells"),
        [Needed(lazy("Enter who sells: your name, or the company’s.")), AtMost(100)],
    )
    org_number = LineField(lazy("Registration number"), [AtMost(30)])
    street = LineField(
        lazy("Street address"), [Needed(lazy("Enter the street and number.")), AtMost(100)]
    )
    postal_code = LineField(
        lazy("Postal code"), [Needed(lazy("Enter the postal code.")), AtMost(12)]
    )
    city = LineField(lazy("Town"), [Needed(lazy("Enter the town.")), AtMost(60)])
    country = SelectField(lazy("Country"))
    email = LineField(
        lazy("E-mail"),
        [Needed(lazy("Enter the address that buyers can write to.")), AtMost(254), email_address],
    )
    phone = LineField(lazy("Phone"), [AtMost(30)])
    blog_url = LineField(lazy("Blog or website (optional)"), [AtMost(200), web_address])

    def __init__(self, formdata: Any, now: Preferences) -> None:
        super().__init__(formdata, obj=now)
        names = {code: country_name(code) for code in country_codes()}
        self.country.choices = dict(sorted(names.items(), key=lambda named: named[1]))

    def validate_postal_code(self, field: Field) -> None:
        if self.country.data == "SE" and (found := SWEDISH_POSTAL_CODE.fullmatch(field.data)):
            field.data = f"{found[1]} {found[2]}"


class TaxSettings(SectionForm):
    vat_registered = BooleanField(lazy("The business is registered for VAT"))
    vat_number = LineField(lazy("VAT number"), [AtMost(20)])
    rate = LineField(lazy("Standard rate in your country, in per cent"))

    def __init__(self, formdata: Any, now: Preferences, *, rate_bp: int) -> None:
        percent = f"{rate_bp / 100:g}".replace(".", ",") if rate_bp else ""
        super().__init__(formdata, obj=now, data={"rate": percent})
        self.rate_bp: int | None = None

    def validate_rate(self, field: Field) -> None:
        found = re.fullmatch(r"(\d{1,2})(?:[.,](\d{1,2}))? ?%?", field.data, re.ASCII)
        if found:
            self.rate_bp = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
        elif field.data or self.vat_registered.data:
            raise ValidationError(_("Enter the rate in figures, such as 25 or 25.5."))

    def values(self) -> dict[str, Any]:
        return {
            "vat_registered": self.vat_registered.data,
            "vat_number": self.vat_number.data,
        }


class OrderSettings(SectionForm):
    dispatch_days = CountField(
        lazy("Working days until you send what is ready"),
        1,
        30,
        validators=[Needed(lazy("Enter how many days, from 1 to 30."))],
    )
    holds_per_email = CountField(
        lazy("Open payments at a time with one e-mail address"),
        1,
        99,
        validators=[Needed(lazy("Enter how many, from 1 to 99."))],
    )
    holds_per_network = CountField(
        lazy("Open payments at a time from one network"),
        1,
        999,
        validators=[Needed(lazy("Enter how many, from 1 to 999."))],
    )
    mail_per_order = BooleanField(lazy("Send me an e-mail for each order"))
    sender = LineField(
        lazy("The shop’s e-mail comes from (optional)"), [AtMost(254), email_address]
    )

    def __init__(self, formdata: Any, now: Preferences) -> None:
        super().__init__(formdata, obj=now)


class BlogSettings(SectionForm):
    more_blogs = TextAreaField(
        lazy("Other blogs of yours (optional)"), [AtMost(1000)], filters=[clean_lines]
    )
    sources_counted = BooleanField(lazy("Count what each post leads to"))

    def __init__(self, formdata: Any, now: Preferences) -> None:
        told = {"more_blogs": "\n".join(now.more_blogs), "sources_counted": now.sources_counted}
        super().__init__(formdata, data=told)

    def validate_more_blogs(self, _field: Field) -> None:
        if not all(map(is_web_address, self._addresses())):
            raise ValidationError(_("Enter the whole address, such as https://blog.example.se."))

    def _addresses(self) -> list[str]:
        lines = (line.strip() for line in (self.more_blogs.data or "").splitlines())
        return list(dict.fromkeys(filter(None, lines)))

    def values(self) -> dict[str, Any]:
        return {
            "more_blogs": self._addresses(),
            "sources_counted": self.sources_counted.data,
        }


class TextForm(ShopForm):
    title = LineField(lazy("Heading"), [Needed(lazy("Enter a heading.")), AtMost(100)])
    body = TextAreaField(
        lazy("Text"),
        [Needed(lazy("Enter the text.")), AtMost(40_000)],
        filters=[clean_lines],
    )


_NO_COUNTRIES = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"}


def country_codes() -> list[str]:
    """Return the codes of all countries and territories that have an address."""
    codes = (str(code) for code in Locale.parse("en").territories)
    return [code for code in codes if re.fullmatch("[A-Z]{2}", code) and code not in _NO_COUNTRIES]


# --- doubts: hints that never stand in the way ----------------------------------------------------


def swedish_number_is_odd(org_number: str) -> bool:
    """Say whether a Swedish registration number's last digit does not fit the others."""
    digits = [int(sign) for sign in re.sub(r"\D", "", org_number)][-10:]
    if len(digits) != 10:  # noqa: PLR2004 - a registration number, or a person's without century
        return True
    doubled = [digit * (2 - place % 2) for place, digit in enumerate(digits)]
    return sum(sum(divmod(number, 10)) for number in doubled) % 10 != 0


def swedish_vat_number_is_odd(vat_number: str, org_number: str) -> bool:
    """Say whether a Swedish VAT number is not SE, the registration number and 01."""
    expected = re.sub(r"\D", "", org_number)[-10:]
    return re.sub(r"[\s-]", "", vat_number).upper() != f"SE{expected}01"
