"""The owner's discounts: which codes there are, how often each was used, the end of one."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.discounts.actions import add_discount, end_discount
from shop.discounts.errors import CodeTaken
from shop.discounts.forms import DiscountForm
from shop.discounts.models import Discount
from shop.discounts.queries import discounts
from shop.kit.forms import whole_number
from shop.kit.i18n import gettext as _
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.owner.actions import write_audit

LARGEST_ID = 999_999_999


def show_list(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return page(request, "discounts/list.html", discounts=discounts(db))


def show_new(request: Request) -> Response:
    return page(request, "discounts/new.html", form=DiscountForm())


def save_new(request: Request, form: FormData) -> Response:
    filled_in, till = DiscountForm(form), request.state.till
    if not filled_in.validate():
        return page(request, "discounts/new.html", form=filled_in, status=422)
    now = till.now()
    try:
        with till.sessions.begin() as db:
            discount = filled_in.discount(now)
            add_discount(db, discount)
            write_audit(db, "owner", "discount-made", discount.code, now=now)
    except CodeTaken:
        filled_in.code.errors = [_("There is a discount with this code already.")]
        return page(request, "discounts/new.html", form=filled_in, status=422)
    return RedirectResponse("/admin/discounts?note=saved", status_code=303)


def end(request: Request, form: FormData) -> Response:  # noqa: ARG001 - asked for on its page
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    till = request.state.till
    with till.sessions.begin() as db:
        discount = db.get(Discount, number) if number is not None else None
        if discount is None:
            raise HTTPException(404)
        if end_discount(db, discount.id, now=till.now()):
            write_audit(db, "owner", "discount-ended", discount.code, now=till.now())
    return RedirectResponse("/admin/discounts?note=discount-ended", status_code=303)


routes = [
    Get("/admin/discounts", show_list, access=OWNER),
    Get("/admin/discounts/new", show_new, access=OWNER),
    Post("/admin/discounts/new", save_new, access=OWNER),
    Post("/admin/discounts/{id}/end", end, access=OWNER),
]
