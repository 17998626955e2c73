"""Everything that a person reads is there in every language."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from tests.translations import FOLDER, collected, read

LOCALES = sorted(FOLDER.glob("*.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%s|%d")


def texts(part: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [part or ""] if part is None or isinstance(part, str) else list(part)


def messages(path: Path) -> dict[tuple[str | None, str], Message]:
    return {(m.context, texts(m.id)[0]): m for m in read(path) if m.id}


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_nothing_is_missing_empty_or_fuzzy(path: Path) -> None:
    there = messages(path)
    missing = []
    for message in collected():
        if not message.id:
            continue
        found = there.get((message.context, texts(message.id)[0]))
        if found is None or found.fuzzy or not all(texts(found.string)):
            missing.append((message.context, texts(message.id)[0]))
    assert missing == []


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_placeholders_are_the_same(path: Path) -> None:
    wrong = []
    for message in read(path):
        if not message.id:
            continue
        asked = {name for text in texts(message.id) for name in PLACEHOLDER.findall(text)}
        given = {name for text in texts(message.string) for name in PLACEHOLDER.findall(text)}
        if asked != given:
            wrong.append((message.id, sorted(asked ^ given)))
    assert wrong == []


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_nothing_is_left_over(path: Path) -> None:
    asked = {(m.context, texts(m.id)[0]) for m in collected() if m.id}
    assert sorted(str(key) for key in set(messages(path)) - asked) == []
