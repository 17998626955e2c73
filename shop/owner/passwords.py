"""Passwords: long enough is what counts; kept as argon2id with OWASP's least parameters."""

import re
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# The most used ones that are long enough, without digits and signs at their ends
_COMMON = frozenset(
    {
        *("password", "passwordpassword", "qwerty", "qwertyuiop", "qwertyuiopå", "asdfghjkl"),
        *("qwertyuiopasdfghjkl", "zxcvbnm", "abcdefghijkl", "abcdefghijklmnop", "admin"),
        *("administrator", "adminadminadmin", "welcome", "welcomewelcome", "letmein"),
        *("letmeinletmein", "changeme", "changemechangeme", "iloveyou", "iloveyouiloveyou"),
        *("correcthorsebatterystaple", "superman", "sunshine", "princess", "football"),
        *("lösenord", "losenord", "lösenordlösenord", "hemligt", "välkommen", "valkommen"),
        *("hejhejhejhej", "sommar", "vinter", "stockholm", "sverige", "minbutik", "myshop"),
    }
)
_ROWS = ("0123456789" * 3, "1234567890" * 3, "9876543210" * 3, "1q2w3e4r5t6y7u8i9o0p")


def hash_password(password: str) -> str:
    return _hasher.hash(_bytes(password))


def password_matches(kept: str | None, password: str) -> bool:
    """Say whether *password* is the one kept as *kept*; as slow when there is none to compare."""
    if len(password) > LONGEST:
        password = ""
    try:
        _hasher.verify(kept or _nobodys(), _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def hash_again(kept: str, password: str) -> str | None:
    """Return a new hash of *password* if *kept* was made with weaker parameters than today's."""
    return hash_password(password) if _hasher.check_needs_rehash(kept) else None


def is_common(password: str, *names: str) -> bool:
    """Say whether *password* is one that everybody tries first: a famous one, a row of keys, one
    character over and over, or one of *names* (the shop's, the owner's) with digits around it.
    """
    bare = _letters(password)
    return (
        bare in _COMMON
        or any(password in row for row in _ROWS)
        or len(set(password)) <= 2  # noqa: PLR2004 - aaaaaaaaaaaa, abababababab
        or bare in {_letters(name) for name in names if name}
    )


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", unicodedata.normalize("NFC", text).casefold())


def _bytes(password: str) -> bytes:
    # one keyboard writes å as one character, another as two: the same password
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@cache
def _nobodys() -> str:
    return hash_password("the password of nobody, so that an unknown address takes as long")
