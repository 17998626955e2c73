"""The sitemap: every page that is for everybody, in every language, with its photos.

A file holds 50,000 addresses at most. A larger shop has an index of several, each with the products
of a fixed range of ids: a product stays in its file whatever comes or goes.
"""

from collections.abc import Iterable, Sequence

from shop.kit.urls import Urls
from shop.listings.storefront import PICTURE_SIDE
from shop.listings.xml import DECLARATION, element, elements

MOST_ADDRESSES = 40_000  # in one file
MOST_PHOTOS = 10  # of one product
NAMESPACES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:xhtml="http://www.w3.org/1999/xhtml" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)
BEGIN = f"{DECLARATION}<urlset {NAMESPACES}>\n"
END = "</urlset>\n"
BEGIN_INDEX = f'{DECLARATION}<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
END_INDEX = "</sitemapindex>\n"


def products_in_one(languages: Sequence[str]) -> int:
    return MOST_ADDRESSES // len(languages)


def entries(urls: Urls, languages: Sequence[str], path: str, hashes: Iterable[str] = ()) -> str:
    """Return the page at *path*: once for each language, with the addresses of the others."""
    addresses = {language: urls.absolute(path, language) for language in languages}
    others = [
        element("xhtml:link", rel="alternate", hreflang=language, href=address)
        for language, address in addresses.items()
    ]
    pictures = [
        elements("image:image", [element("image:loc", _picture(urls, photo_hash))])
        for photo_hash in list(hashes)[:MOST_PHOTOS]
    ]
    return "".join(
        elements("url", [element("loc", address), *others, *pictures]) + "\n"
        for address in addresses.values()
    )


def index_entry(urls: Urls, path: str) -> str:
    return elements("sitemap", [element("loc", f"{urls.base}{path}")]) + "\n"


def _picture(urls: Urls, photo_hash: str) -> str:
    return f"{urls.base}/media/{photo_hash}/{PICTURE_SIDE}.jpeg"
