"""The mail about money that goes back to the buyer."""

from sqlalchemy.orm import Session

from shop.kit.money import Money
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Mail
from shop.orders.queries import order_in_full, order_token
from shop.payments.queries import refund_in_full


def refund(db: Session, refund_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write to the buyer how much goes back, and why if it went by itself."""
    found = refund_in_full(db, refund_id)
    order = order_in_full(db, found.order_id)
    assert order is not None  # noqa: S101 - the refund names it
    lines = {line.id: line for line in order.lines}
    token = order_token(letterhead.signer, order.id)
    return letterhead.write(
        "refund",
        locale,
        # nothing was confirmed of an order that got its money too late
        follows=("order_confirmation", order.id) if order.bought else None,
        order=order,
        reason=found.reason,
        amount=Money(found.amount, found.currency),
        parts=[
            (part, lines.get(part.order_line_id or 0), Money(part.amount, found.currency))
            for part in found.lines
        ],
        order_url=letterhead.urls.absolute(f"/orders/{token}", locale),
        shelf_url=letterhead.urls.absolute("/products", locale),
    )
