"""Pingback: a blog tells, by itself, which of its posts links to which of our pages.

The message is XML-RPC, from anybody on the internet. It is read with no entities and no document
type, by a parser that knows this one call and nothing else, and it is believed in nothing: it only
says where to look.
"""

from typing import NamedTuple, NoReturn
from urllib.parse import urldefrag, urlsplit
from xml.parsers import expat

from shop.kit.urls import Urls
from shop.listings.xml import DECLARATION, element, elements

METHOD = "pingback.ping"
MOST_BYTES = 16 * 1024
LONGEST_ADDRESS = 500
DEEPEST = 8  # elements within each other; the call has six

# as the specifications of XML-RPC and of pingback number them
NOT_WELL_FORMED, NO_SUCH_METHOD, WRONG_PARAMETERS = -32700, -32601, -32602
TRY_LATER = 0
NO_SUCH_TARGET, NO_TARGET, KNOWN_ALREADY, ACCESS_DENIED = 0x20, 0x21, 0x30, 0x31

_NAME = ("methodCall", "methodName")
_VALUE = ("methodCall", "params", "param", "value")
_STRING = (*_VALUE, "string")


class Fault(Exception):
    """Why a call is not heeded."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class Call(NamedTuple):
    source: str  # the post
    target: str  # the page of ours that it links to


def read_call(body: bytes) -> Call:
    """Return what the call says, or raise the Fault that answers it."""
    name, values = _read_xml(body)
    if name != METHOD:
        raise Fault(NO_SUCH_METHOD, "Only pingback.ping is known here.")
    if len(values) != 2 or any(not 0 < len(one) <= LONGEST_ADDRESS for one in values):  # noqa: PLR2004 - source and target
        raise Fault(WRONG_PARAMETERS, "Two addresses are needed: the post's and the page's.")
    source, target = values
    return Call(urldefrag(source).url, target)


def _read_xml(body: bytes) -> tuple[str, list[str]]:
    """Return the name of the method that is called, and its parameters, which must be strings."""
    path: list[str] = []
    names: list[str] = []
    values: list[list[str]] = []

    def begin(tag: str, _attributes: dict[str, str]) -> None:
        path.append(tag)
        if len(path) > DEEPEST or tuple(path)[: len(_STRING)] not in _KNOWN:
            raise Fault(WRONG_PARAMETERS, "Only strings are known here.")
        if tuple(path) == _VALUE:
            values.append([])

    def end(_tag: str) -> None:
        path.pop()

    def text(words: str) -> None:
        here = tuple(path)
        if here == _NAME:
            names.append(words)
        elif here == _STRING or (here == _VALUE and words.strip()):
            values[-1].append(words)

    def refuse(*_about: object) -> NoReturn:
        raise Fault(NOT_WELL_FORMED, "Document types and entities are not read here.")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse  # before a first entity could be declared
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise Fault(NOT_WELL_FORMED, "That is not well-formed XML.") from None
    return "".join(names).strip(), ["".join(parts).strip() for parts in values]


_KNOWN = {tag[:length] for tag in (_NAME, _STRING) for length in range(1, len(tag) + 1)}


# --- answers --------------------------------------------------------------------------------------


def heard() -> str:
    """Return the answer to a call that is looked into."""
    value = elements("value", [element("string", "Thank you. The post will be read.")])
    return _answer(elements("params", [elements("param", [value])]))


def refused(fault: Fault) -> str:
    members = [
        elements("member", [element("name", name), elements("value", [element(kind, told)])])
        for name, kind, told in (
            ("faultCode", "int", fault.code),
            ("faultString", "string", fault.words),
        )
    ]
    return _answer(elements("fault", [elements("value", [elements("struct", members)])]))


def _answer(content: str) -> str:
    return f"{DECLARATION}{elements('methodResponse', [content])}\n"


# --- whose addresses they are ---------------------------------------------------------------------


def product_in(address: str, urls: Urls, languages: tuple[str, ...]) -> str | None:
    """Return the slug of the product whose page *address* is, in any language; None for others."""
    try:
        parts, ours = urlsplit(address.strip()), urlsplit(urls.base)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.netloc.lower() != ours.netloc:
        return None
    way = parts.path.strip("/").split("/")
    if way[0] in languages[1:]:
        way = way[1:]
    return way[1] if len(way) == 2 and way[0] == "products" and way[1] else None  # noqa: PLR2004


def is_on(address: str, blogs: tuple[str, ...]) -> bool:
    """Say whether *address* may be a post of one of *blogs*: same host and port, below its path,
    and more than the blog's own first page.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return False
    if any(sign.isspace() or not sign.isprintable() for sign in address):
        return False
    below = parts.path.strip("/") or parts.query
    return bool(below) and any(_lies_in(parts.netloc, parts.path, blog) for blog in blogs)


def _lies_in(host: str, path: str, blog: str) -> bool:
    its = urlsplit(blog)
    root = its.path.rstrip("/") + "/"
    same_host = host.lower().removeprefix("www.") == its.netloc.lower().removeprefix("www.")
    return same_host and ".." not in path and f"{path}/".startswith(root)
