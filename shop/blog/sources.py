"""Where a visitor came from, as far as it is said: by a label in the address, or by the blog.

A source is a short text. A label that the owner has put into a link (``?from=sagostund``) is its
own source. Whoever comes from the blog without one counts for the post that mentions what they
look at, if there is exactly one (``~7``, the post's id: probably that one), else for the blog by
its name. A source names a post and never a person.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.blog.labels import label_of, read_label
from shop.blog.models import Mention
from shop.catalogue.models import Product
from shop.kit.db import Sessions

MOST_PARAMETERS = 50
_POST = re.compile(r"~[1-9]\d{0,8}", re.ASCII)


def read_source(text: str) -> str:
    """Return the source that a form or link of ours carries, or ""."""
    return text if _POST.fullmatch(text) else read_label(text)


def source_in(query: str) -> str:
    """Return the source that an address's query names, or ""."""
    try:
        given = parse_qsl(query, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return ""
    carried = (value for name, value in given if name == "from" and _POST.fullmatch(value))
    return next(carried, "") or label_of(given)


def source_of_post(post_id: int) -> str:
    return f"~{post_id}"


def post_of_source(source: str) -> int | None:
    """Return the id of the post that *source* stands for, if it stands for one."""
    return int(source[1:]) if _POST.fullmatch(source) else None


# --- what is known of the posts, in memory --------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """Which posts mention which product, and the labels that their links carry."""

    posts: Mapping[str, frozenset[int]] = field(default_factory=dict)  # ids by product's slug
    labels: frozenset[str] = frozenset()
    ids: frozenset[int] = frozenset()

    def knows(self, source: str) -> bool:
        post_id = post_of_source(source)
        return source in self.labels if post_id is None else post_id in self.ids

    def probable(self, slug: str) -> str:
        """Return the only post that mentions the product as a source; "" if none or several do."""
        posts = self.posts.get(slug, frozenset())
        return source_of_post(next(iter(posts))) if len(posts) == 1 else ""


class KnownPosts:
    """What is known of the posts, read anew whenever something that buyers read has changed."""

    def __init__(self, reads: Sessions) -> None:
        self._reads = reads
        self._lock = threading.Lock()
        self.current = Known()

    def knows(self, source: str) -> bool:
        return self.current.knows(source)

    def refresh(self) -> None:
        with self._lock, self._reads.begin() as db:
            self.current = known(db)


def known(db: Session) -> Known:
    rows = db.execute(
        select(Product.slug, Mention.post_id, Mention.label).join(
            Product, Product.id == Mention.product_id
        )
    ).all()
    posts: dict[str, set[int]] = {}
    for row in rows:
        posts.setdefault(row.slug, set()).add(row.post_id)
    return Known(
        posts={slug: frozenset(ids) for slug, ids in posts.items()},
        labels=frozenset(row.label for row in rows if row.label),
        ids=frozenset(row.post_id for row in rows),
    )
