"""The buyer's details: text in, values or messages out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wtforms import Field, Form, HiddenField, SelectField, TextAreaField
from wtforms.validators import ValidationError

from shop.cart.forms import without_commands
from shop.discounts.errors import BelowMinimum, CodeRefused, NotYet, Over, UsedUp
from shop.kit.forms import LineField, Needed, ShopForm, clean_lines, email_address
from shop.kit.i18n import country_choices, format_day, format_money
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.kit.money import Money
from shop.shipping.models import PICKUP

LONGEST = {
    "name": 100,
    "email": 254,
    "address": 200,
    "city": 100,
    "postal_code": 12,
    "phone": 30,
    "code": 40,
    "recipient": 100,
    "gift_note": 300,
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
    buyer_name: str = ""  # where it goes to somebody else: who pays
    gift_note: str = ""


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


class NeededToSend(Needed):
    """Ask for a value unless the buyer comes to fetch the order."""

    def __call__(self, form: Form, field: Field) -> None:
        if not (isinstance(form, CheckoutForm) and form.fetched):
            super().__call__(form, field)


class CheckoutForm(ShopForm):
    name = LineField(
        lazy("Name"), [Needed(lazy("Enter your name, so that the post can find you."))]
    )
    email = LineField(
        lazy("E-mail"),
        [Needed(lazy("Enter your e-mail address: the confirmation goes there.")), email_address],
    )
    address = LineField(
        lazy("Street address"), [NeededToSend(lazy("Enter the street and number."))]
    )
    postal_code = LineField(lazy("Postal code"), [NeededToSend(lazy("Enter the postal code."))])
    city = LineField(lazy("Town"), [NeededToSend(lazy("Enter the town."))])
    country = SelectField(lazy("Country"), validate_choice=False)
    phone = LineField(lazy("Phone (optional)"))
    delivery = HiddenField()
    code = LineField(lazy("Discount code"))
    recipient = LineField(lazy("The recipient’s name (optional)"))
    gift_note = TextAreaField(lazy("Greeting (optional)"), filters=[clean_lines, without_commands])

    def __init__(
        self,
        formdata: Any,
        *,
        countries: Sequence[str],
        home: str,
        pickup_offered: bool = False,
        **data: Any,
    ) -> None:
        super().__init__(formdata, **data)
        self.countries, self.home, self.pickup_offered = countries, home, pickup_offered
        self.country.choices = country_choices(countries, home)
        if self.country.data not in countries and not formdata:
            self.country.data = home
        if pickup_offered:  # a browser would stop at an empty field that is not even shown
            for field in (self.address, self.postal_code, self.city):
                field.flags.required = False

    @property
    def fetched(self) -> bool:
        """Whether the buyer comes to fetch the order, so that it needs no address."""
        return self.pickup_offered and self.delivery.data == PICKUP

    @property
    def is_gift(self) -> bool:
        """Whether something is said in the part of the form that is folded away."""
        of_gift = (self.recipient, self.gift_note)
        return any(field.data or field.errors for field in of_gift)

    def validate_country(self, field: Field) -> None:
        if field.data not in self.countries and not self.fetched:
            raise ValidationError(
                _(
                    "We do not send to that country yet. Write to us, and we will see what we "
                    "can do."
                )
            )

    def validate_postal_code(self, field: Field) -> None:
        if self.country.data != "SE" or self.fetched:
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
        """Return who buys, and to whom it goes. Who fetches it leaves no address behind."""
        payer, recipient = self.name.data or "", self.recipient.data or ""
        return Buyer(
            name=recipient or payer,
            email=self.email.data or "",
            **self._place(),
            phone=self.phone.data or "",
            locale=locale,
            buyer_name=payer if recipient not in ("", payer) else "",
            gift_note=self.gift_note.data or "",
        )

    def _place(self) -> dict[str, str]:
        if self.fetched:
            return {"address": "", "postal_code": "", "city": "", "country": self.home}
        return {
            "address": self.address.data or "",
            "postal_code": self.postal_code.data or "",
            "city": self.city.data or "",
            "country": self.country.data,
        }
