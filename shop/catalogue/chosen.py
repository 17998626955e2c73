"""What of the shelf a visitor has chosen to see, as the address of the list says it.

Anybody may write anything into an address: what makes no sense is left out, quietly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from shop.catalogue.models import Kind
from shop.kit.forms import whole_number
from shop.kit.money import minor_digits

LAST_PAGE = 10_000
CENTIMETRES = 1  # decimal digits, where the database has millimetres
PARAMETERS = (
    "collection",
    "kind",
    "stock",
    "price_from",
    "price_to",
    "height_from",
    "height_to",
    "sort",
    "page",
)


class Sort(StrEnum):
    NEWEST = "newest"
    PRICE_LOW = "price_low"
    PRICE_HIGH = "price_high"
    NAME = "name"


@dataclass(frozen=True)
class Chosen:
    """The filters, the order and the page; amounts in minor units, heights in millimetres."""

    kind: Kind | None = None
    in_stock: bool = False
    price_from: int | None = None
    price_to: int | None = None
    height_from: int | None = None
    height_to: int | None = None
    sort: Sort = Sort.NEWEST
    page: int = 1

    @property
    def plain(self) -> bool:
        """Whether it is the list as it is: nothing left out, in the usual order."""
        return replace(self, page=1) == Chosen()

    def but(self, **changes: Any) -> "Chosen":
        """Return another choice; what is chosen anew begins on its first page."""
        return replace(self, **{"page": 1, **changes})

    def written(self, currency: str) -> dict[str, str]:
        """Return what an address says of it, by parameter."""
        money = minor_digits(currency)
        said = {
            "kind": self.kind,
            "stock": "1" if self.in_stock else None,
            "price_from": _written(self.price_from, money),
            "price_to": _written(self.price_to, money),
            "height_from": _written(self.height_from, CENTIMETRES),
            "height_to": _written(self.height_to, CENTIMETRES),
            "sort": None if self.sort == Sort.NEWEST else self.sort,
            "page": None if self.page == 1 else str(self.page),
        }
        return {name: str(value) for name, value in said.items() if value is not None}

    def query(self, currency: str) -> str:
        """Return the end of the address that says it: with its question mark, or nothing."""
        query = urlencode(self.written(currency))
        return f"?{query}" if query else ""


def read_chosen(query: Mapping[str, str], currency: str) -> Chosen:
    price = _range(query, "price", minor_digits(currency))
    height = _range(query, "height", CENTIMETRES)
    kind, sort = query.get("kind"), query.get("sort")
    return Chosen(
        kind=Kind(kind) if kind in list(Kind) else None,
        in_stock=query.get("stock") == "1",
        price_from=price[0],
        price_to=price[1],
        height_from=height[0],
        height_to=height[1],
        sort=Sort(sort) if sort in list(Sort) else Sort.NEWEST,
        page=whole_number(query.get("page"), least=1, most=LAST_PAGE) or 1,
    )


def _range(query: Mapping[str, str], name: str, digits: int) -> tuple[int | None, int | None]:
    """Return the two ends, the lower first, whichever way round they were written."""
    low, high = (_read(query.get(f"{name}_{end}", ""), digits) for end in ("from", "to"))
    return (high, low) if low and high and low > high else (low, high)


def _read(text: str, digits: int) -> int | None:
    """Return what is written, such as "245" or "9,5", in parts of which 10**digits are one."""
    if not re.fullmatch(r"\s*\d{1,6}([.,]\d{1,2})?\s*", text, flags=re.ASCII):
        return None
    return int(Decimal(text.strip().replace(",", ".")).scaleb(digits)) or None


def _written(amount: int | None, digits: int) -> str | None:
    """Return *amount* as an address says it: 245, or 9.5."""
    return None if amount is None else f"{Decimal(amount).scaleb(-digits).normalize():f}"
