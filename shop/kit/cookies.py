"""Cookies: over https bound to this host and to TLS by their name; over http only in the demo."""

from starlette.requests import Request
from starlette.responses import Response


def cookie_name(name: str, *, https: bool) -> str:
    return f"__Host-{name}" if https else name


def get_cookie(request: Request, name: str) -> str:
    return request.cookies.get(cookie_name(name, https=request.state.config.https), "")


def set_cookie(request: Request, response: Response, name: str, value: str, days: int) -> None:
    """Set *name* for *days*, or forget it when *value* is empty."""
    https = request.state.config.https
    response.set_cookie(
        cookie_name(name, https=https),
        value,
        max_age=days * 86400 if value else 0,
        path="/",
        secure=https,
        httponly=True,
        samesite="lax",
    )
