"""The page of the account's owner: what has been paid, and what can happen to it afterwards.

Its buttons are commands of `control`, pressed by a person: the events they cause name no request.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shop.sandbox.stand_in import control, disputes
from shop.sandbox.stand_in.balance import amounts
from shop.sandbox.stand_in.errors import Json, StripeError
from shop.sandbox.stand_in.money import minor
from shop.sandbox.stand_in.pages import LATEST, fields, go, page
from shop.sandbox.stand_in.timers import run_due
from shop.sandbox.stand_in.world import World

# What a payment's state is called, and whether that is good, bad, over or open.
STATES = {
    "requires_payment_method": ("Declined", "bad"),
    "requires_action": ("With the buyer's bank", "open"),
    "canceled": ("Canceled", "over"),
    "processing": ("Processing", "open"),
    "succeeded": ("Paid", "good"),
    "refunded": ("Refunded", "over"),
    "partly_refunded": ("Partly refunded", "good"),
    "needs_response": ("Disputed, needs a response", "bad"),
    "under_review": ("Disputed, under review", "bad"),
    "warning_needs_response": ("Inquiry, needs a response", "open"),
    "warning_under_review": ("Inquiry, under review", "open"),
    "lost": ("Dispute lost", "bad"),
}
COLOURS = {"paid": "good", "succeeded": "good", "failed": "bad", "dropped": "bad"}


def routes(world: World) -> list[Route]:
    def button(path: str, work: Callable[[World, Mapping[str, str], Json], object]) -> Route:
        return Route(f"/dashboard{path}", partial(_pressed, world, work), methods=["POST"])

    return [
        Route("/dashboard", partial(show, world)),
        button("/charges/{charge}/refund", _refund),
        button("/charges/{charge}/dispute", control.dispute_charge),
        button("/disputes/{dispute}/close", control.close_dispute),
        button("/payment_intents/{payment}/settle", control.settle_payment),
        button("/payouts/run", control.run_payouts),
        button("/payouts/{payout}/finish", control.finish_payout),
        button("/events/{event}/send", _send_again),
    ]


async def show(world: World, _request: Request) -> Response:
    run_due(world)
    return _dashboard(world)


async def _pressed(
    world: World, work: Callable[[World, Mapping[str, str], Json], object], request: Request
) -> Response:
    """Do what the button says; 403 when a page of somebody else's pressed it."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        return Response("This button belongs to the dashboard.", 403)
    run_due(world)
    given = {name: value for name, value in (await fields(request)).items() if value}
    try:
        work(world, request.path_params, given)
    except StripeError as problem:
        return _dashboard(world, problem.message)
    except (control.Refused, KeyError) as problem:
        return _dashboard(world, str(problem))
    return go("/dashboard")


def _refund(world: World, ids: Mapping[str, str], given: Json) -> object:
    """The form has the amount as people write it."""
    charge = world.store.get(ids["charge"])
    amount = None
    if "amount" in given:
        amount = minor(given["amount"], charge["currency"])
        if amount is None:
            raise control.Refused(f"{given['amount']} is no amount in {charge['currency']}.")
    return control.refund_charge(world, ids, {"amount": amount})


def _send_again(world: World, ids: Mapping[str, str], _given: Json) -> object:
    return control.redeliver(world, {}, {"event": ids["event"]})


def _dashboard(world: World, problem: str | None = None) -> Response:
    deliveries = world.deliveries.latest(LATEST)
    return page(
        "dashboard.html",
        "en",
        status=409 if problem else 200,
        problem=problem,
        balance=amounts(world),
        payments=[_payment(world, intent) for intent in _newest(world, "payment_intent")],
        payouts=[
            payout | {"colour": COLOURS.get(payout["status"], "open")}
            for payout in _newest(world, "payout")
        ],
        deliveries=[
            delivery
            | {
                "when": _when(world.store.get(delivery["event"])["created"]),
                "colour": COLOURS.get(delivery["state"], "open"),
            }
            for delivery in deliveries
        ],
    )


def _newest(world: World, kind: str) -> list[Json]:
    found = world.store.newest(kind, LATEST)
    return [body | {"when": _when(body["created"])} for body in found]


def _payment(world: World, intent: Json) -> Json:
    """What the page shows of a payment, and which of its buttons make sense."""
    session = world.store.get(world.store.private(intent["id"])["session"])
    charge = intent["latest_charge"] and world.store.get(intent["latest_charge"])
    paid = bool(charge and charge["paid"])
    disputed = disputes.of(world, charge) if paid else []
    dispute = next((d for d in disputed if d["status"] in {*disputes.OPEN, "lost"}), None)
    name, colour = STATES[_state(intent, charge, dispute)]
    method = charge["payment_method_details"]["type"] if charge else None
    return intent | {
        "state": name,
        "colour": colour,
        "reference": session["client_reference_id"] or session["id"][:16] + "…",
        "means": _means(charge) if charge else "",
        "charge": charge,
        "left": charge["amount"] - charge["amount_refunded"] if paid else 0,
        "dispute": dispute,
        "open_dispute": bool(dispute and dispute["status"] in disputes.OPEN),
        "inquiry": bool(dispute and disputes.is_inquiry(dispute)),
        "refundable": paid and not charge["refunded"] and not disputes.holds_back(world, charge),
        "disputable": paid and dispute is None and not charge["refunded"] and method != "swish",
    }


def _state(intent: Json, charge: Json | None, dispute: Json | None) -> str:
    if dispute:
        return str(dispute["status"])
    if charge and charge["paid"] and charge["amount_refunded"]:
        return "refunded" if charge["refunded"] else "partly_refunded"
    return str(intent["status"])


def _means(charge: Json) -> str:
    kind = charge["payment_method_details"]["type"]
    details = charge["payment_method_details"][kind]
    return f"{details.get('brand', 'SEPA')} …{details['last4']}" if "last4" in details else kind


def _when(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC).astimezone()
