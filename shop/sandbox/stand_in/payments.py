"""A buyer pays: PaymentIntents, charges, and the session that completes with them.

Every function here runs inside its caller's transaction and emits the events of its move.
"""

from dataclasses import dataclass

from shop.sandbox.stand_in import charges
from shop.sandbox.stand_in.attempt import ACCOUNTS, Attempt
from shop.sandbox.stand_in.cards import CARDS
from shop.sandbox.stand_in.coupons import redeem
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.world import World


class NotOpen(Exception):
    """The session has been paid or has expired in the meantime."""


@dataclass(frozen=True)
class Outcome:
    """*state*: paid, processing (whether it is paid comes later), action (the buyer has a step to
    do at the bank) or declined.

    *problem*: the decline code or error code. *event*: the completed event's id, once it is.
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
    if attempt.waits:
        return _wait(world, session, payment, attempt)
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


def settle(world: World, payment: Json, *, succeeded: bool) -> None:
    """The money that was waited for has come, or never will. Raises NotOpen."""
    if payment["status"] != "processing":
        raise NotOpen
    session = world.store.get(world.store.private(payment["id"])["session"])
    charge = world.store.get(payment["latest_charge"])
    world.store.clear_timers(payment["id"])
    if succeeded:
        _succeed(world, payment, charge)
        _tell(world, session, "checkout.session.async_payment_succeeded")
        return
    charges.bounce(world, charge)
    error = {"type": "invalid_request_error", "code": charge["failure_code"],
             "charge": charge["id"], "message": charge["failure_message"]}  # fmt: skip
    _fail(world, session, payment, error)
    _tell(world, session, "checkout.session.async_payment_failed")


def settle_by_account(world: World, payment_id: str) -> None:
    """The bank of a test account answers."""
    account = ACCOUNTS[world.store.private(payment_id)["account"]]
    settle(world, world.store.get(payment_id), succeeded=account.settles)


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
        "account": attempt.account and attempt.account.iban,
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
    charge = charges.add_charge(world, payment, attempt)
    payment["latest_charge"] = charge["id"]
    card = attempt.card
    if card and card.decline:
        charges.decline(world, charge, card)
        error = {"type": "card_error", "code": card.code, "decline_code": card.decline,
                 "charge": charge["id"], "message": charge["failure_message"]}  # fmt: skip
        _fail(world, session, payment, error)
        return Outcome("declined", payment["id"], card.decline)
    _succeed(world, payment, charge)
    event = _complete(world, session, attempt.email)
    return Outcome("paid", payment["id"], event=event)


def _wait(world: World, session: Json, payment: Json, attempt: Attempt) -> Outcome:
    """The order is placed; whether the money comes is known some time later."""
    charge = charges.add_charge(world, payment, attempt)
    payment |= {"status": "processing", "latest_charge": charge["id"]}
    world.store.save(payment)
    if attempt.account:
        due_at = world.clock.exact() + attempt.account.after
        world.store.set_timer(due_at, "settle_payment", payment["id"])
    emit(world, "charge.pending", charge)
    emit(world, "payment_intent.processing", payment)
    event = _complete(world, session, attempt.email)
    return Outcome("processing", payment["id"], event=event)


def _succeed(world: World, payment: Json, charge: Json) -> None:
    payment |= {
        "status": "succeeded",
        "amount_received": payment["amount"],
        "last_payment_error": None,
    }
    world.store.save(payment)
    charges.succeed(world, charge)
    emit(world, "payment_intent.succeeded", payment)


def _fail(world: World, session: Json, payment: Json, error: Json) -> None:
    payment |= {"status": "requires_payment_method", "last_payment_error": error}
    world.store.save(payment)
    problem = error.get("decline_code", error["code"])
    _note(world, "payment.declined", session, payment, problem=problem)
    emit(world, "payment_intent.payment_failed", payment)


def _complete(world: World, session: Json, email: str) -> str:
    """The buyer is done. Gives back the id of the event that says so."""
    details = session["customer_details"] or world.spec.blank(
        "payment_pages_checkout_session_customer_details", tax_exempt="none", tax_ids=[]
    )
    session |= {
        "status": "complete",
        "url": None,
        "customer_details": details | {"email": email},
    }
    redeem(world, session)
    world.store.clear_timers(session["id"])
    return _tell(world, session, "checkout.session.completed")


def _tell(world: World, session: Json, event: str) -> str:
    """Write down what the session's payment is now, and emit *event* about it."""
    payment = session["payment_intent"] and world.store.get(session["payment_intent"])
    what = "session.completed_free"
    if payment:
        states = {"succeeded": "session.paid", "processing": "session.processing"}
        what = states.get(payment["status"], "session.failed")
        if what == "session.paid":
            session["payment_status"] = "paid"
    world.store.save(session)
    charge = payment and world.store.get(payment["latest_charge"])
    world.log(
        what,
        session=session["id"],
        payment_intent=session["payment_intent"],
        charge=charge and charge["id"],
        amount=session["amount_total"],
        currency=session["currency"],
        method=charge and charge["payment_method_details"]["type"],
        client_reference_id=session["client_reference_id"],
        metadata=session["metadata"],
    )
    return emit(world, event, session)


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
