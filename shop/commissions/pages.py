"""Where a visitor asks for one like a doll that is sold."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.catalogue.models import Kind
from shop.catalogue.showcase import ShownProduct, shown_product
from shop.commissions.actions import ask_for_one
from shop.commissions.forms import WishForm
from shop.kit.network import network_of
from shop.kit.rate_limit import RateLimited, count_submission
from shop.kit.routing import PUBLIC, Get, Post
from shop.kit.templating import page
from shop.stock.offers import offer_of


def show(request: Request) -> Response:
    product, sold = _product(request)
    return _form_page(request, product, WishForm()) if sold else _to(request, product)


def ask(request: Request, form: FormData) -> Response:
    """Pass the question on. What can be bought after all is not asked for."""
    product, sold = _product(request)
    if not sold:
        return _to(request, product)
    typed = WishForm(form)
    if not typed.validate():
        return _form_page(request, product, typed, status=422)
    till, network = request.state.till, network_of(request.client.host if request.client else "")
    try:
        with till.sessions.begin() as db:
            count_submission(db, f"commission {network}", now=till.now())
    except RateLimited as many:
        response = _form_page(request, product, typed, until=many, status=429)
        response.headers["Retry-After"] = many.retry_after(till.now())
        return response
    with till.sessions.begin() as db:
        ask_for_one(db, product.id, typed.wished(request.state.locale), now=till.now())
    return _to(request, product, "/commission/sent")


def sent(request: Request) -> Response:
    product, _sold = _product(request)
    text = product.text(request.state.locale)
    return page(request, "commissions/sent.html", product=product, text=text)


def _form_page(
    request: Request,
    product: ShownProduct,
    form: WishForm,
    *,
    until: RateLimited | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        "commissions/show.html",
        status=status,
        product=product,
        text=product.text(request.state.locale),
        form=form,
        until=until.until if until is not None else None,
    )


def _product(request: Request) -> tuple[ShownProduct, bool]:
    """Return the product, and whether it was the only one and is sold."""
    with request.state.reads.begin() as db:
        product = shown_product(db, request.path_params["slug"])
        if product is None:
            raise HTTPException(404)
        left = offer_of(db, product, {}).availability
    return product, product.kind == Kind.UNIQUE and left.sold_out and not left.withdrawn


def _to(request: Request, product: ShownProduct, rest: str = "") -> Response:
    address = f"/products/{product.slug}{rest}"
    urls = request.state.preferences.urls
    return RedirectResponse(urls.link(address, request.state.locale), status_code=303)


routes = [
    Get("/products/{slug}/commission", show, access=PUBLIC, kept=()),
    Post("/products/{slug}/commission", ask, access=PUBLIC),
    Get("/products/{slug}/commission/sent", sent, access=PUBLIC, kept=()),
]
