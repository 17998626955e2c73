"""Names that cannot be guessed, and texts that prove they are ours."""

from shop.kit.ids import Signer, fingerprint, random_token
from shop.orders.queries import order_id_of, order_token

OLD, NEW = "an older key that is long enough too", "a newer key that is long enough as well"
SIGNER = Signer((NEW,))
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def test_tokens_are_128_bits_and_never_the_same() -> None:
    tokens = {random_token() for _ in range(10_000)}
    assert len(tokens) == 10_000
    assert {len(token) for token in tokens} == {26}
    assert {letter for token in tokens for letter in token} == set(ALPHABET)


def test_what_is_stored_of_a_token_is_not_the_token() -> None:
    expected = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    assert fingerprint("test") == expected


def test_our_own_signature_verifies() -> None:
    signature = SIGNER.sign("order", "7")
    assert len(signature) == 26
    assert SIGNER.verifies("order", "7", signature)


def test_a_signature_is_good_for_one_purpose_and_one_text() -> None:
    signature = SIGNER.sign("order", "7")
    assert not SIGNER.verifies("cart", "7", signature)
    assert not SIGNER.verifies("order", "8", signature)
    assert not SIGNER.verifies("order7", "", signature)
    assert not SIGNER.verifies("", "order\x007", signature)


def test_one_changed_character_breaks_it() -> None:
    signature = SIGNER.sign("order", "7")
    for place, letter in enumerate(signature):
        for other in ALPHABET:
            if other != letter:
                changed = signature[:place] + other + signature[place + 1 :]
                assert not SIGNER.verifies("order", "7", changed), changed


def test_a_shorter_or_longer_one_does_not_verify() -> None:
    signature = SIGNER.sign("order", "7")
    for changed in (*(signature[:n] for n in range(26)), signature + "a", signature.upper(), "å\0"):
        assert not SIGNER.verifies("order", "7", changed), changed


def test_a_new_key_keeps_the_old_links() -> None:
    before = Signer((OLD,)).sign("order", "7")
    both = Signer((NEW, OLD))
    assert both.verifies("order", "7", before)
    assert both.sign("order", "7") == SIGNER.sign("order", "7")
    assert not SIGNER.verifies("order", "7", before)


def test_an_orders_link_names_its_order() -> None:
    assert order_id_of(SIGNER, order_token(SIGNER, 7)) == 7


def test_no_other_text_names_an_order() -> None:
    token = order_token(SIGNER, 7)
    signature = token.partition("-")[2]
    forged = [
        *("", "-", "7", "7-", signature, f"8-{signature}", f"07-{signature}", f" 7-{signature}"),
        *(f"٧-{signature}", f"7--{signature}", f"-7-{signature}", f"{'7' * 40}-{signature}"),
        *(f"7-{Signer((OLD,)).sign('order', '7')}", f"7-{SIGNER.sign('cart', '7')}"),
        *(token[:n] for n in range(len(token))),
    ]
    assert [text for text in forged if order_id_of(SIGNER, text) is not None] == []
