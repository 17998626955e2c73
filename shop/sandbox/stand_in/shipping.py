"""The shipping option of a session: one, chosen beforehand."""

from typing import Any

from shop.sandbox.stand_in.errors import Json, invalid, not_modelled
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.metadata import check_metadata
from shop.sandbox.stand_in.world import World


def add_shipping(world: World, options: list[Json], currency: str) -> dict[str, Any]:
    """Store the rate; `options` and `cost` as the session shows them, empty and None without one.

    Raises StripeError(400 or 501).
    """
    if not options:
        return {"options": [], "cost": None}
    if len(options) > 1:
        raise not_modelled("a choice between several shipping options", "shipping_options")
    data = options[0].get("shipping_rate_data")
    path = "shipping_options[0]"
    if data is None:
        raise not_modelled("shipping rates made beforehand", f"{path}[shipping_rate]")
    rate = _rate(world, data, currency, f"{path}[shipping_rate_data]")
    world.store.add(rate)
    amount = rate["fixed_amount"]["amount"]
    cost = {
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "shipping_rate": rate["id"],
    }
    return {"options": [{"shipping_amount": amount, "shipping_rate": rate["id"]}], "cost": cost}


def _rate(world: World, data: Json, currency: str, path: str) -> Json:
    fixed = data.get("fixed_amount")
    if fixed is None:
        param = f"{path}[fixed_amount]"
        raise invalid(f"Missing required param: {param}.", param, "parameter_missing")
    if "currency_options" in fixed:
        raise not_modelled("currency_options of a shipping rate", f"{path}[fixed_amount]")
    if fixed["currency"].lower() != currency:
        raise invalid(
            f"The shipping rate is in {fixed['currency']}, the line items are in {currency}.",
            f"{path}[fixed_amount][currency]",
        )
    if fixed["amount"] < 0:
        raise invalid(
            "This value must be greater than or equal to 0.",
            f"{path}[fixed_amount][amount]",
            "parameter_invalid_integer",
        )
    check_metadata(data.get("metadata", {}), f"{path}[metadata]")
    estimate = data.get("delivery_estimate")
    return world.spec.blank(
        "shipping_rate",
        id=new_id("shipping_rate"),
        object="shipping_rate",
        active=True,
        created=world.clock.now(),
        delivery_estimate=estimate and {"maximum": None, "minimum": None} | estimate,
        display_name=data["display_name"],
        fixed_amount={"amount": fixed["amount"], "currency": currency},
        livemode=False,
        metadata=data.get("metadata", {}),
        tax_behavior=data.get("tax_behavior", "unspecified"),
        type="fixed_amount",
    )
