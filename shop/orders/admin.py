"""The owner's orders: what to pack, one order, sent."""

from collections.abc import Mapping
from contextlib import suppress

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.kit.forms import stripped, whole_number
from shop.kit.i18n import format_money, speaking
from shop.kit.money import Money
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.mail.queries import messages_about
from shop.orders.actions import clear_review, ship, take_back_shipment
from shop.orders.errors import WrongState
from shop.orders.models import Order, Status
from shop.orders.queries import held_for_review, order_by_number, order_token, orders_in, to_send
from shop.owner.actions import write_audit
from shop.payments.conversations import send_refund, settle
from shop.payments.errors import PaymentError, RefundChanged, RefundImpossible, RefundTooLarge
from shop.payments.forms import RefundForm
from shop.payments.models import RefundStatus
from shop.payments.queries import (
    latest_attempt,
    paid_attempt,
    pieces_left,
    refund_in_full,
    refunds_of_order,
)
from shop.payments.refunds import (
    FULFILLED,
    Wish,
    everything_left,
    given_back,
    postage_refunded,
    request_refund,
)
from shop.shipping.names import method_name

SHOWN = {
    "sent": (Status.SHIPPED, Status.DELIVERED),
    "unpaid": (Status.PENDING,),
    "closed": (Status.EXPIRED, Status.CANCELLED, Status.REFUNDED),
}
LONGEST_TRACKING = 60
LARGEST_NUMBER = 999_999_999
SAID_OF_REFUND = {
    RefundStatus.REQUESTED: "paid-back-later",
    RefundStatus.FAILED: "refund-failed",
    RefundStatus.CANCELED: "refund-failed",
}


def show_list(request: Request) -> Response:
    chosen = request.query_params.get("show", "")
    with request.state.reads.begin() as db:
        orders = orders_in(db, SHOWN[chosen]) if chosen in SHOWN else to_send(db)
        lines = [line for order in orders for line in order.lines]
        return page(
            request,
            "orders/admin/list.html",
            orders=orders,
            left=pieces_left(db, lines),
            chosen=chosen if chosen in SHOWN else "",
            waiting=len(to_send(db)),
            review=held_for_review(db),
            method_name=method_name,
        )


def show_order(
    request: Request,
    problem: str = "",
    tracking: str = "",
    status: int = 200,
    typed: RefundForm | None = None,
) -> Response:
    with request.state.reads.begin() as db:
        order = _order(request, db)
        paid, refunds = paid_attempt(db, order.id), refunds_of_order(db, order.id)
        gone = given_back(db, paid.id) if paid is not None else 0
        left = pieces_left(db, order.lines)
        return page(
            request,
            "orders/admin/show.html",
            status=status,
            order=order,
            attempt=latest_attempt(db, order.id),
            mails=messages_about(db, order.id, [refund.id for refund in refunds]),
            refunds=refunds,
            left=left,
            given_back=Money(gone, order.currency),
            can_pay_back=paid is not None
            and gone < paid.amount
            and order.status in FULFILLED
            and not order.disputed,
            refund_form=typed or _refund_form(order, left),
            postage_refunded=postage_refunded(db, order.id),
            method=method_name(order.shipping_method),
            buyers_page=request.state.preferences.urls.absolute(
                f"/orders/{order_token(request.state.signer, order.id)}", order.locale
            ),
            problem=problem,
            tracking=tracking,
        )


def show_slip(request: Request) -> Response:
    """Show what goes into the parcel, in the language of who bought it: without a price."""
    with request.state.reads.begin() as db:
        order = _order(request, db)
        left = pieces_left(db, order.lines)
    with speaking(order.locale):
        return page(request, "orders/admin/slip.html", order=order, left=left)


def send(request: Request, form: FormData) -> Response:
    """Say that the order is on its way; the tracking number is optional."""
    tracking = stripped(str(form.get("tracking", "")))
    if len(tracking) > LONGEST_TRACKING:
        return show_order(request, "tracking", tracking, status=422)
    till = request.state.till
    try:
        with till.sessions.begin() as db:
            order = _order(request, db)
            ship(db, order, tracking=tracking, now=till.now())
            write_audit(db, "owner", "order sent", str(order.number), now=till.now())
    except WrongState:
        return show_order(request, "state", tracking, status=409)
    back = "/admin/orders" if form.get("from") == "list" else f"/admin/orders/{order.number}"
    return RedirectResponse(f"{back}?note=order-sent", status_code=303)


def unsend(request: Request, form: FormData) -> Response:  # noqa: ARG001 - the button says it all
    """Take "sent" back while its mail has not gone out."""
    till = request.state.till
    try:
        with till.sessions.begin() as db:
            order = _order(request, db)
            take_back_shipment(db, order, now=till.now())
            write_audit(db, "owner", "sending taken back", str(order.number), now=till.now())
    except WrongState:
        return show_order(request, "unsend", status=409)
    return RedirectResponse(f"/admin/orders/{order.number}?note=sending-taken-back", 303)


def release_from_review(request: Request, form: FormData) -> Response:  # noqa: ARG001
    """The owner has looked: the order may be packed, or lies as it is."""
    till = request.state.till
    with till.sessions.begin() as db:
        order = _order(request, db)
        clear_review(db, order.id, now=till.now())
        write_audit(db, "owner", "order reviewed", str(order.number), now=till.now())
    return RedirectResponse(f"/admin/orders/{order.number}?note=order-reviewed", 303)


def ask_stripe(request: Request, form: FormData) -> Response:  # noqa: ARG001
    """Ask Stripe now what became of the payment."""
    with request.state.reads.begin() as db:
        order = _order(request, db)
        attempt = latest_attempt(db, order.id)
    note = "stripe-asked"
    try:
        if attempt is not None:
            settle(request.state.till, attempt.id)
    except PaymentError:
        note = "stripe-silent"
    return RedirectResponse(f"/admin/orders/{order.number}?note={note}", 303)


def pay_back(request: Request, form: FormData) -> Response:
    """Give money back: written down first, then Stripe is asked, and the worker asks again."""
    till = request.state.till
    with request.state.reads.begin() as db:
        order = _order(request, db)
        typed = _refund_form(order, pieces_left(db, order.lines), form)
    if not typed.validate():
        return show_order(request, "refund", status=422, typed=typed)
    try:
        with till.sessions.begin() as db:
            refund = request_refund(
                db, order.id, _wish(db, order, typed), seen=typed["seen"].data or 0, now=till.now()
            )
            words = f"{order.number}: {format_money(Money(refund.amount, refund.currency))}"
            write_audit(db, "owner", "money-paid-back", words, now=till.now())
    except RefundTooLarge:
        return show_order(request, "refund", status=422, typed=typed)
    except RefundChanged:
        return show_order(request, "refund-changed", status=409, typed=typed)
    except RefundImpossible:
        return show_order(request, "refund-impossible", status=409)
    with suppress(PaymentError):  # written down: the worker goes on
        send_refund(till, refund.id)
    with request.state.reads.begin() as db:
        note = SAID_OF_REFUND.get(RefundStatus(refund_in_full(db, refund.id).status), "paid-back")
    return RedirectResponse(f"/admin/orders/{order.number}?note={note}", 303)


def _wish(db: Session, order: Order, typed: RefundForm) -> Wish:
    if typed["whole"].data:
        return everything_left(db, order, restock=bool(typed["restock"].data))
    return typed.parts


def _refund_form(order: Order, left: Mapping[int, int], form: FormData | None = None) -> RefundForm:
    """Return the form; what has not been sent yet goes back on the shelf unless the owner says."""
    return RefundForm(order.lines, left, form, restock=order.status == Status.PAID)


def _number(request: Request) -> int:
    return whole_number(request.path_params["number"], least=1, most=LARGEST_NUMBER) or 0


def _order(request: Request, db: Session) -> Order:
    order = order_by_number(db, _number(request))
    if order is None:
        raise HTTPException(404)
    return order


routes = [
    Get("/admin/orders", show_list, access=OWNER),
    Get("/admin/orders/{number}", show_order, access=OWNER),
    Get("/admin/orders/{number}/slip", show_slip, access=OWNER),
    Post("/admin/orders/{number}/shipment", send, access=OWNER),
    Post("/admin/orders/{number}/shipment/undo", unsend, access=OWNER),
    Post("/admin/orders/{number}/review", release_from_review, access=OWNER),
    Post("/admin/orders/{number}/refund", pay_back, access=OWNER, pool="stripe"),
    Post("/admin/orders/{number}/payment", ask_stripe, access=OWNER, pool="stripe"),
]
