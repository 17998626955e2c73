"""What an object looks like when it is shown: some of its fields follow the clock or others."""

from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.world import World


def shown(world: World, body: Json) -> Json:
    """*body* as it is at this moment."""
    kind = body["object"]
    if kind == "event":
        return body | {"pending_webhooks": world.deliveries.missing(body["id"])}
    if kind == "balance_transaction":
        available = body["available_on"] <= world.clock.now()
        return body | {"status": "available" if available else "pending"}
    return body
