"""What buyers see of the shelf: home, lists, one product."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shop.cart.cookie import COOKIE, read_cart
from shop.catalogue.chosen import read_chosen
from shop.catalogue.listing import PER_PAGE, last_page, listed_cards, newest_cards
from shop.catalogue.models import Collection
from shop.catalogue.queries import (
    collection_by_slug,
    collections,
)
from shop.catalogue.shelf import living_siblings
from shop.catalogue.showcase import ShownProduct, shown_product
from shop.kit.clock import local_day
from shop.kit.cookies import get_cookie
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
            collections=collections(db),
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
        found = collection_by_slug(db, request.path_params["slug"])
        if found is None:
            raise HTTPException(404)
        return _list(request, db, found)


def _list(request: Request, db: Session, inside: Collection | None) -> Response:
    state, inside_id = request.state, inside.id if inside else None
    chosen = read_chosen(request.query_params, state.preferences.current.currency)
    hold = own_hold(request, db)
    cards = listed_cards(db, state.locale, chosen, inside_id, hold)
    if not cards and chosen.page > 1:
        chosen = replace(chosen, page=last_page(db, state.locale, chosen, inside_id))
        cards = listed_cards(db, state.locale, chosen, inside_id, hold)
    return page(
        request,
        "catalogue/list.html",
        cards=cards[:PER_PAGE],
        more=len(cards) > PER_PAGE,
        number=chosen.page,
        chosen=inside,
        collections=collections(db),
    )


def product(request: Request) -> Response:
    state, now = request.state, request.state.till.now()
    with state.reads.begin() as db:
        found = shown_product(db, request.path_params["slug"])
        if found is None:
            raise HTTPException(404)
        hold = own_hold(request, db)
        offer = offer_of(db, found, hold)
        held = [one.variant.id for one in offer.choices if one.availability.held]
        ends = held_until(db, held if offer.availability.held else [], now=now)
        dispatch = _dispatch(request, found, local_day(now))
        return page(
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
            related=living_siblings(db, found.id, state.locale, RELATED, hold),
        )


def _in_cart(request: Request, offer: Offer) -> bool:
    cart = read_cart(get_cookie(request, COOKIE), request.state.signer)
    return any(choice.variant.id in cart.quantities for choice in offer.choices)


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


routes = [
    Get("/", home, access=PUBLIC, kept=()),
    Get("/products", product_list, access=PUBLIC, kept=("page",)),
    Get("/products/{slug}", product, access=PUBLIC, kept=("country",)),
    Get("/collections/{slug}", collection, access=PUBLIC, kept=("page",)),
]
