"""The buyer's cart."""

import re
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.blog.arrivals import count_cart, last_source
from shop.cart.bill import bills
from shop.cart.cookie import COOKIE, DAYS, MAX_QUANTITY, Cart, cart_text, new_cart, read_cart
from shop.cart.errors import AllInCart, CartFull, TextTooLong
from shop.cart.forms import LONGEST_TEXT, one_line, personal_text
from shop.cart.queries import Goods, ShownCart, goods_of, shown_cart
from shop.kit.clock import local_day
from shop.kit.cookies import get_cookie, set_cookie
from shop.kit.forms import whole_number
from shop.kit.routing import PUBLIC, Get, Post
from shop.kit.templating import page
from shop.orders.queries import Dealings, dealings, pending_order_of_cart
from shop.payments.actions import ask_release
from shop.payments.holds import held_until
from shop.shipping.dates import dispatch_date
from shop.shipping.ways import ways_to
from shop.tax.queries import sellers_rate_bp

LARGEST_ID = 2**31 - 1
COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True)
class Asked:
    """What a buyer wanted to put in the cart, to be shown again when it was refused."""

    variant_id: int
    quantity: int
    typed: str


def show(
    request: Request,
    problem: str = "",
    status: int = 200,
    country: str = "",
    refused: Asked | None = None,
) -> Response:
    with request.state.reads.begin() as db:
        cart, before = _cart(request, db)
        shown = shown_cart(db, cart, before.held, request.state.locale)
        response = page(
            request,
            "cart/show.html",
            status=status,
            problem=problem,
            refused=refused,
            longest_text=LONGEST_TEXT,
            cart=shown,
            cart_count=cart.count,
            added=_added(request, shown),
            **_costs(request, db, shown, country or request.query_params.get("country", "")),
        )
    if before.bought:
        set_cookie(request, response, COOKIE, "", 0)
    return response


def add(request: Request, form: FormData) -> Response:
    """Put more of a variant in the cart, as many as there are at the most."""
    variant_id = whole_number(form.get("variant"), least=1, most=LARGEST_ID)
    wanted = whole_number(form.get("quantity", "1"), least=1, most=MAX_QUANTITY)
    if variant_id is None or wanted is None:
        return show(request, problem="quantity", status=422)
    with request.state.reads.begin() as db:
        cart, before = _cart(request, db)
        cart = replace(cart, source=last_source(request, form, cart.source))
        goods = goods_of(db, [variant_id], before.held, request.state.locale).get(variant_id)
    if goods is None or not goods.availability.buyable:
        return show(request, problem="gone", status=409)
    try:
        text = personal_text(form.get("text")) if goods.takes_personal_text else ""
        changed = _with_more(cart, goods, wanted, text)
        response = _keep(request, cart, changed, before, f"?added={variant_id}")
    except TextTooLong:
        asked = Asked(variant_id, wanted, one_line(form.get("text")))
        return show(request, problem="text", status=422, refused=asked)
    except AllInCart:
        return show(request, problem="all", status=409)
    except CartFull:
        return show(request, problem="full", status=409)
    count_cart(request, cart.source, goods.slug)
    return response


def _with_more(cart: Cart, goods: Goods, wanted: int, text: str) -> Cart:
    """Return the cart with *wanted* more pieces that carry *text*, or as many as there are.

    Of a single piece that lies in the cart already the new words take the place of the old.
    AllInCart where each piece that there is stands in the cart with other words.
    """
    variant_id, most = goods.variant_id, min(goods.availability.buyable, MAX_QUANTITY)
    old = next((line for line in cart.lines if line.variant_id == variant_id), None)
    if old is not None and most == 1:
        new = replace(old, text=text or old.text)
        return replace(cart, lines=tuple(new if line == old else line for line in cart.lines))
    there = cart.quantity(variant_id, text)
    room = most - (cart.quantities.get(variant_id, 0) - there)
    if room <= 0 and not there:
        raise AllInCart
    return cart.with_quantity(variant_id, min(there + wanted, max(room, there)), text)


def change(request: Request, form: FormData) -> Response:
    """Set the quantity of a line that is in the cart; 0 takes it out."""
    variant_id = whole_number(form.get("variant"), least=1, most=LARGEST_ID)
    quantity = whole_number(form.get("quantity"), least=0, most=MAX_QUANTITY)
    text, country = str(form.get("text", "")), str(form.get("country", ""))
    with request.state.reads.begin() as db:
        cart, before = _cart(request, db)
    if variant_id is None or quantity is None or not cart.quantity(variant_id, text):
        return show(request, problem="quantity", status=422, country=country)
    query = f"?country={country}" if COUNTRY.fullmatch(country) else ""
    try:
        changed = cart.with_quantity(variant_id, quantity, text)
        return _keep(request, cart, changed, before, query)
    except CartFull:
        return show(request, problem="full", status=409, country=country)


def _cart(request: Request, db: Session) -> tuple[Cart, Dealings]:
    """Return the visitor's cart and what has come of it; one that was bought is a new, empty one.

    No cookie, no query; an empty cart may still hold what lay in it a moment ago.
    """
    cookie = get_cookie(request, COOKIE)
    cart = read_cart(cookie, request.state.signer)
    before = dealings(db, cart.id) if cookie else Dealings()
    return (new_cart() if before.bought else cart), before


def _added(request: Request, shown: ShownCart) -> Goods | None:
    """Return what was just put in the cart, as the address says."""
    number = request.query_params.get("added", "")
    return next((line.goods for line in shown.lines if str(line.goods.variant_id) == number), None)


def _costs(request: Request, db: Session, shown: ShownCart, country: str) -> dict[str, object]:
    """Return all that the order will cost, by each way of delivery, before anybody is asked who
    they are; and when what is being paid by others may be free again.
    """
    wishes, now = request.state.preferences.current, request.state.till.now()
    held = [line.goods.variant_id for line in shown.lines if line.availability.held]
    facts: dict[str, object] = {"held_until": held_until(db, held, now=now)}
    if not shown.to_order:
        return facts | {"bills": [], "sending": None}
    today = local_day(now)
    dispatch = dispatch_date(today, wishes.dispatch_days, shown.lead_time_days)
    sending = ways_to(db, country, wishes, shown.parcel, sent=dispatch, today=today)
    rate_bp = sellers_rate_bp(db, wishes, today)
    return facts | {"bills": bills(shown, sending.ways, rate_bp=rate_bp), "sending": sending}


def _keep(request: Request, cart: Cart, changed: Cart, before: Dealings, query: str) -> Response:
    """Have the buyer keep the changed cart, and show it; CartFull if it outgrows a cookie."""
    text = cart_text(changed, request.state.signer)
    if before.unpaid and changed.lines != cart.lines:
        _give_back_hold(request, cart)
    address = request.state.preferences.urls.link(f"/cart{query}", request.state.locale)
    response = RedirectResponse(address, status_code=303)
    set_cookie(request, response, COOKIE, text, DAYS)
    return response


def _give_back_hold(request: Request, cart: Cart) -> None:
    """Ask for the end of an unpaid order of the cart as it was before."""
    with request.state.reads.begin() as db:
        pending = pending_order_of_cart(db, cart.id)
    if pending is not None:
        till = request.state.till
        with till.sessions.begin() as db:
            ask_release(db, pending.id, now=till.now())


routes = [
    Get("/cart", show, access=PUBLIC, short=True),
    Post("/cart", add, access=PUBLIC),
    Post("/cart/lines", change, access=PUBLIC),
]
