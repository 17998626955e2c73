"""One-time codes from an authenticator app (RFC 6238), and recovery codes for when it is lost."""

import hmac
import secrets
from datetime import datetime

import pyotp
from markupsafe import Markup

PERIOD = 30  # seconds
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


def new_secret() -> str:
    return pyotp.random_base32()


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that *code* belongs to: this one, the last or the next; else None."""
    code = "".join(code.split())
    if not code.isascii() or not code.isdigit():
        return None
    current, totp = int(now.timestamp()) // PERIOD, pyotp.TOTP(secret, interval=PERIOD)
    for step in (current, current - 1, current + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            return step
    return None


def setup_link(secret: str, *, email: str, shop_name: str) -> str:
    """Return the address that an authenticator app understands, by QR code or by a tap."""
    return pyotp.TOTP(secret, interval=PERIOD).provisioning_uri(name=email, issuer_name=shop_name)


def qr_code(text: str) -> Markup:
    """Return *text* as an SVG picture: dark on light, whatever the page's colours."""
    import segno

    picture = segno.make(text, error="m", micro=False)
    return Markup(  # noqa: S704 - squares alone: nothing of the text is in it
        picture.svg_inline(dark="#000", light="#fff", border=4, omitsize=True, svgclass="qr")
    )


def new_recovery_code() -> str:
    """Return ten characters, about 49 random bits, in two groups: kxw3f-9mzqa."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{code[:5]}-{code[5:]}"


def plain_recovery_code(typed: str) -> str:
    """Return *typed* as it is compared: however it was grouped or capitalised."""
    return "".join(c for c in typed.casefold() if c.isalnum())
