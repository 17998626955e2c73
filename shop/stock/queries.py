from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from shop.catalogue.models import Kind, Product, Status, Variant
from shop.catalogue.shelf import FEW
from shop.stock.models import Reason, StockLevel, StockMovement

MADE_TO_ORDER_AT_MOST = 10  # of one thing in one order


@dataclass(frozen=True)
class Availability:
    """What can be had of one variant, seen by one buyer."""

    buyable: int  # pieces this buyer can still order
    on_hand: int
    made_to_order: bool
    withdrawn: bool  # no longer on the shelf

    @property
    def sold_out(self) -> bool:
        return self.on_hand == 0 and not self.made_to_order

    @property
    def few(self) -> bool:
        return self.buyable <= FEW

    @property
    def held(self) -> bool:
        """Nothing to be had right now, but it is not sold: somebody is paying."""
        return self.buyable == 0 and self.on_hand > 0 and not self.withdrawn


def availability(
    db: Session, products: Iterable[Product], own_hold: Mapping[int, int] | None = None
) -> dict[int, Availability]:
    """Return what can be had of every variant of *products*, by variant id.

    *own_hold* is what this buyer's own unpaid order holds: their own hold is never "sold" to them.
    """
    variants = [(variant.id, product) for product in products for variant in product.variants]
    levels = stock_levels(db, [variant_id for variant_id, _ in variants])
    hold = own_hold or {}
    return {
        variant_id: availability_of(
            product.kind,
            product.status,
            on_hand=levels[variant_id].on_hand if variant_id in levels else 0,
            reserved=levels[variant_id].reserved if variant_id in levels else 0,
            own=hold.get(variant_id, 0),
        )
        for variant_id, product in variants
    }


def availability_of(
    kind: str, status: str, *, on_hand: int, reserved: int, own: int
) -> Availability:
    """Return what a buyer who holds *own* pieces can have of a variant with these figures."""
    withdrawn = status != Status.PUBLISHED
    if kind == Kind.MADE_TO_ORDER:
        buyable = 0 if withdrawn else MADE_TO_ORDER_AT_MOST
        return Availability(buyable, 0, made_to_order=True, withdrawn=withdrawn)
    buyable = 0 if withdrawn else on_hand - reserved + own
    return Availability(buyable, on_hand, made_to_order=False, withdrawn=withdrawn)


def stock_levels(db: Session, variant_ids: Sequence[int]) -> dict[int, StockLevel]:
    rows = db.scalars(select(StockLevel).where(StockLevel.variant_id.in_(variant_ids)))
    return {level.variant_id: level for level in rows}


def movements(db: Session, variant_id: int | None = None, limit: int = 100) -> list[StockMovement]:
    """Return the latest changes of stock, newest first."""
    query = select(StockMovement).order_by(StockMovement.id.desc()).limit(limit)
    if variant_id is not None:
        query = query.where(StockMovement.variant_id == variant_id)
    return list(db.scalars(query))


def sold_out_since(db: Session, since: datetime, limit: int = 5) -> Sequence[Product]:
    """Return what is on show and lost its last piece to a buyer since then, the latest first."""
    last_sale = (
        select(func.max(StockMovement.at))
        .join(Variant)
        .where(Variant.product_id == Product.id, StockMovement.reason == Reason.SOLD)
        .scalar_subquery()
    )
    on_hand = (
        select(func.sum(StockLevel.on_hand))
        .join(Variant)
        .where(Variant.product_id == Product.id)
        .scalar_subquery()
    )
    return db.scalars(
        select(Product)
        .options(selectinload(Product.texts))
        .where(Product.status == Status.PUBLISHED, on_hand == 0, last_sale >= since)
        .order_by(last_sale.desc())
        .limit(limit)
    ).all()


@dataclass(frozen=True)
class Counted:
    """A variant on the owner's list of what is counted."""

    product: Product
    variant: Variant
    level: StockLevel


def counted(db: Session) -> list[Counted]:
    """Return every variant that is counted and not put away: first what there is some of, then
    what is sold, each with the newest first.
    """
    levels = {level.variant_id: level for level in db.scalars(select(StockLevel))}
    products = db.scalars(
        select(Product)
        .options(
            selectinload(Product.texts),
            selectinload(Product.variants),
            selectinload(Product.photos),
        )
        .where(Product.status != Status.ARCHIVED, Product.kind != Kind.MADE_TO_ORDER)
        .order_by(Product.created_at.desc(), Product.id.desc())
    )
    rows = [
        Counted(product, variant, levels[variant.id])
        for product in products
        for variant in product.variants
        if variant.id in levels
    ]
    return sorted(rows, key=lambda row: row.level.on_hand == 0)
