"""What a page may weigh, as a phone counts it; and that it asks nobody else and holds still."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Response

from tests.audit.stage import Stage

pytestmark = pytest.mark.browser
PAGES = [
    "/",
    "/products",
    "/products/{available}",
    "/en",
    "/en/products",
    "/en/products/{available}",
]
KB = 1000
WATCH = """
window.moved = 0; window.largest = "";
new PerformanceObserver(list => { for (const e of list.getEntries()) window.moved += e.value; })
  .observe({ type: "layout-shift", buffered: true });
new PerformanceObserver(list => { for (const e of list.getEntries()) window.largest = e.url; })
  .observe({ type: "largest-contentful-paint", buffered: true });
"""
SHOWN = """[...document.images].filter(image => {
  const box = image.getBoundingClientRect();
  return image.checkVisibility() && box.bottom > 0 && box.top < innerHeight
    && box.right > 0 && box.left < innerWidth;
}).map(image => image.currentSrc)"""


@dataclass
class Visit:
    """A first visit: what was fetched for its first view, and how many bytes each body took.

    Photos that a browser fetches ahead, from below what it shows, are no part of the first view.
    """

    answers: list[tuple[str, str, int]] = field(default_factory=list)  # kind, address, bytes
    largest: str = ""
    moved: float = 0.0
    cookies: list[str] = field(default_factory=list)

    def bytes_of(self, *kinds: str) -> int:
        return sum(size for kind, _, size in self.answers if kind in kinds)


@pytest.fixture(scope="module")
def visits(browser: Browser, stage: Stage) -> dict[str, Visit]:
    return {path: visit(browser, stage.base + path.format(**stage.names)) for path in PAGES}


def visit(browser: Browser, address: str, *, script: bool = True) -> Visit:
    """Open *address* on a phone as for the first time, and look at what it shows without moving."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, java_script_enabled=script
    )
    page, came = context.new_page(), list[Response]()

    def note(answer: Response) -> None:
        came.append(answer)

    page.on("response", note)
    if script:
        page.add_init_script(WATCH)
    page.goto(address, wait_until="networkidle")
    seen = Visit([_weighed(answer) for answer in came])
    if script:
        page.evaluate("document.fonts.ready")
        seen.largest, seen.moved = page.evaluate("[window.largest, window.moved]")
        shown = page.evaluate(SHOWN)
        seen.answers = [
            (kind, address, size)
            for kind, address, size in seen.answers
            if (kind != "image" or address in shown) and "favicon" not in address
        ]
    seen.cookies = [cookie.get("name", "") for cookie in context.cookies()]
    context.close()
    return seen


def _weighed(answer: Response) -> tuple[str, str, int]:
    answer.finished()
    return answer.request.resource_type, answer.url, answer.request.sizes()["responseBodySize"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light(visits: dict[str, Visit], path: str) -> None:
    seen = visits[path]
    assert 2 * KB < seen.bytes_of("document", "stylesheet") <= 13 * KB
    assert seen.bytes_of("script") <= 3 * KB
    assert 0 < seen.bytes_of("font") <= 40 * KB
    assert sum(size for _, _, size in seen.answers) <= 150 * KB
    assert len(seen.answers) <= 10, seen.answers


@pytest.mark.parametrize("path", PAGES)
def test_the_photo_that_is_waited_for_is_small(visits: dict[str, Visit], path: str) -> None:
    seen = visits[path]
    assert seen.largest.endswith(".avif")
    (size,) = [size for _, address, size in seen.answers if address == seen.largest]
    assert 1 * KB < size <= 40 * KB


@pytest.mark.parametrize("path", PAGES)
def test_a_page_holds_still_and_asks_nobody_else(
    visits: dict[str, Visit], stage: Stage, path: str
) -> None:
    seen = visits[path]
    assert seen.moved < 0.001
    assert {urlsplit(address).netloc for _, address, _ in seen.answers} == {
        urlsplit(stage.base).netloc
    }
    assert seen.cookies == []


def test_everything_can_be_reached_and_bought_without_script(
    browser: Browser, stage: Stage
) -> None:
    seen = visit(browser, f"{stage.base}/products/{stage.names['batch']}", script=False)
    assert seen.bytes_of("script") == 0
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{stage.base}/products/{stage.names['batch']}")
    page.locator("#add-to-cart button").click()
    page.locator("a.buy").click()
    assert page.locator("form#checkout").is_visible()
    context.close()


def test_nothing_is_fetched_twice(visits: dict[str, Visit]) -> None:
    for path, seen in visits.items():
        addresses = [address for _, address, _ in seen.answers]
        assert len(addresses) == len(set(addresses)), path
