"""The posts that mention something in the shop, as an Atom feed in one language."""

from collections.abc import Sequence

from shop.blog.mentions import ShownPost
from shop.kit.i18n import gettext as _
from shop.listings.feeds import END_OF_ATOM, NEVER
from shop.listings.storefront import Storefront
from shop.listings.xml import DECLARATION, element, elements, written

MENTIONS = "/feeds/mentions.atom"


def feed_of(front: Storefront, posts: Sequence[ShownPost]) -> str:
    shop, address = front.shop, front.address(MENTIONS)
    about = [
        element("id", address),
        element("title", _("%(shop)s: mentioned in") % {"shop": shop.shop_name}),
        element("updated", max((post.found_at for post in posts), default=NEVER).isoformat()),
        element("link", rel="self", type="application/atom+xml", href=address),
        element("link", rel="alternate", type="text/html", href=front.address("/")),
        elements("author", [element("name", shop.legal_name or shop.shop_name)]),
    ]
    told = f'xmlns="http://www.w3.org/2005/Atom" xml:lang="{written(front.locale)}"'
    entries = "\n".join(_entry(front, post) for post in posts)
    return f"{DECLARATION}<feed {told}>{''.join(about)}\n{entries}{END_OF_ATOM}"


def _entry(front: Storefront, post: ShownPost) -> str:
    links = ", ".join(  # which stays where only the words are taken
        f'<a href="{written(front.address(f"/products/{slug}"))}">{written(name)}</a>'
        for slug, name in post.products
    )
    at = post.found_at.isoformat()
    return elements(
        "entry",
        [
            element("id", post.url),
            element("title", post.title),
            element("link", rel="alternate", type="text/html", href=post.url),
            element("published", at),
            element("updated", at),
            element("content", f"<p>{links}</p>", type="html"),
        ],
    )
