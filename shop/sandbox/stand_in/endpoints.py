"""Webhook endpoints: where events go, and the secrets that sign them."""

import ipaddress
from urllib.parse import urlsplit

from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.errors import Json, invalid, not_modelled
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.metadata import check_metadata, merge
from shop.sandbox.stand_in.world import World


def create(call: Call) -> Json:
    """A new endpoint; the only answer that shows its `secret`. Raises StripeError(400 or 501)."""
    params, world = call.params, call.world
    if params.get("connect"):
        raise not_modelled("endpoints for connected accounts", "connect")
    _check(params)
    endpoint = world.spec.blank(
        "webhook_endpoint",
        id=new_id("webhook_endpoint"),
        object="webhook_endpoint",
        api_version=params.get("api_version"),
        created=world.clock.now(),
        description=params.get("description") or None,
        enabled_events=params["enabled_events"],
        livemode=False,
        metadata=params.get("metadata") or {},
        status="enabled",
        url=params["url"],
    )
    check_metadata(endpoint["metadata"], "metadata")
    secret = new_id("secret")
    world.store.add(endpoint, private={"secrets": [{"secret": secret, "until": None}]})
    world.log("endpoint.created", endpoint=endpoint["id"], url=endpoint["url"])
    return endpoint | {"secret": secret}


def update(call: Call) -> Json:
    """Change the address, the wanted events, or switch the endpoint off and on."""
    params = call.params
    _check(params)
    endpoint = call.object("webhook_endpoint", "webhook_endpoint")
    endpoint |= {name: params[name] for name in ("url", "enabled_events") if name in params}
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    if "description" in params:
        endpoint["description"] = params["description"] or None
    if "metadata" in params:
        endpoint["metadata"] = merge(endpoint["metadata"], params["metadata"])
    call.world.store.save(endpoint)
    return endpoint


def delete(call: Call) -> Json:
    endpoint = call.object("webhook_endpoint", "webhook_endpoint")
    call.world.store.delete(endpoint["id"])
    call.world.log("endpoint.deleted", endpoint=endpoint["id"], url=endpoint["url"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def roll(world: World, endpoint: Json, overlap: float) -> str:
    """Give the endpoint a new secret; the old ones sign along for *overlap* seconds more."""
    ends = world.clock.exact() + overlap
    old = [
        kept | {"until": min(kept["until"] or ends, ends)}
        for kept in world.store.private(endpoint["id"])["secrets"]
    ]
    secret = new_id("secret")
    world.store.save(endpoint, private={"secrets": [{"secret": secret, "until": None}, *old]})
    world.log("endpoint.rolled", endpoint=endpoint["id"], overlap=overlap)
    return secret


def is_loopback(host: str) -> bool:
    """Whether *host* can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(params: Json) -> None:
    url = params.get("url")
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", "url",
                      "url_invalid")  # fmt: skip
    if not is_loopback(parts.hostname):
        raise invalid(
            f"Invalid URL: the stand-in for Stripe sends webhooks to this machine only, and "
            f"{parts.hostname} may be another.",
            "url",
            "url_invalid",
        )
