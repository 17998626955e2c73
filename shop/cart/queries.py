from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shop.cart.cookie import MAX_QUANTITY, Cart
from shop.catalogue.models import Product, Variant
from shop.catalogue.queries import products_of_variants
from shop.shipping.queries import Parcel
from shop.stock.queries import Availability, availability


@dataclass(frozen=True)
class ShownLine:
    """A line of the cart with what can be had of it now."""

    quantity: int
    product: Product
    variant: Variant
    availability: Availability

    @property
    def price_amount(self) -> int:
        return self.variant.price_amount or 0

    @property
    def orderable(self) -> bool:
        """Whether any can be had; a line that is sold or withdrawn stays, struck through."""
        return self.availability.buyable > 0

    @property
    def most(self) -> int:
        return min(self.availability.buyable, MAX_QUANTITY)

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
        return max((line.product.lead_time_days or 0 for line in self.to_order), default=0)

    @property
    def parcel(self) -> Parcel:
        """What an order of the cart weighs; side by side, so the thickest one counts."""
        return Parcel(
            weight_g=sum(line.product.weight_g * line.quantity for line in self.to_order),
            thickness_mm=max((line.product.thickness_mm for line in self.to_order), default=0),
            subtotal_amount=self.subtotal_amount,
        )


def shown_cart(db: Session, cart: Cart, own_hold: Mapping[int, int]) -> ShownCart:
    """Return *cart* with prices and stock from the database; what no longer exists is left out."""
    products = products_of_variants(db, list(cart.quantities))
    can_be_had = availability(db, set(products.values()), own_hold)
    return ShownCart(
        [
            ShownLine(
                quantity,
                products[variant_id],
                next(v for v in products[variant_id].variants if v.id == variant_id),
                can_be_had[variant_id],
            )
            for variant_id, quantity in cart.quantities.items()
            if variant_id in products
        ]
    )
