"""oEmbed: what a blog is told that asks for a card of one of our addresses.

A blog keeps the answer for as long as the post lives. So it holds the name and the address alone;
price, stock and photo stand in the card, which is asked for each time that somebody reads the post.
The HTML is what WordPress lets through: a quoted link, then a frame.
"""

import re
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from shop.blog.labels import label_of, labelled
from shop.kit.forms import whole_number
from shop.listings.storefront import Storefront

SHELF = "/shelf"
PRODUCT = re.compile(r"/products/([a-z0-9-]{1,80})")
# where nothing is asked for. The card tells WordPress its real height; elsewhere this must do
WIDTH, HEIGHT, HEIGHT_OF_SHELF = 500, 300, 380
WIDEST = 600
THUMBNAIL = 400  # pixels of a side
MOST_PARAMETERS = 100


class Address(NamedTuple):
    """What an address of ours leads to."""

    path: str  # without the language
    slug: str  # "" for the shelf
    locale: str
    label: str


class Room(NamedTuple):
    """The room that a blog has for a card, or for a picture, at most; None if it does not say."""

    width: int | None
    height: int | None

    def takes(self, side: int) -> bool:
        return all(most is None or side <= most for most in self)


def read_address(url: str, base: str, languages: Sequence[str]) -> Address | None:
    """Return what *url* leads to, or None if that is nothing of ours that has a card."""
    try:
        parts, ours = urlsplit(url.strip()), urlsplit(base)
        query = parse_qsl(parts.query, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return None
    if parts.netloc != ours.netloc or parts.scheme not in ("http", "https"):
        return None
    path, locale = unquote(parts.path).rstrip("/"), languages[0]
    first, _, rest = path[1:].partition("/")
    if first in languages[1:]:
        path, locale = f"/{rest}", first
    path = path.removesuffix("/card")
    found = PRODUCT.fullmatch(path)
    if found is None and path != SHELF:
        return None
    return Address(path, found[1] if found else "", locale, label_of(query))


def read_room(width: str | None, height: str | None) -> Room:
    """Return the room that is asked for; what is no number asks for nothing."""
    return Room(*(whole_number(text, least=1, most=100_000) for text in (width, height)))


def answer(
    front: Storefront, address: Address, title: str, room: Room, photo_hash: str | None
) -> dict[str, Any]:
    """Return what oEmbed asks for, of a page with that *title*."""
    shop = front.shop
    needed = HEIGHT_OF_SHELF if address.path == SHELF else HEIGHT
    width, height = min(WIDEST, room.width or WIDTH), min(needed, room.height or needed)
    told: dict[str, Any] = {
        "version": "1.0",
        "type": "rich",
        "provider_name": shop.shop_name,
        "provider_url": f"{front.urls.base}/",
        "author_name": shop.legal_name or shop.shop_name,
        "title": title,
        "width": width,
        "height": height,
        "html": _html(front, address, title, height),
    }
    if photo_hash and room.takes(THUMBNAIL):
        told |= {
            "thumbnail_url": f"{front.urls.base}/media/{photo_hash}/{THUMBNAIL}.jpeg",
            "thumbnail_width": THUMBNAIL,
            "thumbnail_height": THUMBNAIL,
        }
    return told


def _html(front: Storefront, address: Address, title: str, height: int) -> str:
    """Return the link and the frame, which is as wide as its column: a number of pixels would stick
    out of a telephone wherever the blog does not hold it back, as old editors of WordPress do not.
    """
    page = labelled(front.address(address.path), address.label)
    card = labelled(front.address(f"{address.path}/card"), address.label)
    shop = front.shop.shop_name
    named = title if title == shop else f"{title} · {shop}"
    return (
        f'<blockquote><a href="{escape(page)}">{escape(title)}</a></blockquote>'
        f'<iframe src="{escape(card)}" width="100%" height="{height}"'
        f' title="{escape(named)}" frameborder="0" marginwidth="0" marginheight="0"'
        ' scrolling="no"></iframe>'
    )
