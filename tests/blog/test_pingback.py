"""A blog tells which post links here; a stranger tells what he likes, and nothing comes of it."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import escape

import httpx2
import pytest
from sqlalchemy import func, select

import shop.blog.mentions
from shop.blog import reading
from shop.blog.mentions import MOST_TRIES, MOST_WAITING, keep_ping, read_pinged
from shop.blog.models import BlogPost, Mention, Ping
from shop.blog.pingback import MOST_BYTES, Fault, is_on, read_call
from shop.blog.reading import CannotRead, Post, Reader, is_public, read_post, resolved
from shop.catalogue.models import Product
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.urls import Urls
from shop.preferences.actions import set_preferences
from tests.support import NOON, FixedClock, Shelf, on_both_databases

# of no use but here: for a name that nobody can have, until 2126
CERTIFICATE = Path(__file__).with_name("blogg.example.se.pem")
PING = (
    '<?xml version="1.0"?><methodCall><methodName>{method}</methodName><params>'
    "<param><value><string>{source}</string></value></param>"
    "<param><value><string>{target}</string></value></param></params></methodCall>"
)


class Blog(ThreadingHTTPServer):
    """A blog on this machine, with the posts that a test gives it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.posts: dict[str, str | tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []

    def handle_error(self, *_about: object) -> None:
        """Say nothing of those who hang up: that is what is tried here."""

    def write(self, path: str, *links: str, title: str = "Sagostund") -> str:
        inside = "".join(f'<p><a href="{escape(link)}">en docka</a></p>' for link in links)
        self.posts[path] = (
            f"<html><head><title>{title} – Bloggen</title></head>"
            f'<body><h1>Bloggen</h1><h1 class="entry-title">{title}</h1>{inside}</body></html>'
        )
        return self.url + path


class _Handler(BaseHTTPRequestHandler):
    server: Blog

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        post = self.server.posts.get(self.path, (404, {}, b""))
        if isinstance(post, str):
            post = (200, {"Content-Type": "text/html; charset=utf-8"}, post.encode())
        status, headers, body = post
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_about: object) -> None:
        pass


@pytest.fixture
def blog() -> Iterator[Blog]:
    server = Blog()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def shelf(shelf: Shelf, blog: Blog) -> Shelf:
    shelf.add("raven")
    shelf.add("ugglan")
    shelf.add("utkast", status="draft")
    with shelf.sessions.begin() as db:
        set_preferences(db, blog_url=blog.url)
    return shelf


@pytest.fixture
def served(shelf: Shelf, start_shop: Callable[..., Config]) -> Config:
    return start_shop(page_cache=True)


@pytest.fixture
def http(served: Config) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=served.base_url, timeout=30) as client:
        yield client


def ping(
    http: httpx2.Client, source: str, target: str, method: str = "pingback.ping"
) -> int | None:
    """Send a ping as WordPress does; return the fault's code, None where it was heard."""
    body = PING.format(method=method, source=escape(source), target=escape(target))
    answer = http.post("/pingback", content=body.encode(), headers={"Content-Type": "text/xml"})
    return fault_in(answer)


def fault_in(answer: httpx2.Response) -> int | None:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    _, fault, rest = answer.text.partition("<name>faultCode</name><value><int>")
    return int(rest.partition("<")[0]) if fault else None


def look(served: Config, sessions: Sessions) -> int:
    """Let the worker come round once."""
    return read_pinged(
        sessions, sessions, FixedClock(NOON_LATER), base_url=served.base_url, demo=True
    )


NOON_LATER = NOON.replace(year=2099)  # when everything is due


def mentioned(sessions: Sessions) -> list[tuple[str, str, str, str]]:
    """Return title, path, slug and label of every mention."""
    with sessions.begin() as db:
        rows = db.execute(
            select(BlogPost.title, BlogPost.url, Product.slug, Mention.label)
            .join(Mention, Mention.post_id == BlogPost.id)
            .join(Product, Product.id == Mention.product_id)
            .order_by(BlogPost.id, Product.slug)
        )
        return [(row.title, "/" + row.url.split("/", 3)[3], row.slug, row.label) for row in rows]


def stored(sessions: Sessions) -> int:
    with sessions.begin() as db:
        return sum(
            db.scalar(select(func.count()).select_from(table)) or 0
            for table in (Ping, BlogPost, Mention)
        )


# --- the good case --------------------------------------------------------------------------------


def test_every_page_of_a_product_says_where_to_ping(http: httpx2.Client, served: Config) -> None:
    for method in ("HEAD", "GET", "HEAD", "GET"):  # made, then kept
        for path in ("/products/raven", "/en/products/raven", "/products/raven?from=x"):
            answer = http.request(method, path)
            assert answer.headers["x-pingback"] == f"{served.base_url}/pingback"
    assert "x-pingback" not in http.get("/products").headers


@on_both_databases
def test_a_post_that_links_here_is_mentioned_on_the_page(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    raven = f"{served.base_url}/products/raven"
    post = blog.write(
        "/sagostund/", f"{raven}?from=sagostund", f"{served.base_url}/en/products/ugglan"
    )
    assert "Sagostund" not in http.get("/products/raven").text
    assert ping(http, post, raven) is None
    assert ping(http, post, f"{served.base_url}/products/ugglan") == 0x30  # waits already
    assert blog.asked == []  # nothing is fetched while the blog waits for an answer
    assert look(served, sessions) == 2
    assert mentioned(sessions) == [
        ("Sagostund", "/sagostund/", "raven", "sagostund"),
        ("Sagostund", "/sagostund/", "ugglan", ""),
    ]
    assert ping(http, post, f"{raven}?from=sagostund") == 0x30
    time.sleep(1.3)  # until the pages that were kept are forgotten
    page = http.get("/en/products/raven").text
    assert f'<a href="{post}">Sagostund</a>' in page


def test_told_anew_a_post_is_what_it_is_now(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    raven, ugglan = (f"{served.base_url}/products/{slug}" for slug in ("raven", "ugglan"))
    post = blog.write("/p", raven)
    ping(http, post, raven)
    look(served, sessions)
    blog.write("/p", ugglan, title="Ny rubrik")
    assert ping(http, post, ugglan) is None
    look(served, sessions)
    assert mentioned(sessions) == [("Ny rubrik", "/p", "ugglan", "")]


def test_a_post_has_one_address(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    """Asked for in other words it is the same post, and counts once."""
    raven = f"{served.base_url}/products/raven"
    blog.write("/sagostund/", raven)
    blog.posts["/?p=7"] = (301, {"Location": "/sagostund/"}, b"")
    blog.posts["/sagostund/?x=1"] = blog.posts["/sagostund/"]
    blog.posts["/?p=8"] = str(blog.posts["/sagostund/"]).replace(
        "</head>", '<link rel="canonical" href="/sagostund/#top"></head>'
    )
    for path in ("/?p=7", "/sagostund/?x=1", "/?p=8", "/sagostund/#comments"):
        assert ping(http, blog.url + path, raven) == (0x30 if "#" in path else None)
        look(served, sessions)
    assert mentioned(sessions) == [("Sagostund", "/sagostund/", "raven", "")]


# --- what is refused, quietly ---------------------------------------------------------------------


def test_faults_have_their_numbers(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    raven, post = f"{served.base_url}/products/raven", f"{blog.url}/p"
    assert ping(http, "https://evil.example/p", raven) == 0x31
    assert ping(http, blog.url, raven) == 0x31  # the first page is no post
    assert ping(http, "file:///etc/passwd", raven) == 0x31
    assert ping(http, "http://[::1", raven) == 0x31
    assert ping(http, post, "https://evil.example/products/raven") == 0x21
    assert ping(http, post, f"{served.base_url}/cart") == 0x21
    assert ping(http, post, "http://[::1") == 0x21
    assert ping(http, post, f"{served.base_url}/products/none") == 0x20
    assert ping(http, post, f"{served.base_url}/products/utkast") == 0x20
    assert ping(http, post, raven, method="system.listMethods") == -32601
    assert ping(http, "", raven) == -32602
    assert ping(http, f"{blog.url}/{'x' * 600}", raven) == -32602
    assert stored(sessions) == 0
    assert http.get("/pingback").status_code == 405


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">'
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><methodCall><methodName>&i;</methodName></methodCall>"
)
FILE = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    "<methodCall><methodName>&x;</methodName></methodCall>"
)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BOMB.encode(), -32700),
        (FILE.encode(), -32700),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x"><methodCall/>', -32700),
        (b"<methodCall>&undeclared;</methodCall>", -32700),
        (b"", -32700),
        (b"not xml", -32700),
        (b"\xff\xfe<\x00", -32700),
        (b'<?xml version="1.0" encoding="utf-7"?><methodCall>+ADw-</methodCall>', -32601),
        (b"<a>" * 4000, -32602),
        (b"<methodCall><methodName>pingback.ping</methodName></methodCall>", -32602),
        (b"<methodCall><params><param><value><int>1</int></value></param></params></methodCall>",
         -32602),
    ],
)  # fmt: skip
def test_what_is_no_ping_is_answered_by_a_fault(
    http: httpx2.Client, sessions: Sessions, body: bytes, code: int
) -> None:
    began = time.monotonic()
    assert fault_in(http.post("/pingback", content=body)) == code
    assert time.monotonic() - began < 5
    assert stored(sessions) == 0


def test_a_ping_of_ten_megabytes_is_too_large(http: httpx2.Client, sessions: Sessions) -> None:
    assert http.post("/pingback", content=b" " * 10_000_000).status_code == 413
    assert http.post("/pingback", content=b" " * (MOST_BYTES + 1)).status_code == 413
    assert stored(sessions) == 0


def test_a_storm_of_pings_ends_soon(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    raven = f"{served.base_url}/products/raven"
    codes = [ping(http, f"{blog.url}/p{number}", raven) for number in range(MOST_WAITING + 20)]
    assert codes == [None] * MOST_WAITING + [0] * 20  # try later
    assert stored(sessions) == MOST_WAITING
    look(served, sessions)
    assert len(blog.asked) == 1  # the worker asks the blog for one at a time
    assert stored(sessions) == MOST_WAITING - 1


def test_without_a_blog_nobody_may_ping(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    with sessions.begin() as db:
        set_preferences(db, blog_url="")
    time.sleep(1.3)
    raven = f"{served.base_url}/products/raven"
    assert ping(http, f"{blog.url}/p", raven) == 0x31
    assert "x-pingback" not in http.get("/products/raven").headers


# --- what is read ---------------------------------------------------------------------------------


@pytest.fixture
def reader(blog: Blog) -> Reader:
    return Reader((blog.url,), Urls("https://butik.example.se", "sv"), ("sv", "en"), private=True)


def refusal(reader: Reader, address: str) -> str:
    with pytest.raises(CannotRead) as refused:
        read_post(reader, address)
    return refused.value.why


def test_a_post_that_does_not_link_here_is_not_kept(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    raven = f"{served.base_url}/products/raven"
    blog.posts["/p"] = (
        f'<html><title>x</title><!-- <a href="{raven}">x</a> -->{raven}'
        f'<script>"<a href={raven}>"</script><a href="{raven}x">y</a>'
        f'<a rel="nofollow ugc" href="{raven}">a reader</a></html>'
    )
    assert ping(http, f"{blog.url}/p", raven) is None
    assert look(served, sessions) == 0
    assert blog.asked == ["/p"]
    assert stored(sessions) == 0


def test_nobody_is_led_off_the_blog(reader: Reader, blog: Blog) -> None:
    elsewhere = Blog()
    elsewhere.write("/p", "https://butik.example.se/products/raven")
    threading.Thread(target=elsewhere.serve_forever, args=(0.05,), daemon=True).start()
    blog.posts["/away"] = (302, {"Location": f"{elsewhere.url}/p"}, b"")
    blog.posts["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    blog.posts["/round"] = (302, {"Location": "/round"}, b"")
    blog.posts["/nonsense"] = (302, {"Location": "http://[::1"}, b"")
    for path in ("/away", "/file", "/round", "/nonsense"):
        assert refusal(reader, blog.url + path) == "moved"
    assert elsewhere.asked == []
    assert blog.asked.count("/round") == 4
    elsewhere.shutdown()
    elsewhere.server_close()


@pytest.mark.parametrize(
    "part", ["<!--", "<a ", "<![", "</", '<a href="', "<?", "<script>", "&#", "<h1>", "<title>"]
)
def test_a_page_that_never_makes_sense_is_soon_put_away(
    reader: Reader, blog: Blog, part: str
) -> None:
    page = '<link rel="canonical" href="http://[">' + part * (900_000 // len(part))
    blog.posts["/p"] = page
    began = time.monotonic()
    with suppress(CannotRead):
        assert read_post(reader, f"{blog.url}/p").links == {}
    assert time.monotonic() - began < 5


def test_a_post_that_breaks_the_reader_stops_no_other(
    shelf: Shelf, sessions: Sessions, blog: Blog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The try is counted before it is made; and what two workers see at once, one of them reads."""
    blog.write("/good", "https://butik.example.se/products/raven")
    clock = FixedClock(NOON)
    with sessions.begin() as db:
        keep_ping(db, f"{blog.url}/bad", now=NOON)
        keep_ping(db, f"{blog.url}/good", now=NOON + timedelta(seconds=1))

    def broken(reader: Reader, address: str) -> Post:
        if address.endswith("/bad"):
            assert come_round() == 0  # meanwhile the other worker finds nothing of its own here
            raise RuntimeError
        return read_post(reader, address)

    def come_round() -> int:
        base_url = "https://butik.example.se"
        return read_pinged(sessions, sessions, clock, base_url=base_url, demo=True)

    monkeypatch.setattr(shop.blog.mentions, "read_post", broken)
    with pytest.raises(RuntimeError):
        come_round()
    clock.advance(seconds=1)
    assert come_round() == 1
    for _ in range(1, MOST_TRIES):
        clock.advance(minutes=11)
        with pytest.raises(RuntimeError):
            come_round()
    clock.advance(minutes=11)
    assert come_round() == 0
    with sessions.begin() as db:
        assert db.scalars(select(Ping)).all() == []


def test_what_is_no_post_is_not_read(reader: Reader, blog: Blog) -> None:
    page = {"Content-Type": "text/html"}
    blog.posts["/large"] = (200, page, b"x" * (reading.MOST_BYTES + 1))
    blog.posts["/picture"] = (200, {"Content-Type": "image/png"}, b"x")
    blog.posts["/broken"] = (500, page, b"")
    assert refusal(reader, f"{blog.url}/large") == "too-large"
    assert refusal(reader, f"{blog.url}/picture") == "not-a-page"
    assert refusal(reader, f"{blog.url}/broken") == "silent"
    assert refusal(reader, f"{blog.url}/none") == "missing"
    assert refusal(reader, "https://evil.example/p") == "elsewhere"


def drip(handler: _Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    with suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b'<a href="https://butik.example.se/products/raven">x</a>')
            time.sleep(0.05)


def test_a_slow_blog_is_given_up(
    reader: Reader, blog: Blog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then would keep a worker for ever, and half a page is not the page."""
    monkeypatch.setattr(reading, "SECONDS_IN_ALL", 0.5)

    monkeypatch.setattr(_Handler, "do_GET", drip)
    began = time.monotonic()
    assert refusal(reader, f"{blog.url}/p") == "silent"
    assert time.monotonic() - began < 4


@pytest.fixture
def secure(blog: Blog) -> Path:
    """Have the blog speak TLS; return the file of the certificate that vouches for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    blog.socket = context.wrap_socket(blog.socket, server_side=True, do_handshake_on_connect=False)
    return CERTIFICATE


@pytest.fixture
def secured(blog: Blog, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Return a reader for whom the blog's name leads to this machine."""
    original = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **options: original(
            "127.0.0.1" if host == "blogg.example.se" else host, *args, **options
        ),
    )
    return Reader(
        (f"https://blogg.example.se:{blog.server_port}",),
        reader.urls,
        reader.languages,
        private=True,
    )


def test_a_secure_blog_is_read_if_it_is_who_it_says(
    blog: Blog, secure: Path, secured: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    blog.write("/p", "https://butik.example.se/products/raven")
    address = f"{secured.blogs[0]}/p"
    assert refusal(secured, address) == "silent"  # nobody vouches for it
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    assert read_post(secured, address).links == {"raven": ""}
    other = replace(secured, blogs=(f"https://127.0.0.1:{blog.server_port}",))
    assert refusal(other, f"{other.blogs[0]}/p") == "silent"  # another name than its own
    assert blog.asked == ["/p"]


def test_a_slow_secure_blog_is_given_up_as_well(
    blog: Blog, secure: Path, secured: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    monkeypatch.setattr(reading, "SECONDS_IN_ALL", 0.5)
    monkeypatch.setattr(_Handler, "do_GET", drip)
    began = time.monotonic()
    assert refusal(secured, f"{secured.blogs[0]}/p") == "silent"
    assert time.monotonic() - began < 4


def test_a_blog_that_is_away_is_asked_again_and_then_no_more(
    http: httpx2.Client, served: Config, sessions: Sessions, blog: Blog
) -> None:
    raven = f"{served.base_url}/products/raven"
    blog.posts["/p"] = (503, {"Content-Type": "text/html"}, b"")
    ping(http, f"{blog.url}/p", raven)
    for tries in range(1, MOST_TRIES + 1):
        assert stored(sessions) == 1
        later = FixedClock(NOON_LATER.replace(hour=tries))
        read_pinged(sessions, sessions, later, base_url=served.base_url, demo=True)
    assert stored(sessions) == 0
    assert len(blog.asked) == MOST_TRIES


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    assert is_public(address) is False


def test_public_addresses_are() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


def test_a_name_that_leads_to_a_private_address_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, blog: Blog, reader: Reader
) -> None:
    """One private address among several is enough, and the name is asked for once only."""
    names = [("93.184.216.34", 80), ("127.0.0.1", blog.server_port)]
    asked = []

    def two(host: str, *_args: object, **_options: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", name) for name in names]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with pytest.raises(CannotRead):
        resolved("blogg.example.se", 80, private=False)
    in_production = Reader(reader.blogs, reader.urls, reader.languages, private=False)
    assert refusal(in_production, f"{blog.url}/p") == "private"
    assert blog.asked == []
    assert asked == ["blogg.example.se", "127.0.0.1"]


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(
    monkeypatch: pytest.MonkeyPatch, blog: Blog, reader: Reader
) -> None:
    blog.write("/p", "https://butik.example.se/products/raven")
    original = socket.getaddrinfo
    asked = []

    def noted(host: str, *args: object, **options: object) -> object:
        asked.append(host)
        here = "127.0.0.1" if host == "blogg.example.se" else host
        return original(here, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    named = Reader(
        (f"http://blogg.example.se:{blog.server_port}",),
        reader.urls,
        reader.languages,
        private=True,
    )
    post = read_post(named, f"http://blogg.example.se:{blog.server_port}/p")
    assert post.links == {"raven": ""}
    assert asked == ["blogg.example.se", "127.0.0.1"]  # the second resolves what is resolved


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://blogg.example.se/dockor/sagostund/", True),
        ("https://www.blogg.example.se/dockor/?p=7", True),
        ("http://blogg.example.se/dockor/x", True),
        ("https://blogg.example.se/dockorna/x", False),
        ("https://blogg.example.se/annat/x", False),
        ("https://blogg.example.se/dockor/../annat", False),
        ("https://blogg.example.se:8443/dockor/x", False),
        ("https://blogg.example.se@evil.example/dockor/x", False),
        ("https://user@blogg.example.se/dockor/x", False),
        ("https://blogg.example.se.evil.example/dockor/x", False),
        ("https://blogg.example.se/dockor/x\r\nHost: y", False),
        ("javascript://blogg.example.se/dockor/x", False),
        ("//blogg.example.se/dockor/x", False),
        ("", False),
    ],
)
def test_what_lies_on_the_blog(address: str, expected: bool) -> None:
    assert is_on(address, ("https://blogg.example.se/dockor",)) is expected


def test_a_call_is_read_as_wordpress_writes_it() -> None:
    """With line breaks and indents, and a value without its type."""
    call = read_call(
        b'<?xml version="1.0"?>\n<methodCall>\n<methodName>pingback.ping</methodName>\n<params>\n'
        b"<param>\n<value>\n<string>https://b.se/p?a=1&amp;b=2</string>\n</value></param>\n"
        b"<param><value>https://s.se/products/r</value></param>\n</params></methodCall>\n"
    )
    assert call == ("https://b.se/p?a=1&b=2", "https://s.se/products/r")
    with pytest.raises(Fault):
        read_call(b"<methodCall></methodCall>")
