"""Coupons, and what one takes off a session's lines."""

from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.errors import Json, invalid, not_modelled, refused
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.metadata import check_metadata
from shop.sandbox.stand_in.world import World

_UNMODELLED = ("applies_to", "currency_options", "duration_in_months")


def create(call: Call) -> Json:
    """A coupon over an amount (minor units) or a percentage. Raises StripeError(400 or 501)."""
    params, world = call.params, call.world
    for name in _UNMODELLED:
        if name in params:
            raise not_modelled(f"the parameter {name} of a coupon", name)
    _check(params)
    coupon_id = params.get("id") or new_id("coupon")
    if world.store.find(coupon_id):
        raise refused("Coupon already exists.", "id", "resource_already_exists")
    coupon = world.spec.blank(
        "coupon",
        id=coupon_id,
        object="coupon",
        amount_off=params.get("amount_off"),
        created=world.clock.now(),
        currency=params.get("currency", "").lower() or None,
        duration=params.get("duration", "once"),
        livemode=False,
        max_redemptions=params.get("max_redemptions"),
        metadata=params.get("metadata") or {},
        name=params.get("name"),
        percent_off=params.get("percent_off"),
        redeem_by=params.get("redeem_by"),
        times_redeemed=0,
        valid=True,
    )
    return world.store.add(coupon)


def delete(call: Call) -> Json:
    """Take a coupon away; sessions that have it keep it."""
    coupon = call.object("coupon", "coupon")
    call.world.store.delete(coupon["id"])
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def chosen(call: Call, currency: str) -> Json | None:
    """The coupon that the session's parameters name, if it can be used. StripeError(400 or 501)."""
    discounts = call.params.get("discounts", [])
    if len(discounts) > 1:
        raise invalid("You can only specify one discount.", "discounts")
    if not discounts:
        return None
    if "promotion_code" in discounts[0]:
        raise not_modelled("promotion codes", "discounts[0][promotion_code]")
    param = "discounts[0][coupon]"
    if "coupon" not in discounts[0]:
        raise invalid(f"Missing required param: {param}.", param, "parameter_missing")
    coupon = call.lookup("coupon", discounts[0]["coupon"], param)
    if not coupon["valid"] or _late(coupon, call.world.clock.now()):
        raise refused(f"Coupon {coupon['id']} is expired or used up.", param, "coupon_expired")
    if coupon["amount_off"] and coupon["currency"] != currency:
        raise invalid(f"Coupon {coupon['id']} is in {coupon['currency']}, not {currency}.", param)
    return coupon


def shares(coupon: Json | None, amounts: list[int]) -> list[int]:
    """What the coupon takes off each line, in minor units: in proportion, and exact in sum."""
    whole = sum(amounts)
    if coupon is None or whole == 0:
        return [0] * len(amounts)
    off = coupon["amount_off"] or int(whole * coupon["percent_off"] / 100 + 0.5)
    off = min(off, whole)
    taken, seen, result = 0, 0, []
    for amount in amounts:
        seen += amount
        upto = off * seen // whole
        result.append(upto - taken)
        taken = upto
    return result


def redeem(world: World, session: Json) -> None:
    """A session with a coupon has been completed."""
    for discount in session["discounts"]:
        coupon = world.store.find(discount["coupon"], "coupon")
        if coupon:
            coupon["times_redeemed"] += 1
            coupon["valid"] = coupon["times_redeemed"] != coupon["max_redemptions"]
            world.store.save(coupon)


def _late(coupon: Json, now: int) -> bool:
    return coupon["redeem_by"] is not None and coupon["redeem_by"] <= now


def _check(params: Json) -> None:
    if ("amount_off" in params) == ("percent_off" in params):
        raise invalid("You must pass exactly one of amount_off and percent_off.")
    if "amount_off" in params:
        if "currency" not in params:
            raise invalid("Missing required param: currency.", "currency", "parameter_missing")
        if params["amount_off"] < 1:
            raise invalid("This value must be greater than or equal to 1.", "amount_off",
                          "parameter_invalid_integer")  # fmt: skip
    elif not 0 < params["percent_off"] <= 100:  # noqa: PLR2004 - a percentage
        raise invalid("Invalid percent_off: must be more than 0 and at most 100.", "percent_off")
    check_metadata(params.get("metadata") or {}, "metadata")
