"""The demo's dolls on the shelf of a test's shop, with their photos or without."""

import json
from datetime import datetime

from shop.kit.db import Sessions
from shop.kit.media import MediaFolder
from shop.preferences.actions import set_preferences
from shop.sandbox.demo import FOLDER, SHOP, _files, _fill, _store


def fill_with_the_demo(sessions: Sessions, now: datetime, media: MediaFolder | None = None) -> None:
    """Put the demo's dolls in an empty shop; without *media*, their photos are only named."""
    catalogue = json.loads((FOLDER / "catalogue.json").read_text(encoding="utf-8"))
    dolls = catalogue["products"]
    names = [name for doll in dolls for name in _files(doll)]
    hashes = {
        name: _store(media, name) if media else f"{number:016x}"
        for number, name in enumerate(names)
    }
    with sessions.begin() as db:
        set_preferences(db, **SHOP)
        _fill(db, catalogue["collections"], dolls, hashes, now=now)
