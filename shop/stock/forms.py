"""A count of the shelf as the owner writes it, and where to write when something is back."""

from typing import Any

from wtforms.validators import ValidationError

from shop.kit.forms import CountField, LineField, Needed, ShopForm, email_address
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy

MOST_PIECES = 9999


class CountForm(ShopForm):
    """What was counted, and what the owner saw on the page while counting."""

    counted = CountField(
        lazy("On the shelf"),
        0,
        MOST_PIECES,
        validators=[Needed(lazy("Enter how many there are."))],
    )
    seen = CountField(lazy("Seen"), 0, MOST_PIECES, validators=[Needed(lazy("Count once more."))])

    def __init__(self, formdata: Any, *, most: int = MOST_PIECES) -> None:
        super().__init__(formdata)
        self._most = most

    def validate_counted(self, field: CountField) -> None:
        if field.data is not None and field.data > self._most:
            raise ValidationError(
                _("Enter a whole number from %(least)s to %(most)s.")
                % {"least": 0, "most": self._most}
            )


class WaitForm(ShopForm):
    """Where to write when something can be had again."""

    email = LineField(
        lazy("E-mail"), [Needed(lazy("Enter the e-mail address to write to.")), email_address]
    )
