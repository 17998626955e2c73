"""Visits and baskets by day, source and doll: gathered in memory, written down every few seconds.

A page never waits for its count, and a crash loses some seconds of numbers that nobody's money
depends on: what was sold is counted from the orders themselves. There is one row for a day, a
source and a doll, and nothing in it of who came.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shop.blog.models import VisitCount
from shop.catalogue.models import Product
from shop.kit.db import Sessions, insert_into

log = logging.getLogger("shop.blog")
MOST_A_DAY = 1000  # different pairs of a label and a doll that nobody knows of, in each process
THE_REST = "~"  # where the labels go that a day has no room for


class Place(NamedTuple):
    day: date
    source: str
    slug: str  # of a product; "" for a page that is no one product's


class Counts:
    """The counts of one process that are not written yet."""

    def __init__(self, known: Callable[[str], bool]) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._visits: Counter[Place] = Counter()
        self._carts: Counter[Place] = Counter()
        self._day = date.min
        self._seen: set[tuple[str, str]] = set()

    def visit(self, day: date, source: str, slug: str = "") -> None:
        with self._lock:
            self._visits[self._place(day, source, slug)] += 1

    def cart(self, day: date, source: str, slug: str) -> None:
        with self._lock:
            self._carts[self._place(day, source, slug)] += 1

    def _place(self, day: date, source: str, slug: str) -> Place:
        """Return where it is counted: anybody can invent labels, and memory and table have an end.
        What the owner's posts carry is counted whatever is invented.
        """
        if day != self._day:
            self._day, self._seen = day, set()
        if not source or (source, slug) in self._seen or self._known(source):
            return Place(day, source, slug)
        if len(self._seen) >= MOST_A_DAY:
            return Place(day, THE_REST, "")
        self._seen.add((source, slug))
        return Place(day, source, slug)

    def write_down(self, sessions: Sessions) -> None:
        """Add what has been counted to the table; what cannot be written is kept for the next time.

        Called by one thread at a time.
        """
        with self._lock:
            visits, self._visits = self._visits, Counter()
            carts, self._carts = self._carts, Counter()
        if not visits and not carts:
            return
        try:
            with sessions.begin() as db:
                add_counts(db, visits, carts)
        except SQLAlchemyError:
            log.exception("the visits could not be written down; they are kept for later")
            with self._lock:
                self._visits.update(visits)
                self._carts.update(carts)


def add_counts(db: Session, visits: Mapping[Place, int], carts: Mapping[Place, int]) -> None:
    """Add to the counts, a row for each day, source and product: several processes may do so at
    once, and none overwrites another's.
    """
    places = visits.keys() | carts.keys()
    ids = _ids(db, {place.slug for place in places if place.slug})
    rows: dict[tuple[date, str, int], list[int]] = {}
    for place in places:
        row = rows.setdefault((place.day, place.source, ids.get(place.slug, 0)), [0, 0])
        row[0] += visits.get(place, 0)
        row[1] += carts.get(place, 0)
    insert = insert_into(db, VisitCount)
    add = insert.on_conflict_do_update(
        index_elements=["day", "source", "product_id"],
        set_={
            "visits": VisitCount.visits + insert.excluded.visits,
            "carts": VisitCount.carts + insert.excluded.carts,
        },
    )
    for (day, source, product_id), (seen, laid) in sorted(rows.items()):  # in one order for all
        values = {"day": day, "source": source, "product_id": product_id}
        db.execute(add, values | {"visits": seen, "carts": laid})


def _ids(db: Session, slugs: Iterable[str]) -> dict[str, int]:
    if not (wanted := sorted(slugs)):
        return {}
    found = select(Product.slug, Product.id).where(Product.slug.in_(wanted))
    return dict(db.execute(found).all())
