"""Addresses: relative ones in pages, whole ones in mails and for Stripe. Never from the Host."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Urls:
    base: str
    default_locale: str

    def link(self, path: str, locale: str) -> str:
        """Return *path* in *locale*: the default language at the root, another under its code."""
        quoted = quote(path, safe="/?=&#%:,+~@")
        if locale == self.default_locale:
            return quoted
        return f"/{locale}{'' if quoted == '/' else quoted}"

    def absolute(self, path: str, locale: str) -> str:
        return self.base + self.link(path, locale)
