"""The owner's view of the money at Stripe: what is amiss, what a bank questions, the books."""

from sqlalchemy import select
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.kit.clock import local_day
from shop.kit.forms import whole_number
from shop.kit.money import Money
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.orders.models import Order
from shop.owner.actions import write_audit
from shop.payments.disputes import DASHBOARD, open_disputes
from shop.payments.errors import PaymentError
from shop.payments.findings import open_findings, see_to_finding, settled_findings
from shop.payments.ledger import latest_entries, ledger_balances
from shop.payments.models import Cursor

LARGEST_ID = 999_999_999
SHOWN = 20


def show(request: Request) -> Response:
    try:
        at_stripe = request.state.till.gateway.balance()
    except PaymentError:  # the page says so
        at_stripe = None
    with request.state.reads.begin() as db:
        here = ledger_balances(db)
        return page(
            request,
            "payments/admin/show.html",
            asked={cursor.name: cursor.at for cursor in db.scalars(select(Cursor))},
            findings=open_findings(db),
            settled=settled_findings(db, SHOWN),
            disputes=[
                (
                    dispute,
                    db.scalar(select(Order.number).where(Order.id == dispute.order_id)),
                    local_day(dispute.respond_by) if dispute.respond_by else None,
                )
                for dispute in open_disputes(db)
            ],
            stripe_answers=at_stripe is not None,
            balances=[
                (Money((at_stripe or {}).get(code, 0), code), Money(here.get(code, 0), code))
                for code in sorted({*(at_stripe or {}), *here})
            ],
            entries=latest_entries(db, SHOWN),
            dashboard=DASHBOARD,
            amount_of=Money,
        )


def see_to(request: Request, form: FormData) -> Response:  # noqa: ARG001 - the button says it all
    """The owner has seen to what was found."""
    till = request.state.till
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    if number is None:
        raise HTTPException(404)
    with till.sessions.begin() as db:
        if see_to_finding(db, number, now=till.now()):
            write_audit(db, "owner", "finding-seen-to", str(number), now=till.now())
    return RedirectResponse("/admin/payments", status_code=303)


routes = [
    Get("/admin/payments", show, access=OWNER, pool="stripe"),
    Post("/admin/payments/findings/{id}/seen", see_to, access=OWNER),
]
