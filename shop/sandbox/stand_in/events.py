"""Events: a snapshot of an object, and the deliveries that carry it to the endpoints.

Both are written in the transaction of the change itself, so that neither can be lost.
"""

import json

from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.world import World


def emit(world: World, kind: str, obj: Json, previous: Json | None = None) -> str:
    """Record the event *kind* about *obj*, addressed to every endpoint that wants it.

    *previous*: the earlier values of what has changed, for events named `….updated`.
    Gives back the event's id. Raises GuardBreach when *obj* is not what the document allows.
    """
    world.guard.check_object(obj["object"], obj)
    if world.deliveries.doubled(kind):
        _record(world, kind, obj, previous)
    return _record(world, kind, obj, previous)


def _record(world: World, kind: str, obj: Json, previous: Json | None) -> str:
    endpoints = [e for e in _endpoints(world) if _wants(e, kind)]
    event = world.spec.blank(
        "event",
        id=new_id("event"),
        object="event",
        api_version=world.spec.version,
        created=world.clock.now(),
        livemode=False,
        pending_webhooks=len(endpoints),
        type=kind,
        data={"object": obj} | ({"previous_attributes": previous} if previous else {}),
        request={"id": world.cause.request, "idempotency_key": world.cause.idempotency_key},
    )
    world.guard.check_object("event", event)
    world.store.add(event, parent=obj["id"])
    for endpoint in endpoints:
        version = endpoint["api_version"] or world.spec.version
        body = json.dumps(event | {"api_version": version}, ensure_ascii=False, indent=2)
        world.deliveries.add(event["id"], kind, endpoint["id"], body.encode())
    return str(event["id"])


def _endpoints(world: World) -> list[Json]:
    every = world.store.every("webhook_endpoint")
    return [endpoint for endpoint in every if endpoint["status"] == "enabled"]


def _wants(endpoint: Json, kind: str) -> bool:
    return bool({"*", kind} & set(endpoint["enabled_events"]))
