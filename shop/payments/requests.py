"""What Stripe is asked for: complete before it is sent, so that to ask again is to ask the same."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shop.orders.models import Order, OrderLine


def session_request(
    order: Order,
    lines: Sequence[OrderLine],
    *,
    attempt_id: str,
    expires_at: datetime,
    shipping_name: str,
    success_url: str,
    cancel_url: str,
) -> dict[str, Any]:
    """Return the request for the Checkout Session where *order* is paid. Its coupon, if it has one,
    is named after the attempt.
    """
    currency = order.currency.lower()
    metadata = {"order_id": str(order.id), "attempt_id": attempt_id}
    discounts = {"discounts": [{"coupon": attempt_id}]} if order.discount_amount else {}
    return {
        "mode": "payment",
        "client_reference_id": str(order.id),
        "customer_email": order.email,
        "locale": order.locale,
        "expires_at": int(expires_at.timestamp()),
        "adaptive_pricing": {"enabled": False},
        "line_items": [_line_item(line, currency) for line in lines],
        "shipping_options": [
            {
                "shipping_rate_data": {
                    "type": "fixed_amount",
                    "display_name": shipping_name,
                    "tax_behavior": "inclusive",
                    "fixed_amount": {"amount": order.shipping_amount, "currency": currency},
                }
            }
        ],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "success_url": success_url,
        "cancel_url": cancel_url,
        **discounts,
    }


def _line_item(line: OrderLine, currency: str) -> dict[str, Any]:
    return {
        "quantity": line.quantity,
        "price_data": {
            "currency": currency,
            "unit_amount": line.price_amount,
            "tax_behavior": "inclusive",
            "product_data": {"name": line.name, "metadata": {"sku": line.sku}},
        },
    }


def coupon_request(order: Order, *, attempt_id: str) -> dict[str, Any] | None:
    """Return the request for the coupon that takes the discount off, once; None without one."""
    if not order.discount_amount:
        return None
    return {
        "id": attempt_id,
        "name": order.discount_code,
        "amount_off": order.discount_amount,
        "currency": order.currency.lower(),
        "duration": "once",
        "max_redemptions": 1,
    }
