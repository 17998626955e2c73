"""Every page in every state is for everybody: axe-core finds nothing on any of them, the keyboard
gets through all that buyers see and shows where it is, and nothing is lost when it is enlarged.

Each is looked at on a phone in Swedish and in the light, and once more in another language, width
or scheme, which the states take in turn; where the page is the same but for its looks, by the rules
that go by looks. `make audit` looks at all of them in all of these by all rules.
"""

import re
from collections.abc import Callable
from itertools import cycle

import pytest
from playwright.sync_api import Page

from shop.app import routes
from shop.kit.routing import Access
from tests.audit.axe import LOOKS, violations
from tests.audit.html import Written, html_of, refused_by_parser
from tests.audit.reach import enlarge, walk_through
from tests.audit.stage import Stage
from tests.audit.states import NO_PAGES, OWNERS, PUBLIC, STATES, State

pytestmark = pytest.mark.browser
# language, scheme, width: every two of them come together here
TURNS = [
    ("/en", "dark", 390),
    ("", "dark", 1280),
    ("/en", "light", 320),
    ("", "dark", 320),
    ("/en", "light", 1280),
    ("/en", "dark", 1280),
    ("", "light", 320),
]
CASES = [(state, turn) for state, turn in zip(STATES, cycle(TURNS), strict=False)]


@pytest.mark.parametrize(
    ("state", "turn"), CASES, ids=[re.sub(r"\W+", "-", state.name) for state in STATES]
)
def test_nobody_is_kept_out(
    stage: Stage, new_page: Callable[..., Page], state: State, turn: tuple[str, str, int]
) -> None:
    page = new_page()
    page.emulate_media(reduced_motion="reduce")
    html = html_of(page, lambda: state.open(page, stage, ""))
    assert refused_by_parser([Written(state.name, html)]) == []
    assert violations(page) == []
    if not state.owners:
        walk_through(page, least=page.locator("a").count() if state.is_card else 8)
        enlarge(page)
    prefix, scheme, width = turn
    anew = prefix and not state.owners
    if anew:
        page = new_page()
        page.emulate_media(reduced_motion="reduce")
        state.open(page, stage, prefix)
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert violations(page, () if anew else LOOKS) == []


def test_axe_is_not_blind(stage: Stage, new_page: Callable[..., Page]) -> None:
    """The control: what is broken is found, by a rule of each kind that is asked for."""
    page = new_page()
    page.goto(stage.base)
    page.evaluate(
        """() => {
          document.documentElement.removeAttribute("lang");
          for (const letter of "ab") {
            const small = document.createElement("button");
            small.textContent = letter;
            Object.assign(small.style, { font: "6px/6px serif", padding: 0, margin: 0,
              minWidth: 0, minHeight: 0, width: "8px", height: "8px" });
            document.querySelector("main").append(small);
          }
          const pale = document.createElement("p");
          pale.textContent = "pale"; pale.style.color = "#eee"; pale.style.background = "#fff";
          document.body.append(pale);
        }"""
    )
    broken = {"html-has-lang", "target-size", "color-contrast", "region"}
    assert broken <= {line.partition(" ")[0] for line in violations(page)}
    by_looks = {line.partition(" ")[0] for line in violations(page, LOOKS)}
    assert by_looks == {"target-size", "color-contrast"}


def test_every_page_is_among_the_states(stage: Stage) -> None:
    shown = [state.address(stage, "").removeprefix(stage.base) for state in STATES]
    paths = {address.partition("?")[0] for address in shown}
    missing = [
        route.path
        for route in routes()
        if "GET" in (route.methods or ())
        and route.access is not Access.ENTERING
        and route.path not in NO_PAGES
        and not any(route.path_regex.match(path) for path in paths)
    ]
    assert missing == []
    assert {state.name for state in PUBLIC} & {state.name for state in OWNERS} == set()
