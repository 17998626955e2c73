"""Addresses: relative ones in pages, whole ones in mails and for Stripe. Never from the Host."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote


@lru_cache(maxsize=4096)  # a page has a dozen links, mostly the same ones
def _quoted(path: str) -> str:
    return quote(path, safe="/?=&#%:,+~@")


@dataclass(frozen=True)
class Urls:
    base: str
    default_locale: str

    def link(self, path: str, locale: str) -> str:
        """Return *path* in *locale*: the default language at the root, another under its code."""
        quoted = _quoted(path)
        if locale == self.default_locale:
            return quoted
        return f"/{locale}{'' if quoted == '/' else quoted}"

    def absolute(self, path: str, locale: str) -> str:
        return self.base + self.link(path, locale)
