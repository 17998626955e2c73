"""What the owner wants to give back of an order, as typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wtforms import BooleanField, Field
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta

from shop.kit import i18n
from shop.kit.forms import MAX_AMOUNT, CountField, MoneyField
from shop.kit.i18n import lazy_gettext as lazy
from shop.orders.models import OrderLine
from shop.payments.refunds import Wish


@dataclass(frozen=True)
class LineFields:
    line: OrderLine
    left: int  # pieces that have not been paid back
    quantity: Field
    restock: Field


class RefundForm(BaseForm):
    """All that is left, or parts of it: a number for each line, the postage, another amount."""

    def __init__(
        self,
        lines: Sequence[OrderLine],
        left: Mapping[int, int],
        formdata: Any = None,
        *,
        restock: bool = True,
    ) -> None:
        fields: dict[str, Any] = {
            "seen": CountField("", 0, MAX_AMOUNT),
            "whole": BooleanField(),
            "restock": BooleanField(lazy("Back on the shelf"), default=restock),
            "postage": BooleanField(lazy("Postage")),
            "other": MoneyField(lazy("Another amount")),
        }
        for line in lines:
            fields[f"quantity-{line.id}"] = CountField(lazy("Pieces"), 0, left[line.id], default=0)
            fields[f"restock-{line.id}"] = BooleanField(lazy("Back on the shelf"), default=restock)
        meta = DefaultMeta()
        meta.update_values({"locales": [i18n.current_locale()]})
        super().__init__(fields, meta=meta)
        self.process(formdata)
        self.lines = [
            LineFields(line, left[line.id], self[f"quantity-{line.id}"], self[f"restock-{line.id}"])
            for line in lines
        ]

    @property
    def parts(self) -> Wish:
        """What was typed, all that is left aside."""
        return Wish(
            quantities={row.line.id: row.quantity.data for row in self.lines if row.quantity.data},
            restock=frozenset(row.line.id for row in self.lines if row.restock.data),
            postage=bool(self["postage"].data),
            other_amount=self["other"].data or 0,
        )
