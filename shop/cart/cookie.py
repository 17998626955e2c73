"""The cart as text: signed, so that it can be read without trust, and no table to clean up."""

import base64
import json
from dataclasses import dataclass, replace

from shop.cart.errors import CartFull
from shop.kit.ids import Signer, random_token

COOKIE = "cart"
DAYS = 30
MAX_LINES = 20
MAX_QUANTITY = 99
MAX_BYTES = 3500
PURPOSE = "cart"


@dataclass(frozen=True)
class CartLine:
    variant_id: int
    quantity: int


@dataclass(frozen=True)
class Cart:
    id: str
    lines: tuple[CartLine, ...] = ()

    @property
    def quantities(self) -> dict[int, int]:
        return {line.variant_id: line.quantity for line in self.lines}

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    def with_quantity(self, variant_id: int, quantity: int) -> "Cart":
        """Return the cart with *quantity* of the variant; 0 takes its line out.

        Raises CartFull past 20 lines.
        """
        changed = self.quantities | {variant_id: quantity}
        lines = tuple(CartLine(id_, n) for id_, n in changed.items() if n > 0)
        if len(lines) > MAX_LINES:
            raise CartFull
        return replace(self, lines=lines)


def new_cart() -> Cart:
    return Cart(random_token())


def cart_text(cart: Cart, signer: Signer) -> str:
    """Return *cart* as the cookie's text; CartFull where it would outgrow a cookie."""
    body = json.dumps(
        [cart.id, [[line.variant_id, line.quantity] for line in cart.lines]], separators=(",", ":")
    )
    encoded = base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")
    text = f"{encoded}.{signer.sign(PURPOSE, encoded)}"
    if len(text) > MAX_BYTES:
        raise CartFull
    return text


def read_cart(text: str, signer: Signer) -> Cart:
    """Return the cart of a cookie; what we did not sign is a new, empty cart."""
    encoded, _, signature = text.partition(".")
    if not signature or not signer.verifies(PURPOSE, encoded, signature):
        return new_cart()
    cart_id, lines = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return Cart(cart_id, tuple(CartLine(variant_id, quantity) for variant_id, quantity in lines))
