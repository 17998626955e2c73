from collections.abc import Iterator
from pathlib import Path

import pytest

from shop.kit import i18n

EMPTY = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'


@pytest.fixture(autouse=True)
def untranslated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the program speak English and Swedish, and no sentence be translated: what is asserted
    here is what the code says, whatever the translators change.
    """
    folder = tmp_path / "translations"
    folder.mkdir()
    (folder / "sv.po").write_text(EMPTY, encoding="utf-8")
    monkeypatch.setattr(i18n, "FOLDER", folder)
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    i18n.known_locales.cache_clear()
    i18n.translations.cache_clear()
