"""Charges, as card networks, Klarna and Swish leave them, and what Stripe keeps of them."""

from shop.sandbox.stand_in.balance import AVAILABLE_AFTER, book
from shop.sandbox.stand_in.cards import CARDS, Card
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.money import fee
from shop.sandbox.stand_in.world import World

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


def paid_charge(world: World, payment: Json, email: str, method: str, card: Card | None) -> Json:
    """A charge over the whole payment, stored."""
    details = {"type": method, method: _details(world, method, card)}
    outcome = {"network_status": "approved_by_network", "seller_message": "Payment complete.",
               "type": "authorized"}  # fmt: skip
    charge = _blank(world, payment, email, details, outcome) | {
        "amount_captured": payment["amount"],
        "captured": True,
        "paid": True,
        "status": "succeeded",
    }
    hidden = {"method": method, "card": card and card.number}
    world.store.add(charge, parent=payment["id"], private=hidden)
    _note(world, "charge.succeeded", charge, method=method)
    return charge


def failed_charge(world: World, payment: Json, email: str, card: Card) -> Json:
    """The trace of a declined card, stored."""
    message = MESSAGES[card.decline or "generic_decline"]
    details = {"type": "card", "card": _details(world, "card", card)}
    outcome = {"network_status": "declined_by_network", "reason": card.decline,
               "seller_message": message, "type": "issuer_declined"}  # fmt: skip
    charge = _blank(world, payment, email, details, outcome) | {
        "amount_captured": 0,
        "captured": False,
        "failure_code": card.code,
        "failure_message": message,
        "paid": False,
        "status": "failed",
    }
    return world.store.add(charge, parent=payment["id"])


def settle_charge(world: World, charge_id: str) -> None:
    """Some moments after the payment Stripe knows its fee: the charge gets it."""
    charge = world.store.get(charge_id)
    hidden = world.store.private(charge_id)
    country = charge["payment_method_details"].get("card", {}).get("country")
    card = CARDS.get(hidden["card"])
    entry = book(
        world,
        "charge" if hidden["method"] == "card" else "payment",
        charge,
        charge["amount"],
        cost=fee(charge["amount"], charge["currency"], hidden["method"], country),
        wait=0 if card and card.available_at_once else AVAILABLE_AFTER,
    )
    charge["balance_transaction"] = entry["id"]
    world.store.save(charge)
    _note(world, "charge.settled", charge, fee=entry["fee"], balance_transaction=entry["id"])
    emit(world, "charge.updated", charge, {"balance_transaction": None})


def _note(world: World, what: str, charge: Json, **more: object) -> None:
    world.log(
        what,
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        amount=charge["amount"],
        currency=charge["currency"],
        metadata=charge["metadata"],
        **more,
    )


def _blank(world: World, payment: Json, email: str, details: Json, outcome: Json) -> Json:
    return world.spec.blank(
        "charge",
        id=new_id("charge"),
        object="charge",
        amount=payment["amount"],
        amount_refunded=0,
        billing_details=world.spec.blank("billing_details", email=email),
        created=world.clock.now(),
        currency=payment["currency"],
        description=payment["description"],
        disputed=False,
        fraud_details={},
        livemode=False,
        metadata=payment["metadata"],
        outcome=world.spec.blank("charge_outcome", risk_level="normal", **outcome),
        payment_intent=payment["id"],
        payment_method=payment["payment_method"],
        payment_method_details=details,
        receipt_email=payment["receipt_email"],
        refunded=False,
        shipping=payment["shipping"],
        statement_descriptor_suffix=payment["statement_descriptor_suffix"],
    )


def _details(world: World, method: str, card: Card | None) -> Json:
    if method == "klarna":
        return world.spec.blank(
            "payment_method_details_klarna",
            payment_method_category="pay_later",
            preferred_locale="sv-SE",
        )
    if method == "swish" or card is None:
        return world.spec.blank("payment_method_details_swish", verified_phone_last4="0000")
    checks = world.spec.blank(
        "payment_method_details_card_checks",
        cvc_check="fail" if card.decline == "incorrect_cvc" else "pass",
    )
    secure = world.spec.blank(
        "three_d_secure_details_charge",
        authentication_flow="challenge",
        result="authenticated",
        version="2.2.0",
    )
    return world.spec.blank(
        "payment_method_details_card",
        amount_authorized=None,
        brand=card.brand,
        checks=checks,
        country=card.country,
        exp_month=12,
        exp_year=2034,
        fingerprint="stand-in",
        funding="credit",
        last4=card.number[-4:],
        network=card.brand,
        three_d_secure=secure if card.secure else None,
    )
