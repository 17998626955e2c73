import json
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.preferences.models import PageText, Preference
from shop.preferences.values import NAMES, Preferences


def preferences(db: Session) -> Preferences:
    """Return what the owner has set, over the defaults."""
    stored = {
        name: json.loads(value)
        for name, value in db.execute(select(Preference.name, Preference.value))
        if name in NAMES
    }
    for name in ("languages", "more_blogs"):
        if name in stored:
            stored[name] = tuple(stored[name])
    return Preferences(**stored)


def page_text(db: Session, slug: str, locale: str) -> PageText | None:
    """Return a page's text in *locale*, else in any language that there is, else None."""
    texts = {
        text.locale: text for text in db.scalars(select(PageText).where(PageText.slug == slug))
    }
    return texts.get(locale) or next(iter(texts.values()), None)


def page_texts(db: Session) -> Mapping[tuple[str, str], PageText]:
    """Return every text page that is written, by slug and locale."""
    return {(text.slug, text.locale): text for text in db.scalars(select(PageText))}
