"""What the documents say is there, is there; and what is there is in the documents."""

import re
from pathlib import Path

import pytest

from shop import cli
from shop.payments.gateway import API_VERSION
from shop.payments.provider import EVENTS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_every_setting_is_explained() -> None:
    read = set(re.findall(r'value\("(SHOP_\w+)"', (ROOT / "shop/config.py").read_text()))
    explained = set(
        re.findall(r"^\| `(SHOP_\w+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
    )
    assert read == explained


def test_every_command_is_explained() -> None:
    there = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in cli.app.registered_commands
        if command.callback is not None
    }
    table = (ROOT / "docs/configuration.md").read_text()
    explained = set(re.findall(r"^\| `shop ([\w-]+)", table, re.MULTILINE))
    assert there == explained


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_going_live_names_what_stripe_must_send() -> None:
    text = (ROOT / "docs/going-live.md").read_text()
    assert API_VERSION in text
    assert [event for event in EVENTS if f"`{event}`" not in text] == []


def test_contributing_names_files_that_exist() -> None:
    named = re.findall(
        r"`((?:shop|templates|static|alembic|docs)/[\w./]+)`",
        (ROOT / "CONTRIBUTING.md").read_text(),
    )
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).exists()] == []
