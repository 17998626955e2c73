from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.kit.db import Base, one_of, reference
from shop.kit.money import Money
from shop.shipping.models import PICKUP


class Status(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    REFUNDED = "refunded"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


# The life of an order: where each state can go. Every move is one guarded UPDATE.
NEXT: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PAID, Status.EXPIRED, Status.CANCELLED}),
    Status.PAID: frozenset({Status.SHIPPED, Status.REFUNDED}),
    Status.SHIPPED: frozenset({Status.DELIVERED, Status.REFUNDED, Status.PAID}),
    Status.DELIVERED: frozenset({Status.REFUNDED}),
    # back to where it was, when the money came back from the bank
    Status.REFUNDED: frozenset({Status.PAID, Status.SHIPPED, Status.DELIVERED}),
    # only when the pieces could be reserved once more, for money that came late
    Status.EXPIRED: frozenset({Status.PAID}),
    Status.CANCELLED: frozenset({Status.PAID}),
}
BOUGHT = (Status.PAID, Status.SHIPPED, Status.DELIVERED, Status.REFUNDED)


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(one_of("status", list(Status)), name="status_known"),
        CheckConstraint(
            "total_amount = subtotal_amount - discount_amount + shipping_amount",
            name="total_adds_up",
        ),
        CheckConstraint("total_amount >= 0", name="total_not_negative"),
        CheckConstraint("vat_amount >= 0 AND vat_amount <= total_amount", name="vat_within_total"),
        Index(
            "uq_orders_one_pending_per_cart",
            "cart_id",
            unique=True,
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        CheckConstraint(
            "discount_amount >= 0 AND discount_amount <= subtotal_amount",
            name="discount_within_subtotal",
        ),
        Index("ix_orders_cart_id", "cart_id"),
        Index("ix_orders_status_placed_at", "status", "placed_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)  # from 1001; gaps are allowed
    status: Mapped[str] = mapped_column(default=Status.PENDING)
    review: Mapped[str | None]  # why a person must look before anything is packed
    # the buyer's bank questions the payment
    disputed: Mapped[bool] = mapped_column(default=False, server_default=false())
    locale: Mapped[str]
    cart_id: Mapped[str]
    # from which network; kept only while it is unpaid
    placed_from: Mapped[str] = mapped_column(default="", server_default=text("''"))
    # the label, blog or post that led here; "" if it is not known
    source: Mapped[str] = mapped_column(default="", server_default=text("''"))
    placed_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]

    email: Mapped[str]
    name: Mapped[str]
    address: Mapped[str]
    postal_code: Mapped[str]
    city: Mapped[str]
    country: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    # who pays, where it goes to somebody else; "" where the two are one
    buyer_name: Mapped[str] = mapped_column(default="", server_default=text("''"))
    gift_note: Mapped[str] = mapped_column(default="", server_default=text("''"))

    shipping_method: Mapped[str]
    dispatch_by: Mapped[date]
    arrives_by: Mapped[date | None]  # as it was promised; None: fetched, or before it was written

    currency: Mapped[str]
    subtotal_amount: Mapped[int]
    discount_code: Mapped[str] = mapped_column(default="", server_default=text("''"))
    discount_amount: Mapped[int] = mapped_column(default=0)
    shipping_amount: Mapped[int]
    shipping_vat_amount: Mapped[int]
    vat_amount: Mapped[int]
    total_amount: Mapped[int]

    lines: Mapped[list["OrderLine"]] = relationship(lazy="raise", order_by="OrderLine.id")
    entries: Mapped[list["OrderEntry"]] = relationship(lazy="raise", order_by="OrderEntry.id")
    shipments: Mapped[list["Shipment"]] = relationship(lazy="raise", order_by="Shipment.id")

    def money(self, amount: int) -> Money:
        return Money(amount, self.currency)

    @property
    def subtotal(self) -> Money:
        return self.money(self.subtotal_amount)

    @property
    def shipping(self) -> Money:
        return self.money(self.shipping_amount)

    @property
    def vat(self) -> Money:
        return self.money(self.vat_amount)

    @property
    def total(self) -> Money:
        return self.money(self.total_amount)

    @property
    def bought(self) -> bool:
        return self.status in BOUGHT

    @property
    def payer(self) -> str:
        """The name of who bought it, wherever it goes."""
        return self.buyer_name or self.name

    @property
    def is_gift(self) -> bool:
        return bool(self.buyer_name or self.gift_note)

    @property
    def fetched(self) -> bool:
        """Whether it is fetched instead of sent."""
        return self.shipping_method == PICKUP


class OrderLine(Base):
    """What was bought, frozen as it was shown: later changes of the product do not reach it."""

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("price_amount > 0", name="price_positive"),
        CheckConstraint(
            "discount_amount >= 0 AND discount_amount <= price_amount * quantity",
            name="discount_within_line",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = reference("orders.id")
    variant_id: Mapped[int] = reference("variants.id")
    quantity: Mapped[int]
    from_stock: Mapped[bool]  # made to order takes nothing from the shelf
    name: Mapped[str]
    sku: Mapped[str]
    personal_text: Mapped[str] = mapped_column(default="", server_default=text("''"))
    photo_hash: Mapped[str | None]
    currency: Mapped[str]
    price_amount: Mapped[int]
    # the line's share of the order's
    discount_amount: Mapped[int] = mapped_column(default=0, server_default="0")
    vat_rate_bp: Mapped[int]
    vat_amount: Mapped[int]

    @property
    def price(self) -> Money:
        return Money(self.price_amount, self.currency)

    @property
    def total(self) -> Money:
        return self.price * self.quantity


class OrderEntry(Base):
    """The order's timeline: what happened, when, and who did it. Only ever added to."""

    __tablename__ = "order_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = reference("orders.id")
    at: Mapped[datetime]
    by: Mapped[str]  # buyer, owner, stripe or shop
    kind: Mapped[str]
    note: Mapped[str] = mapped_column(default="")


class Shipment(Base):
    __tablename__ = "shipments"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = reference("orders.id")
    sent_at: Mapped[datetime]
    tracking: Mapped[str] = mapped_column(default="")


class NumberSeries(Base):
    """The last number given in each series; raised by one UPDATE, so no two get the same."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]
