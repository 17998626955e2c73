"""The pages a buyer sees: payment, the bank's question, and how it ended. Plain HTML."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from shop.sandbox.stand_in.cards import CARDS, Card
from shop.sandbox.stand_in.entry import Entry, read
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.money import spoken
from shop.sandbox.stand_in.payments import NotOpen, Outcome, confirm, finish
from shop.sandbox.stand_in.texts import TEXTS, locale_of, text
from shop.sandbox.stand_in.timers import run_due
from shop.sandbox.stand_in.world import Cause, World

HERE = Path(__file__).parent
LATEST = 30
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def routes(world: World) -> list[Route]:
    def route(path: str, handler: Callable[..., object], *methods: str) -> Route:
        return Route(path, partial(handler, world), methods=list(methods or ["GET"]))

    return [
        route("/", root),
        route("/c/pay/{session}", pay),
        route("/c/pay/{session}/confirm", pay),
        route("/c/pay/{session}/confirm", pay_confirmed, "POST"),
        route("/c/3ds/{payment}", bank),
        route("/c/3ds/{payment}", bank_answered, "POST"),
        route("/c/redirect/{payment}", bank),
        route("/c/redirect/{payment}", bank_answered, "POST"),
        route("/assets/style.css", style),
        route("/favicon.ico", no_icon),
    ]


async def root(world: World, request: Request) -> Response:
    """What this is, the test cards, and the latest sessions."""
    run_due(world)
    locale = locale_of(None, request.headers.get("accept-language", ""))
    sessions = [
        session
        | {
            "when": datetime.fromtimestamp(session["created"], UTC).astimezone(),
            "state": state_of(world, session),
        }
        for session in world.store.newest("checkout.session", LATEST)
    ]
    return page("root.html", locale, sessions=sessions, cards=_card_list(locale))


async def pay(world: World, request: Request) -> Response:
    """The payment form, or what has become of the session."""
    run_due(world)
    session = world.store.find(request.path_params["session"], "checkout.session")
    if session is None or session["status"] != "open":
        return _closed(world, request, session)
    problem = request.query_params.get("problem")
    declined = problem if problem in TEXTS else None
    return _form(world, request, session, Entry({}, {}, None), declined)


async def pay_confirmed(world: World, request: Request) -> Response:
    """The buyer pressed the button."""
    run_due(world)
    session = world.store.find(request.path_params["session"], "checkout.session")
    if session is None or session["status"] != "open":
        return _closed(world, request, session, status=409)
    entry = read(session, await fields(request), world.clock.exact())
    if entry.attempt is None:
        return _form(world, request, session, entry)
    try:
        with world.acting(Cause("page")):
            outcome = confirm(world, session["id"], entry.attempt)
    except NotOpen:  # another tab was faster while the form was read
        return _closed(world, request, world.store.find(session["id"]), status=409)
    if outcome.state == "declined":
        kept = {k: v for k, v in entry.values.items() if k != "number"}
        return _form(world, request, session, Entry(kept, {}, None), outcome.problem)
    if outcome.state == "action":
        place = "3ds" if entry.attempt.method == "card" else "redirect"
        return go(f"/c/{place}/{outcome.payment}")
    return await _thanks(world, session, outcome)


async def bank(world: World, request: Request) -> Response:
    """The step at the bank, Klarna or Swish."""
    run_due(world)
    payment = world.store.find(request.path_params["payment"], "payment_intent")
    if payment is None:
        return _closed(world, request, None)
    hidden = world.store.private(payment["id"])
    session = world.store.get(hidden["session"])
    if session["status"] != "open":
        return _closed(world, request, session)
    if payment["status"] != "requires_action":
        return go(f"/c/pay/{session['id']}")
    locale = _locale(request, session)
    kind = "3ds" if hidden["method"] == "card" else "redirect"
    return page(
        "bank.html", locale, session, kind=kind, session=session,
        action=f"/c/{kind}/{payment['id']}", method=text(hidden["method"], locale),
    )  # fmt: skip


async def bank_answered(world: World, request: Request) -> Response:
    """The buyer (here: the tester) chose how the bank answers."""
    run_due(world)
    payment = world.store.find(request.path_params["payment"], "payment_intent")
    if payment is None:
        return _closed(world, request, None)
    session = world.store.get(world.store.private(payment["id"])["session"])
    authorised = (await fields(request)).get("outcome") in {"complete", "authorize"}
    try:
        with world.acting(Cause("page")):
            outcome = finish(world, payment, authorised=authorised)
    except NotOpen:
        session = world.store.get(session["id"])
        if session["status"] == "open":
            return go(f"/c/pay/{session['id']}")
        return _closed(world, request, session, status=409)
    if outcome.state == "declined":
        return go(f"/c/pay/{session['id']}?problem={outcome.problem}")
    return await _thanks(world, session, outcome)


async def style(_world: World, _request: Request) -> Response:
    return FileResponse(HERE / "assets" / "style.css", headers={"Cache-Control": "no-cache"})


async def no_icon(_world: World, _request: Request) -> Response:
    return Response(status_code=204)


def broken(request: Request) -> Response:
    """The page for an error of the stand-in's own."""
    locale = locale_of(None, request.headers.get("accept-language", ""))
    return page("notice.html", locale, status=500, kind="broken", link=None, link_text="")


async def _thanks(world: World, session: Json, outcome: Outcome) -> Response:
    """Give the shop a moment to take the webhook, then send the buyer back to it."""
    if outcome.event:
        await world.deliveries.first_success(outcome.event, world.wait_for_webhook)
    return go(success_url(session))


def success_url(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def go(url: str) -> Response:
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


async def fields(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, max_num_fields=50))


def _form(
    world: World, request: Request, session: Json, entry: Entry, declined: str | None = None
) -> Response:
    locale = _locale(request, session)
    rate = session["shipping_cost"] and world.store.get(session["shipping_cost"]["shipping_rate"])
    status = 402 if declined and request.method == "POST" else 422 if entry.problems else 200
    methods = session["payment_method_types"]
    return page(
        "pay.html",
        locale,
        session,
        status,
        session=session,
        lines=world.store.children("item", session["id"]),
        shipping=rate,
        methods=methods,
        chosen=entry.values.get("method", methods[0]),
        values=entry.values,
        problems={field: text(key, locale) for field, key in entry.problems.items()},
        declined=declined and text(declined, locale),
        cards=_card_list(locale),
    )


def _closed(world: World, request: Request, session: Json | None, status: int = 200) -> Response:
    """The page for a session that is missing (404), expired (410) or complete (*status*)."""
    locale = _locale(request, session)
    if session is None:
        return page("notice.html", locale, status=404, kind="missing", link=None, link_text="")
    if session["status"] == "expired":
        return page("notice.html", locale, session, 410, kind="expired",
                     link=session["cancel_url"], link_text=text("back", locale))  # fmt: skip
    state = state_of(world, session)
    kind = "paid" if state == "complete" else state
    return page("notice.html", locale, session, status, kind=kind,
                 link=success_url(session), link_text=text("paid_link", locale))  # fmt: skip


def state_of(world: World, session: Json) -> str:
    """The session's status; `processing` or `failed` when it is complete without its money."""
    if session["status"] != "complete" or session["payment_status"] != "unpaid":
        return str(session["status"])
    payment = world.store.get(session["payment_intent"])
    return "processing" if payment["status"] == "processing" else "failed"


def _locale(request: Request, session: Json | None) -> str:
    asked = request.headers.get("accept-language", "")
    return locale_of(session["locale"] if session else None, asked)


def page(
    template: str, locale: str, about: Json | None = None, status: int = 200, **values: object
) -> Response:
    html = _templates.get_template(template).render(
        locale=locale,
        t=partial(text, locale=locale),
        money=lambda amount, currency: spoken(amount, currency, locale),
        **values,
    )
    headers = {
        "Content-Security-Policy": _policy(about),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(html, status, headers, media_type="text/html")


def _policy(session: Json | None) -> str:
    """No scripts, no inline style. A form's redirects may lead back to the shop, and only there."""
    urls = [session[name] for name in ("success_url", "cancel_url")] if session else []
    origins = {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in urls if url}
    targets = " ".join(["'self'", *sorted(origins)])
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {targets}"
    )


def _card_list(locale: str) -> list[Mapping[str, str]]:
    return [
        {"number": " ".join(number[i : i + 4] for i in range(0, len(number), 4)),
         "does": text(_does(card), locale)}
        for number, card in CARDS.items()
        if card.country not in {"SE", "GB"} and number[-4:] not in {"0077", "3184"}
    ]  # fmt: skip


def _does(card: Card) -> str:
    if card.secure:
        return "does_3ds_declined" if card.decline else "does_3ds"
    if card.refund != "succeeded":
        return f"does_refund_{card.refund}"
    if card.dispute:
        return "does_inquiry" if card.inquiry else "does_dispute"
    if card.brand == "mastercard":
        return "does_mastercard"
    return card.decline or "does_success"
