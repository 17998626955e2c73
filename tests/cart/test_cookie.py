"""The cart's cookie: only what we signed is a cart; everything else is silently none."""

import base64
import json
import random

import pytest

from shop.cart.cookie import (
    MAX_BYTES,
    MAX_LINES,
    Cart,
    CartLine,
    cart_text,
    new_cart,
    read_cart,
)
from shop.cart.errors import CartFull
from shop.kit.ids import Signer

SIGNER = Signer(("a key of the tests that is long enough",))
CART = Cart("abcdefghijklmnopqrstuvwxyz", (CartLine(1, 2), CartLine(7, 1)))


def test_what_was_written_is_read() -> None:
    assert read_cart(cart_text(CART, SIGNER), SIGNER) == CART
    assert CART.quantities == {1: 2, 7: 1}
    assert CART.count == 3


def test_no_changed_cookie_is_a_cart() -> None:
    """Every single character changed, cut off, doubled or swapped: more than a thousand ways."""
    text, chance = cart_text(CART, SIGNER), random.Random(1)
    encoded, _, signature = text.partition(".")
    forged = {text[:n] for n in range(len(text))}
    forged |= {text[:n] + "A" + text[n:] for n in range(len(text))}
    forged |= {text[:n] + text[n + 1 :] for n in range(len(text))}
    for place in range(len(text)):
        for other in chance.sample("ABCxyz0189-_.=å\x00;", 12):
            forged.add(text[:place] + other + text[place + 1 :])
    body = json.dumps([CART.id, [[1, 99]]]).encode()
    ours = base64.urlsafe_b64encode(body).decode().rstrip("=")
    forged |= {f"{ours}.{signature}", f"{ours}.", ours, f".{signature}", f"{encoded}.{'a' * 26}"}
    forged |= {f"{encoded}.{SIGNER.sign('order', encoded)}", "", ".", "..", "{}", "[]", "null"}
    forged |= {"x" * 5000, "\x00", "å", "%00", "=" * 100, text * 2, f"{text}.{text}"}
    forged.discard(text)
    assert len(forged) > 1000
    for cookie in forged:
        cart = read_cart(cookie, SIGNER)
        assert cart.lines == (), cookie
        assert cart.id != CART.id, cookie


def test_a_cart_of_another_key_is_none() -> None:
    assert read_cart(cart_text(CART, Signer(("another key",))), SIGNER).lines == ()


def test_a_new_key_keeps_the_carts() -> None:
    before = cart_text(CART, SIGNER)
    assert read_cart(before, Signer(("a newer key", *SIGNER.keys))) == CART


def test_nothing_is_a_new_cart_each_time() -> None:
    assert read_cart("", SIGNER).id != read_cart("", SIGNER).id


def test_a_line_of_none_is_taken_out() -> None:
    assert CART.with_quantity(1, 0).lines == (CartLine(7, 1),)
    assert CART.with_quantity(7, 3).quantities == {1: 2, 7: 3}


def test_a_full_cart_takes_no_other_thing_but_more_of_the_same() -> None:
    cart = new_cart()
    for variant_id in range(1, MAX_LINES + 1):
        cart = cart.with_quantity(variant_id, 1)
    with pytest.raises(CartFull):
        cart.with_quantity(MAX_LINES + 1, 1)
    assert cart.with_quantity(3, 9).quantities[3] == 9
    assert len(cart.lines) == MAX_LINES == 20


def test_the_largest_cart_fits_into_a_cookie() -> None:
    largest = Cart("a" * 26, tuple(CartLine(2**31 - 1 - n, 99) for n in range(MAX_LINES)))
    assert len(cart_text(largest, SIGNER)) < MAX_BYTES < 3.5 * 1024


def test_what_outgrows_a_cookie_is_refused_and_never_cut() -> None:
    with pytest.raises(CartFull):
        cart_text(Cart("a" * MAX_BYTES), SIGNER)
