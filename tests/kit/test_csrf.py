"""A form of another site is refused; what no browser sends has nobody's cookies."""

import pytest

from shop.kit.csrf import comes_from_elsewhere

HOST = {"host": "shop.example"}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://elsewhere.example"},
        {"origin": "https://shop.example"},
        {},
    ],
)
def test_our_own_forms_are_taken(headers: dict[str, str]) -> None:
    assert not comes_from_elsewhere(HOST | headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "SAME-ORIGIN"},
        {"sec-fetch-site": "cross-site", "origin": "https://shop.example"},
        {"origin": "https://elsewhere.example"},
        {"origin": "https://shop.example.elsewhere.example"},
        {"origin": "https://shop.example:8443"},
        {"origin": "https://anna@shop.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://["},
    ],
)
def test_the_forms_of_others_are_refused(headers: dict[str, str]) -> None:
    assert comes_from_elsewhere(HOST | headers)
