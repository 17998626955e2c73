from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, selectinload

from shop.cart.cookie import Cart, new_cart
from shop.kit.db import rows_of
from shop.kit.ids import Signer
from shop.orders.models import BOUGHT, Order, OrderLine, Status

TOKEN_PURPOSE = "order"  # noqa: S105 - what the token is for, no secret
_FROM_STOCK = and_(OrderLine.order_id == Order.id, OrderLine.from_stock.is_(True))
_DEALINGS = (
    select(Order.status, OrderLine.variant_id, func.sum(OrderLine.quantity))
    .outerjoin(OrderLine, _FROM_STOCK)
    .where(Order.cart_id == bindparam("cart_id"))
    .group_by(Order.status, OrderLine.variant_id)
)


def held_by_cart(db: Session, cart_id: str) -> dict[int, int]:
    """Return what the cart's own unpaid order holds: variant id, pieces."""
    rows = db.execute(
        select(OrderLine.variant_id, func.sum(OrderLine.quantity))
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            Order.cart_id == cart_id, Order.status == Status.PENDING, OrderLine.from_stock.is_(True)
        )
        .group_by(OrderLine.variant_id)
    )
    return {variant_id: int(n) for variant_id, n in rows}


@dataclass(frozen=True)
class Dealings:
    """What has come of a cart: whether it waits to be paid, what it then holds, or was bought."""

    unpaid: bool = False
    held: Mapping[int, int] = field(default_factory=dict)  # variant id, pieces
    bought: bool = False


def dealings(db: Session, cart_id: str) -> Dealings:
    """Return what has come of a cart, at one look."""
    found = rows_of(db, _DEALINGS, {"cart_id": cart_id})
    if any(status in BOUGHT for status, _variant_id, _pieces in found):
        return Dealings(bought=True)
    unpaid = [(variant_id, n) for status, variant_id, n in found if status == Status.PENDING]
    return Dealings(bool(unpaid), {variant_id: int(n) for variant_id, n in unpaid if variant_id})


def cart_is_bought(db: Session, cart_id: str) -> bool:
    """Say whether an order was made of this cart already: an old cookie cannot buy twice."""
    return (
        db.scalar(
            select(Order.id).where(Order.cart_id == cart_id, Order.status.in_(BOUGHT)).limit(1)
        )
        is not None
    )


def unbought(db: Session, cart: Cart) -> Cart:
    """Return *cart*, or a new, empty one if an order was made of it and paid."""
    return new_cart() if cart.lines and cart_is_bought(db, cart.id) else cart


def pending_order_of_cart(db: Session, cart_id: str) -> Order | None:
    return db.scalar(select(Order).where(Order.cart_id == cart_id, Order.status == Status.PENDING))


def order_in_full(db: Session, order_id: int) -> Order | None:
    """Return the order with its lines, its timeline and its shipments."""
    return db.scalar(_in_full().where(Order.id == order_id))


def order_by_number(db: Session, number: int) -> Order | None:
    return db.scalar(_in_full().where(Order.number == number))


def _in_full() -> Select[Order]:
    return select(Order).options(
        selectinload(Order.lines), selectinload(Order.entries), selectinload(Order.shipments)
    )


def held_quantities(db: Session, order_id: int) -> dict[int, int]:
    """Return what an order takes from the shelf: variant id, pieces."""
    return from_stock(db.scalars(select(OrderLine).where(OrderLine.order_id == order_id)))


def from_stock(lines: Iterable[OrderLine]) -> dict[int, int]:
    """Return what *lines* take from the shelf: variant id, pieces."""
    pieces: Counter[int] = Counter()
    for line in lines:
        if line.from_stock:
            pieces[line.variant_id] += line.quantity
    return dict(pieces)


def orders_in(db: Session, statuses: Sequence[Status], limit: int = 200) -> Sequence[Order]:
    """Return the orders in *statuses*, newest first, with their lines."""
    return db.scalars(
        select(Order)
        .options(selectinload(Order.lines))
        .where(Order.status.in_(statuses))
        .order_by(Order.id.desc())
        .limit(limit)
    ).all()


def to_send(db: Session) -> Sequence[Order]:
    """Return what waits to be packed, the oldest first."""
    return db.scalars(
        select(Order)
        .options(selectinload(Order.lines))
        .where(Order.status == Status.PAID, Order.review.is_(None), Order.disputed.is_(False))
        .order_by(Order.paid_at, Order.id)
    ).all()


def held_for_review(db: Session) -> Sequence[Order]:
    """Return the orders that a person must look at before anything is packed."""
    return db.scalars(
        select(Order)
        .options(selectinload(Order.lines))
        .where(or_(Order.review.is_not(None), Order.disputed.is_(True)))
        .order_by(Order.id)
    ).all()


@dataclass(frozen=True)
class Waiting:
    """How much waits for the owner."""

    to_send: int
    due: int  # of those: promised to be sent by today
    in_review: int


def waiting(db: Session, today: date) -> Waiting:
    # Grouped by their names: PostgreSQL takes two parameters for two expressions.
    held = or_(Order.review.is_not(None), Order.disputed.is_(True)).label("held")
    due = (Order.dispatch_by <= today).label("due")
    rows = db.execute(
        select(held, due, func.count()).where(Order.status == Status.PAID).group_by(held, due)
    )
    counts = {(bool(held), bool(due)): n for held, due, n in rows}
    return Waiting(
        to_send=counts.get((False, False), 0) + counts.get((False, True), 0),
        due=counts.get((False, True), 0),
        in_review=counts.get((True, False), 0) + counts.get((True, True), 0),
    )


def any_bought(db: Session) -> bool:
    """Say whether the shop has ever sold anything."""
    return db.scalar(select(Order.id).where(Order.status.in_(BOUGHT)).limit(1)) is not None


def paid_by_source(db: Session, since: datetime) -> list[tuple[str, int, int]]:
    """Return how many orders were paid since then and what they came to, by their source.

    What was paid back later was earned all the same: by which post it came does not change.
    """
    rows = db.execute(
        select(Order.source, func.count(), func.sum(Order.total_amount))
        .where(Order.status.in_(BOUGHT), Order.paid_at >= since)
        .group_by(Order.source)
    )
    return [(source, n, int(amount)) for source, n, amount in rows]


def any_order(db: Session) -> bool:
    return db.scalar(select(Order.id).limit(1)) is not None


def order_token(signer: Signer, order_id: int) -> str:
    """Return the secret part of an order's link: its id and the proof that we wrote it."""
    return f"{order_id}-{signer.sign(TOKEN_PURPOSE, str(order_id))}"


def order_id_of(signer: Signer, token: str) -> int | None:
    """Return the order's id if *token* is ours, else None."""
    number, _, signature = token.partition("-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:  # noqa: PLR2004 - an int64
        return None
    return int(number) if signer.verifies(TOKEN_PURPOSE, number, signature) else None
