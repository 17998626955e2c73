"""What buyers see of the shelf: home, lists, one product."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.blog.mentions import posts_about
from shop.cart.cookie import COOKIE, read_cart
from shop.catalogue.chosen import LAST_PAGE, PARAMETERS, Chosen, Sort, read_chosen
from shop.catalogue.listing import (
    PER_PAGE,
    ShownCollection,
    last_page,
    listed_cards,
    newest_cards,
    pictured_collections,
    shown_collections,
    siblings_of,
    sold_cards,
)
from shop.catalogue.models import Kind
from shop.catalogue.search import MOST_LETTERS, find
from shop.catalogue.shelf import Card, cards_of, living_siblings
from shop.catalogue.showcase import ShownProduct, shown_product
from shop.catalogue.small_photos import draw_small
from shop.kit.clock import local_day
from shop.kit.cookies import get_cookie
from shop.kit.files import picture
from shop.kit.forms import stripped, whole_number
from shop.kit.routing import PUBLIC, Get
from shop.kit.templating import page
from shop.orders.queries import held_by_cart
from shop.payments.holds import held_until
from shop.preferences.models import PageText
from shop.preferences.queries import page_text
from shop.shipping.dates import dispatch_date
from shop.shipping.queries import Parcel
from shop.shipping.table import text_in_full
from shop.shipping.ways import Ways, ways_to
from shop.stock.forms import WaitForm
from shop.stock.offers import Offer, offer_of

NEWEST_ON_HOME = 8
RELATED = 4


def own_hold(request: Request, db: Session) -> Mapping[int, int]:
    """Return what this visitor's own unpaid order holds; no cookie, no query."""
    cookie = get_cookie(request, COOKIE)
    return held_by_cart(db, read_cart(cookie, request.state.signer).id) if cookie else {}


def home(request: Request) -> Response:
    with request.state.reads.begin() as db:
        hold = own_hold(request, db)
        new = newest_cards(db, request.state.locale, NEWEST_ON_HOME + 1, hold)
        text = page_text(db, "home", request.state.locale)
        featured = next((card for card in new if card.buyable), None)
        return page(
            request,
            "catalogue/home.html",
            featured=featured,
            cards=[card for card in new if card is not featured][:NEWEST_ON_HOME],
            collections=pictured_collections(db, request.state.locale),
            text=text,
            story=_story(request, db, text) if text else "",
        )


def _story(request: Request, db: Session, text: PageText) -> str:
    """Return the maker's own text with the shop's facts in their places."""
    state = request.state
    return text_in_full(
        db,
        text.body,
        text.locale,
        state.preferences.current,
        base_url=state.config.base_url,
        today=local_day(state.till.now()),
    )


def product_list(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return _list(request, db, None)


def collection(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return _list(request, db, request.path_params["slug"])


def _list(request: Request, db: Session, slug: str | None) -> Response:
    state = request.state
    collections = shown_collections(db, state.locale)
    inside = next((one for one in collections if one.slug == slug), None)
    if slug is not None and inside is None:
        raise HTTPException(404)
    currency = state.preferences.current.currency
    chosen = read_chosen(request.query_params, currency)
    named = request.query_params.get("collection")
    if slug is None and named in [one.slug for one in collections]:
        at = state.preferences.urls.link(f"/collections/{named}", state.locale)
        return RedirectResponse(f"{at}{chosen.query(currency)}", status_code=303)
    chosen, cards = _listed(request, db, chosen, inside)
    return page(
        request,
        "catalogue/list.html",
        cards=cards[:PER_PAGE],
        more=len(cards) > PER_PAGE,
        chosen=chosen,
        inside=inside,
        collections=tuple(collections),
        kinds=tuple(Kind),
        sorts=tuple(Sort),
        sizes=any(card.height_mm for card in cards),
    )


def _listed(
    request: Request, db: Session, chosen: Chosen, inside: ShownCollection | None
) -> tuple[Chosen, list[Card]]:
    """Return the page that was asked for, or the last one there is if it lies behind that."""
    locale, collection_id = request.state.locale, inside.id if inside else None
    hold = own_hold(request, db)
    cards = listed_cards(db, locale, chosen, collection_id, hold)
    if not cards and chosen.page > 1:
        chosen = replace(chosen, page=last_page(db, locale, chosen, collection_id))
        cards = listed_cards(db, locale, chosen, collection_id, hold)
    return chosen, cards


def search(request: Request) -> Response:
    """Show what is found, the best first; where nothing is, what is newest."""
    locale, params = request.state.locale, request.query_params
    text = stripped(params.get("q"))[:MOST_LETTERS]
    with request.state.reads.begin() as db:
        hold, found = own_hold(request, db), find(db, text, locale)
        pages = max(1, -(-len(found.product_ids) // PER_PAGE))
        number = min(whole_number(params.get("page"), least=1, most=LAST_PAGE) or 1, pages)
        first = PER_PAGE * (number - 1)
        hits = cards_of(db, found.product_ids[first : first + PER_PAGE], locale, hold)
        return page(
            request,
            "catalogue/search.html",
            text=text,
            found=found,
            cards=hits,
            number=number,
            pages=pages,
            newest=[] if hits else newest_cards(db, locale, NEWEST_ON_HOME, hold),
        )


def sold(request: Request) -> Response:
    """Show the pieces that have found a home, each with siblings that have not."""
    locale = request.state.locale
    number = whole_number(request.query_params.get("page"), least=1, most=LAST_PAGE) or 1
    with request.state.reads.begin() as db:
        cards = sold_cards(db, locale, number)
        if not cards and number > 1:
            raise HTTPException(404)
        shown = cards[:PER_PAGE]
        return page(
            request,
            "catalogue/sold.html",
            cards=shown,
            more=len(cards) > PER_PAGE,
            number=number,
            siblings=siblings_of(db, [card.product_id for card in shown], locale),
        )


def product(request: Request) -> Response:
    state, now = request.state, request.state.till.now()
    blogs = state.preferences.current.blogs
    with state.reads.begin() as db:
        found = shown_product(db, request.path_params["slug"])
        if found is None:
            raise HTTPException(404)
        hold = own_hold(request, db)
        offer = offer_of(db, found, hold)
        held = [one.variant.id for one in offer.choices if one.availability.held]
        ends = held_until(db, held if offer.availability.held else [], now=now)
        dispatch = _dispatch(request, found, local_day(now))
        response = page(
            request,
            "catalogue/product.html",
            product=found,
            text=found.text(state.locale),
            item=offer,
            held_until=min(ends.values(), default=None),
            in_cart=_in_cart(request, offer),
            waiting=WaitForm() if offer.awaited(found.kind) else None,
            dispatch=dispatch,
            sending=_sending(request, db, found, offer, dispatch),
            related=tuple(living_siblings(db, found.id, state.locale, RELATED, hold)),
            posts=tuple(posts_about(db, found.id)) if blogs else (),
        )
    if blogs:  # a blog that links here may tell us so
        response.headers["X-Pingback"] = f"{state.config.base_url}/pingback"
    return response


def _in_cart(request: Request, offer: Offer) -> bool:
    if not (cookie := get_cookie(request, COOKIE)):
        return False
    there = read_cart(cookie, request.state.signer).quantities
    return any(choice.variant.id in there for choice in offer.choices)


def _dispatch(request: Request, found: ShownProduct, today: date) -> date:
    days = request.state.preferences.current.dispatch_days
    return dispatch_date(today, days, found.lead_time_days or 0)


def _sending(
    request: Request, db: Session, found: ShownProduct, offer: Offer, dispatch: date
) -> Ways:
    """Return how one piece gets to the country that the visitor has asked for."""
    return ways_to(
        db,
        request.query_params.get("country", ""),
        request.state.preferences.current,
        Parcel(found.weight_g, found.thickness_mm, offer.price_amount),
        sent=dispatch,
        today=local_day(request.state.till.now()),
    )


def small_photo(request: Request) -> Response:
    """Send a photo in one of the small sizes, drawn when it is first asked for."""
    params = request.path_params
    body = draw_small(request.state.media, params["photo"], params["size"])
    return picture(body, "image/avif")


routes = [
    Get("/", home, access=PUBLIC, kept=(), short=True),
    Get("/products", product_list, access=PUBLIC, kept=PARAMETERS, short=True),
    Get("/products/{slug}", product, access=PUBLIC, kept=("country",), short=True),
    Get("/collections/{slug}", collection, access=PUBLIC, kept=PARAMETERS, short=True),
    Get("/search", search, access=PUBLIC),
    Get("/sold", sold, access=PUBLIC, kept=("page",)),
    Get("/small-photos/{photo}-{size}.avif", small_photo, access=PUBLIC, localized=False),
]
