"""What can be had of one product, variant by variant, as its page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from shop.catalogue.models import Kind, Variant
from shop.catalogue.showcase import ShownProduct
from shop.kit.db import rows_of
from shop.stock.models import StockLevel, StockMovement
from shop.stock.queries import Availability, availability_of


class ShownVariant(NamedTuple):
    id: int
    sku: str
    options: str
    price_amount: int | None


@dataclass(frozen=True)
class Choice:
    """A variant, and what can be had of it."""

    variant: ShownVariant
    availability: Availability

    @property
    def price_amount(self) -> int:
        return self.variant.price_amount or 0


@dataclass(frozen=True)
class Numbers:
    """The numbers of an edition's pieces that are not sold yet."""

    first: int
    size: int
    promised: int  # to others, who may or may not pay

    @property
    def sure(self) -> bool:
        """Whether the next piece has the first of them."""
        return self.promised == 0


@dataclass(frozen=True)
class Offer:
    """To be compared by its values."""

    choices: tuple[Choice, ...]
    numbers: Numbers | None

    @cached_property
    def availability(self) -> Availability:
        """What can be had of all variants together."""
        each = [choice.availability for choice in self.choices]
        return Availability(
            buyable=sum(one.buyable for one in each),
            on_hand=sum(one.on_hand for one in each),
            made_to_order=each[0].made_to_order,
            withdrawn=each[0].withdrawn,
        )

    @cached_property
    def price_amount(self) -> int:
        """The lowest price: with several, the page says "from"."""
        return min(choice.price_amount for choice in self.choices)

    @property
    def several_prices(self) -> bool:
        return len({choice.price_amount for choice in self.choices}) > 1

    def awaited(self, kind: str) -> list[Choice]:
        """Return what is worth waiting for: it cannot be had now, and is not gone for good."""
        return [
            choice
            for choice in self.choices
            if not choice.availability.buyable
            and not choice.availability.withdrawn
            and not (kind == Kind.UNIQUE and choice.availability.sold_out)
        ]


def _levels_of_product() -> Select[Any]:
    variant, level = Variant.__table__.c, StockLevel.__table__.c
    return (
        select(*(variant[name] for name in ShownVariant._fields), level.on_hand, level.reserved)
        .join_from(Variant.__table__, StockLevel.__table__, isouter=True)
        .where(variant.product_id == bindparam("product_id"))
        .order_by(variant.position, variant.id)
    )


LEVELS_OF_PRODUCT = _levels_of_product()
ARRIVALS_OF_VARIANT = select(func.count()).where(
    StockMovement.variant_id == bindparam("variant_id"), StockMovement.delta > 0
)


def offer_of(db: Session, product: ShownProduct, own_hold: Mapping[int, int]) -> Offer:
    """Return what can be had of *product* by the buyer whose unpaid order holds *own_hold*."""
    choices = []
    for *facts, on_hand, reserved in rows_of(db, LEVELS_OF_PRODUCT, {"product_id": product.id}):
        variant = ShownVariant(*facts)
        can_be_had = availability_of(
            product.kind,
            product.status,
            on_hand=on_hand or 0,
            reserved=reserved or 0,
            own=own_hold.get(variant.id, 0),
        )
        choices.append(Choice(variant, can_be_had))
    return Offer(tuple(choices), _numbers(db, product, choices))


def _numbers(db: Session, product: ShownProduct, choices: Sequence[Choice]) -> Numbers | None:
    """Return which pieces of a numbered edition are left, if the shop can know.

    They are sold in the order of their numbers. Where pieces came to the shelf after the first
    count, as one does that was sent back, only the owner knows the number in hand.
    """
    if not product.edition_size or product.kind != Kind.BATCH or len(choices) > 1:
        return None
    left = choices[0].availability
    if not 0 < left.on_hand <= product.edition_size or left.withdrawn:
        return None
    [(arrivals,)] = rows_of(db, ARRIVALS_OF_VARIANT, {"variant_id": choices[0].variant.id})
    if arrivals > 1:
        return None
    return Numbers(
        first=product.edition_size - left.on_hand + 1,
        size=product.edition_size,
        promised=left.on_hand - left.buyable,
    )
