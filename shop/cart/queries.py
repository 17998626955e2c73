from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import ScalarSelect, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.cart.cookie import MAX_QUANTITY, Cart, CartLine
from shop.catalogue.models import Photo, Product, ProductText, Variant
from shop.kit.db import inlined, rows_of
from shop.shipping.queries import Parcel
from shop.stock.models import StockLevel
from shop.stock.queries import Availability, availability_of


@dataclass(frozen=True)
class Goods:
    """One variant as the cart needs it, in the reader's language if it has it."""

    variant_id: int
    sku: str
    options: str
    price_amount: int
    slug: str
    kind: str
    name: str
    locale: str  # of the name
    photo_hash: str | None
    weight_g: int
    thickness_mm: int
    lead_time_days: int
    takes_personal_text: bool
    availability: Availability


@dataclass(frozen=True)
class ShownLine:
    """A line of the cart with what can be had of it now."""

    quantity: int
    text: str  # as the buyer wrote it
    goods: Goods
    most: int  # of this line, beside the others of the same variant

    @property
    def words(self) -> str:
        """Return what is put on it, if it still takes words."""
        return self.text if self.goods.takes_personal_text else ""

    @property
    def price_amount(self) -> int:
        return self.goods.price_amount

    @property
    def availability(self) -> Availability:
        return self.goods.availability

    @property
    def orderable(self) -> bool:
        """Whether any can be had; a line that is sold or withdrawn stays, struck through."""
        return self.most > 0

    @property
    def too_many(self) -> bool:
        return self.orderable and self.quantity > self.most

    @property
    def total_amount(self) -> int:
        return self.price_amount * self.quantity if self.orderable else 0


@dataclass(frozen=True)
class ShownCart:
    """The cart as a page shows it and as an order would be made of it."""

    lines: list[ShownLine]

    @property
    def to_order(self) -> list[ShownLine]:
        return [line for line in self.lines if line.orderable]

    @property
    def subtotal_amount(self) -> int:
        return sum(line.total_amount for line in self.lines)

    @property
    def can_be_ordered(self) -> bool:
        return bool(self.to_order) and not any(line.too_many for line in self.lines)

    @property
    def lead_time_days(self) -> int:
        return max((line.goods.lead_time_days for line in self.to_order), default=0)

    @property
    def parcel(self) -> Parcel:
        """What an order of the cart weighs; side by side, so the thickest one counts."""
        return Parcel(
            weight_g=sum(line.goods.weight_g * line.quantity for line in self.to_order),
            thickness_mm=max((line.goods.thickness_mm for line in self.to_order), default=0),
            subtotal_amount=self.subtotal_amount,
        )


def shown_cart(db: Session, cart: Cart, own_hold: Mapping[int, int], locale: str) -> ShownCart:
    """Return *cart* with prices and stock from the database; what no longer exists is left out."""
    goods = goods_of(db, cart.quantities, own_hold, locale) if cart.lines else {}
    lines = [line for line in cart.lines if line.variant_id in goods]
    return ShownCart(list(_lines(lines, goods)))


def _lines(lines: Iterable[CartLine], goods: Mapping[int, Goods]) -> Iterator[ShownLine]:
    """Share out what there is of each variant among its lines; what is left, each could have."""
    left = {variant_id: one.availability.buyable for variant_id, one in goods.items()}
    shown = []
    for line in lines:
        given = min(left[line.variant_id], line.quantity, MAX_QUANTITY)
        left[line.variant_id] -= given
        shown.append(ShownLine(line.quantity, line.text, goods[line.variant_id], given))
    for one in shown:
        spare = left[one.goods.variant_id] if one.most == one.quantity else 0
        yield replace(one, most=min(one.most + spare, MAX_QUANTITY))


def goods_of(
    db: Session, variant_ids: Iterable[int], own_hold: Mapping[int, int], locale: str
) -> dict[int, Goods]:
    """Return each variant that there is, by its id, with what a buyer can have who holds already
    what *own_hold* says.
    """
    found = rows_of(db, _GOODS, {"ids": list(variant_ids), "locale": locale})
    return {
        row.variant_id: Goods(
            variant_id=row.variant_id,
            sku=row.sku,
            options=row.options,
            price_amount=row.price_amount or 0,
            slug=row.slug,
            kind=row.kind,
            name=row.name,
            locale=row.locale,
            photo_hash=row.photo_hash,
            weight_g=row.weight_g,
            thickness_mm=row.thickness_mm,
            lead_time_days=row.lead_time_days or 0,
            takes_personal_text=row.takes_personal_text,
            availability=availability_of(
                row.kind,
                row.status,
                on_hand=row.on_hand or 0,
                reserved=row.reserved or 0,
                own=own_hold.get(row.variant_id, 0),
            ),
        )
        for row in found
    }


def _in_their_language(column: InstrumentedAttribute[str]) -> ScalarSelect[str]:
    """Return *column* of the product's text in the language asked for, or in one that there is."""
    return (
        select(column)
        .where(ProductText.product_id == Product.id)
        .order_by((ProductText.locale == bindparam("locale")).desc(), ProductText.locale)
        .limit(inlined(1))
        .correlate(Product)
        .scalar_subquery()
    )


_FIRST_PHOTO = (
    select(Photo.hash)
    .where(Photo.product_id == Product.id)
    .order_by(Photo.position, Photo.id)
    .limit(inlined(1))
    .correlate(Product)
    .scalar_subquery()
)
_GOODS = (
    select(
        Variant.id.label("variant_id"),
        Variant.sku,
        Variant.options,
        Variant.price_amount,
        Product.slug,
        Product.kind,
        Product.status,
        Product.weight_g,
        Product.thickness_mm,
        Product.lead_time_days,
        Product.takes_personal_text,
        StockLevel.on_hand,
        StockLevel.reserved,
        _in_their_language(ProductText.name).label("name"),
        _in_their_language(ProductText.locale).label("locale"),
        _FIRST_PHOTO.label("photo_hash"),
    )
    .join(Product, Product.id == Variant.product_id)
    .outerjoin(StockLevel, StockLevel.variant_id == Variant.id)
    .where(Variant.id.in_(bindparam("ids", expanding=True)))
)
