"""A shop with years of orders behind it: made up from a seed, and right to the öre.

Written in bulk, past every action of the shop, so that a hundred thousand orders take a minute.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.orm import Session

from shop.catalogue.models import Photo, Product, Variant
from shop.catalogue.photos import NAMES
from shop.discounts.models import Discount, Redemption
from shop.kit.db import Base, Sessions
from shop.mail.models import Message
from shop.orders.models import NumberSeries, Order, OrderEntry, OrderLine, Shipment
from shop.payments.models import (
    Dispute,
    LedgerEntry,
    PaymentAttempt,
    ProviderEvent,
    Refund,
    RefundLine,
)
from shop.stock.models import StockLevel, StockMovement
from shop.tax.vat import vat_included
from shop.withdrawals.models import Withdrawal
from tests.support import NOON

FIRST_NUMBER = 1001
AT_A_TIME = 5000  # orders that are written together
EVENT = '{"object": "event", "data": {"object": {' + '"key": "a value of Stripe\'s", ' * 100 + "}}}"
REQUEST = '{"mode": "payment", ' + '"line_items[0][price_data]": "and so on", ' * 25 + "}"
MAIL = b"Subject: Tack\r\n\r\n" + b"Tack for din bestallning. " * 40
BECAME = {  # of how many in a thousand
    "shipped": 620,
    "delivered": 100,
    "paid": 30,
    "refunded": 40,
    "expired": 160,
    "cancelled": 45,
    "pending": 5,
}
BOUGHT = {"shipped", "delivered", "paid", "refunded"}


@dataclass
class Item:
    variant_id: int
    kind: str
    price_amount: int
    photo_hash: str


@dataclass
class Line:
    id: int
    item: Item
    quantity: int
    discount_amount: int
    vat_amount: int

    @property
    def net_amount(self) -> int:
        return self.item.price_amount * self.quantity - self.discount_amount


@dataclass
class Writer:
    """Collects rows and numbers them; writes each table's at once, in the order of references."""

    rows: dict[Table, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    last: Counter[Table] = field(default_factory=Counter)

    def number(self, model: type[Base]) -> int:
        table = _table(model)
        self.last[table] += 1
        return self.last[table]

    def add(self, model: type[Base], **values: Any) -> None:
        self.rows[_table(model)].append(values)

    def write(self, db: Session) -> None:
        for table in Base.metadata.sorted_tables:
            if rows := self.rows.pop(table, None):
                db.execute(insert(table), rows)


def _table(model: type[Base]) -> Table:
    assert isinstance(model.__table__, Table)
    return model.__table__


@dataclass
class Maker:
    """Makes the orders one after the other, and keeps in mind what they add up to."""

    chance: random.Random
    writer: Writer
    counted: list[Item]  # in batches, or made to order
    unique: list[Item]  # not sold yet
    sold: Counter[int] = field(default_factory=Counter)  # pieces, by variant
    reserved: Counter[int] = field(default_factory=Counter)
    returned: Counter[int] = field(default_factory=Counter)
    uses: Counter[int] = field(default_factory=Counter)  # by discount

    def order(self, number: int, at: datetime) -> None:
        status = self.chance.choices(list(BECAME), list(BECAME.values()))[0]
        order_id = self.writer.number(Order)
        disputed = status == "shipped" and self.chance.random() < 0.001
        code = self.chance.randrange(1, 51) if self.chance.random() < 0.1 else 0
        lines = self._lines(order_id, status, percent=10 if code else 0)
        postage = self.chance.choice([0, 3600, 5400, 7900])
        discount = sum(line.discount_amount for line in lines)
        total = sum(line.net_amount for line in lines) + postage
        self.writer.add(
            Order,
            id=order_id,
            number=number,
            status=status,
            disputed=disputed,
            locale="sv",
            cart_id=f"cart-{order_id}",
            placed_at=at,
            paid_at=at if status in BOUGHT else None,
            email=f"kund{order_id}@example.se",
            name="Anna Ek",
            address="Strandvägen 1",
            postal_code="76340",
            city="Hallstavik",
            country="SE",
            shipping_method="letter",
            dispatch_by=at.date(),
            currency="SEK",
            subtotal_amount=total - postage + discount,
            discount_code=f"KOD{code}" if code else "",
            discount_amount=discount,
            shipping_amount=postage,
            shipping_vat_amount=vat_included(postage, 2500),
            vat_amount=sum(line.vat_amount for line in lines) + vat_included(postage, 2500),
            total_amount=total,
        )
        if discount and status not in ("expired", "cancelled"):
            self.uses[code] += 1
            self.writer.add(Redemption, discount_id=code, order_id=order_id, amount=discount, at=at)
        self._live(order_id, status, lines, total, at)
        if disputed:
            self._dispute(order_id, total, at)

    def _lines(self, order_id: int, status: str, *, percent: int) -> list[Line]:
        lines = []
        for item in self._chosen(status):
            quantity = 1 if item.kind == "unique" else self.chance.choice([1, 1, 1, 2, 3])
            discount = item.price_amount * quantity * percent // 100
            gross = item.price_amount * quantity - discount
            line = Line(
                self.writer.number(OrderLine), item, quantity, discount, vat_included(gross, 2500)
            )
            lines.append(line)
            self.writer.add(
                OrderLine,
                id=line.id,
                order_id=order_id,
                variant_id=item.variant_id,
                quantity=quantity,
                from_stock=item.kind != "made_to_order",
                name="Räven Ragnar",
                sku=f"SKU-{item.variant_id}",
                photo_hash=item.photo_hash,
                currency="SEK",
                price_amount=item.price_amount,
                discount_amount=discount,
                vat_rate_bp=2500,
                vat_amount=line.vat_amount,
            )
        return lines

    def _chosen(self, status: str) -> Iterator[Item]:
        """Yield what is bought; a unique piece goes to one order that keeps it."""
        yield from self.chance.sample(self.counted, self.chance.choice([1, 1, 2, 3]))
        if self.unique and status in ("paid", "shipped") and self.chance.random() < 0.03:
            yield self.unique.pop()

    def _live(
        self, order_id: int, status: str, lines: list[Line], total: int, at: datetime
    ) -> None:
        """Write down all that happened to the order until it came to be *status*."""
        self._entry(order_id, "placed", at)
        if status == "pending":
            self._hold(lines)
            self._attempt(order_id, "open", total, at)
            return
        if status not in BOUGHT:
            self._entry(order_id, status, at)
            late = self.chance.random() < 0.01
            attempt_id = self._attempt(order_id, "refunded" if late else "expired", total, at)
            if late:
                self._entry(order_id, "paid_late", at)
                self._refund(order_id, attempt_id, "auto", {}, total, at)
            return
        attempt_id = self._attempt(order_id, "paid", total, at)
        self._entry(order_id, "paid", at)
        self._sell(order_id, lines, at)
        self._mails(order_id, ["order_confirmation", "order_notice"], at)
        if status in ("shipped", "delivered"):
            self._ship(order_id, at)
        if status == "delivered":
            self._entry(order_id, "delivered", at)
        if status == "refunded":
            self._give_back(order_id, attempt_id, lines, total, at)
        elif self.chance.random() < 0.02:
            self._refund(order_id, attempt_id, "owner", {None: 1000}, 1000, at)

    def _entry(self, order_id: int, kind: str, at: datetime) -> None:
        self.writer.add(OrderEntry, order_id=order_id, at=at, by="shop", kind=kind)

    def _attempt(self, order_id: int, status: str, amount: int, at: datetime) -> str:
        attempt_id = f"attempt-{order_id}"
        intent = f"pi_{order_id}" if status in ("paid", "refunded") else None
        self.writer.add(
            PaymentAttempt,
            id=attempt_id,
            order_id=order_id,
            status=status,
            request=REQUEST,
            fingerprint=f"print-{order_id}",
            amount=amount,
            currency="SEK",
            created_at=at,
            expires_at=at + timedelta(minutes=35),
            session_id=f"cs_{order_id}",
            payment_intent_id=intent,
            payment_method="card" if intent else "",
            checked_at=at,
        )
        if status != "open":
            self.writer.add(
                ProviderEvent,
                id=f"evt_{order_id}",
                type="checkout.session.completed" if intent else "checkout.session.expired",
                object_id=f"cs_{order_id}",
                payload=EVENT,
                received_at=at,
                processed_at=at,
            )
        if intent:
            self._booked(f"txn_{order_id}", "charge", amount, f"ch_{order_id}", order_id, at)
            fee = -(amount * 15 // 1000 + 180)
            self._booked(f"txn_{order_id}", "fee", fee, f"ch_{order_id}", order_id, at)
        return attempt_id

    def _booked(
        self, transaction: str, kind: str, amount: int, source: str, order_id: int, at: datetime
    ) -> None:
        self.writer.add(
            LedgerEntry,
            transaction_id=transaction,
            kind=kind,
            amount=amount,
            currency="SEK",
            source_id=source,
            order_id=order_id,
            at=at,
            available_at=at,
        )

    def _hold(self, lines: list[Line]) -> None:
        for line in lines:
            if line.item.kind != "made_to_order":
                self.reserved[line.item.variant_id] += line.quantity

    def _sell(self, order_id: int, lines: list[Line], at: datetime) -> None:
        for line in lines:
            if line.item.kind != "made_to_order":
                self.sold[line.item.variant_id] += line.quantity
                self._moved(line.item.variant_id, -line.quantity, "sold", order_id, at)

    def _moved(
        self, variant_id: int, delta: int, reason: str, order_id: int | None, at: datetime
    ) -> None:
        self.writer.add(
            StockMovement,
            variant_id=variant_id,
            delta=delta,
            reason=reason,
            order_id=order_id,
            by="shop",
            at=at,
        )

    def _ship(self, order_id: int, at: datetime) -> None:
        self._entry(order_id, "shipped", at)
        self.writer.add(Shipment, order_id=order_id, sent_at=at)
        self._mails(order_id, ["dispatch"], at)

    def _mails(self, subject_id: int, kinds: list[str], at: datetime) -> None:
        for kind in kinds:
            self.writer.add(
                Message,
                kind=kind,
                subject_id=subject_id,
                recipient=f"kund{subject_id}@example.se",
                locale="sv",
                status="sent",
                message_id=f"<{kind}.{subject_id}@shop.example>",
                subject="Tack",
                rendered=MAIL,
                queued_at=at,
                due_at=at,
                sent_at=at,
            )

    def _give_back(
        self, order_id: int, attempt_id: str, lines: list[Line], total: int, at: datetime
    ) -> None:
        """Give all of it back; every second time the pieces come back to the shelf too."""
        parts: dict[int | None, int] = {line.id: line.net_amount for line in lines}
        parts[None] = total - sum(parts.values())
        restocked = self.chance.random() < 0.5
        self._refund(order_id, attempt_id, "owner", parts, total, at)
        self._entry(order_id, "money_back", at)
        self._entry(order_id, "refunded", at)
        if self.chance.random() < 0.1:
            self._withdrawal(order_id, at)
        for line in lines:
            if restocked and line.item.kind != "made_to_order":
                self.returned[line.item.variant_id] += line.quantity
                self._moved(line.item.variant_id, line.quantity, "returned", order_id, at)

    def _refund(
        self,
        order_id: int,
        attempt_id: str,
        origin: str,
        parts: dict[int | None, int],
        amount: int,
        at: datetime,
    ) -> None:
        refund_id = self.writer.number(Refund)
        self.writer.add(
            Refund,
            id=refund_id,
            token=f"refund-{refund_id}",
            order_id=order_id,
            attempt_id=attempt_id,
            origin=origin,
            status="succeeded",
            amount=amount,
            currency="SEK",
            stripe_id=f"re_{refund_id}",
            requested_at=at,
            checked_at=at,
        )
        for line_id, part in parts.items():
            self.writer.add(
                RefundLine,
                refund_id=refund_id,
                what="line" if line_id else "other",
                order_line_id=line_id,
                amount=part,
            )
        self._booked(f"txn_re_{refund_id}", "refund", -amount, f"re_{refund_id}", order_id, at)
        self._mails(refund_id, ["refund"], at)

    def _withdrawal(self, order_id: int, at: datetime) -> None:
        withdrawal_id = self.writer.number(Withdrawal)
        self.writer.add(
            Withdrawal,
            id=withdrawal_id,
            order_id=order_id,
            order_given=str(order_id),
            name="Anna Ek",
            email=f"kund{order_id}@example.se",
            locale="sv",
            at=at,
            fingerprint=f"withdrawal-{withdrawal_id}",
            handled_at=at,
        )
        self._mails(withdrawal_id, ["withdrawal_receipt"], at)

    def _dispute(self, order_id: int, amount: int, at: datetime) -> None:
        self.writer.add(
            Dispute,
            stripe_id=f"dp_{order_id}",
            order_id=order_id,
            payment_intent_id=f"pi_{order_id}",
            status="under_review",
            reason="general",
            amount=amount,
            currency="SEK",
            opened_at=at,
            checked_at=at,
        )

    def shelf(self) -> None:
        """Write how many pieces there were at first, so that none was sold that was not there."""
        left = {item.variant_id: 1 for item in self.unique}
        gone = self.sold.keys() | self.reserved.keys()
        for variant_id in sorted(left.keys() | gone):
            extra = left.get(variant_id, 0)
            sold, back = self.sold[variant_id], self.returned[variant_id]
            self._moved(variant_id, sold + self.reserved[variant_id] + extra, "counted", None, NOON)
            self.writer.add(
                StockLevel,
                variant_id=variant_id,
                on_hand=self.reserved[variant_id] + extra + back,
                reserved=self.reserved[variant_id],
            )


def fill(sessions: Sessions, orders: int, seed: int = 1) -> int:
    """Fill an empty database with *orders* orders of some items; return how many those are."""
    chance, writer = random.Random(seed), Writer()
    items = [_item(chance, writer, n) for n in range(1, 1 + max(30, orders // 30))]
    unique = [item for item in items if item.kind == "unique"]
    maker = Maker(chance, writer, [item for item in items if item.kind != "unique"], unique)
    for code in range(1, 51):
        writer.add(Discount, id=code, code=f"KOD{code}", kind="percent", value=10, created_at=NOON)
    for first in range(0, orders, AT_A_TIME):
        for n in range(first, min(first + AT_A_TIME, orders)):
            maker.order(FIRST_NUMBER + n, NOON - timedelta(minutes=15 * (orders - n)))
        with sessions.begin() as db:
            writer.write(db)
    maker.shelf()
    with sessions.begin() as db:
        writer.write(db)
        db.execute(
            update(_table(Discount)).where(_table(Discount).c.id == bindparam("of")),
            [{"of": code, "uses": maker.uses[code]} for code in range(1, 51)],
        )
        db.execute(update(NumberSeries).values(last=FIRST_NUMBER + orders - 1))
    return len(items)


def _item(chance: random.Random, writer: Writer, n: int) -> Item:
    kind = (
        chance.choices(["unique", "batch", "made_to_order"], [60, 35, 5])[0] if n > 4 else "batch"
    )
    item = Item(n, kind, chance.randrange(50, 600) * 100, f"{n:016x}")
    writer.add(
        Product,
        id=n,
        slug=f"item-{n}",
        kind=kind,
        status="published",
        weight_g=20,
        thickness_mm=25,
        created_at=NOON,
        published_at=NOON,
    )
    writer.add(Variant, id=n, product_id=n, sku=f"SKU-{n}", price_amount=item.price_amount)
    writer.add(Photo, product_id=n, hash=item.photo_hash)
    return item


def keep_photos(folder: Path, items: int) -> None:
    """Put a picture for each of the first *items* items into the media folder."""
    for n in range(1, items + 1):
        home = folder / f"{n:016x}"
        home.mkdir(parents=True)
        for name in NAMES:
            (home / name).write_bytes(b"a picture")
