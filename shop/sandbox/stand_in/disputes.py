"""Disputes: the buyer asks the bank for the money back, and the bank takes it until it is decided.

An inquiry (`warning_…`) is the bank's question only: it moves no money, and a whole refund ends it.
"""

from collections.abc import Mapping

from shop.sandbox.stand_in.balance import DAY, book
from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.cards import CARDS
from shop.sandbox.stand_in.errors import Json, not_modelled, refused
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.metadata import check_metadata, merge
from shop.sandbox.stand_in.money import DISPUTE_FEE
from shop.sandbox.stand_in.world import World

DISPUTED_AFTER = 2.0  # seconds from the payment with a card for disputes
ANSWER_WITHIN = 9 * DAY
BANK_DECIDES = 3.0  # seconds from evidence that says how it is to go
UNANSWERED = {"needs_response", "warning_needs_response"}
OPEN = UNANSWERED | {"under_review", "warning_under_review"}
# Words that decide a dispute in Stripe's sandbox, as `evidence[uncategorized_text]`.
DECIDING = {"winning_evidence": "won", "losing_evidence": "lost"}
_FILES = {
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
}


def holds_back(world: World, charge: Json) -> bool:
    """Whether the bank has taken the money of *charge*, so that it cannot be refunded."""
    taken = {"needs_response", "under_review", "lost"}
    return any(dispute["status"] in taken for dispute in of(world, charge))


def of(world: World, charge: Json) -> list[Json]:
    return world.store.children("dispute", charge["id"])


def begin(
    world: World, charge: Json, *, reason: str, inquiry: bool = False, amount: int | None = None
) -> Json:
    """Dispute *amount* (minor units; None: what is not refunded) of a paid charge."""
    dispute = _new(world, charge, reason, amount, inquiry=inquiry)
    world.store.add(dispute, parent=charge["id"])
    if not inquiry:
        fee = DISPUTE_FEE[dispute["currency"]]
        dispute["balance_transactions"].append(
            book(world, "dispute", dispute, -dispute["amount"], cost=fee)
        )
        world.store.save(dispute)
    world.store.save(charge | {"disputed": True})
    world.store.set_timer(world.clock.exact() + ANSWER_WITHIN, "dispute_unanswered", dispute["id"])
    note(world, "dispute.created", dispute)
    emit(world, "charge.dispute.created", dispute)
    if not inquiry:
        emit(world, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def begin_by_itself(world: World, charge_id: str) -> None:
    """The buyer's card or account is one of those that lead to a dispute.

    A SEPA debit is simply taken back by the bank: nobody is asked.
    """
    charge = world.store.get(charge_id)
    if of(world, charge) or charge["refunded"]:
        return
    number = world.store.private(charge_id)["card"]
    if number is None:
        end(world, begin(world, charge, reason="debit_not_authorized"), "lost")
        return
    card = CARDS[number]
    begin(world, charge, reason=card.dispute or "general", inquiry=card.inquiry)


def end(world: World, dispute: Json, outcome: str) -> Json:
    """Decide it: `won` (the money and the fee come back), `lost` or `warning_closed`."""
    before = dispute["status"]
    dispute |= {"status": outcome, "is_charge_refundable": outcome != "lost"}
    if outcome == "won":
        fee = DISPUTE_FEE[dispute["currency"]]
        dispute["balance_transactions"].append(
            book(world, "dispute_reversal", dispute, dispute["amount"], cost=-fee)
        )
    world.store.save(dispute)
    world.store.clear_timers(dispute["id"])
    note(world, f"dispute.{'closed' if outcome == 'warning_closed' else outcome}", dispute)
    emit(world, "charge.dispute.closed", dispute, {"status": before})
    if outcome == "won":
        emit(world, "charge.dispute.funds_reinstated", dispute)
    return dispute


def end_inquiries(world: World, charge: Json) -> None:
    """The buyer has all the money back, so the bank has nothing more to ask."""
    for dispute in of(world, charge):
        if dispute["status"] in OPEN:
            end(world, dispute, "warning_closed")


def give_up(world: World, dispute: Json) -> Json:
    """Nobody contests it."""
    return end(world, dispute, "warning_closed" if is_inquiry(dispute) else "lost")


def is_inquiry(dispute: Json) -> bool:
    return str(dispute["status"]).startswith("warning_")


def unanswered(world: World, dispute_id: str) -> None:
    """The time for an answer is over."""
    dispute = world.store.get(dispute_id)
    dispute["evidence_details"] |= {"past_due": True}
    give_up(world, dispute)


def decide(world: World, dispute_id: str) -> None:
    """The bank has read evidence that says how it is to go."""
    dispute = world.store.get(dispute_id)
    end(world, dispute, DECIDING[dispute["evidence"]["uncategorized_text"]])


def update(call: Call) -> Json:
    """Add evidence, and send all of it to the bank unless `submit` is false; change metadata."""
    params, world = call.params, call.world
    dispute = call.object("dispute", "dispute")
    evidence = _evidence(params)
    submit = params.get("submit", bool(evidence))
    if (evidence or submit) and dispute["status"] not in UNANSWERED:
        raise refused(f"This dispute is {dispute['status']}: it takes no more evidence.")
    before = {"metadata": dispute["metadata"], "evidence": dispute["evidence"]}
    if "metadata" in params:
        dispute["metadata"] = merge(dispute["metadata"], params["metadata"])
    dispute["evidence"] = dispute["evidence"] | evidence
    dispute["evidence_details"]["has_evidence"] |= bool(evidence)
    if submit:
        before["status"] = dispute["status"]
        _submit(world, dispute)
    world.store.save(dispute)
    note(world, "dispute.updated", dispute)
    emit(world, "charge.dispute.updated", dispute, _changed(before, dispute))
    return dispute


def close(call: Call) -> Json:
    """Accept the dispute as lost; StripeError(400) once it has been answered or decided."""
    dispute = call.object("dispute", "dispute")
    if dispute["status"] not in UNANSWERED:
        raise refused(f"This dispute is {dispute['status']}: it cannot be closed.")
    return give_up(call.world, dispute)


def note(world: World, what: str, dispute: Json) -> None:
    world.log(
        what,
        dispute=dispute["id"],
        charge=dispute["charge"],
        payment_intent=dispute["payment_intent"],
        amount=dispute["amount"],
        currency=dispute["currency"],
        status=dispute["status"],
        metadata=dispute["metadata"],
    )


def _new(world: World, charge: Json, reason: str, amount: int | None, *, inquiry: bool) -> Json:
    left = charge["amount"] - charge["amount_refunded"]
    now = world.clock.now()
    dispute = world.spec.blank(
        "dispute",
        id=new_id("dispute"),
        object="dispute",
        amount=left if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        created=now,
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=world.spec.blank(
            "dispute_evidence",
            customer_email_address=charge["billing_details"]["email"],
            enhanced_evidence={},
        ),
        evidence_details=world.spec.blank(
            "dispute_evidence_details",
            due_by=now + ANSWER_WITHIN,
            enhanced_eligibility={},
            has_evidence=False,
            past_due=False,
            submission_count=0,
        ),
        is_charge_refundable=inquiry,
        livemode=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )
    details = _method(world, charge["payment_method_details"], inquiry=inquiry)
    return dispute | ({"payment_method_details": details} if details else {})


def _method(world: World, details: Json, *, inquiry: bool) -> Json | None:
    if details["type"] == "klarna":
        klarna = world.spec.blank("dispute_payment_method_details_klarna")
        return {"type": "klarna", "klarna": klarna}
    if details["type"] != "card":
        return None
    card = world.spec.blank(
        "dispute_payment_method_details_card",
        brand=details["card"]["brand"],
        case_type="inquiry" if inquiry else "chargeback",
        network=details["card"]["network"],
    )
    return {"type": "card", "card": card}


def _evidence(params: Json) -> Json:
    for name in ("enhanced_evidence", *_FILES):
        if name in params.get("evidence", {}):
            raise not_modelled(f"evidence[{name}] of a dispute", f"evidence[{name}]")
    if "intended_submission_method" in params:
        raise not_modelled("intended_submission_method", "intended_submission_method")
    check_metadata(params.get("metadata") or {}, "metadata")
    return dict(params.get("evidence", {}))


def _submit(world: World, dispute: Json) -> None:
    if not dispute["evidence_details"]["has_evidence"]:
        raise refused("There is no evidence to submit.", "submit")
    dispute["status"] = dispute["status"].replace("needs_response", "under_review")
    dispute["evidence_details"]["submission_count"] += 1
    world.store.clear_timers(dispute["id"])
    if dispute["evidence"]["uncategorized_text"] in DECIDING and not is_inquiry(dispute):
        world.store.set_timer(world.clock.exact() + BANK_DECIDES, "decide_dispute", dispute["id"])


def _changed(before: Mapping[str, object], dispute: Json) -> Json:
    return {name: value for name, value in before.items() if dispute[name] != value}
