"""`make audit`: every page in every state, language, scheme and width, before axe-core; its HTML
before two validators; and the pages that sell before Lighthouse. What it needs beside Python (node
with npm, java) is said when it is missing, and nothing else is left out for it.
"""

# ruff: noqa: T201 - it prints

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from shop.kit.migrations import migrate
from shop.preferences.actions import set_preferences
from shop.sandbox.stand_in.server import StandInServer
from tests.audit import lighthouse
from tests.audit.axe import violations
from tests.audit.html import Written, html_of, refused_by_parser, refused_by_validator
from tests.audit.stage import Stage, served_stage
from tests.audit.states import STATES, State
from tests.browser import CHROMIUM, QUIET

LANGUAGES = {"sv": "", "en": "/en"}
SCHEMES = ("light", "dark")
WIDTHS = (320, 390, 1280)


@dataclass
class Audit:
    looked_at: int = 0
    found: list[str] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)


@contextmanager
def fresh_stage(env: Literal["demo", "production"]) -> Iterator[Stage]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        migrate(f"sqlite:///{folder / 'shop.db'}")
        stand_in = stack.enter_context(StandInServer(folder / "stripe.db"))
        yield stack.enter_context(served_stage(folder / "shop.db", stand_in.url, env=env))


def look_at_everything(browser: Browser, stage: Stage) -> Audit:
    """Open each state in each language once, and turn it through the schemes and widths."""
    audit = Audit()
    for language, prefix in LANGUAGES.items():
        with stage.sessions.begin() as db:
            set_preferences(db, owner_language=language)
        for state in STATES:
            context = browser.new_context(viewport={"width": 390, "height": 844})
            try:
                _look_at(context, stage, state, language, prefix, audit)
            finally:
                context.close()
            print(".", end="", flush=True)
        print(f"\n  {language}: {audit.looked_at} looks, {len(audit.found)} faults", flush=True)
    return audit


def _look_at(
    context: BrowserContext, stage: Stage, state: State, language: str, prefix: str, audit: Audit
) -> None:
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    html = html_of(page, lambda: state.open(page, stage, prefix))
    audit.written.append(Written(f"{state.name} ({language})", html))
    for scheme, width in product(SCHEMES, WIDTHS):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        where = f"{state.name}, {language}, {scheme}, {width} px"
        audit.looked_at += 1
        audit.found += [f"{where}: {fault}" for fault in violations(page)]
        across = page.evaluate("document.documentElement.scrollWidth")
        if across > width:
            audit.found.append(f"{where}: {across} px across")


def main() -> int:
    logging.disable(logging.CRITICAL)  # the pages that fail are meant to
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        with fresh_stage("demo") as stage:
            print("axe-core", flush=True)
            audit = look_at_everything(browser, stage)
        browser.close()
    faults = audit.found
    print("\n".join(faults))
    print("HTML", flush=True)
    wrong = [*refused_by_parser(audit.written), *refused_by_validator(audit.written)]
    print("\n".join(wrong))
    print(f"  {len(audit.written)} pages, {len(wrong)} faults")
    with fresh_stage("production") as stage:  # the demo asks search engines to stay away
        print("Lighthouse", flush=True)
        weak = lighthouse.run(stage)
    return 1 if faults or wrong or weak else 0


if __name__ == "__main__":
    sys.exit(main())
