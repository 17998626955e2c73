"""Which function serves which operation of the specification; the rest is not modelled."""

from collections.abc import Callable, Mapping
from functools import partial

from shop.sandbox.stand_in import coupons, endpoints, refunds, sessions
from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.events import shown
from shop.sandbox.stand_in.listing import LISTS, list_lines, list_objects

Handler = Callable[[Call], Json]


def retrieve(kind: str, name: str, call: Call) -> Json:
    """The object whose id the path gives as *name*."""
    found = call.object(kind, name)
    return shown(call.world, found) if kind == "event" else found


def balance(call: Call) -> Json:
    """What has been paid, less fees and refunds, by currency and by whether it is available."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    now = call.world.clock.now()
    for entry in call.world.store.every("balance_transaction"):
        side = sums["available" if entry["available_on"] <= now else "pending"]
        side[entry["currency"]] = side.get(entry["currency"], 0) + entry["net"]
    return {"object": "balance", "livemode": False} | {
        side: [{"amount": amount, "currency": currency} for currency, amount in by.items()]
        for side, by in sums.items()
    }


HANDLERS: Mapping[str, Handler] = {
    "PostCheckoutSessions": sessions.create,
    "GetCheckoutSessionsSession": partial(retrieve, "checkout.session", "session"),
    "PostCheckoutSessionsSessionExpire": sessions.expire,
    "GetCheckoutSessionsSessionLineItems": list_lines,
    "GetPaymentIntentsIntent": partial(retrieve, "payment_intent", "intent"),
    "GetChargesCharge": partial(retrieve, "charge", "charge"),
    "PostRefunds": refunds.create,
    "GetRefundsRefund": partial(retrieve, "refund", "refund"),
    "PostRefundsRefund": refunds.update,
    "PostRefundsRefundCancel": refunds.cancel,
    "GetEventsId": partial(retrieve, "event", "id"),
    "PostWebhookEndpoints": endpoints.create,
    "GetWebhookEndpointsWebhookEndpoint": partial(retrieve, "webhook_endpoint", "webhook_endpoint"),
    "PostWebhookEndpointsWebhookEndpoint": endpoints.update,
    "DeleteWebhookEndpointsWebhookEndpoint": endpoints.delete,
    "PostCoupons": coupons.create,
    "GetCouponsCoupon": partial(retrieve, "coupon", "coupon"),
    "DeleteCouponsCoupon": coupons.delete,
    "GetBalance": balance,
    "GetBalanceTransactionsId": partial(retrieve, "balance_transaction", "id"),
    "GetProductsId": partial(retrieve, "product", "id"),
    "GetPricesPrice": partial(retrieve, "price", "price"),
    "GetShippingRatesShippingRateToken": partial(retrieve, "shipping_rate", "shipping_rate_token"),
    **dict.fromkeys(LISTS, list_objects),
}
