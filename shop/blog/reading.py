"""Reading a post of the owner's blog, to see for ourselves that it links here.

The address comes from a stranger, and so nobody may lead us anywhere with it: the host is one that
the owner has named, it is resolved once and connected to by that address, which must be one of the
public internet (in the demo the blog may be on this machine), and it may send us on to itself
alone.
"""

import http.client
import ipaddress
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urljoin, urlsplit, urlunsplit

from shop.blog.labels import label_of
from shop.blog.pingback import is_on, product_in
from shop.kit.urls import Urls
from shop.preferences.values import Preferences

log = logging.getLogger("shop.blog")
MOST_BYTES = 1024 * 1024
MOST_REDIRECTS = 3
LONGEST_TITLE = 200
SECONDS_TO_CONNECT, SECONDS_IN_ALL = 5.0, 10.0
REDIRECTS = (301, 302, 303, 307, 308)
OK = 200
_KEPT_IN_ADDRESS = "/?%:@!$&'()*+,;=~"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OF_A_POST = re.compile(r"entry-title|post-title", re.IGNORECASE)


class CannotRead(Exception):
    """The post could not be read, and why: elsewhere, private, moved, not-a-page, too-large,
    missing, or silent, which may pass.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    @property
    def may_pass(self) -> bool:
        return self.why == "silent"


@dataclass(frozen=True)
class Reader:
    """Whose posts are read, and what is looked for in them."""

    blogs: tuple[str, ...]
    urls: Urls
    languages: tuple[str, ...]
    private: bool  # may a blog be on a private address? In the demo alone


@dataclass(frozen=True)
class Post:
    url: str
    title: str
    links: Mapping[str, str]  # the label of the link by the product's slug


def make_reader(wishes: Preferences, base_url: str, *, demo: bool) -> Reader:
    urls = Urls(base_url, wishes.default_language)
    return Reader(wishes.blogs, urls, wishes.languages, private=demo)


def read_post(reader: Reader, address: str) -> Post:
    """Return the post at *address* with its links to our products, or raise CannotRead.

    Waits on the network: never inside a transaction.
    """
    url, html = _fetch(reader, address)
    seen = _Seen()
    try:
        seen.feed(html)  # and no close(): what never ends would be gone through again and again
    except AssertionError:  # how the parser says that it cannot make sense of something
        raise CannotRead("not-a-page") from None
    links: dict[str, str] = {}
    for link in seen.links:
        if slug := product_in(link, reader.urls, reader.languages):
            links[slug] = links.get(slug) or _label(link)
    return Post(_own_address(reader, url, seen.canonical), seen.title or url, links)


def _label(link: str) -> str:
    with suppress(ValueError):
        return label_of(parse_qsl(urlsplit(link).query, max_num_fields=50))
    return ""


def _own_address(reader: Reader, url: str, canonical: str) -> str:
    """Return the one address of the post, however it was asked for: two are not two posts."""
    named = _joined(url, canonical) if canonical else ""
    if named and is_on(named, reader.blogs):
        return urlunsplit(urlsplit(named)._replace(fragment=""))
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


def _joined(url: str, to: str) -> str:
    """Return where *to* leads from *url*; "" for what is no address."""
    try:
        return urljoin(url, to)
    except ValueError:
        return ""


# --- over the network -----------------------------------------------------------------------------


class _Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def _fetch(reader: Reader, address: str) -> tuple[str, str]:
    """Return where the page is after all, and its HTML."""
    url = address
    for _ in range(MOST_REDIRECTS + 1):
        if not is_on(url, reader.blogs):
            raise CannotRead("elsewhere" if url == address else "moved")
        answer = _ask(url, private=reader.private)
        if answer.status not in REDIRECTS:
            break
        url = _joined(url, answer.headers.get("location", ""))
    else:
        raise CannotRead("moved")
    if answer.status != OK:
        raise CannotRead("silent" if answer.status >= 500 else "missing")  # noqa: PLR2004
    if answer.headers.get_content_type() not in ("text/html", "application/xhtml+xml"):
        raise CannotRead("not-a-page")
    if len(answer.body) > MOST_BYTES:
        raise CannotRead("too-large")
    charset = answer.headers.get_content_charset("utf-8")
    known = charset if charset in ("utf-8", "iso-8859-1", "windows-1252") else "utf-8"
    return url, answer.body.decode(known, errors="replace")


def _ask(url: str, *, private: bool) -> _Answer:
    parts = urlsplit(url)
    try:
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = socket.create_connection(
            resolved(host, port, private=private), SECONDS_TO_CONNECT
        )
        if parts.scheme == "https":
            connection = _secured(connection, host)
        with connection:
            return _in_time(connection, lambda: _talk(connection, host, url))
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a port, a name
        log.info("a post could not be read: %s", type(error).__name__)
        raise CannotRead("silent") from None


def _secured(connection: socket.socket, host: str) -> socket.socket:
    try:
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


def _in_time(connection: socket.socket, talk: Callable[[], _Answer]) -> _Answer:
    """Have the conversation, and end one that takes too long, however little it says at a time."""
    too_long = threading.Event()

    def hang_up() -> None:
        too_long.set()
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, which would wait

    end = threading.Timer(SECONDS_IN_ALL, hang_up)
    end.daemon = True
    end.start()
    try:
        answer = talk()
    finally:
        end.cancel()
    if too_long.is_set():  # what came so far may look like a whole page
        raise TimeoutError
    return answer


def _talk(connection: socket.socket, host: str, url: str) -> _Answer:
    parts = urlsplit(url)
    client = http.client.HTTPConnection(host, timeout=SECONDS_TO_CONNECT)
    client.sock = connection  # to the address that was looked at, and to no other
    asked = quote(urlunsplit(("", "", parts.path or "/", parts.query, "")), safe=_KEPT_IN_ADDRESS)
    client.putrequest("GET", asked, skip_host=True)  # and with Accept-Encoding: identity
    for name, value in (
        ("Host", parts.netloc.encode("idna").decode()),
        ("Accept", "text/html"),
        ("User-Agent", "shop-pingback (looks whether a post links here)"),
        ("Connection", "close"),
    ):
        client.putheader(name, value)
    client.endheaders()
    with client.getresponse() as answer:
        return _Answer(answer.status, answer.headers, answer.read(MOST_BYTES + 1))


def resolved(host: str, port: int, *, private: bool) -> tuple[str, int]:
    """Return one address of *host*; CannotRead where any of them is not on the public internet."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not addresses or not (private or all(map(is_public, addresses))):
        raise CannotRead("private")
    return addresses[0], port


def is_public(text: str) -> bool:
    """Say whether an IP address belongs to the public internet, whatever it is wrapped in."""
    address: Any = ipaddress.ip_address(text.partition("%")[0])
    if address.version == 6:  # noqa: PLR2004 - IPv6
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if address.teredo is not None or address in _NAT64:
            return False
    return bool(address.is_global and not address.is_multicast)


# --- what stands in it ----------------------------------------------------------------------------


@dataclass
class _Seen(HTMLParser):
    """The links of a page, its title and its own address. Links that its readers have left there,
    which blogs mark as such, are not the post's.
    """

    links: list[str] = field(default_factory=list)
    canonical: str = ""
    _titles: dict[str, str] = field(default_factory=dict)
    _open: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @property
    def title(self) -> str:
        """Return the post's title: the page's own may have the blog's name after it."""
        chosen = (self._titles.get(kind, "") for kind in ("post", "og", "h1", "title"))
        words = next(filter(None, (" ".join(one.split()) for one in chosen)), "")
        return words[:LONGEST_TITLE]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in told and "ugc" not in told.get("rel", "").split():
            self.links.append(told["href"])
        elif tag == "link" and "canonical" in told.get("rel", "").lower().split():
            self.canonical = self.canonical or told.get("href", "")
        elif tag == "meta" and told.get("property") == "og:title":
            self._titles.setdefault("og", told.get("content", ""))
        elif tag in ("h1", "title"):
            of_post = tag == "h1" and _OF_A_POST.search(told.get("class", ""))
            kind = "post" if of_post else tag
            self._open = "" if kind in self._titles else kind

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h1", "title"):
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self._titles[self._open] = self._titles.get(self._open, "") + data
