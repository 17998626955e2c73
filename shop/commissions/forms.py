"""A wish for one like a doll that is sold: text in, values or messages out."""

from typing import Any, NamedTuple

from wtforms import TextAreaField

from shop.kit.forms import AtMost, LineField, Needed, ShopForm, clean_lines, email_address
from shop.kit.i18n import lazy_gettext as lazy

LONGEST_NAME = 100
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
        [Needed(lazy("Enter your e-mail address: the answer goes there.")), email_address],
    )
    wish = TextAreaField(
        lazy("What you wish for"),
        [Needed(lazy("Write what you wish for.")), AtMost(LONGEST_WISH)],
        filters=[clean_lines],
    )

    def wished(self, locale: str) -> Wish:
        values: dict[str, Any] = self.data
        return Wish(values["name"], values["email"], values["wish"], locale)
