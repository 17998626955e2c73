"""Random names, and texts that prove they are ours: an HMAC bound to one purpose.

``SHOP_SECRET_KEY`` may hold several keys: the first signs, every one verifies, so that a key can
be changed without breaking the links in mails already sent.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

MAC_BYTES = 16


def random_token() -> str:
    """Return 128 random bits as 26 lower-case base32 characters, good in URLs."""
    return _base32(secrets.token_bytes(16))


def fingerprint(token: str) -> str:
    """Return what is stored instead of a secret token: its SHA-256, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Signer:
    keys: tuple[str, ...]

    def sign(self, purpose: str, text: str) -> str:
        return _base32(self._mac(self.keys[0], purpose, text))

    def verifies(self, purpose: str, text: str, signature: str) -> bool:
        given = signature.encode("utf-8", "replace")
        return any(
            hmac.compare_digest(_base32(self._mac(key, purpose, text)).encode(), given)
            for key in self.keys
        )

    @staticmethod
    def _mac(key: str, purpose: str, text: str) -> bytes:
        message = f"{purpose}\0{text}".encode()
        return hmac.digest(key.encode(), message, "sha256")[:MAC_BYTES]


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
