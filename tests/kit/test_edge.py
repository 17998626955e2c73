"""The outermost layer: hosts, languages, headers, error pages, and one log line per request."""

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

import shop.app
from shop.app import create_app
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.routing import PUBLIC, Get
from shop.orders.queries import order_token
from tests.payments.tools import wait_until
from tests.support import Buyer, Shelf, free_socket, on_both_databases, serving

SECURITY = {
    "content-security-policy",
    "cache-control",
    "referrer-policy",
    "x-content-type-options",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "x-request-id",
}


@pytest.fixture
def http(shop: Config) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=shop.base_url, timeout=30) as client:
        yield client


def raw(shop: Config, *lines: str) -> bytes:
    """Send *lines* as they are, and return all that comes back."""
    parts = urlsplit(shop.base_url)
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=10)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        got = b""
        while part := connection.recv(65536):
            got += part
        return got


# --- hosts ----------------------------------------------------------------------------------------


def test_only_our_own_host_is_answered(shop: Config, http: httpx2.Client) -> None:
    ours = urlsplit(shop.base_url)
    for host in (
        *("elsewhere.example", "127.0.0.1", "127.0.0.1:1", f"a.{ours.netloc}", f"{ours.netloc}."),
        *(f"user@{ours.netloc}", f"{ours.netloc}/x", f"{ours.netloc}?x", f"{ours.netloc}#", "["),
    ):
        answer = http.get("/products", headers={"host": host})
        assert (answer.status_code, answer.text) == (400, f"This shop is at {shop.base_url}\n"), (
            host
        )
        assert http.get("/healthz", headers={"host": host}).status_code == 200, host
        assert http.post("/cart", headers={"host": host}, data={"variant": "1"}).status_code == 400


def test_localhost_is_led_to_the_shops_own_address(shop: Config, http: httpx2.Client) -> None:
    answer = http.get("/en/products?page=2&x=%C3%A5", headers={"host": "localhost:1234"})
    assert answer.status_code == 308
    assert answer.headers["location"] == f"{shop.base_url}/en/products?page=2&x=%C3%A5"
    assert http.post("/cart", headers={"host": "localhost"}).status_code == 400


def test_no_trick_with_the_host_changes_a_link(shop: Config) -> None:
    ours = urlsplit(shop.base_url).netloc
    for lines in (
        ("GET http://evil.example/products HTTP/1.1", f"Host: {ours}"),
        ("GET /products HTTP/1.1", f"Host: {ours}", "Host: evil.example"),
        ("GET /products HTTP/1.1", "Host: evil.example", f"Host: {ours}"),
        ("GET /products HTTP/1.1", f"Host: {ours}", "X-Forwarded-Host: evil.example"),
        ("GET /products HTTP/1.1", f"Host: {ours}", "Forwarded: host=evil.example;proto=https"),
        ("GET /products HTTP/1.1", f"Host: {ours}", "X-Original-URL: /admin"),
        ("GET /products HTTP/1.1", "Host: "),
        ("GET /products HTTP/1.1", f"Host: evil.example\x0b{ours}"),
        ("GET /products HTTP/1.0",),
        ("GET evil.example/products HTTP/1.1", f"Host: {ours}"),
    ):
        got = raw(shop, *lines, "Connection: close")
        assert b"evil.example" not in got, lines
        assert got.split()[1] in {b"200", b"400", b"404"}, (lines, got[:100])


def test_a_path_that_looks_like_a_host_stays_a_path(shop: Config) -> None:
    ours = urlsplit(shop.base_url).netloc
    got = raw(shop, "GET //evil.example/ HTTP/1.1", f"Host: {ours}", "Connection: close")
    assert f"location: {shop.base_url}//evil.example\r\n".encode() in got


def test_no_spelling_of_a_path_leads_past_the_owners_door(shop: Config) -> None:
    ours = urlsplit(shop.base_url).netloc
    for path in (
        *("/admin", "//admin", "/admin/.", "/./admin", "/%61dmin", "/admin%2f", "/ADMIN"),
        *("/admin;x", "/en/admin", "/sv/admin", "/en//admin", "/admin//", "/admin/orders/"),
        *("/products/../admin", "/products/%2e%2e/admin", "/admin?x=/products", "/admin%00"),
    ):
        got = raw(shop, f"GET {path} HTTP/1.1", f"Host: {ours}", "Connection: close")
        assert got.split()[1] in {b"303", b"308", b"400", b"401", b"404"}, (path, got[:200])


@on_both_databases
def test_no_odd_path_is_an_error_of_ours(shop: Config, http: httpx2.Client) -> None:
    for path in (
        *("/products/%00", "/products/a%00b", "/products/%FF%FE", "/products/" + "a" * 5000),
        *("/orders/%00", "/orders/1-%00", "/orders/" + "9" * 40 + "-a", "/pages/%00", "/media/%00"),
        *("/static/%00", "/static/../shop/app.py", "/static/%2e%2e/shop/app.py", "/media/../x"),
        *(
            "/collections/%00",
            "/en/products/%00",
            "/%00",
            "/products?page=%00",
            "/products?page=-1",
        ),
        *("/products?page=99999999999999999999", "/cart?note=%00", "/checkout?order=%00"),
        "/checkout/return?order=%00",
    ):
        answer = http.get(path)
        assert answer.status_code < 500, (path, answer.status_code)


# --- languages ------------------------------------------------------------------------------------


def test_a_prefix_is_the_other_language_where_there_is_one(http: httpx2.Client) -> None:
    assert '<html lang="sv"' in http.get("/cart").text
    assert '<html lang="en"' in http.get("/en/cart").text
    assert '<html lang="en"' in http.get("/en").text
    for path in ("/sv", "/sv/cart", "/de/cart", "/en/en/cart", "/enn/cart", "/EN/cart"):
        assert http.get(path).status_code == 404, path
    for path in ("/en/static/x", "/en/media/x", "/en/healthz", "/en/readyz", "/en/admin"):
        assert http.get(path).status_code == 404, path
    assert http.post("/en/webhooks/stripe", content=b"{}").status_code == 404
    assert http.post("/webhooks/stripe", content=b"{}").status_code == 400


def test_a_page_links_to_itself_in_the_other_language(shop: Config, http: httpx2.Client) -> None:
    swedish, english = http.get("/products").text, http.get("/en/products").text
    assert 'href="/en/products"' in swedish
    assert f'<link rel="canonical" href="{shop.base_url}/products"' in swedish
    assert f'<link rel="canonical" href="{shop.base_url}/en/products"' in english


# --- headers --------------------------------------------------------------------------------------


def test_every_answer_carries_the_security_headers(
    shop: Config, http: httpx2.Client, shelf: Shelf
) -> None:
    shelf.add("raven")
    static = re.search(r'href="(/static/[^"]+\.css)"', http.get("/").text)
    assert static is not None
    answers = {
        **{
            path: http.get(path)
            for path in (
                *("/", "/en", "/products", "/products/raven", "/cart", "/en/checkout", "/admin"),
                *("/nothing", "/products/nothing", "/orders/x", "/checkout/return?order=x"),
                *("/static/none.css", static[1], "/media/none", "/healthz", "/readyz", "/sv"),
            )
        },
        "other host": http.get("/", headers={"host": "elsewhere.example"}),
        "localhost": http.get("/", headers={"host": "localhost"}),
        "POST on a page": http.post("/products"),
        "DELETE": http.delete("/cart"),
        "OPTIONS": http.options("/cart"),
        "HEAD": http.head("/products"),
        "other site": http.post("/cart", headers={"sec-fetch-site": "cross-site"}),
        "bad form": http.post("/cart", data={"variant": "x"}),
        "too large": http.post("/cart", content=b"x" * 70_000),
        "bad multipart": http.post(
            "/cart", content=b"x", headers={"content-type": "multipart/form-data; boundary=y"}
        ),
        "webhook": http.post("/webhooks/stripe", content=b"{}"),
    }
    missing = {
        name: SECURITY - set(answer.headers)
        for name, answer in answers.items()
        if not set(answer.headers) >= SECURITY
    }
    assert missing == {}
    assert {name: a.status_code for name, a in answers.items() if a.status_code >= 500} == {}
    assert len({answer.headers["x-request-id"] for answer in answers.values()}) == len(answers)
    assert answers["POST on a page"].status_code == 405
    assert answers["other site"].status_code == 403
    assert answers["bad multipart"].status_code == 400
    assert not any("strict-transport-security" in a.headers for a in answers.values())


def test_the_policy_runs_nothing_inline_and_lets_forms_go_to_the_payment_page(
    shop: Config, http: httpx2.Client
) -> None:
    policy = dict(
        part.split(" ", 1)
        for part in http.get("/checkout").headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == f"'self' {shop.stripe_api_base}"


# --- https ----------------------------------------------------------------------------------------


@pytest.fixture
def https_shop(
    config: Config, sessions: Sessions
) -> Iterator[tuple[Config, Callable[..., httpx2.Response]]]:
    """Yield a shop behind a proxy that does the TLS, and a way to ask it."""
    secure = replace(config, base_url="https://shop.example", stripe_api_base="")
    with ExitStack() as stack:
        listening = stack.enter_context(free_socket())
        stack.enter_context(serving(create_app(secure), listening))
        http = stack.enter_context(
            httpx2.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30)
        )

        def ask(method: str, path: str, **given: Any) -> httpx2.Response:
            headers = {"host": "shop.example"} | given.pop("headers", {})
            return http.request(method, path, headers=headers, **given)

        yield secure, ask


def test_over_https_the_cookie_is_bound_to_host_and_tls(
    https_shop: tuple[Config, Callable[..., httpx2.Response]], shelf: Shelf
) -> None:
    _, ask = https_shop
    variant_id = shelf.add()
    answer = ask("POST", "/cart", data={"variant": str(variant_id)})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-cart=")
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert flags == {"httponly", "max-age=2592000", "path=/", "samesite=lax", "secure"}
    value = cookie.split(";")[0].partition("=")[2]
    there = ask("GET", "/cart", headers={"cookie": f"__Host-cart={value}"})
    assert f'value="{variant_id}"' in there.text
    plain = ask("GET", "/cart", headers={"cookie": f"cart={value}"})
    assert f'value="{variant_id}"' not in plain.text


def test_over_https_browsers_are_told_to_stay_there_and_forms_go_to_stripe(
    https_shop: tuple[Config, Callable[..., httpx2.Response]],
) -> None:
    _, ask = https_shop
    headers = ask("GET", "/cart").headers
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "form-action 'self' https://checkout.stripe.com;" in headers["content-security-policy"]
    assert 'rel="canonical" href="https://shop.example/"' in ask("GET", "/").text


def test_one_slash_too_many_leads_to_the_same_page_at_our_own_address(
    https_shop: tuple[Config, Callable[..., httpx2.Response]],
) -> None:
    _, ask = https_shop
    for path, to in {
        "/products/": "/products",
        "/en/cart/": "/en/cart",
        "/en/": "/en",
        "/products//?page=2": "/products?page=2",
        "/a%0D%0Ab/": "/a%0D%0Ab",
    }.items():
        answer = ask("GET", path)
        assert (answer.status_code, answer.headers["location"]) == (
            308,
            f"https://shop.example{to}",
        )
    assert ask("POST", "/cart/").status_code == 404


def test_over_plain_http_the_cookie_has_no_prefix(buyer: Buyer, shelf: Shelf) -> None:
    cookie = buyer.add(shelf.add()).headers["set-cookie"]
    assert cookie.startswith("cart=")
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert flags == {"httponly", "max-age=2592000", "path=/", "samesite=lax"}


# --- errors ---------------------------------------------------------------------------------------


def canary(request: Request) -> Response:
    with request.state.till.sessions.begin() as db:
        db.execute(text("UPDATE number_series SET last = 7777"))
        raise RuntimeError("a canary secret")


@pytest.fixture
def broken(
    start_shop: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx2.Client]:
    """Yield a client of a shop with one route that fails halfway."""
    known = shop.app.routes()
    monkeypatch.setattr(
        shop.app, "routes", lambda: [*known, Get("/broken/{token}", canary, access=PUBLIC)]
    )
    with httpx2.Client(base_url=start_shop().base_url, timeout=30) as client:
        yield client


def test_a_failure_is_a_page_with_an_id_and_nothing_is_half_done(
    broken: httpx2.Client, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    for prefix, language in (("", "sv"), ("/en", "en")):
        answer = broken.get(f"{prefix}/broken/the-token")
        assert answer.status_code == 500
        assert f'<html lang="{language}"' in answer.text
        assert answer.headers["x-request-id"] in answer.text
        for leak in ("canary", "Traceback", "RuntimeError", "sqlalchemy", ".py"):
            assert leak not in answer.text
        failed = [record for record in caplog.records if record.exc_info]
        assert answer.headers["x-request-id"] in failed[-1].getMessage()
    with sessions.begin() as db:
        assert db.execute(text("SELECT last FROM number_series")).scalar() == 1000


def test_when_the_error_page_fails_too_there_are_last_words(
    broken: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jinja2 import TemplateNotFound

    def gone(*_: object, **__: object) -> None:
        raise TemplateNotFound("errors/500.html")

    monkeypatch.setattr(shop.app, "page", gone)
    answer = broken.get("/broken/x")
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-request-id"] in answer.text
    assert "Har du betalat är betalningen inte borta." in answer.text
    assert "canary" not in answer.text


@pytest.mark.parametrize(("prefix", "language"), [("", "sv"), ("/en", "en")])
def test_error_pages_speak_the_readers_language(
    prefix: str, language: str, http: httpx2.Client
) -> None:
    answers = {
        404: http.get(f"{prefix}/nothing-here"),
        405: http.post(f"{prefix}/products"),
        403: http.post(f"{prefix}/cart", headers={"origin": "https://elsewhere.example"}),
        413: http.post(f"{prefix}/cart", content=b"x" * 70_000),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["x-request-id"] in answer.text
    # what has no route at all is known by its prefix just as well
    assert {f'<html lang="{language}"' in answer.text for answer in answers.values()} == {True}


# --- the log --------------------------------------------------------------------------------------


def test_the_log_has_the_pattern_and_never_the_token(
    broken: httpx2.Client, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = order_token(Signer(config.secret_keys), 77)
    for path in (
        f"/orders/{token}",
        f"/en/orders/{token}",
        f"/checkout?order={token}",
        f"/checkout/return?order={token}&session_id=cs_test_canary",
        f"/broken/{token}",
        f"/nothing/{token}",
    ):
        broken.get(path)

    def logged() -> list[str]:
        said = [r.getMessage() for r in caplog.records if r.name == "shop.requests"]
        return [line for line in "\n".join(said).split("\n") if line.endswith("ms")]

    wait_until(lambda: len(logged()) == 6)
    assert [line.split(" ", 1)[1].rsplit(" ", 1)[0] for line in logged()] == [
        "GET /orders/{token} 404",
        "GET /orders/{token} 404",
        "GET /checkout 303",
        "GET /checkout/return 404",
        "GET /broken/{token} 500",
        "GET - 404",
    ]
    everything = "\n".join(
        logging.Formatter().format(r) for r in caplog.records if not r.name.startswith("httpx")
    )
    secret = token.partition("-")[2]
    assert secret not in everything
    assert "cs_test_canary" not in everything


# --- health ---------------------------------------------------------------------------------------


@on_both_databases
def test_ready_means_that_the_database_has_our_schema(
    http: httpx2.Client, sessions: Sessions
) -> None:
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "schema": "current"})
    assert answer.headers["cache-control"] == "no-store"
    with sessions.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json()["schema"]) == (503, "not migrated")


def test_it_is_alive_as_long_as_it_answers(http: httpx2.Client) -> None:
    answer = http.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["cache-control"] == "no-store"


def test_what_is_not_http_is_handed_on(config: Config, sessions: Sessions) -> None:
    """A server's lifespan messages pass the edge: without them nothing starts."""
    sent: list[dict[str, Any]] = []
    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_app(config)
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}

    async def serve() -> None:
        await app(scope, receive, send)

    # on a thread of its own: the browser's driver may have a loop running on this one
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(serve())).result()
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_photo_is_kept_for_ever_and_not_sent_twice(shop: Config, http: httpx2.Client) -> None:
    folder = shop.media / "0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "400.avif").write_bytes(b"a picture")
    photo = http.get("/media/0123456789abcdef/400.avif")
    assert (photo.status_code, photo.content) == (200, b"a picture")
    assert photo.headers["content-type"] == "image/avif"
    assert photo.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert photo.headers["etag"] == '"0123456789abcdef-400.avif"'
    again = http.get(str(photo.url), headers={"If-None-Match": photo.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get(str(photo.url), headers={"If-None-Match": '"another"'}).status_code == 200
    assert http.get("/media/0123456789abcdef/800.avif").status_code == 404
