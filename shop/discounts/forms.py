"""A discount as the owner writes it: text in, values or messages out."""

from datetime import datetime

from wtforms import DateField, Field
from wtforms.validators import Optional, ValidationError

from shop.discounts.models import Discount, Kind
from shop.discounts.queries import normalised
from shop.kit.forms import AtMost, CountField, LineField, MoneyField, Needed, ShopForm
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy

LONGEST_CODE = 30  # Stripe shows it as the coupon's name, of at most 40 signs
MOST_USES = 100_000


class DiscountForm(ShopForm):
    code = LineField(
        lazy("Code"),
        [Needed(lazy("Enter a code, such as JUL25.")), AtMost(LONGEST_CODE)],
        filters=[lambda typed: normalised(typed or "")],  # as it is compared and sent to Stripe
    )
    percent = CountField(lazy("Percent off"), 1, 100)
    amount = MoneyField(lazy("Amount off"))
    minimum_amount = MoneyField(lazy("Only if the goods come to (optional)"))
    starts_on = DateField(lazy("First day (optional)"), [Optional()])
    ends_on = DateField(lazy("Last day (optional)"), [Optional()])
    most_uses = CountField(lazy("Uses at most (optional)"), 1, MOST_USES)

    def validate_percent(self, field: Field) -> None:
        wrong = field.errors or self.amount.process_errors
        if not wrong and (field.data is None) == (self.amount.data is None):
            raise ValidationError(_("Enter either a percentage or an amount, not both."))

    def validate_amount(self, field: Field) -> None:
        if field.data == 0:
            raise ValidationError(_("Enter an amount above 0."))

    def validate_ends_on(self, field: Field) -> None:
        if field.data and self.starts_on.data and field.data < self.starts_on.data:
            raise ValidationError(_("The last day cannot come before the first."))

    def discount(self, now: datetime) -> Discount:
        return Discount(
            code=self.code.data,
            kind=Kind.AMOUNT if self.percent.data is None else Kind.PERCENT,
            value=self.percent.data or self.amount.data,
            minimum_amount=self.minimum_amount.data or 0,
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data,
            most_uses=self.most_uses.data,
            created_at=now,
        )
