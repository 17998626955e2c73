"""The owner's list of wishes: who asks for what, and which are answered."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.commissions.actions import answer, take_answer_back
from shop.commissions.models import Commission
from shop.commissions.queries import asked
from shop.kit.forms import whole_number
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page

LARGEST_ID = 999_999_999
ANSWERED_SHOWN = 50


def show_list(request: Request) -> Response:
    locale = request.state.locale
    with request.state.reads.begin() as db:
        return page(
            request,
            "commissions/admin/list.html",
            waiting=asked(db, locale, answered=False),
            answered=asked(db, locale, answered=True, limit=ANSWERED_SHOWN),
        )


def mark_answered(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    till, commission_id = request.state.till, _commission_id(request)
    with till.sessions.begin() as db:
        answer(db, commission_id, now=till.now())
    return RedirectResponse("/admin/commissions?note=wish-answered", status_code=303)


def mark_open(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    commission_id = _commission_id(request)
    with request.state.till.sessions.begin() as db:
        take_answer_back(db, commission_id)
    return RedirectResponse("/admin/commissions", status_code=303)


def _commission_id(request: Request) -> int:
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    with request.state.reads.begin() as db:
        if number is None or db.get(Commission, number) is None:
            raise HTTPException(404)
    return number


routes = [
    Get("/admin/commissions", show_list, access=OWNER),
    Post("/admin/commissions/{id}/answered", mark_answered, access=OWNER),
    Post("/admin/commissions/{id}/open", mark_open, access=OWNER),
]
