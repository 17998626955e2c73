"""What each post has led to: visits, baskets, orders and their money.

Visits and baskets are the counts of those days, orders and money are the orders' own. So the orders
of all rows together are all that were paid, and those of which nobody knows stand in a row of
their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.blog.counts import THE_REST
from shop.blog.models import BlogPost, Mention, VisitCount
from shop.blog.sources import post_of_source

MOST_ROWS = 100  # anybody can invent labels; what stands below these is one row


class Kind(StrEnum):
    POST = "post"  # a label that stands in one post alone
    PROBABLY = "probably"  # the only post that mentions what was looked at
    LABEL = "label"
    OTHERS = "others"
    UNKNOWN = "unknown"


class Earned(NamedTuple):
    """The paid orders of one source."""

    source: str
    orders: int
    amount: int


@dataclass(frozen=True)
class Row:
    kind: Kind
    source: str = ""
    title: str = ""  # of the post
    url: str = ""
    visits: int = 0
    carts: int = 0
    orders: int = 0
    amount: int = 0

    def with_more(self, other: "Row") -> "Row":
        return replace(
            self,
            visits=self.visits + other.visits,
            carts=self.carts + other.carts,
            orders=self.orders + other.orders,
            amount=self.amount + other.amount,
        )


@dataclass(frozen=True)
class Report:
    rows: list[Row]
    total: Row


def report(db: Session, earned: Iterable[Earned], first: date, last: date) -> Report:
    """Return what has come of each source from *first* to *last*; *earned* are all paid orders."""
    posts = {post.id: post for post in db.scalars(select(BlogPost))}
    of_label = _posts_of_labels(db)
    money = {one.source: one for one in earned}
    counts = {source: (visits, carts) for source, visits, carts in _counts(db, first, last)}
    found = [
        _row(source, posts, of_label).with_more(
            Row(
                Kind.UNKNOWN,
                visits=counts.get(source, (0, 0))[0],
                carts=counts.get(source, (0, 0))[1],
                orders=money[source].orders if source in money else 0,
                amount=money[source].amount if source in money else 0,
            )
        )
        for source in {*money, *counts, ""}
    ]
    total = Row(Kind.UNKNOWN)
    for row in found:
        total = total.with_more(row)
    return Report(_in_order(found), total)


def _in_order(rows: list[Row]) -> list[Row]:
    """Return what has earned most first, the small ones as one, and last what nobody knows."""
    unknown = [row for row in rows if row.kind == Kind.UNKNOWN]
    others = Row(Kind.OTHERS)
    named = sorted(
        (row for row in rows if row.kind not in (Kind.UNKNOWN, Kind.OTHERS)),
        key=lambda row: (-row.amount, -row.orders, -row.carts, -row.visits, row.source),
    )
    small = [*named[MOST_ROWS:], *(row for row in rows if row.kind == Kind.OTHERS)]
    for row in small:
        others = others.with_more(row)
    return [*named[:MOST_ROWS], *([others] if small else []), *unknown]


def _row(source: str, posts: Mapping[int, BlogPost], of_label: Mapping[str, set[int]]) -> Row:
    """Return an empty row that says what the source is."""
    if source in ("", THE_REST):
        return Row(Kind.OTHERS if source else Kind.UNKNOWN, source)
    post_id, kind = post_of_source(source), Kind.PROBABLY
    if post_id is None:
        ids = of_label.get(source, set())
        post_id, kind = (next(iter(ids)), Kind.POST) if len(ids) == 1 else (0, Kind.LABEL)
    post = posts.get(post_id)
    return Row(kind, source, post.title if post else "", post.url if post else "")


def _posts_of_labels(db: Session) -> dict[str, set[int]]:
    rows = db.execute(select(Mention.label, Mention.post_id).where(Mention.label != "").distinct())
    found: dict[str, set[int]] = {}
    for label, post_id in rows:
        found.setdefault(label, set()).add(post_id)
    return found


def _counts(db: Session, first: date, last: date) -> list[tuple[str, int, int]]:
    rows = db.execute(
        select(VisitCount.source, func.sum(VisitCount.visits), func.sum(VisitCount.carts))
        .where(VisitCount.day >= first, VisitCount.day <= last)
        .group_by(VisitCount.source)
    )
    return [(source, int(visits), int(carts)) for source, visits, carts in rows]
