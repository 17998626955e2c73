"""The owner's pages of the blog: how to put a doll in a post."""

from html import escape
from typing import NamedTuple

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from shop.blog.cards import NOBODYS
from shop.blog.labels import label_of_title, labelled, todays_label
from shop.blog.oembed import HEIGHT, SHELF
from shop.catalogue.listing import newest_cards
from shop.catalogue.shelf import Card, cards_of
from shop.kit.clock import local_day
from shop.kit.forms import whole_number
from shop.kit.routing import OWNER, Get
from shop.kit.templating import page
from shop.preferences.forms import language_name

LARGEST_ID = 999_999_999
TO_CHOOSE_FROM = 100


class ForAPost(NamedTuple):
    """What is copied into a post for one doll, and where its card can be seen."""

    card: Card
    address: str
    snippet: str
    frame: str


def three_ways(request: Request) -> Response:
    """Show each way to put a doll in a post, with what to copy and what readers will see."""
    state, asked = request.state, request.query_params
    live, today = state.preferences, local_day(state.till.now())
    languages = live.current.languages
    named = asked.get("language", "")
    language = named if named in languages else languages[0]
    label = label_of_title(asked.get("from", "")) or todays_label(today)
    with state.reads.begin() as db:
        newest = newest_cards(db, language, TO_CHOOSE_FROM, NOBODYS)
        card = _chosen(db, asked.get("product"), language, newest)
    return page(
        request,
        "blog/admin/ways.html",
        newest=newest if card is None or card in newest else [card, *newest],
        post=_for_a_post(request, card, language, label) if card else None,
        label=label,
        language=language,
        languages=[(code, language_name(code)) for code in languages],
        shelf_address=labelled(live.urls.absolute(SHELF, language), label),
        shelf_frame=live.urls.link(f"{SHELF}/card", language),
        height=HEIGHT,
        secure=state.config.https,
    )


def _chosen(db: Session, asked: str | None, language: str, newest: list[Card]) -> Card | None:
    """Return the doll that was asked for, or the newest; None where nothing is on sale."""
    number = whole_number(asked, least=1, most=LARGEST_ID)
    found = cards_of(db, [number], language, NOBODYS) if number else []
    return next(iter(found or newest), None)


def _for_a_post(request: Request, card: Card, language: str, label: str) -> ForAPost:
    urls = request.state.preferences.urls
    path = f"/products/{card.slug}"
    address = labelled(urls.absolute(path, language), label)
    name, alt = escape(card.name), escape(card.alt or card.name)
    photo = escape(f"{urls.base}/media/{card.photo_hash}/400.jpeg")
    picture = f'<img src="{photo}" alt="{alt}" width="400" height="400"><br>'
    shown = f"{picture}{name}" if card.photo_hash else name
    return ForAPost(
        card=card,
        address=address,
        snippet=f'<p><a href="{escape(address)}">{shown}</a></p>',
        frame=urls.link(f"{path}/card", language),
    )


routes = [Get("/admin/blog", three_ways, access=OWNER)]
