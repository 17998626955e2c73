"""The legal withdrawal function: the statement, the same once more to confirm, the receipt.

Nobody has to sign in or say why. Whoever comes by an order's link finds filled in what the link
proves; everybody else writes it, and is answered the same whether an order fits or not.
"""

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.kit.network import network_of
from shop.kit.rate_limit import RateLimited, count_submission
from shop.kit.routing import PUBLIC, Get, Post
from shop.kit.templating import page
from shop.orders.models import Order
from shop.orders.queries import order_id_of, order_in_full
from shop.withdrawals.actions import declare_withdrawal
from shop.withdrawals.errors import AlreadyReceived
from shop.withdrawals.forms import WithdrawalForm
from shop.withdrawals.queries import withdrawal_by_id, withdrawal_id_of, withdrawal_token


def show(request: Request) -> Response:
    return _form_page(request, _form(request, None, request.query_params.get("order", "")))


def send(request: Request, form: FormData) -> Response:
    """Show the statement to be confirmed; once it is confirmed, it counts."""
    typed = _form(request, form, str(form.get("order", "")))
    if "change" in form:
        return _form_page(request, typed)
    if not typed.validate():
        return _form_page(request, typed, status=422)
    if "confirm" not in form:
        return _confirm_page(request, typed)
    return _declare(request, typed)


def _declare(request: Request, form: WithdrawalForm) -> Response:
    state, till = request.state, request.state.till
    source = network_of(request.client.host if request.client else "")
    try:
        with till.sessions.begin() as db:
            count_submission(db, f"withdrawal {source}", now=till.now())
        with till.sessions.begin() as db:
            withdrawal = declare_withdrawal(
                db, form.statement(state.locale), proved=form.proved, now=till.now()
            )
    except AlreadyReceived:
        return _secret(page(request, "withdrawals/already.html"))
    except RateLimited as many:
        response = _confirm_page(request, form, until=many, status=429)
        response.headers["Retry-After"] = many.retry_after(till.now())
        return response
    receipt = f"/withdrawal/{withdrawal_token(state.signer, withdrawal.id)}"
    return RedirectResponse(state.preferences.urls.link(receipt, state.locale), status_code=303)


def show_receipt(request: Request) -> Response:
    withdrawal_id = withdrawal_id_of(request.state.signer, request.path_params["token"])
    if withdrawal_id is None:
        raise HTTPException(404)
    with request.state.reads.begin() as db:
        withdrawal = withdrawal_by_id(db, withdrawal_id)
    if withdrawal is None:
        raise HTTPException(404)
    response = page(request, "withdrawals/receipt.html", withdrawal=withdrawal)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the right to look
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(request: Request, form: FormData | None, token: str) -> WithdrawalForm:
    with request.state.reads.begin() as db:
        order = _order_of(request, db, token)
    return WithdrawalForm(form, order=order, token=token)


def _order_of(request: Request, db: Session, token: str) -> Order | None:
    """Return the order that the link proves. A link that was cut off in a mail proves nothing,
    and takes nothing away either: the buyer then writes what it would have filled in.
    """
    order_id = order_id_of(request.state.signer, token)
    return order_in_full(db, order_id) if order_id is not None else None


def _form_page(request: Request, form: WithdrawalForm, *, status: int = 200) -> Response:
    return _secret(page(request, "withdrawals/show.html", status=status, form=form))


def _confirm_page(
    request: Request,
    form: WithdrawalForm,
    *,
    until: RateLimited | None = None,
    status: int = 200,
) -> Response:
    statement = form.statement(request.state.locale)
    return _secret(
        page(
            request,
            "withdrawals/confirm.html",
            status=status,
            form=form,
            statement=statement,
            until=until.until if until is not None else None,
        )
    )


def _secret(response: Response) -> Response:
    """Keep what was typed, and an order's link, out of every cache and every other site's log.

    Not ``no-referrer``: with that, browsers send ``Origin: null`` with the form, and those too old
    for Sec-Fetch-Site would be taken for another site and turned away from a right.
    """
    response.headers["Referrer-Policy"] = "strict-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


routes = [
    Get("/withdrawal", show, access=PUBLIC),
    Post("/withdrawal", send, access=PUBLIC),
    Get("/withdrawal/{token}", show_receipt, access=PUBLIC),
]
