"""What buyers see of the shelf: home, lists, one product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shop.cart.cookie import COOKIE, read_cart
from shop.catalogue.models import Collection, Product, Status, Variant
from shop.catalogue.queries import (
    collection_by_slug,
    collections,
    product_by_slug,
)
from shop.catalogue.shelf import PER_PAGE, listed_cards, newest_cards
from shop.kit.clock import local_day
from shop.kit.cookies import get_cookie
from shop.kit.forms import whole_number
from shop.kit.routing import PUBLIC, Get
from shop.kit.templating import page
from shop.orders.queries import held_by_cart
from shop.payments.holds import held_until
from shop.preferences.models import PageText
from shop.preferences.queries import page_text
from shop.shipping.dates import dispatch_date
from shop.shipping.queries import Parcel, postage_from
from shop.shipping.table import text_in_full
from shop.stock.queries import Availability, availability

NEWEST_ON_HOME = 8


@dataclass(frozen=True)
class Choice:
    """A variant, and what can be had of it."""

    variant: Variant
    availability: Availability

    @property
    def price_amount(self) -> int:
        return self.variant.price_amount or 0


@dataclass(frozen=True)
class ShelfItem:
    """A product on the shelf with what can be had of it."""

    product: Product
    choices: list[Choice]

    @property
    def availability(self) -> Availability:
        """What can be had of all its variants together."""
        each = [choice.availability for choice in self.choices]
        return Availability(
            buyable=sum(one.buyable for one in each),
            on_hand=sum(one.on_hand for one in each),
            made_to_order=each[0].made_to_order,
            withdrawn=each[0].withdrawn,
        )

    @property
    def price_amount(self) -> int:
        """The lowest price: with several, the page says "from"."""
        return min(choice.price_amount for choice in self.choices)

    @property
    def several_prices(self) -> bool:
        return len({choice.price_amount for choice in self.choices}) > 1


def on_shelf(request: Request, db: Session, products: Sequence[Product]) -> list[ShelfItem]:
    can_be_had = availability(db, products, own_hold(request, db))
    return [
        ShelfItem(
            product, [Choice(variant, can_be_had[variant.id]) for variant in product.variants]
        )
        for product in products
    ]


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


def _list(request: Request, db: Session, chosen: Collection | None) -> Response:
    number = whole_number(request.query_params.get("page", "1"), least=1, most=10_000) or 1
    inside = chosen.id if chosen else None
    found = listed_cards(db, request.state.locale, number, inside, own_hold(request, db))
    return page(
        request,
        "catalogue/list.html",
        cards=found[:PER_PAGE],
        number=number,
        more=len(found) > PER_PAGE,
        chosen=chosen,
        collections=collections(db),
    )


def product(request: Request) -> Response:
    with request.state.reads.begin() as db:
        found = product_by_slug(db, request.path_params["slug"])
        if found is None or found.status == Status.DRAFT:
            raise HTTPException(404)
        now = request.state.till.now()
        today = local_day(now)
        item = on_shelf(request, db, [found])[0]
        held = [choice.variant.id for choice in item.choices if choice.availability.held]
        ends = held_until(db, held if item.availability.held else [], now=now)
        parcel = Parcel(found.weight_g, found.thickness_mm, found.variants[0].price_amount or 0)
        return page(
            request,
            "catalogue/product.html",
            item=item,
            held_until=min(ends.values(), default=None),
            in_cart=_in_cart(request, found),
            product=found,
            text=found.text(request.state.locale),
            postage=postage_from(db, request.state.preferences.current.country, parcel, today),
            dispatch=_dispatch(request, found, today),
        )


def _in_cart(request: Request, found: Product) -> bool:
    cart = read_cart(get_cookie(request, COOKIE), request.state.signer)
    return any(variant.id in cart.quantities for variant in found.variants)


def _dispatch(request: Request, found: Product, today: date) -> date:
    days = request.state.preferences.current.dispatch_days
    return dispatch_date(today, days, found.lead_time_days or 0)


routes = [
    Get("/", home, access=PUBLIC, kept=()),
    Get("/products", product_list, access=PUBLIC, kept=("page",)),
    Get("/products/{slug}", product, access=PUBLIC, kept=()),
    Get("/collections/{slug}", collection, access=PUBLIC, kept=("page",)),
]
