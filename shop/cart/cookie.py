"""The cart as text: signed, so that it can be read without trust, and no table to clean up."""

import base64
import json
from dataclasses import dataclass, replace
from functools import lru_cache

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
    text: str = ""  # what the buyer wants put on it

    @property
    def facts(self) -> list[int | str]:
        """Return the line as the cookie has it; most have no text, and spare its room."""
        return [self.variant_id, self.quantity, *filter(None, [self.text])]


@dataclass(frozen=True)
class Cart:
    id: str
    lines: tuple[CartLine, ...] = ()
    source: str = ""  # where its buyer came from, as far as that was said

    @property
    def quantities(self) -> dict[int, int]:
        """Return how many pieces of each variant there are, whatever is to be put on them."""
        pieces: dict[int, int] = {}
        for line in self.lines:
            pieces[line.variant_id] = pieces.get(line.variant_id, 0) + line.quantity
        return pieces

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    def quantity(self, variant_id: int, text: str = "") -> int:
        """Return how many pieces of the variant stand in the line with this text."""
        return self._by_line.get((variant_id, text), 0)

    def with_quantity(self, variant_id: int, quantity: int, text: str = "") -> "Cart":
        """Return the cart with *quantity* of the variant with *text*; 0 takes its line out.

        Raises CartFull past 20 lines.
        """
        changed = self._by_line | {(variant_id, text): quantity}
        lines = tuple(CartLine(id_, n, words) for (id_, words), n in changed.items() if n > 0)
        if len(lines) > MAX_LINES:
            raise CartFull
        return replace(self, lines=lines)

    @property
    def _by_line(self) -> dict[tuple[int, str], int]:
        return {(line.variant_id, line.text): line.quantity for line in self.lines}


def new_cart() -> Cart:
    return Cart(random_token())


def cart_text(cart: Cart, signer: Signer) -> str:
    """Return *cart* as the cookie's text; CartFull where it would outgrow a cookie."""
    lines = [line.facts for line in cart.lines]
    facts = [cart.id, lines, *filter(None, [cart.source])]
    body = json.dumps(facts, separators=(",", ":"), ensure_ascii=False)
    encoded = base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")
    text = f"{encoded}.{signer.sign(PURPOSE, encoded)}"
    if len(text) > MAX_BYTES:
        raise CartFull
    return text


def read_cart(text: str, signer: Signer) -> Cart:
    """Return the cart of a cookie; what we did not sign is a new, empty cart."""
    return _signed_cart(text, signer) or new_cart()


@lru_cache(maxsize=128)  # a page looks at it more than once
def _signed_cart(text: str, signer: Signer) -> Cart | None:
    encoded, _, signature = text.partition(".")
    if not signature or not signer.verifies(PURPOSE, encoded, signature):
        return None
    facts = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    cart_id, lines, *source = facts
    return Cart(cart_id, tuple(CartLine(*line) for line in lines), *source)
