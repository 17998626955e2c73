"""What every answer carries so that a browser trusts nothing but us."""

from dataclasses import dataclass
from functools import cached_property

from shop.kit.routing import PUBLIC, ShopRoute

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class SecurityHeaders:
    payment_page_origin: str  # Chromium applies form-action to the redirect after a POST, too
    https: bool

    def add(self, headers: list[Header], route: ShopRoute | None) -> None:
        """Add what is missing; a page that set its own keeps it."""
        owners = route is not None and route.access is not PUBLIC
        there = {name for name, _ in headers}
        headers += [
            one for one in (self._owners if owners else self._buyers) if one[0] not in there
        ]

    @cached_property
    def _buyers(self) -> list[Header]:
        return self._headers(owners=False)

    @cached_property
    def _owners(self) -> list[Header]:
        return self._headers(owners=True)

    def _headers(self, *, owners: bool) -> list[Header]:
        """Return each as it is sent: made once, for every answer has them."""
        headers = {
            "content-security-policy": self._policy(owners=owners),
            "cache-control": "no-store" if owners else "private, no-cache",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }
        if self.https:
            headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
        return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    def _policy(self, *, owners: bool) -> str:
        return "; ".join(
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "font-src 'self'",
                "img-src 'self' blob:" if owners else "img-src 'self'",
                "connect-src 'self'",
                *(["frame-src 'self'"] if owners else []),
                "manifest-src 'self'",
                f"form-action 'self' {self.payment_page_origin}",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ]
        )
