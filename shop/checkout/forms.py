"""The buyer's details: text in, values or messages out."""

import re
from dataclasses import dataclass
from typing import Any

from email_validator import EmailNotValidError, validate_email
from wtforms import Field, HiddenField, SelectField
from wtforms.validators import ValidationError

from shop.discounts.errors import BelowMinimum, CodeRefused, NotYet, Over, UsedUp
from shop.kit.forms import LineField, Needed, ShopForm
from shop.kit.i18n import country_name, format_day, format_money
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.kit.money import Money

LONGEST = {
    "name": 100,
    "email": 254,
    "address": 200,
    "city": 100,
    "postal_code": 12,
    "phone": 30,
    "code": 40,
}
SWEDISH_POSTAL_CODE = re.compile(r"(\d{3}) ?(\d{2})", re.ASCII)


@dataclass(frozen=True)
class Buyer:
    name: str
    email: str
    address: str
    postal_code: str
    city: str
    country: str
    phone: str
    locale: str


def why_refused(problem: CodeRefused, currency: str) -> str:
    """Return why a code takes nothing off, and what could be done about it."""
    match problem:
        case NotYet(starts_on=day):
            return _("That code can be used from %(day)s on.") % {
                "day": format_day(day, "d MMMM y")
            }
        case Over():
            return _("That code is no longer valid. Take it away, and go on without it.")
        case BelowMinimum(minimum_amount=amount):
            return _("That code needs goods for at least %(amount)s, postage aside.") % {
                "amount": format_money(Money(amount, currency))
            }
        case UsedUp():
            return _("That code has been used up. Take it away, and go on without it.")
        case _:
            return _("We do not know that code. Check how it is spelt, or go on without it.")


class CheckoutForm(ShopForm):
    name = LineField(
        lazy("Name"), [Needed(lazy("Enter your name, so that the post can find you."))]
    )
    email = LineField(
        lazy("E-mail"), [Needed(lazy("Enter your e-mail address: the confirmation goes there."))]
    )
    address = LineField(lazy("Street address"), [Needed(lazy("Enter the street and number."))])
    postal_code = LineField(lazy("Postal code"), [Needed(lazy("Enter the postal code."))])
    city = LineField(lazy("Town"), [Needed(lazy("Enter the town."))])
    country = SelectField(lazy("Country"), validate_choice=False)
    phone = LineField(lazy("Phone (optional)"))
    delivery = HiddenField()
    code = LineField(lazy("Discount code"))

    def __init__(self, formdata: Any, *, countries: list[str], home: str, **data: Any) -> None:
        super().__init__(formdata, **data)
        self.countries = countries
        self.country.choices = sorted(
            ((code, country_name(code)) for code in countries),
            key=lambda choice: (choice[0] != home, choice[1]),
        )
        if self.country.data not in countries and not formdata:
            self.country.data = home

    def validate_country(self, field: Field) -> None:
        if field.data not in self.countries:
            raise ValidationError(
                _(
                    "We do not send to that country yet. Write to us, and we will see what we "
                    "can do."
                )
            )

    def validate_email(self, field: Field) -> None:
        try:
            checked = validate_email(field.data, check_deliverability=False)
        except EmailNotValidError as error:
            raise ValidationError(
                _("Enter a complete e-mail address, such as anna@example.se.")
            ) from error
        field.data = checked.normalized

    def validate_postal_code(self, field: Field) -> None:
        if self.country.data != "SE":
            return
        found = SWEDISH_POSTAL_CODE.fullmatch(field.data)
        if not found:
            raise ValidationError(_("A Swedish postal code has five digits, such as 763 40."))
        field.data = f"{found[1]} {found[2]}"

    def validate(self, extra_validators: Any = None) -> bool:
        valid = bool(super().validate(extra_validators))
        for name, most in LONGEST.items():
            field = self[name]
            if len(field.data or "") > most:
                field.errors = [_("Too long: use at most %(most)s characters.") % {"most": most}]
                valid = False
        return valid

    def buyer(self, locale: str) -> Buyer:
        return Buyer(
            name=self.name.data or "",
            email=self.email.data or "",
            address=self.address.data or "",
            postal_code=self.postal_code.data or "",
            city=self.city.data or "",
            country=self.country.data,
            phone=self.phone.data or "",
            locale=locale,
        )
