"""A wish for one like a doll that is sold: text in, values or messages out."""

from typing import Any, NamedTuple

from email_validator import EmailNotValidError, validate_email
from wtforms import Field, TextAreaField
from wtforms.validators import ValidationError

from shop.kit.forms import LineField, Needed, ShopForm, clean_lines
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.preferences.forms import AtMost

LONGEST_NAME = 100
LONGEST_EMAIL = 254
LONGEST_WISH = 1000


class Wish(NamedTuple):
    name: str
    email: str
    wish: str
    locale: str


class WishForm(ShopForm):
    name = LineField(lazy("Name"), [Needed(lazy("Enter your name.")), AtMost(LONGEST_NAME)])
    email = LineField(
        lazy("E-mail"),
        [Needed(lazy("Enter your e-mail address: the answer goes there.")), AtMost(LONGEST_EMAIL)],
    )
    wish = TextAreaField(
        lazy("What you wish for"),
        [Needed(lazy("Write what you wish for.")), AtMost(LONGEST_WISH)],
        filters=[clean_lines],
    )

    def validate_email(self, field: Field) -> None:
        try:
            field.data = validate_email(field.data, check_deliverability=False).normalized
        except EmailNotValidError as error:
            raise ValidationError(
                _("Enter a complete e-mail address, such as anna@example.se.")
            ) from error

    def wished(self, locale: str) -> Wish:
        values: dict[str, Any] = self.data
        return Wish(values["name"], values["email"], values["wish"], locale)
