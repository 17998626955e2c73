"""The owner's withdrawals: who, what, and until when the money goes back."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.kit.clock import local_day
from shop.kit.forms import whole_number
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.owner.actions import write_audit
from shop.withdrawals.actions import see_to
from shop.withdrawals.queries import received, withdrawal_by_id

LARGEST_ID = 999_999_999
HANDLED_SHOWN = 50


def show_list(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return page(
            request,
            "withdrawals/admin/list.html",
            waiting=received(db, handled=False),
            handled=received(db, handled=True, limit=HANDLED_SHOWN),
            today=local_day(request.state.till.now()),
        )


def mark_seen_to(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    till = request.state.till
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    with till.sessions.begin() as db:
        withdrawal = withdrawal_by_id(db, number) if number is not None else None
        if withdrawal is None:
            raise HTTPException(404)
        if see_to(db, withdrawal.id, now=till.now()):
            about = f"{withdrawal.order_given} {withdrawal.name}"
            write_audit(db, "owner", "withdrawal-seen-to", about, now=till.now())
    return RedirectResponse("/admin/withdrawals?note=withdrawal-seen-to", status_code=303)


routes = [
    Get("/admin/withdrawals", show_list, access=OWNER),
    Post("/admin/withdrawals/{id}/seen-to", mark_seen_to, access=OWNER),
]
