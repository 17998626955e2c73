"""Lists as Stripe pages them: newest first, by cursor."""

from collections.abc import Mapping, Sequence

from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.errors import Json, invalid, missing, not_modelled
from shop.sandbox.stand_in.views import shown

DEFAULT, MOST = 10, 100
_PAGING = {"limit", "starting_after", "ending_before", "expand"}
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# For each list: what it lists, and the parameters that filter by a field of the object.
LISTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "GetCheckoutSessions": (
        "checkout.session",
        {"payment_intent": "$.payment_intent", "status": "$.status"},
    ),
    "GetPaymentIntents": ("payment_intent", {}),
    "GetCharges": ("charge", {"payment_intent": "$.payment_intent"}),
    "GetRefunds": ("refund", {"charge": "$.charge", "payment_intent": "$.payment_intent"}),
    "GetDisputes": ("dispute", {"charge": "$.charge", "payment_intent": "$.payment_intent"}),
    "GetPayouts": ("payout", {"status": "$.status"}),
    "GetEvents": ("event", {"type": "$.type"}),
    "GetWebhookEndpoints": ("webhook_endpoint", {}),
    "GetCoupons": ("coupon", {}),
    "GetBalanceTransactions": (
        "balance_transaction",
        {"source": "$.source", "type": "$.type", "currency": "$.currency"},
    ),
}
_UNDELIVERED = (
    "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = objects.id AND d.state <> 'succeeded')"
)


def list_objects(call: Call) -> Json:
    """One page of the list that the operation names. Raises StripeError(400 or 501)."""
    kind, fields = LISTS[call.operation.id]
    where: list[str] = ["kind = ?"]
    values: list[object] = [kind]
    for name, value in call.params.items():
        if name in _PAGING:
            continue
        more, given = _filter(call, name, value, fields)
        where.append(more)
        values.extend(given)
    return _page(call, where, values, oldest_first=False)


def list_lines(call: Call) -> Json:
    """A session's line items, in the order they were given."""
    session = call.object("checkout.session", "session")
    return _page(call, ["kind = 'item'", "parent = ?"], [session["id"]], oldest_first=True)


def whole(children: Sequence[Json], url: str) -> Json:
    """A list inside an object: its first ten."""
    return {
        "object": "list",
        "data": list(children[:DEFAULT]),
        "has_more": len(children) > DEFAULT,
        "url": url,
    }


def _filter(
    call: Call, name: str, value: object, fields: Mapping[str, str]
) -> tuple[str, list[object]]:
    if name in fields:
        return "json_extract(body, ?) = ?", [fields[name], value]
    if name in {"created", "arrival_date"}:
        when = "created" if name == "created" else "json_extract(body, '$.arrival_date')"
        if isinstance(value, dict):
            tests = [f"{when} {_COMPARE[sign]} ?" for sign in value]
            return " AND ".join(tests) or "1", list(value.values())
        return f"{when} = ?", [value]
    if name == "payout":
        payout = call.lookup("payout", str(value), name)
        return "json_extract(private, '$.payout') = ?", [payout["id"]]
    if name == "types" and isinstance(value, list):
        marks = ", ".join("?" for _ in value)
        return f"json_extract(body, '$.type') IN ({marks})", value
    if name == "delivery_success":
        return ("NOT " if value else "") + _UNDELIVERED, []
    raise not_modelled(f"the filter {name} of {call.operation.path}", name)


def _page(call: Call, where: list[str], values: list[object], *, oldest_first: bool) -> Json:
    limit = call.params.get("limit", DEFAULT)
    if not 1 <= limit <= MOST:
        raise invalid(f"This value must be between 1 and {MOST}.", "limit",
                      "parameter_invalid_integer")  # fmt: skip
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before")
    forwards = oldest_first
    if after or before:
        forwards = oldest_first if after else not oldest_first
        name = "starting_after" if after else "ending_before"
        where = [*where, f"seq {'>' if forwards else '<'} ?"]
        values = [*values, _place(call, str(after or before), name)]
    order = "ASC" if forwards else "DESC"
    rows = call.world.store.rows(
        f"SELECT id FROM objects WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - every part is from this file
        *values,
        limit + 1,
    )
    ids = [row["id"] for row in rows[:limit]]
    if before:
        ids.reverse()
    data = [shown(call.world, call.world.store.get(object_id)) for object_id in ids]
    path = call.operation.path.format(**call.ids)
    return {"object": "list", "data": data, "has_more": len(rows) > limit, "url": path}


def _place(call: Call, object_id: str, param: str) -> int:
    row = call.world.store.row("SELECT seq FROM objects WHERE id = ?", object_id)
    if row is None:
        raise missing("object", object_id, param)
    return int(row["seq"])
