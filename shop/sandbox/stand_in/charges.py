"""Charges, as cards, accounts, Klarna and Swish leave them, and what Stripe keeps of them."""

from shop.sandbox.stand_in.attempt import ACCOUNTS, Attempt
from shop.sandbox.stand_in.balance import AVAILABLE_AFTER, book
from shop.sandbox.stand_in.cards import CARDS, Card
from shop.sandbox.stand_in.disputes import DISPUTED_AFTER
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.money import fee
from shop.sandbox.stand_in.world import World

SETTLES_AFTER = 1.0  # seconds until a charge has its balance transaction
MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
DEBIT_FAILED = "The payment could not be collected from the buyer's account."


def add_charge(world: World, payment: Json, attempt: Attempt) -> Json:
    """A charge over the whole payment, stored, of which nobody knows yet whether it succeeds."""
    method = attempt.method
    charge = world.spec.blank(
        "charge",
        id=new_id("charge"),
        object="charge",
        amount=payment["amount"],
        amount_captured=payment["amount"],
        amount_refunded=0,
        billing_details=world.spec.blank("billing_details", email=attempt.email),
        captured=True,
        created=world.clock.now(),
        currency=payment["currency"],
        description=payment["description"],
        disputed=False,
        fraud_details={},
        livemode=False,
        metadata=payment["metadata"],
        outcome=_outcome(world, "authorized"),
        paid=False,
        payment_intent=payment["id"],
        payment_method=payment["payment_method"],
        payment_method_details={"type": method, method: _details(world, attempt)},
        receipt_email=payment["receipt_email"],
        refunded=False,
        shipping=payment["shipping"],
        statement_descriptor_suffix=payment["statement_descriptor_suffix"],
        status="pending",
    )
    hidden = {
        "method": method,
        "card": attempt.card and attempt.card.number,
        "account": attempt.account and attempt.account.iban,
    }
    return world.store.add(charge, parent=payment["id"], private=hidden)


def succeed(world: World, charge: Json) -> None:
    """The money has come; what Stripe keeps of it, and a dispute if need be, come by the clock."""
    charge |= {
        "outcome": _outcome(
            world,
            "authorized",
            network_status="approved_by_network",
            seller_message="Payment complete.",
        ),
        "paid": True,
        "status": "succeeded",
    }
    world.store.save(charge)
    now, wait = world.clock.exact(), world.store.setting("settles_after")
    wait = SETTLES_AFTER if wait is None else wait
    world.store.set_timer(now + wait, "settle_charge", charge["id"])
    hidden = world.store.private(charge["id"])
    card, account = CARDS.get(hidden["card"]), ACCOUNTS.get(hidden["account"])
    if (card and card.dispute) or (account and account.disputed):
        world.store.set_timer(now + DISPUTED_AFTER, "dispute_by_itself", charge["id"])
    note(world, "charge.succeeded", charge, method=hidden["method"])
    emit(world, "charge.succeeded", charge)


def decline(world: World, charge: Json, card: Card) -> None:
    """The card's bank says no."""
    message = MESSAGES[card.decline or "generic_decline"]
    outcome = _outcome(
        world,
        "issuer_declined",
        network_status="declined_by_network",
        reason=card.decline,
        seller_message=message,
    )
    _fail(world, charge, outcome, card.code, message)


def bounce(world: World, charge: Json) -> None:
    """The money that was waited for does not come."""
    outcome = _outcome(
        world,
        "issuer_declined",
        network_status="declined_by_network",
        reason="generic_decline",
        seller_message=DEBIT_FAILED,
    )
    _fail(world, charge, outcome, "payment_method_provider_decline", DEBIT_FAILED)


def _fail(world: World, charge: Json, outcome: Json, code: str, message: str) -> None:
    charge |= {
        "amount_captured": 0,
        "captured": False,
        "failure_code": code,
        "failure_message": message,
        "outcome": outcome,
        "status": "failed",
    }
    world.store.save(charge)
    note(world, "charge.failed", charge, problem=code)
    emit(world, "charge.failed", charge)


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
    note(world, "charge.settled", charge, fee=entry["fee"], balance_transaction=entry["id"])
    emit(world, "charge.updated", charge, {"balance_transaction": None})


def note(world: World, what: str, charge: Json, **more: object) -> None:
    world.log(
        what,
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        amount=charge["amount"],
        currency=charge["currency"],
        metadata=charge["metadata"],
        **more,
    )


def _outcome(world: World, kind: str, **values: object) -> Json:
    return world.spec.blank("charge_outcome", risk_level="normal", type=kind, **values)


def _details(world: World, attempt: Attempt) -> Json:
    if attempt.method == "klarna":
        return world.spec.blank(
            "payment_method_details_klarna",
            payment_method_category="pay_later",
            preferred_locale="sv-SE",
        )
    if attempt.account:
        iban = attempt.account.iban
        return world.spec.blank(
            "payment_method_details_sepa_debit",
            bank_code=iban[4:9],
            country=iban[:2],
            fingerprint="stand-in",
            last4=iban[-4:],
            mandate=new_id("mandate"),
        )
    if attempt.card:
        return _card_details(world, attempt.card)
    return world.spec.blank("payment_method_details_swish", verified_phone_last4="0000")


def _card_details(world: World, card: Card) -> Json:
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
