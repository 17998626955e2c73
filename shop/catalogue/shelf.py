"""What stands on the shelf: a card for each product, read by one statement.

The lists are what buyers open most, so they are read as rows, not as objects, and a page costs
the same whether the shop has ten products or ten thousand: each order has an index that it walks,
and nothing is counted.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    bindparam,
    column,
    func,
    or_,
    select,
    table,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from shop.catalogue.models import (
    Collection,
    CollectionProduct,
    CollectionText,
    Kind,
    Photo,
    PhotoText,
    Product,
    ProductText,
    Status,
    Variant,
)
from shop.kit.db import inlined, rows_of

# The stock room lies above this one: its table is named here, not imported.
STOCK = table(
    "stock_levels",
    column("variant_id", Integer),
    column("on_hand", Integer),
    column("reserved", Integer),
)

FEW = 10  # so many are counted out to buyers; of more they read only that there are some

Places = Select[int, Any]  # ids, and by what they are ordered


LATEST_SIBLINGS = 60  # of a collection; those that are still there are among its newest


class Card(NamedTuple):
    """A published product as it stands on the shelf, and what can be had of it."""

    product_id: int
    slug: str
    kind: str
    edition_size: int | None
    height_mm: int | None
    locale: str  # of the name
    name: str
    price_amount: int  # the lowest
    highest_amount: int
    on_hand: int
    free: int  # pieces that this buyer can still order, where pieces are counted
    photo_hash: str | None
    alt: str | None
    second_hash: str | None  # shown to who points at it: a photo in scale, if there is one

    @property
    def withdrawn(self) -> bool:
        return False  # what is not published has no card

    @property
    def made_to_order(self) -> bool:
        return self.kind == Kind.MADE_TO_ORDER

    @property
    def buyable(self) -> int:
        """How many this buyer can order; what is made to order can always be had."""
        return 1 if self.made_to_order else self.free

    @property
    def sold_out(self) -> bool:
        return self.on_hand == 0 and not self.made_to_order

    @property
    def few(self) -> bool:
        return self.free <= FEW

    @property
    def held(self) -> bool:
        """Nothing to be had right now, but it is not sold: somebody is paying."""
        return self.buyable == 0 and self.on_hand > 0

    @property
    def several_prices(self) -> bool:
        return self.price_amount != self.highest_amount


def living_siblings(
    db: Session,
    product_id: int,
    locale: str,
    limit: int,
    own_hold: Mapping[int, int] | None = None,
) -> list[Card]:
    """Return what there is of the collection that a product is in, the newest first.

    Of its latest members, that is: however many have been sold before, they are not looked at.
    """
    values = {"of": product_id, "locale": locale}
    return read_cards(db, _siblings(limit), values, own_hold or {})


@cache
def _siblings(limit: int) -> Select[Any]:
    first = (
        select(CollectionProduct.collection_id)
        .join(Collection)
        .where(CollectionProduct.product_id == bindparam("of"))
        .order_by(Collection.position, Collection.id)
        .limit(inlined(1))
        .scalar_subquery()
    )
    latest = (
        select(CollectionProduct.product_id)
        .where(CollectionProduct.collection_id == first)
        .order_by(CollectionProduct.product_id.desc())
        .limit(inlined(LATEST_SIBLINGS))
        .subquery()
    )
    keys = newest().join(latest, latest.c.product_id == Product.id)
    return cards(keys.where(in_stock(), Product.id != bindparam("of")).limit(inlined(limit)))


def cards_of(
    db: Session, product_ids: Sequence[int], locale: str, own_hold: Mapping[int, int]
) -> list[Card]:
    """Return the cards of *product_ids*, in that order; what is not published is left out."""
    values = {"locale": locale, "ids": product_ids}
    found = {card.product_id: card for card in read_cards(db, _named(), values, own_hold)}
    return [found[product_id] for product_id in product_ids if product_id in found]


@cache
def _named() -> Select[Any]:
    named = Product.id.in_(bindparam("ids", expanding=True))
    keys = select(Product.id.label("id"), Product.id.label("place"))
    return cards(keys.where(named, found_published()))


# --- how cards are read ---------------------------------------------------------------------------


def read_cards(
    db: Session, statement: Select[Any], values: Mapping[str, Any], own_hold: Mapping[int, int]
) -> list[Card]:
    """Return the cards of *statement*. *own_hold* is what this buyer's own unpaid order holds, by
    variant: their own hold is never "sold" to them.
    """
    found = [Card._make(row) for row in rows_of(db, statement, values)]
    if not own_hold:
        return found
    mine: dict[int, int] = {}
    held = select(Variant.id, Variant.product_id).where(Variant.id.in_(own_hold))
    for variant_id, product_id in rows_of(db, held):
        mine[product_id] = mine.get(product_id, 0) + own_hold[variant_id]
    return [card._replace(free=card.free + mine.get(card.product_id, 0)) for card in found]


def newest() -> Places:
    """Return the ids of what is published, each with its place in the list."""
    return (
        select(Product.id.label("id"), Product.published_at.label("place"))
        .where(Product.status == Status.PUBLISHED)
        .order_by(Product.published_at.desc(), Product.id.desc())
    )


def found_published() -> ColumnElement[bool]:
    """Say that what was found otherwise is published, in a way that no index of the status answers.

    SQLite would begin with that one, and go through the whole shop for a page. PostgreSQL knows how
    common each status is, and of an expression of it would know nothing.
    """
    return Product.status.not_in([status for status in Status if status != Status.PUBLISHED])


def in_stock() -> ColumnElement[bool]:
    """Say that there is some of it: what somebody is paying for right now is not gone yet."""
    # a number and not EXISTS: for that PostgreSQL would read the stock of the whole shop first
    lying = (
        select(func.coalesce(func.max(STOCK.c.on_hand), 0))
        .join(Variant, Variant.id == STOCK.c.variant_id)
        .where(Variant.product_id == Product.id)
        .correlate(Product)
        .scalar_subquery()
    )
    return or_(Product.kind == Kind.MADE_TO_ORDER, lying > 0)


def cards(places: Places, *, falling: bool = True) -> Select[Any]:
    """Return the statement that reads the cards of *places*, in their order.

    Its values are ``locale`` and those that *places* asks for.
    """
    keys = places.cte("places")
    # One by one what a product's variants come to: to group them SQLite would sort all columns.
    photo, free = aliased(Photo), STOCK.c.on_hand - STOCK.c.reserved
    price = Variant.__table__.c.price_amount
    order = (keys.c.place, keys.c.id)
    shown: Sequence[Any] = (
        *(Product.id, Product.slug, Product.kind, Product.edition_size, Product.height_mm),
        *(ProductText.locale, ProductText.name),
        *(_of_variants(func.min(price)), _of_variants(func.max(price))),
        *(_of_stock(func.sum(STOCK.c.on_hand)), _of_stock(func.sum(free))),
        *(photo.hash, PhotoText.alt, _second_photo(photo.id)),
    )
    return (
        select(*shown)
        .select_from(keys)
        .join(Product, Product.id == keys.c.id)
        .join(
            ProductText,
            (ProductText.product_id == Product.id)
            & (ProductText.locale == language_of(ProductText, "product_id", Product.id)),
        )
        .outerjoin(photo, photo.id == _first_photo())
        .outerjoin(
            PhotoText,
            (PhotoText.photo_id == photo.id)
            & (PhotoText.locale == language_of(PhotoText, "photo_id", photo.id)),
        )
        .order_by(*(column.desc() if falling else column for column in order))
    )


def _of_variants(figure: ColumnElement[int]) -> ColumnElement[int]:
    there = select(func.coalesce(figure, 0)).where(Variant.product_id == Product.id)
    return there.correlate(Product).scalar_subquery()


def _of_stock(figure: ColumnElement[int]) -> ColumnElement[int]:
    there = select(func.coalesce(figure, 0)).join_from(
        Variant, STOCK, STOCK.c.variant_id == Variant.id
    )
    return there.where(Variant.product_id == Product.id).correlate(Product).scalar_subquery()


def language_of(
    texts: type[ProductText | PhotoText | CollectionText],
    key: str,
    owner: InstrumentedAttribute[int],
) -> ColumnElement[str]:
    """Return the language in which something is told: the reader's, else the first there is."""
    reader, first = aliased(texts), aliased(texts)
    wanted = select(reader.locale).where(
        getattr(reader, key) == owner, reader.locale == bindparam("locale")
    )
    there = select(func.min(first.locale)).where(getattr(first, key) == owner)
    return func.coalesce(wanted.scalar_subquery(), there.scalar_subquery())


def _first_photo() -> ScalarSelect[int]:
    first = aliased(Photo)
    return (
        select(first.id)
        .where(first.product_id == Product.id)
        .order_by(first.position, first.id)
        .limit(inlined(1))
        .scalar_subquery()
    )


def _second_photo(first_id: InstrumentedAttribute[int]) -> ScalarSelect[str]:
    other = aliased(Photo)
    return (
        select(other.hash)
        .where(other.product_id == Product.id, other.id != first_id)
        .order_by(other.in_scale.desc(), other.position, other.id)
        .limit(inlined(1))
        .scalar_subquery()
    )
