"""What a buyer declares: text in, values or messages out. Nothing asks why."""

from dataclasses import dataclass
from typing import Any

from wtforms import Field, HiddenField, SelectMultipleField, TextAreaField
from wtforms.validators import ValidationError

from shop.kit.forms import AtMost, LineField, Needed, ShopForm, clean_lines, email_address
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.orders.models import Order, OrderLine

LONGEST_NAME = 100
LONGEST_ORDER = 200
LONGEST_ITEMS = 500
LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Statement:
    """What a buyer declares, word for word."""

    order_given: str
    name: str
    email: str
    items: str  # empty is the whole order
    message: str
    locale: str


class WithdrawalForm(ShopForm):
    """The statement. With the *order* that a link has proved, its lines can be chosen one by one;
    without, the buyer writes which order and which items are meant.
    """

    order = HiddenField()  # the order's token
    name = LineField(lazy("Name"), [Needed(lazy("Enter your name.")), AtMost(LONGEST_NAME)])
    email = LineField(
        lazy("E-mail"),
        [Needed(lazy("Enter your e-mail address: the receipt goes there.")), email_address],
    )
    order_given = LineField(
        lazy("Order number"),
        [
            Needed(lazy("Enter the order number, or what you bought and when.")),
            AtMost(LONGEST_ORDER),
        ],
    )
    items = TextAreaField(
        lazy("Which items (optional)"), [AtMost(LONGEST_ITEMS)], filters=[clean_lines]
    )
    lines = SelectMultipleField(coerce=int)
    message = TextAreaField(
        lazy("Message (optional)"), [AtMost(LONGEST_MESSAGE)], filters=[clean_lines]
    )

    def __init__(self, formdata: Any, *, order: Order | None, token: str) -> None:
        known = {"name": order.payer, "email": order.email} if order is not None else {}
        self.offered = [(line.id, line_words(line)) for line in order.lines] if order else []
        super().__init__(
            formdata, data=known | {"lines": [line_id for line_id, _words in self.offered]}
        )
        self.proved = order
        self.order.data = token if order is not None else ""
        self.lines.choices = self.offered
        if order is not None:
            self.order_given.data, self.items.data = str(order.number), ""

    @property
    def can_choose(self) -> bool:
        """Whether there are lines to choose among."""
        return len(self.offered) > 1

    def validate_lines(self, field: Field) -> None:
        if self.can_choose and not field.data:
            raise ValidationError(_("Choose at least one item, or all of them."))

    def statement(self, locale: str) -> Statement:
        return Statement(
            order_given=self.order_given.data or "",
            name=self.name.data or "",
            email=self.email.data or "",
            items=self._chosen() if self.can_choose else self.items.data or "",
            message=self.message.data or "",
            locale=locale,
        )

    def _chosen(self) -> str:
        """Return the chosen lines in words; nothing when it is all of them."""
        chosen = [words for line_id, words in self.offered if line_id in (self.lines.data or [])]
        return "\n".join(chosen) if len(chosen) < len(self.offered) else ""


def line_words(line: OrderLine) -> str:
    if line.quantity == 1:
        return line.name
    return _("%(quantity)s × %(name)s") % {"quantity": line.quantity, "name": line.name}
