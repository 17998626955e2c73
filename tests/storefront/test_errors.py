"""An error page says what happened, what to do, and an id to quote."""

import re

import pytest

from tests.support import Buyer


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "heading"),
    [
        ("GET", "/nope", {}, 404, "There is nothing here"),
        ("GET", "/products/nope", {}, 404, "There is nothing here"),
        ("DELETE", "/cart", {}, 405, "That is not how this page is used"),
        ("POST", "/cart", {"Sec-Fetch-Site": "cross-site"}, 403, "That was stopped"),
        ("POST", "/cart", {"Content-Length": "70000"}, 413, "That was too much"),
    ],
)
def test_an_error_is_told_kindly(
    buyer: Buyer, method: str, path: str, headers: dict[str, str], status: int, heading: str
) -> None:
    content = b"x" * 70_000 if "Content-Length" in headers else None
    answer = buyer.http.request(method, f"/en{path}", headers=headers, content=content)
    assert answer.status_code == status
    assert re.findall(r"<h1>(.*?)</h1>", answer.text) == [heading]
    assert f"<title>{heading} · Provbutiken</title>" in answer.text
    assert f"quote {answer.headers['X-Request-Id']}." in answer.text
    assert "mailto:butik@example.se" in answer.text
    assert 'rel="canonical"' not in answer.text


def test_an_error_in_swedish_is_in_swedish(buyer: Buyer) -> None:
    assert '<html lang="sv">' in buyer.get("/nope").text
