"""The owner's shelf: how many there are of each thing, and everything that ever changed it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.catalogue.models import Kind, Product
from shop.catalogue.queries import products_of_variants
from shop.kit.forms import whole_number
from shop.kit.i18n import gettext as _
from shop.kit.i18n import ngettext
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.orders.models import Order
from shop.stock.actions import count
from shop.stock.alerts import waiting_for
from shop.stock.errors import PromisedAlready
from shop.stock.forms import MOST_PIECES, CountForm
from shop.stock.models import StockMovement
from shop.stock.queries import counted, movements, stock_levels

LARGEST_ID = 2**31 - 1
BY = "owner"
SHOWN_MOVEMENTS = 500


@dataclass(frozen=True)
class Refused:
    """A count that was not written down: of which variant, what was typed, and why not."""

    variant_id: int
    typed: str
    sentence: str


def show_list(request: Request, refused: Refused | None = None, status: int = 200) -> Response:
    with request.state.reads.begin() as db:
        return page(
            request,
            "stock/admin/list.html",
            status=status,
            shelf=counted(db),
            waiting=waiting_for(db),
            refused=refused,
            most={Kind.UNIQUE: 1, Kind.BATCH: MOST_PIECES},
        )


def save_count(request: Request, data: FormData) -> Response:
    """Write down what the owner has counted, unless something was sold meanwhile."""
    with request.state.reads.begin() as db:
        product = _product(request, db)
    variant_id = _variant_id(request)
    form = CountForm(data, most=1 if product.kind == Kind.UNIQUE else MOST_PIECES)
    if not form.validate():
        sentence = next(error for field in form for error in field.errors)
        return show_list(request, _refused(variant_id, data, str(sentence)), status=422)
    seen, there, till = form.seen.data or 0, form.counted.data or 0, request.state.till
    try:
        with till.sessions.begin() as db:
            written = count(db, variant_id, seen=seen, counted=there, by=BY, now=till.now())
            level = stock_levels(db, [variant_id]).get(variant_id)
    except PromisedAlready as error:
        return show_list(request, _refused(variant_id, data, _promised(error)), status=409)
    if not written:
        sentence = _came_between(seen, level.on_hand) if level else _not_counted()
        return show_list(request, _refused(variant_id, data, sentence), status=409)
    return RedirectResponse(f"/admin/stock?note=counted#variant-{variant_id}", status_code=303)


def show_ledger(request: Request) -> Response:
    with request.state.reads.begin() as db:
        product, variant_id = _product(request, db), _variant_id(request)
        level = stock_levels(db, [variant_id]).get(variant_id)
        return page(
            request,
            "stock/admin/ledger.html",
            product=product,
            level=level,
            rows=_with_what_was_left(
                movements(db, variant_id, SHOWN_MOVEMENTS), level.on_hand if level else 0
            ),
            order_numbers=_order_numbers(db, variant_id),
        )


def _with_what_was_left(rows: list[StockMovement], left: int) -> list[tuple[StockMovement, int]]:
    """Return each movement, newest first, with what lay on the shelf after it."""
    shown = []
    for row in rows:
        shown.append((row, left))
        left -= row.delta
    return shown


def _order_numbers(db: Session, variant_id: int) -> dict[int, int]:
    rows = db.execute(
        select(Order.id, Order.number)
        .join(StockMovement)
        .where(StockMovement.variant_id == variant_id)
    )
    return dict(rows.all())


def _came_between(seen: int, now_there: int) -> str:
    if now_there == seen - 1:
        return _("One was sold while you counted. Look again, and save what there is now.")
    if now_there < seen:
        return _("Some were sold while you counted. Look again, and save what there is now.")
    return _("The number was changed in the meantime. Look again, and save what there is now.")


def _not_counted() -> str:
    return _("It is made to order now, so there is nothing to count.")


def _promised(error: PromisedAlready) -> str:
    return ngettext(
        "Somebody is paying for %(num)s of them right now, so there cannot be fewer. Try again "
        "in an hour.",
        "Buyers are paying for %(num)s of them right now, so there cannot be fewer. Try again in "
        "an hour.",
        error.reserved,
    ) % {"num": error.reserved}


def _refused(variant_id: int, data: FormData, sentence: str) -> Refused:
    return Refused(variant_id, str(data.get("counted", "")), sentence)


def _variant_id(request: Request) -> int:
    return whole_number(request.path_params["variant"], least=1, most=LARGEST_ID) or 0


def _product(request: Request, db: Session) -> Product:
    product = products_of_variants(db, [_variant_id(request)]).get(_variant_id(request))
    if product is None:
        raise HTTPException(404)
    return product


routes = [
    Get("/admin/stock", show_list, access=OWNER),
    Get("/admin/stock/{variant}", show_ledger, access=OWNER),
    Post("/admin/stock/{variant}", save_count, access=OWNER),
]
