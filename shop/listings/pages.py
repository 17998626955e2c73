"""What machines fetch: the sitemap, and the feeds of each language."""

from collections.abc import Generator, Sequence
from importlib.metadata import version

from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shop.catalogue.models import Product
from shop.kit.clock import local_day
from shop.kit.forms import whole_number
from shop.kit.public_version import public_version
from shop.kit.routing import PUBLIC, Get
from shop.kit.streaming import in_pieces
from shop.listings import feeds, sitemap
from shop.listings.queries import (
    addresses_after,
    collection_slugs,
    how_many,
    last_id,
    newest_products,
    page_slugs,
    products_after,
)
from shop.listings.storefront import Sending, Storefront
from shop.preferences.texts import PAGES
from shop.shipping.dates import dispatch_date
from shop.shipping.models import ShippingRate, ShippingZone
from shop.shipping.queries import Parcel, options_in, rates_in_force, zone_of
from shop.stock.offers import Choice, ShownVariant
from shop.stock.queries import availability

AT_A_TIME = 200  # products in one piece
NEWEST = 50
FOR_ALL = "public, no-cache"  # ask each time whether there is news
ALWAYS_THERE = ("/", "/products", "/sold")
SITEMAP_OF_PAGES = "pages"
XML = "application/xml"

Rates = tuple[ShippingZone, Sequence[ShippingRate]] | None


def google(request: Request) -> Response:
    """Tell the Google Merchant Center of everything on the shelf."""
    front = _storefront(request)

    def pieces() -> Generator[str]:
        with request.state.reads.begin() as db:
            rates = _rates(db, front)
        yield feeds.google_begin(front)
        last = 0
        while True:
            with request.state.reads.begin() as db:
                batch = products_after(db, last, AT_A_TIME)
                choices = _choices(db, batch)
            if not batch:
                break
            yield "\n" + "".join(
                feeds.google_items(
                    front, product, choices[product.id], _sending(front, product, rates)
                )
                for product in batch
            )
            last = batch[-1].id
        yield feeds.END_OF_GOOGLE

    return _unless_known(request, pieces(), XML)


def atom(request: Request) -> Response:
    """Tell whoever follows the shop what is new."""
    front = _storefront(request)

    def pieces() -> Generator[str]:
        with request.state.reads.begin() as db:
            newest = newest_products(db, NEWEST)
            choices = _choices(db, newest)
        yield feeds.atom_begin(front, newest)
        for product in newest:
            yield feeds.atom_entry(front, product, choices[product.id])
        yield feeds.END_OF_ATOM

    return _unless_known(request, pieces(), "application/atom+xml")


def site(request: Request) -> Response:
    """List every page, or the parts of the list where it is long."""
    languages, urls = _languages(request), request.state.preferences.urls
    with request.state.reads.begin() as db:
        others = _other_pages(db)
        long = (len(others) + how_many(db)) * len(languages) > sitemap.MOST_ADDRESSES
        parts = last_id(db) // sitemap.products_in_one(languages) + 1
    if not long:
        return _unless_known(request, _addresses(request, others, (0, None)), XML)

    def pieces() -> Generator[str]:
        yield sitemap.BEGIN_INDEX
        for part in (SITEMAP_OF_PAGES, *range(1, parts + 1)):
            yield sitemap.index_entry(urls, f"/sitemaps/{part}.xml")
        yield sitemap.END_INDEX

    return _unless_known(request, pieces(), XML)


def part_of_site(request: Request) -> Response:
    """List the pages that are no products, or the products of one range of ids."""
    part, size = request.path_params["part"], sitemap.products_in_one(_languages(request))
    with request.state.reads.begin() as db:
        others, parts = _other_pages(db), last_id(db) // size + 1
    if part == SITEMAP_OF_PAGES:
        return _unless_known(request, _addresses(request, others, None), XML)
    number = whole_number(part, least=1, most=parts)
    if number is None:
        raise HTTPException(404)
    ids = ((number - 1) * size, number * size)
    return _unless_known(request, _addresses(request, [], ids), XML)


def _addresses(
    request: Request, others: Sequence[str], ids: tuple[int, int | None] | None
) -> Generator[str]:
    """List the pages *others*, and the products whose ids are after the first of *ids*."""
    urls, languages = request.state.preferences.urls, _languages(request)
    yield sitemap.BEGIN + "".join(sitemap.entries(urls, languages, path) for path in others)
    while ids is not None:
        after, up_to = ids
        with request.state.reads.begin() as db:
            batch = addresses_after(db, after, AT_A_TIME, up_to)
        if not batch:
            break
        yield "".join(
            sitemap.entries(urls, languages, f"/products/{one.slug}", one.hashes) for one in batch
        )
        ids = (batch[-1].product_id, up_to)
    yield sitemap.END


def _other_pages(db: Session) -> list[str]:
    written = page_slugs(db)
    return [
        *ALWAYS_THERE,
        *(f"/collections/{slug}" for slug in collection_slugs(db)),
        *(f"/pages/{slug}" for slug in PAGES if slug in written),
    ]


def _languages(request: Request) -> Sequence[str]:
    languages: Sequence[str] = request.state.preferences.current.languages
    return languages


def _unless_known(request: Request, pieces: Generator[str], media_type: str) -> Response:
    """Answer with *pieces*, or that nothing has changed since the reader last asked."""
    with request.state.reads.begin() as db:
        number = public_version(db)
    tag = f'W/"{version("shop")}-{number}-{local_day(request.state.till.now())}"'
    headers = {"Cache-Control": FOR_ALL, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return in_pieces(request, pieces, media_type=media_type, headers=headers)


def _choices(db: Session, products: Sequence[Product]) -> dict[int, list[Choice]]:
    """Return what can be had of each of *products*, by its id."""
    can_be_had = availability(db, products)
    return {
        product.id: [
            Choice(
                ShownVariant(variant.id, variant.sku, variant.options, variant.price_amount),
                can_be_had[variant.id],
            )
            for variant in product.variants
        ]
        for product in products
    }


def _rates(db: Session, front: Storefront) -> Rates:
    zone = zone_of(db, front.shop.country)
    return None if zone is None else (zone, rates_in_force(db, zone.id, front.today))


def _sending(front: Storefront, product: Product, rates: Rates) -> Sending:
    """Return how one piece of *product* is sent within the shop's own country."""
    worth = min(variant.price_amount or 0 for variant in product.variants)
    parcel = Parcel(product.weight_g, product.thickness_mm, worth)
    options = [] if rates is None else options_in(*rates, parcel)
    sent = dispatch_date(front.today, front.shop.dispatch_days, product.lead_time_days or 0)
    return Sending(front.shop.country, options, sent)


def _storefront(request: Request) -> Storefront:
    state = request.state
    live, today = state.preferences, local_day(state.till.now())
    return Storefront(live.current, live.urls, state.locale, today)


routes = [
    Get("/sitemap.xml", site, access=PUBLIC, localized=False),
    Get("/sitemaps/{part}.xml", part_of_site, access=PUBLIC, localized=False),
    Get("/feeds/google.xml", google, access=PUBLIC),
    Get(feeds.ATOM, atom, access=PUBLIC),
]
