"""What tests ask of the stand-in that Stripe itself does not offer: `/_ctl/…`, JSON in and out."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shop.sandbox.stand_in import disputes, payouts
from shop.sandbox.stand_in.attempt import ACCOUNTS, Attempt
from shop.sandbox.stand_in.balance import amounts
from shop.sandbox.stand_in.call import NOUNS
from shop.sandbox.stand_in.cards import CARDS
from shop.sandbox.stand_in.endpoints import roll as roll_secret
from shop.sandbox.stand_in.errors import Json, StripeError
from shop.sandbox.stand_in.faults import Fault
from shop.sandbox.stand_in.modes import Mode
from shop.sandbox.stand_in.payments import NotOpen, confirm, finish, settle
from shop.sandbox.stand_in.refunds import refund
from shop.sandbox.stand_in.timers import run_due
from shop.sandbox.stand_in.world import Cause, World

Command = Callable[[World, Mapping[str, str], Json], Json]


class Refused(Exception):
    """The command cannot be carried out; the words go back with status 400."""


def reset(world: World, _ids: Mapping[str, str], _given: Json) -> Json:
    """Forget everything."""
    world.reset()
    return {}


def log(world: World, _ids: Mapping[str, str], _given: Json) -> Json:
    """What happened, and what the guard caught."""
    return {"log": world.store.log(), "violations": world.store.violations()}


def clock(world: World, _ids: Mapping[str, str], given: Json) -> Json:
    """`advance` seconds, `set` to a timestamp, `freeze` true or false; then what is due happens."""
    if "freeze" in given:
        world.clock.freeze(frozen=bool(given["freeze"]))
    if "set" in given:
        world.clock.set(float(given["set"]))
    if "advance" in given:
        world.clock.advance(float(given["advance"]))
    run_due(world)
    world.deliveries.wake()
    return {"now": world.clock.exact()}


def pay(world: World, ids: Mapping[str, str], given: Json) -> Json:
    """Pay a session without its page.

    `card` (a test card's number), `iban` (a test account's) or `method` (klarna, swish), `email`;
    where the bank or the method asks, `outcome` decides: `complete` (default), `fail`, or `leave`
    it waiting. With `processing` the session is complete and unpaid, whatever the method and the
    currency, until `payment_intents/…/settle`.
    """
    session = _find(world, "checkout.session", ids["session"])
    asked = given.get("outcome", "complete")
    email = session["customer_email"] or given.get("email", "buyer@example.com")
    with world.acting(Cause("control")):
        outcome = confirm(world, session["id"], _attempt(given, email, waits=asked == "processing"))
        if outcome.state == "action" and asked != "leave":
            payment = world.store.get(str(outcome.payment))
            outcome = finish(world, payment, authorised=asked == "complete")
    return {"state": outcome.state, "payment_intent": outcome.payment, "problem": outcome.problem}


def _attempt(given: Json, email: str, *, waits: bool) -> Attempt:
    if "iban" in given:
        account = ACCOUNTS.get(str(given["iban"]).replace(" ", ""))
        if account is None:
            raise Refused(f"{given['iban']} is no test account.")
        return Attempt("sepa_debit", email, account=account, waits=True)
    if given.get("method", "card") != "card":
        return Attempt(given["method"], email, waits=waits)
    number = str(given.get("card", "4242424242424242")).replace(" ", "")
    if number not in CARDS:
        raise Refused(f"{number} is no test card.")
    return Attempt("card", email, CARDS[number], waits=waits)


def settle_payment(world: World, ids: Mapping[str, str], given: Json) -> Json:
    """Say of a payment that is processing whether its money came: `outcome` succeeded or failed."""
    payment = _find(world, "payment_intent", ids["payment"])
    if given["outcome"] not in {"succeeded", "failed"}:
        raise Refused(f"A payment cannot become {given['outcome']}.")
    try:
        with world.acting(Cause("bank")):
            settle(world, payment, succeeded=given["outcome"] == "succeeded")
    except NotOpen:
        raise Refused(f"The payment is {payment['status']}, not processing.") from None
    return {"status": world.store.get(payment["id"])["status"]}


def refund_charge(world: World, ids: Mapping[str, str], given: Json) -> Json:
    """A refund made by hand, as in Stripe's Dashboard: its events name no request."""
    charge = _find(world, "charge", ids["charge"])
    with world.acting(Cause("dashboard")):
        return refund(world, charge, given.get("amount"), given.get("reason"), {})


def dispute_charge(world: World, ids: Mapping[str, str], given: Json) -> Json:
    """Have the bank of `charge` dispute it.

    `reason` (`general`), `status` (`needs_response`, or `warning_needs_response` for an inquiry),
    `amount` in minor units (what has not been refunded).
    """
    charge = _find(world, "charge", ids["charge"])
    status = given.get("status", "needs_response")
    if status not in disputes.UNANSWERED:
        raise Refused(f"A dispute does not begin as {status}.")
    amount = given.get("amount", charge["amount"] - charge["amount_refunded"])
    if not charge["paid"] or not 0 < amount <= charge["amount"]:
        raise Refused(f"{amount} of charge {charge['id']} cannot be disputed.")
    if charge["payment_method_details"]["type"] == "swish":
        raise Refused("Swish payments cannot be disputed.")
    if any(d["status"] in {*disputes.OPEN, "lost"} for d in disputes.of(world, charge)):
        raise Refused(f"Charge {charge['id']} is disputed already.")
    with world.acting(Cause("bank")):
        return disputes.begin(
            world,
            charge,
            reason=given.get("reason", "general"),
            inquiry=status.startswith("warning_"),
            amount=amount,
        )


def close_dispute(world: World, ids: Mapping[str, str], given: Json) -> Json:
    """Have the bank decide it: `outcome` won, lost, or warning_closed for an inquiry."""
    dispute = _find(world, "dispute", ids["dispute"])
    outcome = given["outcome"]
    possible = {"warning_closed"} if disputes.is_inquiry(dispute) else {"won", "lost"}
    if dispute["status"] not in disputes.OPEN or outcome not in possible:
        raise Refused(f"A dispute that is {dispute['status']} cannot become {outcome}.")
    with world.acting(Cause("bank")):
        return disputes.end(world, dispute, outcome)


def run_payouts(world: World, _ids: Mapping[str, str], given: Json) -> Json:
    """Pay out now what is available, in every currency.

    `outcome`: paid or failed at once; without it the payout goes its way by the clock.
    """
    outcome = _payout_outcome(given) if "outcome" in given else None
    made = []
    for currency in amounts(world):
        with world.acting(Cause("clock")):
            payout = payouts.run(world, currency)
            if payout and outcome:
                payout = payouts.finish(world, payout, outcome)
        made += [payout] if payout else []
    return {"payouts": made}


def finish_payout(world: World, ids: Mapping[str, str], given: Json) -> Json:
    """End a payout: `outcome` paid or failed. One that was paid may fail, too."""
    payout = _find(world, "payout", ids["payout"])
    outcome = _payout_outcome(given)
    if payout["status"] in {"failed", outcome}:
        raise Refused(f"The payout is {payout['status']}.")
    with world.acting(Cause("bank")):
        return payouts.finish(world, payout, outcome)


def _payout_outcome(given: Json) -> str:
    if given["outcome"] not in {"paid", "failed"}:
        raise Refused(f"A payout cannot become {given['outcome']}.")
    return str(given["outcome"])


def settlement(world: World, _ids: Mapping[str, str], given: Json) -> Json:
    """`after`: seconds from a payment to its balance transaction and `charge.updated`."""
    with world.store.transaction():
        world.store.set_setting("settles_after", float(given["after"]))
    return {}


def webhooks(world: World, _ids: Mapping[str, str], given: Json) -> Json:
    """Add a rule about deliveries (`modes.Mode`).

    `normal` ends all rules, `release` ends `hold`, and what they kept back goes out.
    """
    mode = given.get("mode")
    if mode == "normal":
        world.deliveries.clear_modes()
    elif mode == "release":
        world.deliveries.clear_modes("hold")
    elif mode is not None:
        world.deliveries.set_mode(Mode(**given))
    return world.deliveries.report()


def flush_webhooks(world: World, _ids: Mapping[str, str], _given: Json) -> Json:
    """Send what `shuffle` has collected; it collects on, what fails now included."""
    return {"deliveries": world.deliveries.flush()}


def take_webhooks(world: World, _ids: Mapping[str, str], _given: Json) -> Json:
    """Hand over what is due, for a test to bring to the shop itself.

    Set `hold` first, or the stand-in sends too. Each has `delivery`, `event`, `type`, `url`, `body`
    (text; the signature is over its UTF-8) and `headers`.
    """
    return {"taken": world.deliveries.take()}


def answer_webhook(world: World, _ids: Mapping[str, str], given: Json) -> Json:
    """Tell what the shop answered to a taken `delivery`: by its `status` it is done or retried."""
    world.deliveries.answered(given["delivery"], given["status"])
    return {}


def roll(world: World, ids: Mapping[str, str], given: Json) -> Json:
    """A new `secret` for the endpoint; the old one signs along for `overlap` seconds (none)."""
    endpoint = _find(world, "webhook_endpoint", ids["endpoint"])
    with world.store.transaction():
        return {"secret": roll_secret(world, endpoint, given.get("overlap", 0.0))}


def redeliver(world: World, _ids: Mapping[str, str], given: Json) -> Json:
    """Send the event `event` once more, also to those who have taken it."""
    with world.store.transaction():
        return {"deliveries": world.deliveries.redeliver(given["event"])}


def faults(world: World, _ids: Mapping[str, str], given: Json) -> Json:
    """Add a fault (see `faults.Fault`); `clear` true ends all of them first."""
    rule = dict(given)
    if rule.pop("clear", False):
        world.faults.clear()
    if rule:
        world.faults.add(Fault(**rule))
    return {"faults": world.faults.report()}


COMMANDS: Mapping[str, Command] = {
    "/_ctl/reset": reset,
    "/_ctl/log": log,
    "/_ctl/clock": clock,
    "/_ctl/sessions/{session}/pay": pay,
    "/_ctl/payment_intents/{payment}/settle": settle_payment,
    "/_ctl/charges/{charge}/refund": refund_charge,
    "/_ctl/charges/{charge}/dispute": dispute_charge,
    "/_ctl/disputes/{dispute}/close": close_dispute,
    "/_ctl/payouts/run": run_payouts,
    "/_ctl/payouts/{payout}/finish": finish_payout,
    "/_ctl/settlement": settlement,
    "/_ctl/webhooks": webhooks,
    "/_ctl/webhooks/redeliver": redeliver,
    "/_ctl/webhooks/flush": flush_webhooks,
    "/_ctl/webhooks/take": take_webhooks,
    "/_ctl/webhooks/answer": answer_webhook,
    "/_ctl/endpoints/{endpoint}/roll": roll,
    "/_ctl/faults": faults,
}


def routes(world: World) -> list[Route]:
    return [
        Route(path, partial(_serve, world, command), methods=["POST"])
        for path, command in COMMANDS.items()
    ]


def _find(world: World, kind: str, object_id: str) -> Json:
    found = world.store.find(object_id, kind)
    if found is None:
        raise Refused(f"There is no {NOUNS[kind]} {object_id}.")
    return found


async def _serve(world: World, command: Command, request: Request) -> Response:
    given = json.loads(await request.body() or b"{}")
    run_due(world)
    try:
        return JSONResponse(command(world, request.path_params, given))
    except NotOpen:
        return JSONResponse({"error": "The session is not open."}, 409)
    except StripeError as problem:
        return JSONResponse({"error": problem.message, "code": problem.code}, problem.status)
    except (Refused, TypeError, ValueError, KeyError, re.error) as problem:
        return JSONResponse({"error": str(problem)}, 400)
