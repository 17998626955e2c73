"""Addresses made from names: short, ASCII, and nobody else's."""

import re
import unicodedata
from collections.abc import Container

LONGEST = 60
NAMELESS = "item"  # what a name without a single Latin letter or digit becomes
_LETTERS = str.maketrans(
    {"æ": "ae", "ø": "o", "œ": "oe", "ß": "ss", "ð": "d", "þ": "th", "đ": "d", "ł": "l", "ı": "i"}
)


def slug_of(name: str) -> str:
    """Return *name* as it stands in an address: "Räven Åke & Öl" is "raven-ake-ol"."""
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    plain = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    words = re.findall(r"[a-z0-9]+", plain.lower())
    slug = "-".join(words)[: LONGEST + 1]
    if len(slug) > LONGEST:  # cut between words, if there are any
        slug = slug.rpartition("-")[0] or slug[:LONGEST]
    return slug.strip("-") or NAMELESS


def free_slug(name: str, taken: Container[str]) -> str:
    """Return the slug of *name*, with -2, -3 … behind it when others have it already."""
    slug, number = slug_of(name), 1
    candidate = slug
    while candidate in taken:
        number += 1
        candidate = f"{slug}-{number}"
    return candidate
