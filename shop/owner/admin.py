"""What the owner sees first, and the keys to the door."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.catalogue.queries import anything_published
from shop.commissions.queries import unanswered
from shop.kit.clock import LOCAL, local_day
from shop.kit.cookies import set_cookie
from shop.kit.forms import whole_number
from shop.kit.i18n import format_moment
from shop.kit.i18n import gettext as _
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.mail.queries import parked_count
from shop.orders.queries import any_bought, waiting
from shop.owner.actions import (
    confirm_totp,
    end_other_sessions,
    end_session,
    forgive_attempts,
    make_recovery_codes,
    offer_totp,
    set_password,
    take_attempt,
)
from shop.owner.cookies import SESSION
from shop.owner.deeds import deed
from shop.owner.devices import device_words
from shop.owner.errors import TooManyAttempts, WrongCode, WrongPassword, WrongStep
from shop.owner.forms import ChangePasswordForm, CodeForm, ConfirmForm
from shop.owner.passwords import hash_password, password_matches
from shop.owner.queries import audit_trail, recovery_codes_left, sessions_of
from shop.owner.totp import qr_code, setup_link
from shop.payments.findings import open_findings
from shop.payments.queries import earned_since, sent_back_since
from shop.stock.queries import sold_out_since
from shop.withdrawals.queries import unhandled

LATELY = timedelta(days=14)
THIS_WEEK = timedelta(days=7)
LARGEST_ID = 999_999_999


# --- today ----------------------------------------------------------------------------------------


def home(request: Request) -> Response:
    """Show what needs the owner today, and the month in kronor."""
    state, now = request.state, request.state.till.now()
    wishes = state.preferences.current
    with state.reads.begin() as db:
        return page(
            request,
            "owner/home.html",
            today=local_day(now),
            waiting=waiting(db, local_day(now)),
            parked=parked_count(db),
            findings=len(open_findings(db)),
            withdrawals=unhandled(db),
            wishes=unanswered(db),
            sold_out=sold_out_since(db, now - LATELY),
            sent_back=sent_back_since(db, now - THIS_WEEK),
            earned=earned_since(db, _month_start(now), wishes.currency),
            is_new=not any_bought(db),
            has_items=anything_published(db),
            takes_real_money=state.config.takes_real_money,
        )


def _month_start(now: datetime) -> datetime:
    return now.astimezone(LOCAL).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def more(request: Request) -> Response:
    return page(request, "owner/more.html")


# --- sign-in and devices --------------------------------------------------------------------------


def security(request: Request) -> Response:
    state = request.state
    with state.reads.begin() as db:
        return page(
            request,
            "owner/security.html",
            owner=state.owner,
            here=state.owner_session.id,
            sessions=sessions_of(db, state.owner.id, state.till.now()),
            device_words=device_words,
            codes_left=recovery_codes_left(db, state.owner.id),
        )


def history(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return page(request, "owner/history.html", entries=audit_trail(db), deed=deed)


def sign_out(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    """End this session on the server, too: a kept copy of the cookie is worth nothing."""
    state, till = request.state, request.state.till
    with till.sessions.begin() as db:
        end_session(db, state.owner, state.owner_session.id, now=till.now())
    response = _to("/admin/sign-in?note=signed-out")
    set_cookie(request, response, SESSION, "", 0)
    return response


def end_one(request: Request, form: FormData) -> Response:
    state, till = request.state, request.state.till
    session_id = whole_number(form.get("session"), least=1, most=LARGEST_ID)
    if session_id is None:
        raise HTTPException(404)
    with till.sessions.begin() as db:
        end_session(db, state.owner, session_id, now=till.now())
    return _to("/admin/security?note=session-ended")


def end_others(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    state, till = request.state, request.state.till
    with till.sessions.begin() as db:
        end_other_sessions(db, state.owner, state.owner_session.id, now=till.now())
    return _to("/admin/security?note=sessions-ended")


# --- password -------------------------------------------------------------------------------------


def password(request: Request) -> Response:
    return _password_page(request, ChangePasswordForm(None, names=[]))


def change_password(request: Request, form: FormData) -> Response:
    state, till = request.state, request.state.till
    names = [state.preferences.current.shop_name, state.owner.email.partition("@")[0]]
    typed = ChangePasswordForm(form, names=names)
    if not typed.validate() or not _is_the_owner(request, typed):
        return _password_page(request, typed, status=422)
    password_hash = hash_password(typed.password.data or "")
    with till.sessions.begin() as db:
        set_password(db, state.owner, state.owner_session.id, password_hash, now=till.now())
    return _to("/admin/security?note=password-set")


def _password_page(request: Request, form: ChangePasswordForm, *, status: int = 200) -> Response:
    owner = request.state.owner
    return page(request, "owner/password.html", form=form, owner=owner, status=status)


def _is_the_owner(request: Request, form: ChangePasswordForm | ConfirmForm) -> bool:
    """Compare the password that protects the other keys; what is wrong stands at its field."""
    state = request.state
    if state.owner.password_hash is None:
        return True
    try:
        _compare(request, form.current.data or "")
    except WrongPassword:
        form.current.errors = [_("That is not your current password.")]
    except TooManyAttempts as wait:
        sentence = _("Too many attempts. Try again after %(moment)s.")
        form.current.errors = [sentence % {"moment": format_moment(wait.until)}]
    return not form.current.errors


def _compare(request: Request, typed: str) -> None:
    """Raise WrongPassword or TooManyAttempts unless *typed* is the owner's password."""
    state, till = request.state, request.state.till
    source = f"session {state.owner_session.id}"
    with till.sessions.begin() as db:
        take_attempt(db, source, known_device=True, now=till.now())
    if not password_matches(state.owner.password_hash, typed):
        raise WrongPassword
    with till.sessions.begin() as db:
        forgive_attempts(db, source)


# --- authenticator app and recovery codes ---------------------------------------------------------


def totp(request: Request) -> Response:
    if request.state.owner.password_hash is None:
        return _to("/admin/security/password")
    return _totp_page(request, CodeForm(None), ConfirmForm(None))


def new_totp(request: Request, form: FormData) -> Response:
    """Offer a secret; the app that is in use goes on counting until the new one is confirmed."""
    state, till = request.state, request.state.till
    confirm = ConfirmForm(form)
    if state.owner.password_hash is None:
        return _to("/admin/security/password")
    if not _is_the_owner(request, confirm):
        return _totp_page(request, CodeForm(None), confirm, status=422)
    with till.sessions.begin() as db:
        offer_totp(db, state.owner_session.id)
    return _to("/admin/security/totp")


def set_totp(request: Request, form: FormData) -> Response:
    state, till = request.state, request.state.till
    typed = CodeForm(form)
    if not typed.validate():
        return _totp_page(request, typed, ConfirmForm(None), status=422)
    try:
        with till.sessions.begin() as db:
            codes = confirm_totp(
                db, state.owner, state.owner_session.id, typed.code.data or "", now=till.now()
            )
    except WrongCode:
        typed.refuse()
        return _totp_page(request, typed, ConfirmForm(None), status=422)
    except WrongStep:
        return _to("/admin/security/totp")
    return _codes_page(request, ConfirmForm(None), codes)


def _totp_page(
    request: Request, form: CodeForm, confirm: ConfirmForm, *, status: int = 200
) -> Response:
    state, secret = request.state, request.state.owner_session.new_totp_secret
    address = (
        setup_link(secret, email=state.owner.email, shop_name=state.preferences.current.shop_name)
        if secret
        else ""
    )
    return page(
        request,
        "owner/totp.html",
        form=form,
        confirm=confirm,
        owner=state.owner,
        secret=secret,
        address=address,
        qr=qr_code(address) if address else "",
        status=status,
    )


def codes(request: Request) -> Response:
    return _codes_page(request, ConfirmForm(None), [])


def new_codes(request: Request, form: FormData) -> Response:
    state, till = request.state, request.state.till
    confirm = ConfirmForm(form)
    if state.owner.totp_secret is None:
        return _to("/admin/security/totp")
    if not _is_the_owner(request, confirm):
        return _codes_page(request, confirm, [], status=422)
    with till.sessions.begin() as db:
        made = make_recovery_codes(db, state.owner, now=till.now())
    return _codes_page(request, confirm, made)


def _codes_page(
    request: Request, confirm: ConfirmForm, codes: Sequence[str], *, status: int = 200
) -> Response:
    return page(request, "owner/codes.html", confirm=confirm, codes=codes, status=status)


def _to(path: str) -> Response:
    return RedirectResponse(path, status_code=303)


routes = [
    Get("/admin", home, access=OWNER),
    Get("/admin/more", more, access=OWNER),
    Post("/admin/sign-out", sign_out, access=OWNER),
    Get("/admin/security", security, access=OWNER),
    Get("/admin/security/history", history, access=OWNER),
    Post("/admin/security/devices/end", end_one, access=OWNER),
    Post("/admin/security/devices/end-others", end_others, access=OWNER),
    Get("/admin/security/password", password, access=OWNER),
    Post("/admin/security/password", change_password, access=OWNER),
    Get("/admin/security/totp", totp, access=OWNER),
    Post("/admin/security/totp", set_totp, access=OWNER),
    Post("/admin/security/totp/new", new_totp, access=OWNER),
    Get("/admin/security/codes", codes, access=OWNER),
    Post("/admin/security/codes", new_codes, access=OWNER),
]
