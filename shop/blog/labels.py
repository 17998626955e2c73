"""The label in an address that says which post or page somebody came from: ?from=sagostund.

Anybody may write anything into an address. What is no label is none, quietly.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from urllib.parse import quote

from shop.catalogue.slugs import slug_of
from shop.kit.forms import stripped
from shop.kit.i18n import pgettext
from shop.preferences.values import Preferences

# ours first, then those that others write; shop/kit/page_cache.py passes by for the same
NAMES = ("from", "ref", "source", "utm_source")
LONGEST = 40
LABEL = re.compile(rf"\w[\w.~-]{{0,{LONGEST - 1}}}")


def label_of(query: Iterable[tuple[str, str]]) -> str:
    """Return the label among the parameters of an address, or ""."""
    given: dict[str, str] = {}
    for name, value in query:
        if name in NAMES and (label := read_label(value)):
            given.setdefault(name, label)
    return next((given[name] for name in NAMES if name in given), "")


def read_label(text: str) -> str:
    """Return *text* as a label, in small letters, or "" if it is none."""
    if len(text) > LONGEST:
        return ""
    label = unicodedata.normalize("NFC", text.strip()).lower()
    return label if LABEL.fullmatch(label) else ""


def ready_label(preferences: Preferences, today: date) -> str:
    """Return the label that is ready for a post written *today*: blog-2026-11-23; "" where visits
    are not counted.
    """
    if not preferences.sources_counted:
        return ""
    word = pgettext("in an address", "blog")
    return f"{word}-{today.isoformat()}"


def label_of_title(title: str) -> str:
    """Return a post's title, or whatever else the owner calls it, as a label; "" if there is none
    in it.
    """
    return slug_of(title)[:LONGEST].strip("-") if stripped(title) else ""


def labelled(address: str, label: str) -> str:
    """Return *address*, which has no query yet, with *label* in it."""
    return f"{address}?from={quote(label, safe='')}" if label else address
