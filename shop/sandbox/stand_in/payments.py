"""A buyer pays: PaymentIntents, charges, and the session that completes with them.

Every function here runs inside its caller's transaction and emits the events of its move.
"""

from dataclasses import dataclass

from shop.sandbox.stand_in.cards import CARDS, Card
from shop.sandbox.stand_in.charges import failed_charge, paid_charge
from shop.sandbox.stand_in.coupons import redeem
from shop.sandbox.stand_in.disputes import DISPUTED_AFTER
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.world import World

SETTLES_AFTER = 1.0  # seconds until a charge has its balance transaction


class NotOpen(Exception):
    """The session has been paid or has expired in the meantime."""


@dataclass(frozen=True)
class Attempt:
    """What the buyer entered. *method*: card, klarna or swish; *card* with the first only."""

    method: str
    email: str
    card: Card | None = None


@dataclass(frozen=True)
class Outcome:
    """*state*: paid, action (the buyer has a step to do at the bank) or declined.

    *problem*: the decline code or error code. *event*: the completed event's id, once paid.
    """

    state: str
    payment: str | None = None
    problem: str | None = None
    event: str | None = None


def confirm(world: World, session_id: str, attempt: Attempt) -> Outcome:
    """The buyer presses the button. Raises NotOpen."""
    session = open_session(world, session_id)
    if session["amount_total"] == 0:
        return Outcome("paid", event=_complete(world, session, attempt.email))
    payment = _payment(world, session, attempt)
    if attempt.method != "card" or (attempt.card and attempt.card.secure):
        return _ask_bank(world, session, payment, attempt)
    return _charge(world, session, payment, attempt)


def finish(world: World, payment: Json, *, authorised: bool) -> Outcome:
    """The buyer comes back from the bank, Klarna or Swish. Raises NotOpen."""
    hidden = world.store.private(payment["id"])
    session = open_session(world, hidden["session"])
    if payment["status"] != "requires_action":
        raise NotOpen
    attempt = _remembered(hidden)
    payment["next_action"] = None
    if authorised:
        return _charge(world, session, payment, attempt)
    code = (
        "payment_intent_authentication_failure"
        if attempt.method == "card"
        else "payment_intent_payment_attempt_failed"
    )
    error = {"type": "card_error" if attempt.method == "card" else "invalid_request_error",
             "code": code, "message": "The payment was not authorised."}  # fmt: skip
    _fail(world, session, payment, error)
    return Outcome("declined", payment["id"], code)


def open_session(world: World, session_id: str) -> Json:
    """The session, if it can be paid; NotOpen otherwise."""
    session = world.store.get(session_id)
    if session["status"] != "open":
        raise NotOpen
    return session


def cancel_payment(world: World, session: Json) -> None:
    """The session ends unpaid, so its PaymentIntent, if it has one, is canceled."""
    if session["payment_intent"] is None:
        return
    payment = world.store.get(session["payment_intent"])
    payment |= {
        "status": "canceled",
        "canceled_at": world.clock.now(),
        "cancellation_reason": "expired",
        "next_action": None,
    }
    world.store.save(payment)
    emit(world, "payment_intent.canceled", payment)


def _payment(world: World, session: Json, attempt: Attempt) -> Json:
    """The session's PaymentIntent, made at the first attempt, with this attempt's details."""
    hidden = {
        "session": session["id"],
        "method": attempt.method,
        "email": attempt.email,
        "card": attempt.card and attempt.card.number,
    }
    if session["payment_intent"]:
        payment = world.store.get(session["payment_intent"])
    else:
        payment = _new_payment(world, session)
        world.store.add(payment, parent=session["id"])
        session["payment_intent"] = payment["id"]
        world.store.save(session)
        emit(world, "payment_intent.created", payment)
    payment |= {"payment_method": new_id("payment_method"), "next_action": None}
    world.store.save(payment, hidden)
    return payment


def _new_payment(world: World, session: Json) -> Json:
    given = world.store.private(session["id"])["payment_intent_data"]
    payment_id = new_id("payment_intent")
    shipping = given.get("shipping")
    return world.spec.blank(
        "payment_intent",
        id=payment_id,
        object="payment_intent",
        amount=session["amount_total"],
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        capture_method=given.get("capture_method", "automatic_async"),
        client_secret=f"{payment_id}_secret_{new_id('request')[4:]}",
        confirmation_method="automatic",
        created=world.clock.now(),
        currency=session["currency"],
        description=given.get("description"),
        livemode=False,
        metadata=given.get("metadata", {}),
        payment_method_types=session["payment_method_types"],
        receipt_email=given.get("receipt_email"),
        shipping=shipping and _shipping(world, shipping),
        statement_descriptor=given.get("statement_descriptor"),
        statement_descriptor_suffix=given.get("statement_descriptor_suffix"),
        status="requires_payment_method",
    )


def _shipping(world: World, given: Json) -> Json:
    address = world.spec.blank("address", **given["address"])
    return world.spec.blank("shipping", **given | {"address": address})


def _ask_bank(world: World, session: Json, payment: Json, attempt: Attempt) -> Outcome:
    place = "3ds" if attempt.method == "card" else "redirect"
    url = f"{world.base_url}/c/{place}/{payment['id']}"
    back = f"{world.base_url}/c/pay/{session['id']}"
    payment |= {
        "status": "requires_action",
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": back, "url": url},
        },
    }
    world.store.save(payment)
    _note(world, "payment.requires_action", session, payment, method=attempt.method)
    emit(world, "payment_intent.requires_action", payment)
    return Outcome("action", payment["id"])


def _charge(world: World, session: Json, payment: Json, attempt: Attempt) -> Outcome:
    card = attempt.card
    if card and card.decline:
        charge = failed_charge(world, payment, attempt.email, card)
        payment["latest_charge"] = charge["id"]
        emit(world, "charge.failed", charge)
        error = {"type": "card_error", "code": card.code, "decline_code": card.decline,
                 "charge": charge["id"], "message": charge["failure_message"]}  # fmt: skip
        _fail(world, session, payment, error)
        return Outcome("declined", payment["id"], card.decline)
    charge = paid_charge(world, payment, attempt.email, attempt.method, card)
    payment |= {
        "status": "succeeded",
        "amount_received": payment["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
    }
    world.store.save(payment)
    wait = world.store.setting("settles_after")
    later = world.clock.exact() + (SETTLES_AFTER if wait is None else wait)
    world.store.set_timer(later, "settle_charge", charge["id"])
    if card and card.dispute:
        disputed_at = world.clock.exact() + DISPUTED_AFTER
        world.store.set_timer(disputed_at, "dispute_by_card", charge["id"])
    emit(world, "charge.succeeded", charge)
    emit(world, "payment_intent.succeeded", payment)
    session["payment_status"] = "paid"
    event = _complete(world, session, attempt.email, charge["id"], attempt.method)
    return Outcome("paid", payment["id"], event=event)


def _fail(world: World, session: Json, payment: Json, error: Json) -> None:
    payment |= {"status": "requires_payment_method", "last_payment_error": error}
    world.store.save(payment)
    problem = error.get("decline_code", error["code"])
    _note(world, "payment.declined", session, payment, problem=problem)
    emit(world, "payment_intent.payment_failed", payment)


def _complete(
    world: World, session: Json, email: str, charge: str | None = None, method: str | None = None
) -> str:
    details = session["customer_details"] or world.spec.blank(
        "payment_pages_checkout_session_customer_details", tax_exempt="none", tax_ids=[]
    )
    session |= {
        "status": "complete",
        "url": None,
        "customer_details": details | {"email": email},
    }
    world.store.save(session)
    redeem(world, session)
    world.store.clear_timers(session["id"])
    world.log(
        "session.paid" if session["amount_total"] else "session.completed_free",
        session=session["id"],
        payment_intent=session["payment_intent"],
        charge=charge,
        amount=session["amount_total"],
        currency=session["currency"],
        method=method,
        client_reference_id=session["client_reference_id"],
        metadata=session["metadata"],
    )
    return emit(world, "checkout.session.completed", session)


def _note(world: World, what: str, session: Json, payment: Json, **more: object) -> None:
    world.log(
        what,
        session=session["id"],
        payment_intent=payment["id"],
        amount=payment["amount"],
        currency=payment["currency"],
        **more,
    )


def _remembered(hidden: Json) -> Attempt:
    return Attempt(hidden["method"], hidden["email"], CARDS.get(hidden["card"]))
