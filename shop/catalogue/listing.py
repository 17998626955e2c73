"""The list of everything and of a collection: filtered, in the order that was asked for, by pages.

Each order walks an index and stops when its page is full. Nothing is counted: whether there is
another page, one card more than fits on this one tells.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from shop.catalogue.chosen import Chosen, Sort
from shop.catalogue.models import (
    Collection,
    CollectionProduct,
    CollectionText,
    Kind,
    Photo,
    Product,
    ProductText,
    Variant,
)
from shop.catalogue.shelf import (
    Card,
    Places,
    cards,
    found_published,
    in_stock,
    language_of,
    newest,
    read_cards,
)
from shop.kit.db import inlined, inlined_parameter, rows_of

PER_PAGE = 24
FEW = 500  # so many members are read and put in order; of more, the order is walked to find them


def newest_cards(db: Session, locale: str, most: int, own_hold: Mapping[int, int]) -> list[Card]:
    return read_cards(db, _newest(most), {"locale": locale}, own_hold)


@cache
def _newest(most: int) -> Select[Any]:
    return cards(newest().limit(inlined(most)))


def listed_cards(
    db: Session,
    locale: str,
    chosen: Chosen,
    collection_id: int | None,
    own_hold: Mapping[int, int],
) -> list[Card]:
    """Return one page of what is chosen, and one card more if there is another page."""
    filters = _filters(db, chosen, collection_id)
    statement = _listed(chosen.sort, frozenset(filters), later=chosen.page > 1)
    values = {**filters, "locale": locale, **_skipped(chosen.page)}
    return read_cards(db, statement, values, own_hold)


def sold_cards(db: Session, locale: str, page: int) -> list[Card]:
    """Return one page of what has found a home, and one card more if there is another page."""
    return read_cards(db, _sold(later=page > 1), {"locale": locale, **_skipped(page)}, {})


@cache
def _sold(*, later: bool) -> Select[Any]:
    return cards(_one_page(newest().where(Product.kind == Kind.UNIQUE, ~in_stock()), later=later))


def _one_page(places: Places, *, later: bool) -> Places:
    """Return one page of *places* and the first of the next: the first page, or a *later* one,
    that begins after as many as are ``skipped``.
    """
    page = places.limit(inlined(PER_PAGE + 1))
    return page.offset(inlined_parameter("skipped")) if later else page


def _skipped(page: int) -> dict[str, int]:
    return {"skipped": PER_PAGE * (page - 1)} if page > 1 else {}


def siblings_of(db: Session, product_ids: Sequence[int], locale: str) -> dict[int, list[Card]]:
    """Return two that there are of the first collection that each of *product_ids* is in: others
    for each, as far as there are others.
    """
    inside = (
        select(
            CollectionProduct.product_id, func.min(CollectionProduct.collection_id).label("first")
        )
        .where(CollectionProduct.product_id.in_(product_ids))
        .group_by(CollectionProduct.product_id)
    )
    first: dict[int, int] = {row.product_id: row.first for row in rows_of(db, inside)}
    living = {
        collection_id: listed_cards(db, locale, Chosen(in_stock=True), collection_id, {})
        for collection_id in sorted(set(first.values()))
    }
    siblings = {}
    for turn, product_id in enumerate(product_ids):
        family = living[first[product_id]] if product_id in first else []
        start = 2 * turn % len(family) if family else 0
        siblings[product_id] = (family[start:] + family[:start])[:2]
    return siblings


def last_page(db: Session, locale: str, chosen: Chosen, collection_id: int | None) -> int:
    """Count the pages: for who asked for one behind the last, since it takes reading them all."""
    filters = _filters(db, chosen, collection_id)
    there = _places(chosen.sort, frozenset(filters)).order_by(None).subquery()
    count = db.scalar(select(func.count()).select_from(there), {**filters, "locale": locale})
    return max(1, -(-(count or 0) // PER_PAGE))


def _filters(db: Session, chosen: Chosen, collection_id: int | None) -> dict[str, Any]:
    """Return the values of the filters that are in use, by their names."""
    few = collection_id is not None and not _has_many(db, collection_id)
    values = {
        "few" if few else "collection": collection_id,
        "kind": chosen.kind,
        "in_stock": chosen.in_stock or None,
        "price_from": chosen.price_from,
        "price_to": chosen.price_to,
        "height_from": chosen.height_from,
        "height_to": chosen.height_to,
    }
    return {name: value for name, value in values.items() if value is not None}


ONE_TOO_MANY = (
    select(CollectionProduct.product_id)
    .where(CollectionProduct.collection_id == bindparam("collection"))
    .offset(inlined(FEW))
    .limit(inlined(1))
)


def _has_many(db: Session, collection_id: int) -> bool:
    return bool(rows_of(db, ONE_TOO_MANY, {"collection": collection_id}))


@cache
def _listed(sort: Sort, filters: frozenset[str], *, later: bool) -> Select[Any]:
    return cards(_one_page(_places(sort, filters), later=later), falling=sort in FALLING)


@cache
def _places(sort: Sort, filters: frozenset[str]) -> Places:
    """Return what passes *filters* in the order of *sort*."""
    conditions = {
        "collection": exists().where(
            CollectionProduct.collection_id == bindparam("collection"),
            CollectionProduct.product_id == Product.id,
        ),
        "kind": Product.kind == bindparam("kind"),
        "in_stock": in_stock(),
        "price_from": _lowest_price() >= bindparam("price_from", type_=Integer),
        "price_to": _lowest_price() <= bindparam("price_to", type_=Integer),
        "height_from": Product.height_mm >= bindparam("height_from", type_=Integer),
        "height_to": Product.height_mm <= bindparam("height_to", type_=Integer),
    }
    places = _of_few(sort) if "few" in filters else ORDERS[sort]()
    return places.where(*(conditions[name] for name in sorted(filters - {"few"})))


def _of_few(sort: Sort) -> Places:
    """Begin with the members of a small collection, and put them in order."""
    place: Any = {
        Sort.NEWEST: Product.published_at,
        Sort.NAME: ProductText.sort_key,
    }.get(sort, _lowest_price())
    order = (place, Product.id)
    return (
        select(Product.id.label("id"), place.label("place"))
        .select_from(CollectionProduct)
        .join(Product, Product.id == CollectionProduct.product_id)
        .join(
            ProductText,
            (ProductText.product_id == Product.id)
            & (ProductText.locale == language_of(ProductText, "product_id", Product.id)),
        )
        .where(CollectionProduct.collection_id == bindparam("few"), found_published())
        .order_by(*(column.desc() if sort in FALLING else column for column in order))
    )


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
            found_published(),
            Variant.price_amount.is_not(None),
            ~exists().where(other.product_id == Variant.product_id, lower),
        )
        .order_by(*(column.desc() if falling else column for column in order))
    )


def _by_name() -> Places:
    """Walk the names as the alphabet has them, and take of each product the one that is shown."""
    reader, first = aliased(ProductText), aliased(ProductText)
    of_reader = select(reader.locale).where(
        reader.product_id == ProductText.product_id, reader.locale == bindparam("locale")
    )
    there = select(func.min(first.locale)).where(first.product_id == ProductText.product_id)
    # language_of in other words: of these PostgreSQL knows that they leave most names in
    shown = or_(
        ProductText.locale == bindparam("locale"),
        and_(of_reader.scalar_subquery().is_(None), ProductText.locale == there.scalar_subquery()),
    )
    return (
        select(Product.id.label("id"), ProductText.sort_key.label("place"))
        .join(Product, Product.id == ProductText.product_id)
        .where(found_published(), shown)
        .order_by(ProductText.sort_key, ProductText.product_id)
    )


ORDERS: Mapping[Sort, Callable[[], Places]] = {
    Sort.NEWEST: newest,
    Sort.PRICE_LOW: lambda: _by_price(falling=False),
    Sort.PRICE_HIGH: lambda: _by_price(falling=True),
    Sort.NAME: _by_name,
}
FALLING = {Sort.NEWEST, Sort.PRICE_HIGH}


# --- what leads to the lists ----------------------------------------------------------------------


class ShownCollection(NamedTuple):
    id: int
    slug: str
    locale: str  # of its name and text
    name: str
    text: str
    photo_hash: str | None = None  # of the newest that is in it


def shown_collections(db: Session, locale: str) -> list[ShownCollection]:
    """Return the collections in the owner's order."""
    return [ShownCollection._make((*row, None)) for row in rows_of(db, NAMES, {"locale": locale})]


def pictured_collections(db: Session, locale: str) -> list[ShownCollection]:
    """Return the collections in the owner's order, each with a photo of something in it."""
    return [ShownCollection._make(row) for row in rows_of(db, PICTURED, {"locale": locale})]


def _photo() -> ScalarSelect[str]:
    """Return a photo of the newest in a collection: in scale, if there is one."""
    newest_member = (
        select(CollectionProduct.product_id)
        .join(Product, Product.id == CollectionProduct.product_id)
        .where(CollectionProduct.collection_id == Collection.id, found_published())
        .order_by(CollectionProduct.product_id.desc())
        .limit(inlined(1))
        .correlate(Collection)
        .scalar_subquery()
    )
    return (
        select(Photo.hash)
        .where(Photo.product_id == newest_member)
        .order_by(Photo.in_scale.desc(), Photo.position, Photo.id)
        .limit(inlined(1))
        .correlate(Collection)
        .scalar_subquery()
    )


NAMES = (
    select(
        Collection.id,
        Collection.slug,
        CollectionText.locale,
        CollectionText.name,
        CollectionText.text,
    )
    .join(
        CollectionText,
        (CollectionText.collection_id == Collection.id)
        & (CollectionText.locale == language_of(CollectionText, "collection_id", Collection.id)),
    )
    .order_by(Collection.position, Collection.id)
)
PICTURED = NAMES.add_columns(_photo())
