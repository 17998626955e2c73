"""A form is text in UTF-8: what no browser sends is refused before it costs anything."""

import pytest

from shop.kit.routing import FORM_LIMIT
from tests.support import Buyer

PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
FILE = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\n1\r\n'


def send(buyer: Buyer, path: str, body: bytes, kind: str) -> int:
    content_type = {"Content-Type": kind}
    return buyer.http.post(path, content=body, headers=content_type).status_code


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        ("punycode", b"abc-" + b"b" * (FORM_LIMIT - 200)),  # a second of the event loop's time
        ("punycode", b"-99999"),  # cannot be decoded, in a way that nobody catches
        ("Unicode-Escape", b"\\ud800"),  # half a character, which no database takes
        ("utf-7", b"+2AA-"),
        ("latin-1", b"1"),
    ],
)
def test_another_charset_is_refused(charset: str, value: bytes, buyer: Buyer) -> None:
    body = PART % (b"variant", value) + b"--x--\r\n"
    for path in ("/cart", "/checkout", "/withdrawal", "/admin/sign-in"):
        assert send(buyer, path, body, f"multipart/form-data; charset={charset}; boundary=x") == 400


@pytest.mark.parametrize("charset", ["", "; charset=UTF-8", '; charset="utf-8"'])
def test_utf_8_is_what_browsers_send(charset: str, buyer: Buyer) -> None:
    body = PART % (b"variant", "å".encode()) + b"--x--\r\n"
    assert send(buyer, "/cart", body, f"multipart/form-data{charset}; boundary=x") == 422
    kind = f"application/x-www-form-urlencoded{charset}"
    assert send(buyer, "/cart", b"variant=%C3%A5", kind) == 422


@pytest.mark.parametrize("path", ["/cart", "/checkout", "/withdrawal", "/admin/sign-in"])
def test_a_file_where_none_is_asked_for_is_refused(path: str, buyer: Buyer) -> None:
    body = b"".join(FILE % name for name in (b"email", b"password", b"variant")) + b"--x--\r\n"
    assert send(buyer, path, body, "multipart/form-data; boundary=x") == 400
