"""Line items of a session, with the product and price that Stripe makes of inline data."""

from shop.sandbox.stand_in.errors import Json, invalid, not_modelled
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.metadata import check_metadata
from shop.sandbox.stand_in.world import World

MOST = 100
_LINE = {"price_data", "quantity", "metadata"}
_PRICE = {"currency", "product_data", "tax_behavior", "unit_amount"}
_PRODUCT = {"description", "images", "metadata", "name", "unit_label"}


def check_lines(params: Json) -> str:
    """The one currency of all lines. Raises StripeError(400 or 501)."""
    lines = params["line_items"]
    if len(lines) > MOST:
        raise invalid(f"At most {MOST} line items are allowed in payment mode.", "line_items")
    currencies = {_checked(line, f"line_items[{i}]") for i, line in enumerate(lines)}
    if "currency" in params:
        currencies.add(params["currency"].lower())
    if len(currencies) != 1:
        raise invalid(
            "The currencies of the line items must match; these were given: "
            + ", ".join(sorted(currencies)),
            "line_items",
        )
    return currencies.pop()


def amounts(lines: list[Json]) -> list[int]:
    """What each line comes to before any discount, in minor units."""
    return [line["price_data"]["unit_amount"] * line["quantity"] for line in lines]


def add_line(world: World, session: str, line: Json, discount: int) -> None:
    """Store the line, its product and its price; *session* is their parent."""
    data, now = line["price_data"], world.clock.now()
    amount = data["unit_amount"] * line["quantity"]
    product = _product(world, data["product_data"], now)
    world.store.add(product, parent=session)
    price = world.spec.blank(
        "price",
        id=new_id("price"),
        object="price",
        active=False,
        billing_scheme="per_unit",
        created=now,
        currency=data["currency"].lower(),
        livemode=False,
        metadata={},
        product=product["id"],
        tax_behavior=data.get("tax_behavior", "unspecified"),
        type="one_time",
        unit_amount=data["unit_amount"],
        unit_amount_decimal=str(data["unit_amount"]),
    )
    world.store.add(price, parent=session)
    item = world.spec.blank(
        "item",
        id=new_id("item"),
        object="item",
        amount_discount=discount,
        amount_subtotal=amount,
        amount_tax=0,
        amount_total=amount - discount,
        currency=data["currency"].lower(),
        description=product["name"],
        metadata=line.get("metadata", {}),
        price=price,
        quantity=line["quantity"],
    )
    world.store.add(item, parent=session)


def _product(world: World, data: Json, now: int) -> Json:
    return world.spec.blank(
        "product",
        id=new_id("product"),
        object="product",
        active=False,
        created=now,
        description=data.get("description"),
        images=data.get("images", []),
        livemode=False,
        marketing_features=[],
        metadata=data.get("metadata", {}),
        name=data["name"],
        unit_label=data.get("unit_label"),
        updated=now,
    )


def _checked(line: Json, path: str) -> str:
    _refuse_others(line, _LINE, path)
    for name in ("price_data", "quantity"):
        _require(line, name, path)
    if line["quantity"] < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            f"{path}[quantity]",
            "parameter_invalid_integer",
        )
    price, inside = line["price_data"], f"{path}[price_data]"
    _refuse_others(price, _PRICE, inside)
    for name in ("unit_amount", "product_data"):
        _require(price, name, inside)
    if price["unit_amount"] < 0:
        raise invalid(
            "This value must be greater than or equal to 0.",
            f"{inside}[unit_amount]",
            "parameter_invalid_integer",
        )
    _refuse_others(price["product_data"], _PRODUCT, f"{inside}[product_data]")
    check_metadata(price["product_data"].get("metadata", {}), f"{inside}[product_data][metadata]")
    return str(price["currency"]).lower()


def _require(given: Json, name: str, path: str) -> None:
    if name not in given:
        param = f"{path}[{name}]"
        raise invalid(f"Missing required param: {param}.", param, "parameter_missing")


def _refuse_others(given: Json, known: set[str], path: str) -> None:
    for name in given:
        if name not in known:
            raise not_modelled(f"{path}[{name}]", f"{path}[{name}]")
