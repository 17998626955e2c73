"""The list of everything and of a collection: filtered, in the order that was asked for, by pages.

Each order walks an index and stops when its page is full. Nothing is counted: whether there is
another page, one card more than fits on this one tells.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from shop.catalogue.chosen import Chosen, Sort
from shop.catalogue.models import CollectionProduct, Product, ProductText, Status, Variant
from shop.catalogue.shelf import (
    Card,
    Places,
    cards,
    in_stock,
    language_of,
    newest,
    read_cards,
)

PER_PAGE = 24


def newest_cards(db: Session, locale: str, most: int, own_hold: Mapping[int, int]) -> list[Card]:
    values = {"locale": locale, "most": most, "skipped": 0}
    return read_cards(db, _listed(Sort.NEWEST, frozenset()), values, own_hold)


def listed_cards(
    db: Session,
    locale: str,
    chosen: Chosen,
    collection_id: int | None,
    own_hold: Mapping[int, int],
) -> list[Card]:
    """Return one page of what is chosen, and one card more if there is another page."""
    filters = _filters(chosen, collection_id)
    page = {"locale": locale, "most": PER_PAGE + 1, "skipped": PER_PAGE * (chosen.page - 1)}
    return read_cards(db, _listed(chosen.sort, frozenset(filters)), filters | page, own_hold)


def last_page(db: Session, locale: str, chosen: Chosen, collection_id: int | None) -> int:
    """Count the pages: for who asked for one behind the last, since it takes reading them all."""
    filters = _filters(chosen, collection_id)
    there = _places(chosen.sort, frozenset(filters)).order_by(None).subquery()
    count = db.scalar(select(func.count()).select_from(there), {**filters, "locale": locale})
    return max(1, -(-(count or 0) // PER_PAGE))


def _filters(chosen: Chosen, collection_id: int | None) -> dict[str, Any]:
    """Return the values of the filters that are in use, by their names."""
    values = {
        "collection": collection_id,
        "kind": chosen.kind,
        "in_stock": chosen.in_stock or None,
        "price_from": chosen.price_from,
        "price_to": chosen.price_to,
        "height_from": chosen.height_from,
        "height_to": chosen.height_to,
    }
    return {name: value for name, value in values.items() if value is not None}


@cache
def _listed(sort: Sort, filters: frozenset[str]) -> Select[Any]:
    return cards(_places(sort, filters), falling=sort in FALLING)


@cache
def _places(sort: Sort, filters: frozenset[str]) -> Places:
    """Return what passes *filters* in the order of *sort*."""
    inside = exists().where(
        CollectionProduct.collection_id == bindparam("collection"),
        CollectionProduct.product_id == Product.id,
    )
    conditions = {
        "collection": inside,
        "kind": Product.kind == bindparam("kind"),
        "in_stock": in_stock(),
        "price_from": _lowest_price() >= bindparam("price_from", type_=Integer),
        "price_to": _lowest_price() <= bindparam("price_to", type_=Integer),
        "height_from": Product.height_mm >= bindparam("height_from", type_=Integer),
        "height_to": Product.height_mm <= bindparam("height_to", type_=Integer),
    }
    return ORDERS[sort]().where(*(conditions[name] for name in sorted(filters)))


def _lowest_price() -> ScalarSelect[int | None]:
    its = aliased(Variant)
    return select(func.min(its.price_amount)).where(its.product_id == Product.id).scalar_subquery()


# --- orders ---------------------------------------------------------------------------------------


def _by_price(*, falling: bool) -> Places:
    """Walk the prices, and take of each product the lowest."""
    other = aliased(Variant)
    lower = or_(
        other.price_amount < Variant.price_amount,
        (other.price_amount == Variant.price_amount) & (other.id < Variant.id),
    )
    order = (Variant.price_amount, Variant.product_id)
    return (
        select(Product.id.label("id"), Variant.price_amount.label("place"))
        .join(Product, Product.id == Variant.product_id)
        .where(
            _published(),
            Variant.price_amount.is_not(None),
            ~exists().where(other.product_id == Variant.product_id, lower),
        )
        .order_by(*(column.desc() if falling else column for column in order))
    )


def _by_name() -> Places:
    """Walk the names as the alphabet has them, and take of each product the one that is shown."""
    return (
        select(Product.id.label("id"), ProductText.sort_key.label("place"))
        .join(Product, Product.id == ProductText.product_id)
        .where(
            _published(),
            ProductText.locale == language_of(ProductText, "product_id", Product.id),
        )
        .order_by(ProductText.sort_key, ProductText.product_id)
    )


def _published() -> ColumnElement[bool]:
    """Say so in a way that no index of the status answers: SQLite would begin with that one, and
    sort the whole shop for a page.
    """
    return func.coalesce(Product.status, "") == Status.PUBLISHED


ORDERS: Mapping[Sort, Callable[[], Places]] = {
    Sort.NEWEST: newest,
    Sort.PRICE_LOW: lambda: _by_price(falling=False),
    Sort.PRICE_HIGH: lambda: _by_price(falling=True),
    Sort.NAME: _by_name,
}
FALLING = {Sort.NEWEST, Sort.PRICE_HIGH}
