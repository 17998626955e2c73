import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.preferences.models import PageText, Preference
from shop.preferences.texts import starting_texts
from shop.preferences.values import NAMES


def set_preferences(db: Session, **values: Any) -> None:
    """Set the named preferences; KeyError for a name that is none."""
    for name, value in values.items():
        if name not in NAMES:
            raise KeyError(name)
        db.merge(Preference(name=name, value=json.dumps(value, ensure_ascii=False)))


def write_page(db: Session, slug: str, locale: str, *, title: str, body: str) -> None:
    db.merge(PageText(slug=slug, locale=locale, title=title, body=body))


def write_starting_texts(db: Session) -> None:
    """Give the shop the texts that come with the program, where it has none of its own."""
    there = {(slug, locale) for slug, locale in db.execute(select(PageText.slug, PageText.locale))}
    for (slug, locale), text in starting_texts().items():
        if (slug, locale) not in there:
            write_page(db, slug, locale, title=text.title, body=text.body)
