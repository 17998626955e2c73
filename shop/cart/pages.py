"""The buyer's cart."""

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.cart.cookie import COOKIE, DAYS, MAX_QUANTITY, Cart, cart_text, read_cart
from shop.cart.errors import CartFull
from shop.cart.queries import ShownCart, shown_cart
from shop.kit.clock import local_day
from shop.kit.cookies import get_cookie, set_cookie
from shop.kit.forms import whole_number
from shop.kit.routing import PUBLIC, Get, Post
from shop.kit.templating import page
from shop.orders.queries import held_by_cart, pending_order_of_cart, unbought
from shop.payments.actions import ask_release
from shop.payments.holds import held_until
from shop.shipping.queries import delivery_options

LARGEST_ID = 2**31 - 1


def show(request: Request, problem: str = "", status: int = 200) -> Response:
    with request.state.reads.begin() as db:
        shown = _shown(db, _cart(request, db))
        country = request.state.preferences.current.country
        now = request.state.till.now()
        today = local_day(now)
        held = [line.variant.id for line in shown.lines if line.availability.held]
        return page(
            request,
            "cart/show.html",
            status=status,
            problem=problem,
            cart=shown,
            held_until=held_until(db, held, now=now),
            country=country,
            delivery=delivery_options(db, country, shown.parcel, today) if shown.to_order else [],
        )


def add(request: Request, form: FormData) -> Response:
    """Put more of a variant in the cart, as many as there are at the most."""
    variant_id = whole_number(form.get("variant"), least=1, most=LARGEST_ID)
    wanted = whole_number(form.get("quantity", "1"), least=1, most=MAX_QUANTITY)
    if variant_id is None or wanted is None:
        return show(request, problem="quantity", status=422)
    with request.state.reads.begin() as db:
        cart = _cart(request, db)
        line = next(iter(_shown(db, Cart(cart.id).with_quantity(variant_id, 1)).to_order), None)
    if line is None:
        return show(request, problem="gone", status=409)
    there = cart.quantities.get(variant_id, 0)
    return _keep(request, cart, variant_id, min(there + wanted, line.most))


def change(request: Request, form: FormData) -> Response:
    """Set the quantity of a line that is in the cart; 0 takes it out."""
    variant_id = whole_number(form.get("variant"), least=1, most=LARGEST_ID)
    quantity = whole_number(form.get("quantity"), least=0, most=MAX_QUANTITY)
    with request.state.reads.begin() as db:
        cart = _cart(request, db)
    if variant_id is None or quantity is None or variant_id not in cart.quantities:
        return show(request, problem="quantity", status=422)
    return _keep(request, cart, variant_id, quantity)


def _cart(request: Request, db: Session) -> Cart:
    return unbought(db, read_cart(get_cookie(request, COOKIE), request.state.signer))


def _shown(db: Session, cart: Cart) -> ShownCart:
    return shown_cart(db, cart, held_by_cart(db, cart.id))


def _keep(request: Request, cart: Cart, variant_id: int, quantity: int) -> Response:
    try:
        changed = cart.with_quantity(variant_id, quantity)
        text = cart_text(changed, request.state.signer)
    except CartFull:
        return show(request, problem="full", status=409)
    if changed != cart:
        _give_back_hold(request, cart)
    urls = request.state.preferences.urls
    response = RedirectResponse(urls.link("/cart", request.state.locale), status_code=303)
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
    Get("/cart", show, access=PUBLIC),
    Post("/cart", add, access=PUBLIC),
    Post("/cart/lines", change, access=PUBLIC),
]
