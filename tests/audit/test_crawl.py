"""A walk through the whole demo shop along its links, in both languages."""

from collections import deque
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx2
import pytest

from tests.audit.stage import Stage

FETCHED = {"img": "src", "script": "src", "source": "srcset", "iframe": "src"}
ENOUGH = 600  # a shop of forty products has fewer pages


class Links(HTMLParser):
    """Reads where a page leads, what it has fetched, and the places that can be linked to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.fetches: list[str] = []
        self.places: set[str] = {""}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])
        elif tag == "form" and given.get("method", "get") == "get" and "action" in given:
            self.leads.append(given["action"])
        elif tag == "link":
            leads = given.get("rel") in ("alternate", "canonical")
            (self.leads if leads else self.fetches).append(given.get("href", ""))
        elif tag in FETCHED:
            several = given.get("srcset") or given.get(FETCHED[tag], "")
            self.fetches += [part.split()[0] for part in several.split(",") if part.strip()]


@pytest.fixture(scope="module")
def walk(stage: Stage) -> dict[str, tuple[httpx2.Response, Links]]:
    """Return every answer that a visitor can come upon by following links."""
    pages: dict[str, tuple[httpx2.Response, Links]] = {}
    to_see = deque([f"{stage.base}/", f"{stage.base}/en"])
    with httpx2.Client(timeout=60, follow_redirects=True) as http:
        while to_see and len(pages) < ENOUGH:
            address = to_see.popleft()
            if address in pages:
                continue
            http.cookies.clear()
            answer = http.get(address)
            is_page = answer.headers["content-type"].startswith("text/html")
            pages[address] = (answer, Links(answer.text if is_page else ""))
            ours = [urldefrag(urljoin(address, link))[0] for link in pages[address][1].leads]
            to_see.extend(link for link in ours if link.startswith(f"{stage.base}/"))
    return pages


def test_no_link_is_dead(walk: dict[str, tuple[httpx2.Response, Links]]) -> None:
    assert 80 < len(walk) < ENOUGH
    dead = [address for address, (answer, _) in walk.items() if answer.status_code != 200]
    assert dead == []


def test_no_place_that_is_linked_to_is_missing(
    walk: dict[str, tuple[httpx2.Response, Links]],
) -> None:
    missing = []
    for address, (_, links) in walk.items():
        for link in links.leads:
            target, place = urldefrag(urljoin(address, link))
            if target in walk and place not in walk[target][1].places:
                missing.append(f"{address}: {link}")
    assert missing == []


def test_nothing_is_fetched_from_anybody_else(
    walk: dict[str, tuple[httpx2.Response, Links]], stage: Stage
) -> None:
    fetched = {
        urljoin(address, link) for address, (_, links) in walk.items() for link in links.fetches
    }
    assert len(fetched) > 50
    assert {urlsplit(link).netloc for link in fetched} == {urlsplit(stage.base).netloc}
    with httpx2.Client(timeout=60) as http:
        assert [link for link in sorted(fetched) if http.head(link).status_code != 200] == []


def test_looking_around_leaves_no_cookie(walk: dict[str, tuple[httpx2.Response, Links]]) -> None:
    assert [a for a, (answer, _) in walk.items() if "set-cookie" in answer.headers] == []
