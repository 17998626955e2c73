"""The owner's pages of the blog: how to put a doll in a post, and what each post has earned."""

from datetime import timedelta
from html import escape
from typing import NamedTuple

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.blog.cards import NOBODYS
from shop.blog.feed import MENTIONS
from shop.blog.labels import label_of_title, labelled, ready_label
from shop.blog.mentions import forget_post, newest_posts, write_post
from shop.blog.oembed import SHELF
from shop.blog.pingback import LONGEST_ADDRESS
from shop.blog.reading import CannotRead, make_reader, read_post
from shop.blog.report import Earned, report
from shop.catalogue.listing import newest_cards
from shop.catalogue.shelf import Card, cards_of
from shop.kit.clock import beginning_of, local_day
from shop.kit.forms import stripped, whole_number
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.orders.queries import paid_by_source
from shop.owner.actions import write_audit
from shop.preferences.forms import language_name

LARGEST_ID = 999_999_999
TO_CHOOSE_FROM = 100
PERIODS = (30, 7, 90, 365)  # days; the first is what is shown


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
    ready = ready_label(live.current, today)  # none where visits are not counted
    label = ready and (label_of_title(asked.get("from", "")) or ready)
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
    # 300 pixels fit into a telephone where the editor takes the style away, as WordPress does of
    # what is pasted straight into a paragraph
    size = 'width="300" height="300" style="max-width:100%;height:auto"'
    picture = f'<img src="{photo}" alt="{alt}" {size}><br>'
    shown = f"{picture}{name}" if card.photo_hash else name
    return ForAPost(
        card=card,
        address=address,
        snippet=f'<p><a href="{escape(address)}">{shown}</a></p>',
        frame=urls.link(f"{path}/card", language),
    )


# --- what posts have led to -----------------------------------------------------------------------


def show_posts(request: Request) -> Response:
    return _posts_page(request)


def _posts_page(
    request: Request, *, address: str = "", problem: str = "", status: int = 200
) -> Response:
    state, asked = request.state, request.query_params.get("days", "")
    days = next((one for one in PERIODS if str(one) == asked), PERIODS[0])
    today = local_day(state.till.now())
    first = today - timedelta(days=days - 1)
    with state.reads.begin() as db:
        earned = [Earned(*row) for row in paid_by_source(db, beginning_of(first))]
        return page(
            request,
            "blog/admin/posts.html",
            status=status,
            report=report(db, earned, first, today),
            posts=newest_posts(db, state.preferences.current.default_language),
            days=days,
            periods=PERIODS,
            first=first,
            address=address,
            problem=problem,
            feed=state.preferences.urls.absolute(MENTIONS, state.preferences.urls.default_locale),
        )


def read_named(request: Request, form: FormData) -> Response:
    """Read the post whose address the owner has pasted, as if its blog had told of it."""
    state, till = request.state, request.state.till
    address = stripped(str(form.get("address", "")))[:LONGEST_ADDRESS]
    wishes = state.preferences.current
    reader = make_reader(wishes, state.config.base_url, demo=state.config.demo)
    try:
        post = read_post(reader, address)
    except CannotRead as refused:
        return _posts_page(request, address=address, problem=refused.why, status=422)
    with till.sessions.begin() as db:
        found = write_post(db, post, now=till.now())
        if found:
            write_audit(db, "owner", "post-added", post.url, now=till.now())
    if not found:
        return _posts_page(request, address=address, problem="no-link", status=422)
    return RedirectResponse("/admin/blog/posts?note=post-read", status_code=303)


def remove(request: Request, form: FormData) -> Response:  # noqa: ARG001 - asked for on its page
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    till = request.state.till
    with till.sessions.begin() as db:
        if number is None or not forget_post(db, number):
            raise HTTPException(404)
        write_audit(db, "owner", "post-removed", str(number), now=till.now())
    return RedirectResponse("/admin/blog/posts?note=post-removed", status_code=303)


routes = [
    Get("/admin/blog", three_ways, access=OWNER),
    Get("/admin/blog/posts", show_posts, access=OWNER),
    Post("/admin/blog/posts", read_named, access=OWNER, pool="stripe"),  # it waits for the blog
    Post("/admin/blog/posts/{id}/remove", remove, access=OWNER),
]
