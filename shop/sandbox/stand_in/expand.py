"""`expand[]=payment_intent.latest_charge`: objects in the place of their ids."""

from typing import Any

from shop.sandbox.stand_in.errors import Json, StripeError, invalid
from shop.sandbox.stand_in.listing import whole
from shop.sandbox.stand_in.views import shown
from shop.sandbox.stand_in.world import World

DEEPEST = 4


def expand(world: World, body: Json, paths: list[str]) -> Json:
    """*body* with what *paths* name put in. Raises StripeError(400) for what cannot be."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST:
            raise invalid(f"You cannot expand more than {DEEPEST} levels of a property: {path}.",
                          "expand")  # fmt: skip
        _into(world, body, parts, path)
    return body


def _into(world: World, value: Any, parts: list[str], path: str) -> None:
    if isinstance(value, list):
        for item in value:
            _into(world, item, parts, path)
    if not parts or not isinstance(value, dict):
        return
    head, rest = parts[0], parts[1:]
    if not _allowed(world, value, head):
        raise _cannot(path)
    if head not in value:
        shown = _left_out(world, value, head)
        if shown is None:
            return
        value[head] = shown
    if isinstance(value[head], str):
        value[head] = _fetched(world, value[head], path)
    _into(world, value[head], rest, path)


def _allowed(world: World, value: Json, head: str) -> bool:
    kind = value.get("object")
    if kind in world.spec.schemas:
        return head in world.spec.expandable(kind)
    return head == "data" if kind == "list" else head in value


def _left_out(world: World, value: Json, head: str) -> Json | None:
    """What Stripe shows only when it is asked for; None for what it shows in other cases only."""
    if (value["object"], head) == ("checkout.session", "line_items"):
        lines = world.store.children("item", value["id"])
        return whole(lines, f"/v1/checkout/sessions/{value['id']}/line_items")
    if (value["object"], head) == ("charge", "refunds"):
        newest_first = world.store.children("refund", value["id"])[::-1]
        return whole(newest_first, f"/v1/charges/{value['id']}/refunds")
    return None


def _fetched(world: World, object_id: str, path: str) -> Json:
    found = world.store.find(object_id)
    if found is None:
        raise _cannot(path)
    return shown(world, found)


def _cannot(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
