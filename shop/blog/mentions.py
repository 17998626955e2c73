"""Which posts mention which dolls. What a ping or the owner tells is read before it counts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from shop.blog.models import BlogPost, Mention, Ping
from shop.blog.pingback import (
    ACCESS_DENIED,
    KNOWN_ALREADY,
    NO_SUCH_TARGET,
    NO_TARGET,
    TRY_LATER,
    Call,
    Fault,
    is_on,
    product_in,
)
from shop.blog.reading import CannotRead, Post, Reader, make_reader, read_post
from shop.catalogue.models import Product, ProductText, Status
from shop.kit.clock import Clock
from shop.kit.db import Sessions, changed, inlined, insert_into
from shop.preferences.queries import preferences

log = logging.getLogger("shop.blog")
MOST_WAITING = 50  # posts to be read: a storm of pings ends here
MOST_TRIES = 3
BEFORE_ANOTHER_TRY = timedelta(minutes=10)
MOST_SHOWN = 5  # posts on a product's page
MOST_TOLD = 50  # in the feed
SHOWN = (Status.PUBLISHED, Status.ARCHIVED)


# --- what is told ---------------------------------------------------------------------------------


def check_call(db: Session, call: Call, reader: Reader) -> None:
    """Raise the Fault that answers a call which is not worth a look."""
    if not is_on(call.source, reader.blogs):
        raise Fault(ACCESS_DENIED, "Only the shop's own blogs are read.")
    slug = product_in(call.target, reader.urls, reader.languages)
    if slug is None:
        raise Fault(NO_TARGET, "That page does not take pingbacks.")
    product_id = db.scalar(
        select(Product.id).where(Product.slug == slug, Product.status.in_(SHOWN))
    )
    if product_id is None:
        raise Fault(NO_SUCH_TARGET, "There is no such page.")
    known = (
        select(Mention.id)
        .join(BlogPost, BlogPost.id == Mention.post_id)
        .where(BlogPost.url == call.source, Mention.product_id == product_id)
    )
    waits = select(Ping.url).where(Ping.url == call.source)
    if db.scalar(known) is not None or db.scalar(waits) is not None:
        raise Fault(KNOWN_ALREADY, "That is known.")
    if (db.scalar(select(func.count()).select_from(Ping)) or 0) >= MOST_WAITING:
        raise Fault(TRY_LATER, "Too many posts wait to be read. Try again later.")


def keep_ping(db: Session, url: str, *, now: datetime) -> None:
    """Have the worker read the post; told twice, it is read once."""
    ping = insert_into(db, Ping).on_conflict_do_nothing()
    db.execute(ping, {"url": url, "due_at": now, "tries": 0})


# --- what has been read ---------------------------------------------------------------------------


def write_post(db: Session, post: Post, *, now: datetime) -> int:
    """Keep which products *post* links to, and no others any more; return how many they are.

    A post that links to none is not kept.
    """
    found = select(Product.slug, Product.id).where(
        Product.slug.in_(sorted(post.links)), Product.status.in_(SHOWN)
    )
    products = dict(db.execute(found).all()) if post.links else {}
    before = db.scalar(select(BlogPost.id).where(BlogPost.url == post.url))
    if not products:
        if before is not None:
            forget_post(db, before)
        return 0
    insert = insert_into(db, BlogPost)
    renamed = insert.on_conflict_do_update(
        index_elements=["url"], set_={"title": insert.excluded.title}
    )
    db.execute(renamed, {"url": post.url, "title": post.title, "found_at": now})
    post_id = db.scalars(select(BlogPost.id).where(BlogPost.url == post.url)).one()
    insert = insert_into(db, Mention)
    relabelled = insert.on_conflict_do_update(
        index_elements=["post_id", "product_id"], set_={"label": insert.excluded.label}
    )
    for slug, product_id in sorted(products.items()):
        facts = {"post_id": post_id, "product_id": product_id, "label": post.links[slug]}
        db.execute(relabelled, facts | {"found_at": now})
    gone = (Mention.post_id == post_id) & Mention.product_id.not_in(products.values())
    changed(db, delete(Mention).where(gone))
    return len(products)


def forget_post(db: Session, post_id: int) -> bool:
    changed(db, delete(Mention).where(Mention.post_id == post_id))
    return changed(db, delete(BlogPost).where(BlogPost.id == post_id)) == 1


def read_pinged(
    reads: Sessions, sessions: Sessions, now: Clock, *, base_url: str, demo: bool
) -> int:
    """Read the post that has waited longest; return how many dolls it mentions.

    One at a time, so that nobody can make us ask the blog more often than the worker comes round.
    """
    with reads.begin() as db:
        due = select(Ping).where(Ping.due_at <= now()).order_by(Ping.due_at, Ping.url)
        ping = db.scalar(due.limit(1))
        reader = make_reader(preferences(db), base_url, demo=demo)
    if ping is None:
        return 0
    with sessions.begin() as db:
        ours = _take_up(db, ping, now=now())
    if not ours:
        return 0
    try:
        post = read_post(reader, ping.url)
    except CannotRead as problem:
        if not problem.may_pass or ping.tries + 1 >= MOST_TRIES:
            with sessions.begin() as db:
                _drop(db, ping)
        return 0
    with sessions.begin() as db:
        _drop(db, ping)
        return write_post(db, post, now=now())


def _take_up(db: Session, ping: Ping, *, now: datetime) -> bool:
    """Count the try before it is made: whatever comes of it, the next post is not kept waiting.

    Of two workers one has it.
    """
    if ping.tries >= MOST_TRIES:
        _drop(db, ping)
        return False
    later = {"tries": ping.tries + 1, "due_at": now + BEFORE_ANOTHER_TRY}
    ours = (Ping.url == ping.url) & (Ping.tries == ping.tries)
    return changed(db, update(Ping).where(ours).values(later)) == 1


def _drop(db: Session, ping: Ping) -> None:
    changed(db, delete(Ping).where(Ping.url == ping.url))


# --- what is shown --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownPost:
    """A post as pages and the feed show it."""

    id: int
    url: str
    title: str
    found_at: datetime
    products: Sequence[tuple[str, str]] = ()  # slug and name of each


_POSTS_ABOUT = (  # made once: each product's page asks it
    select(BlogPost.id, BlogPost.url, BlogPost.title, BlogPost.found_at)
    .join(Mention, Mention.post_id == BlogPost.id)
    .where(Mention.product_id == bindparam("product_id"))
    .order_by(BlogPost.id.desc())
    .limit(inlined(MOST_SHOWN))
)


def posts_about(db: Session, product_id: int) -> list[ShownPost]:
    """Return the newest posts that mention the product."""
    rows = db.execute(_POSTS_ABOUT, {"product_id": product_id})
    return [ShownPost(row.id, row.url, row.title, row.found_at) for row in rows]


def newest_posts(db: Session, locale: str, most: int = MOST_TOLD) -> list[ShownPost]:
    """Return the posts with what each mentions, the newest first."""
    posts = db.scalars(select(BlogPost).order_by(BlogPost.id.desc()).limit(most)).all()
    rows = db.execute(
        select(Mention.post_id, Product.slug, ProductText.name)
        .join(Product, Product.id == Mention.product_id)
        .join(ProductText, ProductText.product_id == Product.id)
        .where(Mention.post_id.in_([post.id for post in posts]), Product.status.in_(SHOWN))
        .order_by(Product.id, (ProductText.locale == locale).desc(), ProductText.locale)
    ).all()
    names: dict[int, dict[str, str]] = {}
    for row in rows:
        names.setdefault(row.post_id, {}).setdefault(row.slug, row.name)
    return [
        ShownPost(
            post.id, post.url, post.title, post.found_at, tuple(names.get(post.id, {}).items())
        )
        for post in posts
    ]
