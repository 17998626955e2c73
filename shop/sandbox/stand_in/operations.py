"""Which function serves which operation of the specification; the rest is not modelled."""

from collections.abc import Callable, Mapping
from functools import partial

from shop.sandbox.stand_in import balance, coupons, disputes, endpoints, refunds, sessions
from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.listing import LISTS, list_lines, list_objects
from shop.sandbox.stand_in.views import shown

Handler = Callable[[Call], Json]


def retrieve(kind: str, name: str, call: Call) -> Json:
    """The object whose id the path gives as *name*."""
    return shown(call.world, call.object(kind, name))


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
    "GetDisputesDispute": partial(retrieve, "dispute", "dispute"),
    "PostDisputesDispute": disputes.update,
    "PostDisputesDisputeClose": disputes.close,
    "GetPayoutsPayout": partial(retrieve, "payout", "payout"),
    "GetEventsId": partial(retrieve, "event", "id"),
    "PostWebhookEndpoints": endpoints.create,
    "GetWebhookEndpointsWebhookEndpoint": partial(retrieve, "webhook_endpoint", "webhook_endpoint"),
    "PostWebhookEndpointsWebhookEndpoint": endpoints.update,
    "DeleteWebhookEndpointsWebhookEndpoint": endpoints.delete,
    "PostCoupons": coupons.create,
    "GetCouponsCoupon": partial(retrieve, "coupon", "coupon"),
    "DeleteCouponsCoupon": coupons.delete,
    "GetBalance": balance.balance,
    "GetBalanceTransactionsId": partial(retrieve, "balance_transaction", "id"),
    "GetProductsId": partial(retrieve, "product", "id"),
    "GetPricesPrice": partial(retrieve, "price", "price"),
    "GetShippingRatesShippingRateToken": partial(retrieve, "shipping_rate", "shipping_rate_token"),
    **dict.fromkeys(LISTS, list_objects),
}
