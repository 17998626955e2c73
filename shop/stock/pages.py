"""Waiting for something that cannot be had: where to write, once."""

from contextlib import suppress

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.catalogue.showcase import ShownProduct, shown_product
from shop.kit.forms import whole_number
from shop.kit.i18n import format_moment
from shop.kit.i18n import gettext as _
from shop.kit.network import network_of
from shop.kit.rate_limit import RateLimited, count_submission
from shop.kit.routing import PUBLIC, Get, Post
from shop.kit.templating import page
from shop.stock.alerts import wait_for
from shop.stock.errors import WaitsAlready, WaitsForTooMuch
from shop.stock.forms import WaitForm
from shop.stock.offers import Offer, offer_of

LARGEST_ID = 2**31 - 1


def ask(request: Request, form: FormData) -> Response:
    """Note who waits for what. If it can be had by now, or is gone for good, its page says so."""
    product, offer = _product(request)
    variant_id = whole_number(form.get("variant"), least=1, most=LARGEST_ID)
    if variant_id not in [choice.variant.id for choice in offer.awaited(product.kind)]:
        return _to(request, f"/products/{product.slug}")
    typed = WaitForm(form)
    if not typed.validate():
        return _again(request, product, offer, typed)
    till, network = request.state.till, network_of(request.client.host if request.client else "")
    try:
        with till.sessions.begin() as db:
            count_submission(db, f"waiting {network}", now=till.now())
        with suppress(WaitsAlready), till.sessions.begin() as db:
            wait_for(
                db,
                variant_id,
                typed.email.data or "",
                locale=request.state.locale,
                now=till.now(),
            )
    except WaitsForTooMuch:
        typed.email.errors = [_("This address is waiting for a lot already. Write to us instead.")]
        return _again(request, product, offer, typed)
    except RateLimited as many:
        sentence = _("Many have asked from where you are. Try again after %(moment)s.")
        typed.email.errors = [sentence % {"moment": format_moment(many.until)}]
        response = _again(request, product, offer, typed, status=429)
        response.headers["Retry-After"] = many.retry_after(till.now())
        return response
    return _to(request, f"/products/{product.slug}/waiting")


def asked(request: Request) -> Response:
    product, _offer = _product(request)
    return page(
        request,
        "stock/asked.html",
        product=product,
        text=product.text(request.state.locale),
    )


def _again(
    request: Request, product: ShownProduct, offer: Offer, form: WaitForm, *, status: int = 422
) -> Response:
    return page(
        request,
        "stock/wait.html",
        status=status,
        product=product,
        text=product.text(request.state.locale),
        item=offer,
        form=form,
    )


def _product(request: Request) -> tuple[ShownProduct, Offer]:
    with request.state.reads.begin() as db:
        product = shown_product(db, request.path_params["slug"])
        if product is None:
            raise HTTPException(404)
        return product, offer_of(db, product, {})


def _to(request: Request, path: str) -> Response:
    urls = request.state.preferences.urls
    return RedirectResponse(urls.link(path, request.state.locale), status_code=303)


routes = [
    Get("/products/{slug}/waiting", asked, access=PUBLIC, kept=()),
    Post("/products/{slug}/waiting", ask, access=PUBLIC),
]
