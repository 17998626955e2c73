import re
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import func, select, text

from shop.app import create_app, routes
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.routing import PUBLIC, Access, ShopRoute
from shop.owner.models import OwnerSession
from shop.preferences.actions import set_preferences
from tests.support import Buyer, FixedClock, free_socket, serving

NOT_PUBLIC = [route for route in routes() if route.access is not PUBLIC]
CALLS = [
    (method, re.sub(r"{(\w+)(:\w+)?}", "1", route.path))
    for route in NOT_PUBLIC
    for method in sorted(route.methods or ())
]


def test_every_route_says_who_may_use_it() -> None:
    assert all(isinstance(route, ShopRoute) for route in routes())
    assert {route.access for route in routes()} == set(Access)
    public = {route.path for route in routes() if route.access is PUBLIC}
    of_the_owner = {path for path in public if path.startswith("/admin")}
    assert of_the_owner == {"/admin/sign-in", "/admin/sign-in/{token}"}
    assert all(route.path.startswith("/admin") for route in NOT_PUBLIC)


def _refused(answer: httpx2.Response) -> bool:
    door = answer.headers.get("location", "").partition("?")[0] == "/admin/sign-in"
    return answer.status_code == 303 and door and not answer.content


@pytest.mark.parametrize(
    "cookie", ["", "garbage", "a" * 26, "\xff=", "x" * 4000, "%00;="], ids=lambda c: c[:7] or "none"
)
def test_no_owner_route_lets_in_a_stranger(buyer: Buyer, cookie: str) -> None:
    assert len(CALLS) > 30
    headers = {b"Cookie": f"owner={cookie}".encode("latin-1")} if cookie else {}
    let_in = [
        (method, path)
        for method, path in CALLS
        if not _refused(buyer.http.request(method, path, headers=headers))
    ]
    assert let_in == []


def test_no_owner_route_lets_in_an_ended_session(owner: Buyer) -> None:
    kept = dict(owner.http.cookies)
    assert owner.get("/admin").status_code == 200
    assert owner.post("/admin/sign-out").headers["location"] == "/admin/sign-in?note=signed-out"
    assert "owner" not in owner.http.cookies  # forgotten by the browser …
    owner.http.cookies.update(kept)
    let_in = [call for call in CALLS if not _refused(owner.http.request(*call))]
    assert let_in == []  # … and by the server


@pytest.mark.parametrize(
    ("away", "back_in"),
    [(timedelta(days=29, hours=23), True), (timedelta(days=30), False)],
    ids=["idle just under 30 days", "idle 30 days"],
)
def test_a_session_lapses_when_it_is_not_used(
    owner: Buyer, clock: FixedClock, away: timedelta, *, back_in: bool
) -> None:
    clock.at += away
    assert (owner.get("/admin").status_code == 200) is back_in
    if not back_in:
        assert [call for call in CALLS if not _refused(owner.http.request(*call))] == []


def test_a_session_lapses_after_ninety_days_however_much_it_is_used(
    owner: Buyer, clock: FixedClock
) -> None:
    for _ in range(89):
        clock.advance(days=1)
        assert owner.get("/admin").status_code == 200
    clock.advance(hours=23, minutes=59)
    assert owner.get("/admin").status_code == 200
    clock.advance(minutes=1)
    assert _refused(owner.get("/admin"))


def test_reading_writes_nothing_but_that_the_device_is_in_use(
    owner: Buyer, sessions: Sessions, clock: FixedClock
) -> None:
    def seen() -> list[object]:
        with sessions.begin() as db:
            return list(db.scalars(select(OwnerSession.seen_at)))

    began = seen()
    clock.advance(minutes=4, seconds=59)
    owner.get("/admin")
    assert seen() == began
    clock.advance(seconds=1)
    owner.get("/admin")
    assert seen() == [clock()]


def test_a_full_disk_does_not_keep_the_owner_from_reading(
    owner: Buyer, sessions: Sessions, clock: FixedClock
) -> None:
    clock.advance(hours=1)
    with sessions.begin() as db:
        db.execute(
            text(
                "CREATE TRIGGER full BEFORE UPDATE ON owner_sessions "
                "BEGIN SELECT json('not json'); END"  # an OperationalError, as a full disk is
            )
        )
    assert owner.get("/admin").status_code == 200


def _raw(shop: Config, target: str, host: str) -> tuple[int, str]:
    """Send a request as it stands, which no well-behaved client would, and return the answer."""
    port = urlsplit(shop.base_url).port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return int(answer.split(b" ", 2)[1]), answer.decode()


def test_only_the_route_counts_not_how_its_address_is_written(shop: Config) -> None:
    ours = urlsplit(shop.base_url).netloc
    targets = ["//admin", "/admin/", "/admin/.", "/admin/../admin", "/./admin", "/%61dmin"]
    targets += [
        "/admin%2f",
        "/ADMIN",
        "/admin;x",
        "/en/admin",
        "/admin?x#y",
        "/admin%00",
        "/\\admin",
    ]
    targets += ["/admin%3f", f"http://{ours}/admin", "http://evil.example/admin", "/en//admin"]
    for target in targets:
        status, answer = _raw(shop, target, ours)
        assert status in (303, 308, 400, 404), (target, status)
        led_to = re.findall(r"(?mi)^location: (.*?)\r?$", answer)
        assert led_to in ([], ["/admin/sign-in"], [f"{shop.base_url}/admin"]), (target, led_to)
        assert 'class="tabs"' not in answer, target
    for host in ["a/../", "x/public?", "@", "#", "", "evil.example", f"{ours}/x", f"{ours},x"]:
        status, answer = _raw(shop, "/admin", host)
        assert (status, 'class="tabs"' in answer) == (400, False), host


def test_a_form_of_another_site_changes_nothing(
    owner: Buyer, sessions: Sessions, invite: Callable[[], str]
) -> None:
    elsewhere = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ]
    link = invite()
    posts = [path for method, path in CALLS if method == "POST"] + ["/admin/sign-in", link]
    for headers in elsewhere:
        for path in posts:
            assert owner.http.post(path, headers=headers).status_code == 403, (path, headers)
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(OwnerSession)) == 1
        assert db.scalar(select(OwnerSession.ended_at)) is None


def test_a_stranger_is_led_back_to_the_page_they_wanted(buyer: Buyer) -> None:
    asked = buyer.get("/admin/security/history")
    assert asked.headers["location"] == "/admin/sign-in?next=/admin/security/history"
    door = buyer.get(asked.headers["location"])
    assert 'action="/admin/sign-in?next=/admin/security/history"' in door.text
    for elsewhere in ("https://evil.example/", "//evil.example", "/admin/../x", "/admin/%0d%0ax"):
        door = buyer.http.get("/admin/sign-in", params={"next": elsewhere})
        assert 'action="/admin/sign-in"' in door.text


def test_a_script_that_is_signed_out_hears_so(buyer: Buyer) -> None:
    answer = buyer.http.post("/admin/sign-out", headers={"Sec-Fetch-Mode": "cors"})
    assert answer.status_code == 401


def test_a_strangers_upload_is_not_even_parsed(
    buyer: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a stranger's form was parsed")

    monkeypatch.setattr("starlette.requests.Request._get_form", parse)
    answer = buyer.http.post("/admin/sign-out", data={"much": "x" * 60_000})
    assert _refused(answer)


def test_what_the_owner_sees_is_kept_by_no_cache(owner: Buyer) -> None:
    assert owner.get("/admin").headers["cache-control"] == "no-store"
    assert owner.get("/admin/sign-in").headers["cache-control"] == "no-store"


def test_the_owners_pages_speak_the_owners_language(owner: Buyer, sessions: Sessions) -> None:
    assert '<html lang="sv">' in owner.get("/admin").text
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
    for _ in range(40):
        if '<html lang="en">' in owner.get("/admin").text:
            break
        time.sleep(0.1)
    assert '<html lang="en">' in owner.get("/admin").text
    assert '<html lang="en">' in owner.get("/admin/sign-in").text
    assert '<html lang="sv">' in owner.get("/").text
    assert owner.get("/en/admin").status_code == 404


def test_over_https_cookies_are_bound_to_the_host(
    config: Config, sessions: Sessions, clock: FixedClock, invite: Callable[[], str]
) -> None:
    secure = replace(config, base_url="https://shop.example")
    with free_socket() as listening, serving(create_app(secure, clock), listening):
        port = listening.getsockname()[1]
        answer = httpx2.post(f"http://127.0.0.1:{port}{invite()}", headers={"Host": "shop.example"})
    assert answer.status_code == 303
    cookies = {
        value.partition("=")[0]: {part.strip() for part in value.split(";")[1:]}
        for name, value in answer.headers.multi_items()
        if name == "set-cookie"
    }
    flags = {"Secure", "HttpOnly", "Path=/", "SameSite=lax"}
    assert cookies == {
        "__Host-owner": flags | {"Max-Age=7776000"},
        "__Host-owner-device": flags | {"Max-Age=31536000"},
    }
