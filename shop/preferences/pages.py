"""What buyers see of the owner's texts, and what robots and browsers ask every site for."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from shop.kit.clock import local_day
from shop.kit.routing import PUBLIC, Get
from shop.kit.templating import page
from shop.preferences.queries import page_text
from shop.preferences.texts import PAGES
from shop.shipping.table import text_in_full

A_DAY = "public, max-age=86400"
NOT_FOR_ROBOTS = ("/cart", "/checkout", "/orders")


def show(request: Request) -> Response:
    """Show a text page; where it is not written in the reader's language, the one that is."""
    state, slug = request.state, request.path_params["slug"]
    if slug not in PAGES:
        raise HTTPException(404)
    with state.reads.begin() as db:
        text = page_text(db, slug, state.locale)
        if text is None:
            raise HTTPException(404)
        body = text_in_full(
            db,
            text.body,
            text.locale,
            state.preferences.current,
            base_url=state.config.base_url,
            today=local_day(state.till.now()),
        )
        return page(request, "preferences/page.html", text=text, body=body)


def robots(request: Request) -> Response:
    """Ask robots to leave the demo alone, and elsewhere what is nobody's but the buyer's."""
    state = request.state
    if state.config.demo:
        return _plain("User-agent: *\nDisallow: /\n")
    paths = ["/admin"]
    for locale in state.preferences.current.languages:
        paths += [state.preferences.urls.link(path, locale) for path in NOT_FOR_ROBOTS]
    refused = "".join(f"Disallow: {path}\n" for path in paths)
    return _plain(f"User-agent: *\n{refused}\nSitemap: {state.config.base_url}/sitemap.xml\n")


def _plain(text: str) -> Response:
    return PlainTextResponse(text, headers={"Cache-Control": A_DAY})


def favicon(request: Request) -> Response:
    """Lead to the icon, for browsers that ask without reading the page."""
    icon = request.state.static.url("img/favicon.svg")
    return RedirectResponse(icon, status_code=302, headers={"Cache-Control": A_DAY})


routes = [
    Get("/pages/{slug}", show, access=PUBLIC, kept=()),
    Get("/robots.txt", robots, access=PUBLIC, localized=False),
    Get("/favicon.ico", favicon, access=PUBLIC, localized=False),
]
