"""An owner in production, with all the keys: what it takes to come in by password."""

import re
from dataclasses import dataclass

import httpx2
import pyotp

from tests.support import FixedClock

EMAIL = "agare@example.se"
PASSWORD = "tre gamla ekar"


@dataclass
class Keys:
    secret: str
    recovery_codes: list[str]
    clock: FixedClock

    def code(self, seconds: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(int(self.clock().timestamp()) + seconds)

    def sign_in(self, browser: httpx2.Client, **changes: str) -> httpx2.Response:
        """Sign in with the right keys, save for *changes*."""
        form = {"email": EMAIL, "password": PASSWORD, "code": self.code()} | changes
        return browser.post("/admin/sign-in", data=form)


def secret_in(page: httpx2.Response) -> str:
    found = re.search(r"[?&;]secret=([A-Z2-7]+)", page.text)
    assert found is not None, page.text
    return found[1]


def recovery_codes_in(page: httpx2.Response) -> list[str]:
    return re.findall(r'<li class="code">([a-z0-9]{5}-[a-z0-9]{5})</li>', page.text)


def come_in(browser: httpx2.Client, link: str, clock: FixedClock) -> Keys:
    """Walk the whole way in from a one-time link, as the browser does it; the session is full."""
    assert browser.post(link).headers["location"] == "/admin/welcome"
    chosen = browser.post("/admin/welcome/password", data={"password": PASSWORD})
    assert chosen.headers["location"] == "/admin/welcome"
    keys = Keys(secret_in(browser.get("/admin/welcome")), [], clock)
    shown = browser.post("/admin/welcome/totp", data={"code": keys.code()})
    assert shown.status_code == 200, shown.text
    keys.recovery_codes = recovery_codes_in(shown)
    done = browser.post("/admin/welcome/done")
    assert done.headers["location"] == "/admin?note=ready"
    clock.advance(seconds=60)  # the code that was typed has been used
    return keys
