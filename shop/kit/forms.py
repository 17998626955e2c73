"""What the rooms' forms share: the reader's language, and fields for money and counts."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from email_validator import EmailNotValidError, validate_email
from wtforms import Field, Form, StringField
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from shop.kit import i18n
from shop.kit.i18n import gettext as _

MAX_AMOUNT = 99_999_999  # Stripe's largest charge, in minor units
LONGEST_EMAIL = 254  # of an address that can be written to at all


class ShopForm(Form):
    """A form whose own messages come in the language of the moment."""

    def __init__(self, formdata: Any = None, **kwargs: Any) -> None:
        super().__init__(formdata, meta={"locales": [i18n.current_locale()]}, **kwargs)


def stripped(text: str | None) -> str:
    """Trim *text* and fold what cannot stand in one line: a name is one line."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text or "").strip()


def clean_lines(text: object) -> str:
    """Return a text of several lines with plain line ends and no blank ones at its ends, and
    without what no text has: control characters.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip() if isinstance(text, str) else ""
    return "".join(sign for sign in lines if sign >= " " or sign in "\n\t").replace("\x7f", "")


class LineField(StringField):
    """One line of text, trimmed; line breaks and control characters become spaces."""

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        self.data = stripped(valuelist[0]) if valuelist and isinstance(valuelist[0], str) else ""


class MoneyField(Field):
    """An amount as people write it, "245", "245,50" or "1 245 kr"; data is whole minor units."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        whole, cents = divmod(int(self.data), 100)
        return f"{whole},{cents:02}" if cents else str(whole)

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        self.data = None
        text = str(valuelist[0]) if valuelist else ""
        text = re.sub(r"(kr|sek|eur|€|[\s\u00a0\u202f])", "", text, flags=re.IGNORECASE)
        if not text:
            return
        if not re.fullmatch(r"\d{1,9}([.,]\d{1,2})?", text, flags=re.ASCII):
            raise ValueError(_("Enter the amount in figures, such as 245 or 245.50."))
        try:
            self.data = int(Decimal(text.replace(",", ".")) * 100)
        except InvalidOperation as error:
            raise ValueError(_("Enter the amount in figures, such as 245 or 245.50.")) from error
        if self.data > MAX_AMOUNT:
            raise ValueError(_("That amount is more than a card payment can be."))


def whole_number(text: object, *, least: int, most: int) -> int | None:
    """Return *text* as an int between *least* and *most*; None for anything else, such as 1.5,
    -1, 1_0, ١ or 10**9.
    """
    if not isinstance(text, str) or not re.fullmatch(r"\s*\d{1,9}\s*", text, flags=re.ASCII):
        return None
    number = int(text)
    return number if least <= number <= most else None


class CountField(Field):
    """A whole number between two bounds."""

    widget = TextInput()

    def __init__(self, label: Any, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.least, self.most = least, most

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        self.data = None
        if not valuelist or not str(valuelist[0]).strip():
            return
        self.data = whole_number(valuelist[0], least=self.least, most=self.most)
        if self.data is None:
            raise ValueError(
                _("Enter a whole number from %(least)s to %(most)s.")
                % {"least": self.least, "most": self.most}
            )


class Needed:
    """Ask for a value, in words that name what is missing."""

    field_flags = {"required": True}

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, _form: Form, field: Field) -> None:
        if field.data is None or field.data == "":
            if field.errors:  # a more exact message is there already
                return
            raise ValidationError(str(self.message))


class AtMost:
    """Refuse a text longer than *most* characters."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, _form: Form, field: Field) -> None:
        if len(field.data or "") > self.most:
            raise ValidationError(
                _("Too long: use at most %(most)s characters.") % {"most": self.most}
            )


def email_address(_form: Form, field: Field) -> None:
    """Refuse what is no e-mail address, and write it as all others; an empty field may stay empty.

    One that is too long is looked at no further.
    """
    if not field.data:
        return
    try:
        checked = validate_email(field.data[: LONGEST_EMAIL + 1], check_deliverability=False)
    except EmailNotValidError as error:
        raise ValidationError(
            _("Enter a complete e-mail address, such as anna@example.se.")
        ) from error
    field.data = checked.normalized
