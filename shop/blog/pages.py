"""What blogs and their readers see: oEmbed, the cards in posts, the shelf, the share picture."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shop.blog.cards import others_to_be_had, shelf_cards, told_of
from shop.blog.feed import MENTIONS, feed_of
from shop.blog.labels import label_of, labelled
from shop.blog.mentions import check_call, keep_ping, newest_posts
from shop.blog.oembed import SHELF, answer, read_address, read_room
from shop.blog.pingback import MOST_BYTES, Fault, heard, read_call, refused
from shop.blog.reading import make_reader
from shop.blog.share_picture import draw_share_picture
from shop.catalogue.showcase import shown_product
from shop.kit.clock import local_day
from shop.kit.files import picture
from shop.kit.i18n import gettext as _
from shop.kit.i18n import speaking
from shop.kit.routing import PUBLIC, Get, Hook
from shop.kit.templating import page
from shop.listings.storefront import Storefront
from shop.shipping.dates import dispatch_date
from shop.stock.offers import offer_of

ON_THE_SHELF = 12
ON_THE_CARD = 3


# --- oEmbed ---------------------------------------------------------------------------------------


def oembed(request: Request) -> Response:
    """Tell a blog how to show one of our addresses. Whatever state a doll is in, its post keeps
    its card; only what is not ours gets no answer.
    """
    asked, live = request.query_params, request.state.preferences
    if asked.get("format", "json") != "json":
        return Response(status_code=501)
    address = read_address(asked.get("url", ""), live.urls.base, live.current.languages)
    if address is None:
        return Response(status_code=404)
    front = _storefront(request, address.locale)
    room = read_room(asked.get("maxwidth"), asked.get("maxheight"))
    shop_name = live.current.shop_name
    if address.path == SHELF:
        with speaking(address.locale):
            title = _("New on the shelf")
        return JSONResponse(answer(front, address, title, room, None))
    with request.state.reads.begin() as db:
        told = told_of(db, address.slug, address.locale)
    if told is None:
        return Response(status_code=404)
    return JSONResponse(answer(front, address, told.name or shop_name, room, told.photo_hash))


# --- cards ----------------------------------------------------------------------------------------


def product_card(request: Request) -> Response:
    state, slug = request.state, request.path_params["slug"]
    with state.reads.begin() as db:
        found = shown_product(db, slug)
        if found is None:
            return _card_of_draft(request)
        offer = offer_of(db, found, {})
        to_be_had = offer.availability.buyable > 0
        days = state.preferences.current.dispatch_days
        dispatch = dispatch_date(local_day(state.till.now()), days, found.lead_time_days or 0)
        return _card(
            request,
            "blog/product_card.html",
            path=f"/products/{slug}",
            product=found,
            text=found.text(state.locale),
            photo=next(iter(found.photos), None),
            item=offer,
            dispatch=dispatch,
            others=[] if to_be_had else others_to_be_had(db, found.id, state.locale),
        )


def _card_of_draft(request: Request) -> Response:
    """Say what can be said of what is not in the shop now; there is no page to lead to."""
    locale, slug = request.state.locale, request.path_params["slug"]
    with request.state.reads.begin() as db:
        told = told_of(db, slug, locale)
        if told is None:
            raise HTTPException(404)
        others = others_to_be_had(db, None, locale)
    return _card(request, "blog/draft_card.html", path=SHELF, told=told, others=others)


def shelf_card(request: Request) -> Response:
    with request.state.reads.begin() as db:
        newest = shelf_cards(db, request.state.locale, ON_THE_CARD)
    return _card(request, "blog/shelf_card.html", path=SHELF, cards=newest)


def _card(request: Request, template: str, *, path: str, **context: Any) -> Response:
    """Render a card. It is the one kind of page that others may frame, and it runs in the frame of
    a stranger: with an origin of no one's, for which 'self' is not ours in every browser.
    """
    state = request.state
    label = label_of(request.query_params.multi_items())
    urls, locale = state.preferences.urls, state.locale

    def onward(to: str) -> str:
        return labelled(urls.absolute(to, locale), label)

    response = page(request, template, onward=onward, leads_to=path, **context)
    base = urls.base
    response.headers["Content-Security-Policy"] = "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {base}",
            f"style-src 'self' {base}",
            f"img-src 'self' {base}",
            f"font-src 'self' {base}",  # named in the tokens, and not asked for
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors *",
        ]
    )
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # who comes from a card comes from the blog, and not from another page of ours
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


# --- the shelf ------------------------------------------------------------------------------------


def shelf(request: Request) -> Response:
    with request.state.reads.begin() as db:
        cards = shelf_cards(db, request.state.locale, ON_THE_SHELF)
    return page(request, "blog/shelf.html", cards=cards)


# --- posts that mention something -----------------------------------------------------------------


def pingback(request: Request, body: bytes) -> Response:
    """Take a blog's word that a post links here; the worker reads the post."""
    state, till = request.state, request.state.till
    reader = make_reader(state.preferences.current, state.config.base_url, demo=state.config.demo)
    try:
        call = read_call(body)
        with state.reads.begin() as db:
            check_call(db, call, reader)
    except Fault as fault:
        return Response(refused(fault), media_type="text/xml")
    with till.sessions.begin() as db:
        keep_ping(db, call.source, now=till.now())
    return Response(heard(), media_type="text/xml")


def mentions(request: Request) -> Response:
    with request.state.reads.begin() as db:
        posts = newest_posts(db, request.state.locale)
    front = _storefront(request, request.state.locale)
    return Response(feed_of(front, posts), media_type="application/atom+xml")


# --- the share picture ----------------------------------------------------------------------------


def share_picture(request: Request) -> Response:
    """Send the picture that is shown where somebody shares the page of a product."""
    state, slug = request.state, request.path_params["slug"]
    with state.reads.begin() as db:
        found = shown_product(db, slug)
    if found is None or not found.photos:
        raise HTTPException(404)
    front = _storefront(request, state.locale)
    poster = front.poster(found)
    if poster.key != request.path_params["key"]:  # it has another name or photo since
        headers = {"Location": front.share_picture(found), "Cache-Control": "no-cache"}
        return Response(status_code=302, headers=headers)
    return picture(draw_share_picture(state.media, poster), "image/jpeg")


def _storefront(request: Request, locale: str) -> Storefront:
    live, today = request.state.preferences, local_day(request.state.till.now())
    return Storefront(live.current, live.urls, locale, today)


ASKED_OF_OEMBED = ("url", "maxwidth", "maxheight", "format")
routes = [
    Get("/oembed", oembed, access=PUBLIC, localized=False, kept=ASKED_OF_OEMBED),
    Get("/products/{slug}/card", product_card, access=PUBLIC, kept=(), short=True),
    Get("/products/{slug}/share/{key}.jpeg", share_picture, access=PUBLIC),
    Hook("/pingback", pingback, pool="db", body_limit=MOST_BYTES),
    Get(MENTIONS, mentions, access=PUBLIC, kept=()),
    Get(SHELF, shelf, access=PUBLIC, kept=(), short=True),
    Get(f"{SHELF}/card", shelf_card, access=PUBLIC, kept=(), short=True),
]
