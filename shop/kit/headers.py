"""What every answer carries so that a browser trusts nothing but us."""

from dataclasses import dataclass

from starlette.datastructures import MutableHeaders

from shop.kit.routing import PUBLIC, ShopRoute


@dataclass(frozen=True)
class SecurityHeaders:
    payment_page_origin: str  # Chromium applies form-action to the redirect after a POST, too
    https: bool

    def add(self, headers: MutableHeaders, route: ShopRoute | None) -> None:
        """Add what is missing; a page that set its own keeps it."""
        owner = route is not None and route.access is not PUBLIC
        headers.setdefault("Content-Security-Policy", self._policy(owner=owner))
        headers.setdefault("Cache-Control", "no-store" if owner else "private, no-cache")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if self.https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")

    def _policy(self, *, owner: bool) -> str:
        return "; ".join(
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "font-src 'self'",
                "img-src 'self' blob:" if owner else "img-src 'self'",
                "connect-src 'self'",
                *(["frame-src 'self'"] if owner else []),
                "manifest-src 'self'",
                f"form-action 'self' {self.payment_page_origin}",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ]
        )
