"""The buyer's order page, by its secret link."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shop.cart.cookie import COOKIE, read_cart
from shop.kit.cookies import get_cookie, set_cookie
from shop.kit.routing import PUBLIC, Get
from shop.kit.templating import page
from shop.orders.models import Status
from shop.orders.queries import order_id_of, order_in_full
from shop.payments.models import GIVEN_BACK
from shop.payments.queries import refunds_of_order
from shop.shipping.names import method_name

ASK_AGAIN = "5"  # seconds


def show(request: Request) -> Response:
    order_id = order_id_of(request.state.signer, request.path_params["token"])
    if order_id is None:
        raise HTTPException(404)
    with request.state.reads.begin() as db:
        order = order_in_full(db, order_id)
        sent_back = refunds_of_order(db, order_id)
    if order is None:
        raise HTTPException(404)
    cart = read_cart(get_cookie(request, COOKIE), request.state.signer)
    own = order.bought and order.cart_id == cart.id  # paid, and still in this visitor's basket
    response = page(
        request,
        "orders/show.html",
        cart_count=0 if own else cart.count,
        order=order,
        token=request.path_params["token"],
        sent_back=[refund for refund in sent_back if refund.status in GIVEN_BACK],
        method=method_name(order.shipping_method),
    )
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the right to look
    response.headers["Cache-Control"] = "no-store"
    if order.status == Status.PENDING:
        response.headers["Refresh"] = ASK_AGAIN
    if own:
        set_cookie(request, response, COOKIE, "", 0)
    return response


routes = [Get("/orders/{token}", show, access=PUBLIC)]
