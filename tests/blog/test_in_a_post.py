"""A card inside a page that does with it what WordPress does: a frame without an origin, hidden
until its first message, its height held between two bounds, its links followed only to where the
frame itself comes from, and only when the reader is in it.
"""

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Frame, Page, Response, expect
from sqlalchemy import update

from shop.blog.oembed import HEIGHT, HEIGHT_OF_SHELF, WIDEST, WIDTH
from shop.catalogue.models import Photo
from shop.catalogue.photos import make_picture
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.media import MediaFolder
from tests.audit.axe import violations
from tests.catalogue.pictures import encoded, halves
from tests.support import Buyer, Shelf

pytestmark = pytest.mark.browser
PHOTO = "0123456789abcdef"
KB = 1000
SECRET = "aB3dE6gH9k"
# Written for these tests, by what is known of WordPress 7.1: not its own script.
LIKE_WORDPRESS = """
const frame = document.querySelector("iframe"), quote = document.querySelector("blockquote");
window.heard = [];
addEventListener("message", ({ data, source }) => {
  if (source !== frame.contentWindow || !data || data.secret !== frame.dataset.secret) return;
  heard.push(data);
  if (data.message === "height") {
    frame.height = Math.min(1000, Math.max(200, parseInt(data.value, 10)));
    frame.style.cssText = "";
    quote.style.display = "none";
  } else if (data.message === "link") {
    const to = new URL(data.value);
    if (/^https?:$/.test(to.protocol) && to.host === new URL(frame.src).host
        && document.activeElement === frame) top.location.href = to.href;
  }
});
addEventListener("load", () =>
  frame.contentWindow.postMessage({ message: "ready", secret: frame.dataset.secret }, "*"));
"""
HIDDEN = "position:absolute;visibility:hidden"
POST = """<!doctype html><html lang="sv"><meta charset="utf-8"><title>Inlägg</title>
<body style="margin:0"><main><h1>Inlägg</h1>
<blockquote class="wp-embedded-content"><a href="{page}">Räven</a></blockquote>
<iframe src="{card}#?secret={secret}" data-secret="{secret}" sandbox="allow-scripts"
 width="{width}" height="240" title="Räven" frameborder="0" scrolling="no" style="{style}"></iframe>
</main><script>{script}</script>"""


@dataclass
class Blog:
    """A site of its own, beside the shop, with one post."""

    base: str
    pages: dict[str, str]

    def write(
        self, shop: Config, path: str, *, width: int = 500, script: str = LIKE_WORDPRESS
    ) -> str:
        page, query = f"{shop.base_url}{path}", "?from=sagostund"
        self.pages["/post"] = POST.format(
            page=page + query,
            card=f"{page}/card{query}",
            secret=SECRET,
            width=width,
            style=HIDDEN if script else "",
            script=script,
        )
        return f"{self.base}/post"


@pytest.fixture
def blog() -> Iterator[Blog]:
    pages: dict[str, str] = {}

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Blog(f"http://127.0.0.1:{server.server_port}", pages)
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def photo(config: Config) -> None:
    MediaFolder(config.media).put(PHOTO, make_picture(encoded(halves(1200, 1200))).files)


@dataclass
class Reader:
    page: Page
    came: list[Response] = field(default_factory=list)

    def open(self, address: str) -> Frame:
        def note(answer: Response) -> None:
            self.came.append(answer)

        self.page.on("response", note)
        self.page.goto(address)
        frame = self.page.frames[1]
        frame.locator("main").wait_for()
        return frame

    @property
    def height(self) -> int:
        return int(self.page.locator("iframe").get_attribute("height") or 0)


@pytest.fixture
def reader(new_page: Callable[..., Page]) -> Reader:
    return Reader(new_page(width="desk"))


@pytest.mark.parametrize("width", [280, 330, 500, 600, 1000])
@pytest.mark.parametrize("path", ["/products/raven", "/products/sold", "/shelf"])
def test_a_card_shows_itself_and_takes_the_height_that_it_needs(
    shop: Config, shelf: Shelf, blog: Blog, reader: Reader, photo: None, width: int, path: str
) -> None:
    for slug in ("raven", "haren", "ugglan"):
        shelf.add(slug, names={"sv": f"{slug.capitalize()} med det långa namnet"})
    shelf.add("sold", on_hand=0, kind="unique")
    card = reader.open(blog.write(shop, path, width=width))
    expect(reader.page.locator("iframe")).to_be_visible()
    expect(reader.page.locator("blockquote")).to_be_hidden()
    card.wait_for_function("document.images.length && [...document.images].every(i => i.complete)")
    reader.page.wait_for_function("window.heard.length >= 2")
    needed = card.evaluate("Math.ceil(document.body.getBoundingClientRect().height)")
    assert 200 <= needed <= 480
    reader.page.wait_for_function(f"document.querySelector('iframe').height == {needed}")
    assert card.evaluate("document.documentElement.scrollWidth") <= width
    heard = reader.page.evaluate("window.heard")
    assert {(one["message"], one["secret"]) for one in heard} == {("height", SECRET)}
    assert {type(one["value"]) for one in heard} == {int}


@pytest.mark.parametrize("width", [330, WIDTH, WIDEST, 700])
@pytest.mark.parametrize(
    ("path", "height"),
    [
        ("/products/raven", HEIGHT),
        ("/products/sold", HEIGHT),
        ("/products/draft", HEIGHT),
        ("/shelf", HEIGHT_OF_SHELF),
    ],
)
def test_what_oembed_asks_for_is_enough_where_nobody_listens(
    shop: Config, shelf: Shelf, reader: Reader, photo: None, path: str, height: int, width: int
) -> None:
    for slug in ("haren", "ugglan", "raven"):
        shelf.add(slug, names={"sv": f"{slug.capitalize()} Hallstavik"})
    shelf.add("sold", on_hand=0, kind="unique")
    shelf.add("draft", status="draft")
    reader.page.set_viewport_size({"width": width, "height": height})
    reader.page.goto(f"{shop.base_url}{path}/card")
    assert reader.page.evaluate("document.documentElement.scrollHeight") == height


def test_what_does_not_fill_a_card_stands_in_its_middle_on_the_blogs_own_ground(
    shop: Config, shelf: Shelf, blog: Blog, reader: Reader, photo: None
) -> None:
    shelf.add("raven")
    card = reader.open(blog.write(shop, "/products/raven", width=330))
    above, below = card.evaluate(
        """() => {
          const main = document.querySelector("main").getBoundingClientRect();
          const boxes = [...document.querySelectorAll("main img, main div > *")]
            .map((one) => one.getBoundingClientRect()).filter((box) => box.height);
          return [Math.min(...boxes.map((one) => one.top)) - main.top,
            main.bottom - Math.max(...boxes.map((one) => one.bottom))];
        }"""
    )
    assert above == pytest.approx(below, abs=1)
    assert card.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize("path", ["/products/raven", "/shelf"])
def test_a_frame_that_has_no_width_yet_asks_for_the_least_height(
    shop: Config, shelf: Shelf, blog: Blog, reader: Reader, photo: None, path: str
) -> None:
    shelf.add(
        "raven", names={"sv": "Räven med ett långt namn, som tar många rader i en smal spalt"}
    )
    card = reader.open(blog.write(shop, path, width=0))
    reader.page.wait_for_function("window.heard.length >= 2")
    assert {one["value"] for one in reader.page.evaluate("window.heard")} == {200}
    reader.page.evaluate("document.querySelector('iframe').width = 500")
    card.wait_for_function("innerWidth == 500")
    needed = card.evaluate("Math.ceil(document.body.getBoundingClientRect().height)")
    assert needed > 200
    reader.page.wait_for_function(f"document.querySelector('iframe').height == {needed}")
    assert {one["value"] for one in reader.page.evaluate("window.heard")} == {200, needed}


@pytest.mark.parametrize("path", ["/products/raven", "/products/made", "/products/sold", "/shelf"])
def test_at_the_least_height_the_most_important_is_there(
    shop: Config, shelf: Shelf, reader: Reader, photo: None, path: str
) -> None:
    shelf.add("made", kind="made_to_order", lead_time_days=14)
    shelf.add("sold", on_hand=0, kind="unique")
    shelf.add("raven")
    reader.page.set_viewport_size({"width": 280, "height": 200})
    reader.page.goto(f"{shop.base_url}{path}/card")
    for part in ("h1", ".price", ".state", "img"):
        box = reader.page.locator(part).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 200
        assert box["x"] + box["width"] <= 280


def test_a_press_leads_the_whole_page_to_the_shop_with_the_label(
    shop: Config, shelf: Shelf, blog: Blog, reader: Reader, photo: None
) -> None:
    shelf.add("raven")
    card = reader.open(blog.write(shop, "/products/raven"))
    expect(reader.page.locator("iframe")).to_be_visible()
    card.locator("h1 a").click()
    reader.page.wait_for_url(f"{shop.base_url}/products/raven?from=sagostund")
    assert reader.page.locator("form#add-to-cart").is_visible()


def test_the_whole_card_is_the_link_and_siblings_lead_to_themselves(
    shop: Config, shelf: Shelf, blog: Blog, reader: Reader, photo: None
) -> None:
    shelf.add("raven", on_hand=0, kind="unique")
    shelf.add("haren")
    card = reader.open(blog.write(shop, "/products/raven"))
    expect(reader.page.locator("iframe")).to_be_visible()
    card.locator(".others a").click()
    reader.page.wait_for_url(f"{shop.base_url}/products/haren?from=sagostund")
    reader.page.goto(f"{blog.base}/post")
    expect(reader.page.locator("iframe")).to_be_visible()
    reader.page.frames[1].locator("picture").first.click(force=True)
    reader.page.wait_for_url(f"{shop.base_url}/products/raven?from=sagostund")


def test_without_wordpress_script_the_link_is_there_and_the_card_stands_still(
    shop: Config, shelf: Shelf, blog: Blog, reader: Reader, photo: None
) -> None:
    shelf.add("raven")
    card = reader.open(blog.write(shop, "/products/raven", script=""))
    assert reader.page.locator("blockquote a").is_visible()
    assert card.locator(".price").is_visible()
    assert reader.height == 240


def test_a_plain_frame_needs_no_script_of_anybody(
    shop: Config, shelf: Shelf, blog: Blog, new_page: Callable[..., Page], photo: None
) -> None:
    shelf.add("raven")
    page = new_page(width="desk", script=False)
    blog.pages["/plain"] = f'<iframe src="{shop.base_url}/products/raven/card"></iframe>'
    page.goto(f"{blog.base}/plain")
    page.frame_locator("iframe").locator("h1 a").click()
    page.wait_for_url(f"{shop.base_url}/products/raven")


def test_strangers_messages_are_not_answered(
    shop: Config, shelf: Shelf, blog: Blog, reader: Reader, photo: None
) -> None:
    shelf.add("raven")
    card = reader.open(blog.write(shop, "/products/raven"))
    expect(reader.page.locator("iframe")).to_be_visible()
    reader.page.evaluate("new Promise(done => setTimeout(done, 500))")
    before = reader.page.evaluate("window.heard.length")
    for message in ('{message: "ready", secret: "ZZZZZZZZZZ"}', '"ready"', "null", "{message: 1}"):
        reader.page.evaluate(
            f"document.querySelector('iframe').contentWindow.postMessage({message}, '*')"
        )
    card.evaluate(f"postMessage({{message: 'ready', secret: '{SECRET}'}}, '*')")
    reader.page.evaluate("new Promise(done => setTimeout(done, 500))")
    assert reader.page.evaluate("window.heard.length") == before
    reader.page.evaluate(
        "document.querySelector('iframe').contentWindow"
        f".postMessage({{message: 'ready', secret: '{SECRET}'}}, '*')"
    )
    reader.page.wait_for_function(f"window.heard.length == {before + 1}")


@pytest.mark.parametrize("path", ["/products/raven", "/products/sold", "/shelf"])
def test_a_card_weighs_little_asks_nobody_else_and_leaves_nothing(
    shop: Config, shelf: Shelf, sessions: Sessions, blog: Blog, reader: Reader, path: str
) -> None:
    noise = Image.effect_noise((1200, 1200), 90).convert("RGB")
    MediaFolder(shop.media).put("feed" * 4, {"1200.jpeg": encoded(noise), "400.jpeg": b""})
    for slug in ("haren", "ugglan", "raven"):
        shelf.add(slug)
    shelf.add("sold", on_hand=0, kind="unique")
    with sessions.begin() as db:
        db.execute(update(Photo).values(hash="feed" * 4))
    card = reader.open(blog.write(shop, path))
    reader.page.wait_for_load_state("networkidle")
    ours = [answer for answer in reader.came if not answer.url.startswith(blog.base)]
    assert {urlsplit(answer.url).netloc for answer in ours} == {urlsplit(shop.base_url).netloc}
    assert {answer.status for answer in ours} == {200}
    weights = [answer.request.sizes()["responseBodySize"] for answer in ours]
    assert len(weights) >= 4
    assert sum(weights) <= 25 * KB, list(zip(weights, [a.url for a in ours], strict=True))
    assert reader.page.context.cookies() == []
    assert card.evaluate("self.origin") == "null"
    assert not any("set-cookie" in answer.headers for answer in ours)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/products/raven", "/en/products/sold", "/shelf", "/products/draft"]
)
def test_axe_finds_nothing(
    shop: Config, shelf: Shelf, reader: Reader, photo: None, path: str, scheme: str
) -> None:
    shelf.add("raven")
    shelf.add("sold", on_hand=0, kind="unique")
    shelf.add("draft", status="draft")
    reader.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for width in (280, 500, 1000):
        reader.page.set_viewport_size({"width": width, "height": 300})
        reader.page.goto(f"{shop.base_url}{path}/card")
        assert violations(reader.page) == []


def test_the_card_that_a_post_has_says_it_when_the_last_one_is_sold(
    start_shop: Callable[..., Config], shelf: Shelf, blog: Blog, reader: Reader, photo: None
) -> None:
    shop = start_shop(page_cache=True)
    raven = shelf.add("raven")
    card = reader.open(blog.write(shop, "/products/raven"))
    expect(card.locator(".state").first).to_have_text("Ett enda exemplar")
    with httpx2.Client(base_url=shop.base_url, timeout=30) as client:
        Buyer(client).buy(raven)
    reader.page.reload()
    expect(reader.page.frames[1].locator(".state").first).to_have_text("Såld")
