"""Refunds, whole or in part."""

from shop.sandbox.stand_in import disputes
from shop.sandbox.stand_in.balance import book
from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.cards import CARDS
from shop.sandbox.stand_in.errors import Json, invalid, missing, not_modelled, refused
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.metadata import check_metadata, merge
from shop.sandbox.stand_in.world import World

BANK_TAKES = 3.0  # seconds until a pending refund arrives, or a wrong one comes back
_MODELLED = {"amount", "charge", "expand", "metadata", "payment_intent", "reason"}


def create(call: Call) -> Json:
    """Refund a charge. *amount* in minor units, by default what is left.

    Raises StripeError: 400 charge_already_refunded or more than is left, 404 no such payment.
    """
    params = call.params
    for name in params:
        if name not in _MODELLED:
            raise not_modelled(f"the parameter {name} of a refund", name)
    metadata = params.get("metadata") or {}
    check_metadata(metadata, "metadata")
    charge = _charge(call)
    return refund(call.world, charge, params.get("amount"), params.get("reason"), metadata)


def update(call: Call) -> Json:
    """Change the metadata, the only thing that can be changed."""
    refund = call.object("refund", "refund")
    before = refund["metadata"]
    refund["metadata"] = merge(before, call.params.get("metadata", {}))
    call.world.store.save(refund)
    emit(call.world, "refund.updated", refund, {"metadata": before})
    return refund


def cancel(call: Call) -> Json:
    """Stripe cancels only refunds that wait for the buyer, which no method here has."""
    refund = call.object("refund", "refund")
    raise refused(
        f"Refund {refund['id']} has a status of {refund['status']}; only refunds that require "
        "action can be canceled."
    )


def refund(
    world: World, charge: Json, amount: int | None, reason: str | None, metadata: Json
) -> Json:
    """Give back *amount* minor units (None: all that is left) of a paid charge, with its events."""
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    _check(world, charge, amount, left)
    number = world.store.private(charge["id"])["card"]
    plan = CARDS[number].refund if number else "succeeded"
    made = world.spec.blank(
        "refund",
        id=new_id("refund"),
        object="refund",
        amount=amount,
        charge=charge["id"],
        created=world.clock.now(),
        currency=charge["currency"],
        metadata=metadata,
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="pending" if plan == "pending" else "succeeded",
        **_destination(charge),
    )
    if plan == "pending":
        made["pending_reason"] = "processing"
    world.store.add(made, parent=charge["id"])
    kind = "refund" if number else "payment_refund"
    entry = book(world, kind, made, -amount)
    made["balance_transaction"] = entry["id"]
    world.store.save(made)
    if plan != "succeeded":
        what = "succeed_refund" if plan == "pending" else "fail_refund"
        world.store.set_timer(world.clock.exact() + BANK_TAKES, what, made["id"])
    _count(world, charge, amount)
    _note(world, "refund.created", made)
    emit(world, "refund.created", made)
    emit(world, "charge.refunded", charge)
    if charge["refunded"]:
        disputes.end_inquiries(world, charge)
    return made


def succeed_refund(world: World, refund_id: str) -> None:
    """A pending refund has arrived."""
    made = world.store.get(refund_id) | {"status": "succeeded"}
    made.pop("pending_reason", None)
    world.store.save(made)
    _note(world, "refund.succeeded", made)
    emit(world, "refund.updated", made, {"status": "pending"})
    emit(world, "charge.refund.updated", made, {"status": "pending"})


def fail_refund(world: World, refund_id: str) -> None:
    """The bank could not take the money: it comes back to the account."""
    made = world.store.get(refund_id)
    entry = book(world, "refund_failure", made, made["amount"])
    made |= {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": entry["id"],
    }
    world.store.save(made)
    charge = world.store.get(made["charge"])
    _count(world, charge, -made["amount"])
    _note(world, "refund.failed", made)
    emit(world, "refund.failed", made)
    emit(world, "charge.refund.updated", made, {"status": "succeeded"})


def _charge(call: Call) -> Json:
    params, world = call.params, call.world
    if ("charge" in params) == ("payment_intent" in params):
        raise invalid("One of the following params should be provided: payment_intent or charge.")
    if "charge" in params:
        charge = call.lookup("charge", params["charge"], "charge")
        if not charge["paid"]:
            raise refused("This charge has not been paid.", "charge")
        return charge
    payment = call.lookup("payment_intent", params["payment_intent"], "payment_intent")
    if payment["status"] != "succeeded":
        raise refused(
            f"This PaymentIntent ({payment['id']}) does not have a successful charge to refund.",
            "payment_intent",
        )
    found = world.store.find(payment["latest_charge"], "charge")
    if found is None:
        raise missing("charge", payment["latest_charge"], "payment_intent")
    return found


def _check(world: World, charge: Json, amount: int, left: int) -> None:
    if disputes.holds_back(world, charge):
        raise refused(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if left == 0:
        raise refused(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            "amount",
            "parameter_invalid_integer",
        )
    if amount > left:
        raise refused(
            f"Refund amount ({amount} minor units of {charge['currency']}) is greater than "
            f"unrefunded amount on charge ({left}).",
            "amount",
        )


def _count(world: World, charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.store.save(charge)


def _destination(charge: Json) -> Json:
    """Where the money goes; Stripe has nothing to say of accounts."""
    details = {
        "card": {"type": "refund", "reference_status": "pending"},
        "klarna": {"reference": None, "reference_status": None},
        "swish": {"reference": None, "reference_status": None, "network_decline_code": None},
    }
    method = charge["payment_method_details"]["type"]
    if method not in details:
        return {}
    return {"destination_details": {"type": method, method: details[method]}}


def _note(world: World, what: str, made: Json) -> None:
    world.log(
        what,
        refund=made["id"],
        charge=made["charge"],
        payment_intent=made["payment_intent"],
        amount=made["amount"],
        currency=made["currency"],
        metadata=made["metadata"],
    )
