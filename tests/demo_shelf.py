"""The demo's dolls on the shelf of a test's shop, with their photos or without."""

import json
from datetime import datetime
from pathlib import Path

from shop.kit.db import Sessions
from shop.kit.media import MediaFolder
from shop.preferences.actions import set_preferences
from shop.sandbox.demo import FOLDER, SHOP, _files, _fill, _store

# kept from one run to the next: to make them takes half a minute
MEDIA = Path(__file__).parents[1] / "var/test-media"


def fill_with_the_demo(sessions: Sessions, now: datetime, *, photos: int | None = None) -> None:
    """Put the demo's dolls in an empty shop, each with its first *photos* photos in MEDIA;
    otherwise all of them are only named.
    """
    catalogue = json.loads((FOLDER / "catalogue.json").read_text(encoding="utf-8"))
    dolls = catalogue["products"]
    if photos is not None:
        dolls = [doll | {"photos": doll["photos"][:photos]} for doll in dolls if doll["published"]]
    names = [name for doll in dolls for name in _files(doll)]
    media = MediaFolder(MEDIA)
    hashes = {
        name: f"{number:016x}" if photos is None else _store(media, name)
        for number, name in enumerate(names)
    }
    with sessions.begin() as db:
        set_preferences(db, **SHOP)
        if photos is not None:
            pictures = {"portrait_hash": "portrait", "workshop_hash": "workshop"}
            set_preferences(
                db,
                **{key: _store(media, f"photos/{name}.webp") for key, name in pictures.items()},
            )
        _fill(db, catalogue["collections"], dolls, hashes, now=now)
