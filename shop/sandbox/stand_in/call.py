"""One call of an API operation, as its function sees it."""

from dataclasses import dataclass

from shop.sandbox.stand_in.errors import Json, missing
from shop.sandbox.stand_in.spec import Operation
from shop.sandbox.stand_in.world import World

NOUNS = {
    "checkout.session": "checkout.session",
    "payment_intent": "payment_intent",
    "charge": "charge",
    "refund": "refund",
    "dispute": "dispute",
    "payout": "payout",
    "event": "event",
    "webhook_endpoint": "webhook endpoint",
    "balance_transaction": "balance transaction",
    "coupon": "coupon",
    "product": "product",
    "price": "price",
    "shipping_rate": "shipping rate",
}


@dataclass(frozen=True)
class Call:
    """*params* are typed and valid by the schema; *ids* are those in the path."""

    world: World
    operation: Operation
    params: Json
    ids: dict[str, str]

    def object(self, kind: str, name: str) -> Json:
        """The object whose id stands in the path as *name*; StripeError(404) when there is none."""
        return self.lookup(kind, self.ids[name], name)

    def lookup(self, kind: str, object_id: str, param: str) -> Json:
        """The object with that id; StripeError naming *param* when there is none.

        404 when the address names it, 400 when a parameter does.
        """
        found = self.world.store.find(object_id, kind)
        if found is None:
            status = 404 if param in self.ids else 400
            raise missing(NOUNS[kind], object_id, param, status)
        return found
