"""The owner's door: who may come in, and the ways to be let in."""

import re
from collections.abc import Sequence
from typing import cast

from sqlalchemy.exc import OperationalError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.kit.cookies import get_cookie, set_cookie
from shop.kit.ids import random_token
from shop.kit.network import network_of
from shop.kit.routing import ENTERING, PUBLIC, Get, Post
from shop.kit.templating import page
from shop.owner.actions import (
    SEEN_EVERY,
    SESSION_LIVES,
    Proof,
    choose_password,
    choose_totp,
    codes_again,
    enter,
    forgive_attempts,
    note_seen,
    sign_in,
    take_attempt,
    use_link,
)
from shop.owner.cookies import KNOWN_DEVICE, KNOWN_DEVICE_DAYS, SESSION
from shop.owner.errors import (
    LinkExpired,
    LinkProblem,
    LinkUsed,
    TooManyAttempts,
    WrongCode,
    WrongSignIn,
    WrongStep,
)
from shop.owner.forms import CodeForm, NewPasswordForm, SignInForm
from shop.owner.models import OwnerSession, Step
from shop.owner.passwords import hash_again, hash_password, password_matches
from shop.owner.queries import check_link, owner_by_email, signed_in
from shop.owner.totp import qr_code, setup_link

OWN_PAGE = re.compile(r"/admin(/[a-z0-9-]{1,80}){1,5}", re.ASCII)


# --- the guard ------------------------------------------------------------------------------------


def guard(request: Request) -> Response | None:
    """Turn away whoever is not the owner; None lets them in, as ``request.state.owner``.

    It looks at the route that was found, never at the address that was typed.
    """
    state, token = request.state, get_cookie(request, SESSION)
    if not token:
        return _to_the_door(request)
    now = state.till.now()
    with state.reads.begin() as db:
        found = signed_in(db, token, now)
    if found is None:
        return _to_the_door(request)
    state.owner, state.owner_session = found
    full, entering = found[1].step == Step.FULL, request.scope["route"].access is ENTERING
    if full == entering:
        return _to("/admin" if full else "/admin/welcome")
    if found[1].seen_at <= now - SEEN_EVERY:
        _note_seen(request, found[1])
    return None


def _note_seen(request: Request, session: OwnerSession) -> None:
    """The one thing that reading writes, every few minutes at most: that the device is in use.
    It is worth no error: a full disk must not keep the owner from reading.
    """
    till = request.state.till
    try:
        with till.sessions.begin() as db:
            note_seen(db, session.id, till.now())
    except OperationalError:
        return


def _to_the_door(request: Request) -> Response:
    if request.method in ("GET", "HEAD"):
        wanted = request.scope["path"]
        return _to(
            f"/admin/sign-in?next={wanted}" if OWN_PAGE.fullmatch(wanted) else "/admin/sign-in"
        )
    if request.headers.get("sec-fetch-mode", "navigate") != "navigate":
        return Response(status_code=401)  # a script asks, and cannot follow to a page
    return _to("/admin/sign-in?note=signed-out-already")


# --- the one-time link ----------------------------------------------------------------------------


def link_shown(request: Request) -> Response:
    """Show the one button. Nothing changes yet: mail programs follow links before people do."""
    try:
        with request.state.reads.begin() as db:
            check_link(db, request.path_params["token"], request.state.till.now())
    except LinkProblem as problem:
        return _link_refused(request, problem)
    return _secret(page(request, "owner/link.html"))


def link_used(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    """Use the link up and let the owner in; outside the demo by way of password and app."""
    state, till = request.state, request.state.till
    step = Step.FULL if state.config.demo else Step.PASSWORD
    agent = request.headers.get("user-agent", "")
    try:
        with till.sessions.begin() as db:
            token = use_link(
                db, request.path_params["token"], step=step, user_agent=agent, now=till.now()
            )
    except LinkProblem as problem:
        return _link_refused(request, problem)
    return _let_in(request, token, "/admin" if step == Step.FULL else "/admin/welcome")


def _link_refused(request: Request, problem: LinkProblem) -> Response:
    """Say why the link does not work, unless it is of no matter: this device is in already."""
    state = request.state
    with state.reads.begin() as db:
        if signed_in(db, get_cookie(request, SESSION), state.till.now()):
            return _secret(_to("/admin"))
    reason = {LinkUsed: "used", LinkExpired: "expired"}.get(type(problem), "unknown")
    status = 404 if reason == "unknown" else 410
    return _secret(page(request, "owner/link_refused.html", reason=reason, status=status))


# --- password and code ----------------------------------------------------------------------------


def door(request: Request) -> Response:
    form = SignInForm(None)
    return _secret(page(request, "owner/sign_in.html", form=form, next=_next(request), wrong=False))


def knock(request: Request, form: FormData) -> Response:
    """Let the owner in by password and code. Each try is counted before it is looked at."""
    given, till = SignInForm(form), request.state.till
    source, known = _source(request)
    try:
        with till.sessions.begin() as db:
            take_attempt(db, source, known_device=known, now=till.now())
        token = _signed_in(request, given, source)
    except TooManyAttempts as wait:
        return _wait(request, wait)
    except WrongSignIn:
        return _secret(
            page(
                request,
                "owner/sign_in.html",
                status=422,
                form=given,
                next=_next(request),
                wrong=True,
            )
        )
    return _let_in(request, token, _next(request) or "/admin")


def _signed_in(request: Request, given: SignInForm, source: str) -> str:
    """Return the token of the session, or raise WrongSignIn; as slow for an unknown address."""
    state, till = request.state, request.state.till
    password = given.password.data or ""
    with state.reads.begin() as db:
        owner = owner_by_email(db, given.email.data or "")
    kept = owner.password_hash if owner is not None else None
    # The slow comparison holds no transaction.
    if not password_matches(kept, password) or owner is None or kept is None:
        raise WrongSignIn
    proof = Proof(
        password_hash=kept,
        new_hash=hash_again(kept, password),
        code=given.code.data or "",
        recovery_code=given.recovery_code.data or "",
    )
    with till.sessions.begin() as db:
        token = sign_in(
            db,
            owner.id,
            proof,
            code_needed=not state.config.demo,
            user_agent=request.headers.get("user-agent", ""),
            now=till.now(),
        )
        forgive_attempts(db, source)
    return token


def _wait(request: Request, wait: TooManyAttempts) -> Response:
    seconds = max(1, int((wait.until - request.state.till.now()).total_seconds()))
    response = _secret(page(request, "owner/wait.html", status=429, until=wait.until))
    response.headers["Retry-After"] = str(seconds)
    return response


def _source(request: Request) -> tuple[str, bool]:
    """Return what tries are counted by, and whether it is a device the owner has used before."""
    device, _, proof = get_cookie(request, KNOWN_DEVICE).partition(".")
    if device and request.state.signer.verifies(KNOWN_DEVICE, device, proof):
        return f"device {device}", True
    return network_of(request.client.host if request.client else ""), False


def _next(request: Request) -> str:
    """Return the page that was wanted before signing in, if it is one of the owner's."""
    wanted = request.query_params.get("next", "")
    return wanted if OWN_PAGE.fullmatch(wanted) else ""


# --- the way in -----------------------------------------------------------------------------------


def welcome(request: Request) -> Response:
    """Show the step that comes next: password, authenticator app, recovery codes."""
    step = Step(request.state.owner_session.step)
    if step is Step.PASSWORD:
        return _password_page(request, NewPasswordForm(None, names=[]))
    if step is Step.TOTP:
        return _totp_page(request, CodeForm(None))
    return _codes_page(request, [])


def welcome_password(request: Request, form: FormData) -> Response:
    state, till = request.state, request.state.till
    names = [state.preferences.current.shop_name, state.owner.email.partition("@")[0]]
    chosen = NewPasswordForm(form, names=names)
    if not chosen.validate():
        return _password_page(request, chosen, status=422)
    password_hash = hash_password(chosen.password.data or "")
    try:
        with till.sessions.begin() as db:
            choose_password(db, state.owner, state.owner_session.id, password_hash, now=till.now())
    except WrongStep:
        pass  # done before, in another tab: the page shows what comes next
    return _to("/admin/welcome")


def welcome_totp(request: Request, form: FormData) -> Response:
    state, till = request.state, request.state.till
    typed = CodeForm(form)
    if not typed.validate():
        return _totp_page(request, typed, status=422)
    try:
        with till.sessions.begin() as db:
            codes = choose_totp(
                db, state.owner, state.owner_session.id, typed.code.data or "", now=till.now()
            )
    except WrongCode:
        typed.refuse()
        return _totp_page(request, typed, status=422)
    except WrongStep:
        return _to("/admin/welcome")
    return _codes_page(request, codes)


def welcome_codes(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    state, till = request.state, request.state.till
    try:
        with till.sessions.begin() as db:
            codes = codes_again(db, state.owner, state.owner_session.id, now=till.now())
    except WrongStep:
        return _to("/admin/welcome")
    return _codes_page(request, codes)


def welcome_done(request: Request, form: FormData) -> Response:  # noqa: ARG001 - a button alone
    state, till = request.state, request.state.till
    try:
        with till.sessions.begin() as db:
            token = enter(db, state.owner, state.owner_session, now=till.now())
    except WrongStep:
        return _to("/admin/welcome")
    return _let_in(request, token, "/admin?note=ready")


def _password_page(request: Request, form: NewPasswordForm, *, status: int = 200) -> Response:
    email = request.state.owner.email
    return page(request, "owner/welcome_password.html", form=form, email=email, status=status)


def _totp_page(request: Request, form: CodeForm, *, status: int = 200) -> Response:
    state = request.state
    secret = cast("str", state.owner_session.new_totp_secret)  # made when the password was chosen
    address = setup_link(
        secret, email=state.owner.email, shop_name=state.preferences.current.shop_name
    )
    return page(
        request,
        "owner/welcome_totp.html",
        form=form,
        secret=secret,
        address=address,
        qr=qr_code(address),
        status=status,
    )


def _codes_page(request: Request, codes: Sequence[str]) -> Response:
    return page(request, "owner/welcome_codes.html", codes=codes)


# --- answers --------------------------------------------------------------------------------------


def _let_in(request: Request, token: str, to: str) -> Response:
    """Answer with the session's cookie, and remember the device so that strangers' failures
    never lock it out.
    """
    response = _secret(_to(to))
    set_cookie(request, response, SESSION, token, SESSION_LIVES.days)
    device = random_token()
    proof = request.state.signer.sign(KNOWN_DEVICE, device)
    set_cookie(request, response, KNOWN_DEVICE, f"{device}.{proof}", KNOWN_DEVICE_DAYS)
    return response


def _secret(response: Response) -> Response:
    """Keep the answer, and the address that led to it, out of caches and Referer headers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _to(path: str) -> Response:
    return RedirectResponse(path, status_code=303)


routes = [
    Get("/admin/sign-in", door, access=PUBLIC, localized=False),
    Post("/admin/sign-in", knock, access=PUBLIC, localized=False),
    Get("/admin/sign-in/{token}", link_shown, access=PUBLIC, localized=False),
    Post("/admin/sign-in/{token}", link_used, access=PUBLIC, localized=False),
    Get("/admin/welcome", welcome, access=ENTERING),
    Post("/admin/welcome/password", welcome_password, access=ENTERING),
    Post("/admin/welcome/totp", welcome_totp, access=ENTERING),
    Post("/admin/welcome/codes", welcome_codes, access=ENTERING),
    Post("/admin/welcome/done", welcome_done, access=ENTERING),
]
