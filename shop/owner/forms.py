"""The owner's keys: text in, values or messages out. Nothing secret is ever shown again."""

from typing import Any

from wtforms import Field, PasswordField
from wtforms.validators import ValidationError

from shop.kit.forms import LineField, Needed, ShopForm
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.owner.passwords import LONGEST, SHORTEST, is_common


class SignInForm(ShopForm):
    email = LineField(lazy("E-mail"))
    password = PasswordField(lazy("Password"))
    code = LineField(lazy("Code from your authenticator app"))
    recovery_code = LineField(lazy("Recovery code"))


class NewPasswordForm(ShopForm):
    """*names* are what a guesser tries first: the shop's name, the owner's address."""

    password = PasswordField(lazy("New password"))

    def __init__(self, formdata: Any = None, *, names: list[str], **kwargs: Any) -> None:
        super().__init__(formdata, **kwargs)
        self._names = names

    def validate_password(self, field: Field) -> None:
        password = field.data or ""
        if len(password) < SHORTEST:
            raise ValidationError(
                _("Too short: use at least %(least)s characters. Three or four words are good.")
                % {"least": SHORTEST}
            )
        if len(password) > LONGEST:
            raise ValidationError(
                _("Too long: use at most %(most)s characters.") % {"most": LONGEST}
            )
        if is_common(password, *self._names):
            raise ValidationError(
                _("That is among the first that anybody would guess. Choose another.")
            )


class ChangePasswordForm(NewPasswordForm):
    current = PasswordField(lazy("Current password"))


class CodeForm(ShopForm):
    code = LineField(
        lazy("Code from the app"), [Needed(lazy("Enter the six digits that the app shows."))]
    )

    def refuse(self) -> None:
        self.code.errors = [
            _("That code is not right. Wait for the next one, and check the phone’s clock.")
        ]


class ConfirmForm(ShopForm):
    """Asks for the password once more, before the other keys are changed."""

    current = PasswordField(lazy("Current password"))
