"""The mails about money: to the buyer what goes back, to the owner that a bank questions it."""

from sqlalchemy.orm import Session

from shop.kit.clock import local_day
from shop.kit.money import Money
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Mail
from shop.orders.queries import order_in_full, order_token
from shop.payments.disputes import DASHBOARD
from shop.payments.models import Dispute
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


def dispute_notice(db: Session, dispute_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write to the owner that the buyer's bank questions a payment, and by when to answer."""
    dispute = db.get_one(Dispute, dispute_id)
    order = order_in_full(db, dispute.order_id or 0)
    assert order is not None  # noqa: S101 - nobody is told of a dispute about no order
    return letterhead.write(
        "dispute_notice",
        locale,
        order=order,
        amount=Money(dispute.amount, dispute.currency),
        respond_by=local_day(dispute.respond_by) if dispute.respond_by else None,
        dashboard_url=f"{DASHBOARD}{dispute.stripe_id}",
    )
