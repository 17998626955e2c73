"""The checkout: one page, then Stripe's payment page, then back."""

from contextlib import suppress
from dataclasses import replace

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.blog.arrivals import last_source
from shop.cart.bill import bills
from shop.cart.cookie import COOKIE, DAYS, Cart, CartLine, cart_text, read_cart
from shop.cart.queries import shown_cart
from shop.checkout.actions import Choice, Reduction, Seller, place_order
from shop.checkout.errors import (
    CannotBeOrdered,
    CannotBePaid,
    DeliveryUnavailable,
    DiscountChanged,
    EmptyCart,
    HoldInTheWay,
    PriceChanged,
    TooManyHolds,
)
from shop.checkout.forms import CheckoutForm, why_refused
from shop.discounts.errors import CodeRefused
from shop.discounts.queries import any_in_force, discount_by_code, normalised, worth
from shop.kit.clock import local_day
from shop.kit.cookies import get_cookie, set_cookie
from shop.kit.forms import whole_number
from shop.kit.network import network_of
from shop.kit.routing import PUBLIC, Get, Post
from shop.kit.templating import page
from shop.orders.models import Order
from shop.orders.queries import (
    held_by_cart,
    order_id_of,
    order_token,
    pending_order_of_cart,
    unbought,
)
from shop.payments.conversations import expire, open_session, settle
from shop.payments.errors import PaymentError
from shop.payments.holds import held_until
from shop.payments.limits import MOST, limits
from shop.payments.models import PaymentAttempt
from shop.payments.queries import latest_attempt
from shop.shipping.dates import dispatch_date
from shop.shipping.queries import countries
from shop.shipping.ways import ways_to
from shop.stock.errors import OutOfStock
from shop.tax.queries import sellers_rate_bp


def show(request: Request) -> Response:
    """Show the form; coming back from the payment page, with everything that was typed."""
    with request.state.reads.begin() as db:
        cart = unbought(db, read_cart(get_cookie(request, COOKIE), request.state.signer))
        if not cart.lines:
            return _to(request, "/cart")
        order = _order_of_link(request, db)
        wanted = {"country": request.query_params.get("country", "")}
        form = _form(request, db, None, **(_typed_before(order) if order else wanted))
        response = _page(request, db, cart, form)
    if order is not None:
        response.headers["Cache-Control"] = "no-store"  # the address is the right to look
    return response


def place(request: Request, form: FormData) -> Response:
    """Place the order, then send the buyer to the payment page."""
    cart = read_cart(get_cookie(request, COOKIE), request.state.signer)
    cart = replace(cart, source=last_source(request, form, cart.source))
    with request.state.reads.begin() as db:
        checkout = _form(request, db, form)
        not_yet = _asked_again(request, db, cart, checkout, form)
    if not_yet is not None:
        return not_yet
    try:
        return _place_and_pay(request, cart, checkout, form)
    except EmptyCart:
        return _to(request, "/cart")
    except HoldInTheWay as hold:  # it cannot be closed: being paid, say, or just now opened anew
        return _to(request, f"/orders/{order_token(request.state.signer, hold.order_id)}")
    except (
        CannotBeOrdered,
        CannotBePaid,
        CodeRefused,
        OutOfStock,
        PriceChanged,
        DiscountChanged,
        DeliveryUnavailable,
    ) as problem:
        name, status = type(problem).__name__, 422 if isinstance(problem, CodeRefused) else 409
        with request.state.reads.begin() as db:
            return _page(request, db, cart, checkout, problem=name, status=status)
    except PaymentError:
        with request.state.reads.begin() as db:
            return _page(request, db, cart, checkout, problem="PaymentError", status=503)


def _wait(request: Request, cart: Cart, checkout: CheckoutForm, many: TooManyHolds) -> Response:
    with request.state.reads.begin() as db:
        response = _page(request, db, cart, checkout, many=many, status=429)
    seconds = (many.until - request.state.till.now()).total_seconds()
    response.headers["Retry-After"] = str(int(seconds) + 1)
    return response


def _asked_again(
    request: Request, db: Session, cart: Cart, checkout: CheckoutForm, form: FormData
) -> Response | None:
    """Return the page once more if that is what the button asks for, or the form needs it."""
    if "update" in form:
        return _page(request, db, cart, checkout)
    if "without-gone" in form:
        return _go_on_without_gone(request, db, unbought(db, cart), checkout)
    return None if checkout.validate() else _page(request, db, cart, checkout, status=422)


def _go_on_without_gone(
    request: Request, db: Session, cart: Cart, checkout: CheckoutForm
) -> Response:
    """Keep in the cart what can be had, and show the same form with everything that was typed."""
    shown = shown_cart(db, cart, held_by_cart(db, cart.id), request.state.locale)
    left = tuple(
        CartLine(line.goods.variant_id, min(line.quantity, line.most), line.text)
        for line in shown.to_order
    )
    kept = replace(cart, lines=left)
    response = _page(request, db, kept, checkout) if left else _to(request, "/cart")
    set_cookie(request, response, COOKIE, cart_text(kept, request.state.signer), DAYS)
    return response


def _place_and_pay(
    request: Request, cart: Cart, checkout: CheckoutForm, form: FormData
) -> Response:
    till = request.state.till
    try:
        attempt = _place(request, cart, checkout, form)
    except TooManyHolds as many:
        return _wait(request, cart, checkout, many)
    # Committed: nothing stays locked while we wait for Stripe.
    if (url := open_session(till, attempt.id)) is not None:
        return RedirectResponse(url, status_code=303)
    return _to(request, f"/orders/{order_token(request.state.signer, attempt.order_id)}")


def _place(request: Request, cart: Cart, checkout: CheckoutForm, form: FormData) -> PaymentAttempt:
    """Place the order; an unpaid one of this cart that differs is closed first."""
    state, till = request.state, request.state.till
    seller = Seller(state.preferences.current, state.preferences.urls, state.signer)
    method = str(form.get("delivery", ""))
    choice = Choice(
        method=method,
        shown_subtotal=whole_number(form.get("subtotal"), least=0, most=MOST),
        shown_shipping=whole_number(form.get(f"price_{method}"), least=0, most=MOST),
        code=checkout.code.data or "",
        shown_discount=whole_number(form.get("shown_discount"), least=0, most=MOST) or 0,
    )
    buyer = checkout.buyer(state.locale)
    network = network_of(request.client.host) if request.client else ""

    def once() -> PaymentAttempt:
        with till.sessions.begin() as db:
            return place_order(db, cart, buyer, choice, seller, placed_from=network, now=till.now())

    try:
        return once()
    except HoldInTheWay as hold:
        expire(till, hold.attempt_id)
    return once()


def back_from_payment(request: Request) -> Response:
    """Ask Stripe what became of the payment, empty the cart if it was this one, show the order."""
    state, token = request.state, request.query_params.get("order", "")
    order_id = order_id_of(state.signer, token)
    if order_id is None:
        raise HTTPException(404)
    with state.reads.begin() as db:
        attempt = latest_attempt(db, order_id)
    if attempt is None:
        raise HTTPException(404)
    with suppress(PaymentError):  # the order page says that we are confirming; others go on asking
        settle(state.till, attempt.id)
    response = _to(request, f"/orders/{token}")
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    cart = read_cart(get_cookie(request, COOKIE), state.signer)
    with state.reads.begin() as db:
        order = db.get_one(Order, order_id)
    if order.bought and order.cart_id == cart.id:
        set_cookie(request, response, COOKIE, "", 0)
    return response


def _form(request: Request, db: Session, form: FormData | None, **data: object) -> CheckoutForm:
    wishes = request.state.preferences.current
    return CheckoutForm(
        form,
        countries=countries(db),
        home=wishes.country,
        pickup_offered=wishes.pickup_offered,
        **data,
    )


def _order_of_link(request: Request, db: Session) -> Order | None:
    order_id = order_id_of(request.state.signer, request.query_params.get("order", ""))
    return db.get(Order, order_id) if order_id is not None else None


def _typed_before(order: Order) -> dict[str, str]:
    names = ("email", "address", "postal_code", "city", "country", "phone", "gift_note")
    typed = {name: getattr(order, name) for name in names}
    return typed | {
        "name": order.payer,
        "recipient": order.name if order.buyer_name else "",
        "delivery": order.shipping_method,
        "code": order.discount_code,
    }


def _reduction(
    request: Request, db: Session, cart: Cart, form: CheckoutForm, subtotal_amount: int
) -> Reduction:
    """Return what the typed code takes off; what is wrong with it is said at its field."""
    if not normalised(form.code.data or "") or form.code.errors:
        return Reduction()
    own = pending_order_of_cart(db, cart.id)
    try:
        discount = discount_by_code(db, form.code.data or "")
        amount = worth(
            discount,
            subtotal_amount,
            local_day(request.state.till.now()),
            its_own_use=own is not None and own.discount_code == discount.code,
        )
    except CodeRefused as refused:
        form.code.errors = [why_refused(refused, request.state.preferences.current.currency)]
        return Reduction()
    return Reduction(amount, discount.code, discount.id)


def _page(
    request: Request,
    db: Session,
    cart: Cart,
    form: CheckoutForm,
    *,
    problem: str = "",
    many: TooManyHolds | None = None,
    status: int = 200,
) -> Response:
    cart = unbought(db, cart)
    shown = shown_cart(db, cart, held_by_cart(db, cart.id), request.state.locale)
    now = request.state.till.now()
    reduction = _reduction(request, db, cart, form, shown.subtotal_amount)
    if form.code.errors and problem == "DiscountChanged":
        form.code.data, form.code.raw_data = "", None  # so that the new total can be confirmed
    if form.code.errors and request.method == "POST" and status == 200:  # noqa: PLR2004
        status = 422
    held = [line.goods.variant_id for line in shown.lines if line.availability.held]
    wishes, today = request.state.preferences.current, local_day(now)
    dispatch = dispatch_date(today, wishes.dispatch_days, shown.lead_time_days)
    country = str(form.country.data or "")
    sending = ways_to(db, country, wishes, shown.parcel, sent=dispatch, today=today)
    ways = sending.ways if sending.country == country else []
    rate_bp = sellers_rate_bp(db, wishes, today)
    offered = bills(shown, ways, rate_bp=rate_bp, discount_amount=reduction.amount)
    wanted = str(form.delivery.data or "")
    first = offered[0] if offered else None
    return page(
        request,
        "checkout/show.html",
        status=status,
        form=form,
        cart=shown,
        reduction=reduction,
        asks_for_code=bool(form.code.data or form.code.errors) or any_in_force(db),
        bills=offered,
        chosen=next((bill for bill in offered if bill.method == wanted), first),
        problem=problem,
        many=many,
        held_until=held_until(db, held, now=now),
        limits=limits(wishes.currency),
        dispatch=dispatch,
        cart_count=cart.count,
    )


def _to(request: Request, path: str) -> Response:
    urls = request.state.preferences.urls
    return RedirectResponse(urls.link(path, request.state.locale), status_code=303)


routes = [
    Get("/checkout", show, access=PUBLIC),
    Post("/checkout", place, access=PUBLIC, pool="stripe"),
    Get("/checkout/return", back_from_payment, access=PUBLIC, pool="stripe"),
]
