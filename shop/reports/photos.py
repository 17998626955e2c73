"""The photos that the shop shows, held against the pictures that lie on the disk."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalogue.models import Photo
from shop.catalogue.photos import NAMES
from shop.kit.clock import Clock
from shop.kit.db import Sessions
from shop.kit.media import MediaFolder
from shop.orders.models import OrderLine
from shop.preferences.queries import preferences
from shop.reports.verify import Finding, Invariant

TIME_TO_USE = timedelta(hours=22)  # from the upload until its form is saved
AT_MOST = timedelta(hours=24)  # until the worker has taken away what was not
COMPLETE = Invariant("I12", "every photo that the shop shows is whole on the disk")
NEEDED = Invariant("I12", "no picture lies on the disk that the shop has not shown for a day")


def check_photos(db: Session, media: MediaFolder, *, now: datetime) -> list[Finding]:
    """Return a finding for each rule. The disk is looked at first: a photo comes there before
    anything in the database names it.
    """
    there = media.kept()
    shown = photos_shown(db)
    broken = [(name, media.missing(name, NAMES)) for name in sorted(shown)]
    unused = _unused(there, shown, now - AT_MOST)
    return [
        Finding(COMPLETE, [{"photo": n, "missing": " ".join(gone)} for n, gone in broken if gone]),
        Finding(NEEDED, [{"photo": name} for name in unused]),
    ]


def remove_unused_photos(
    reads: Sessions, media: MediaFolder, now: Clock, *, started: datetime
) -> int:
    """Remove what was uploaded a day ago, or taken off its item, and return how many those were.

    Whoever names a photo touches it first, so that what is about to be shown again is not old.
    The worker, *started* then, removes nothing on its first day: a database that was brought back
    from a backup knows less than the disk, and that may be noticed late.
    """
    long_ago = now() - TIME_TO_USE
    if long_ago < started:
        return 0
    there = media.kept()
    with reads.begin() as db:
        unused = list(_unused(there, photos_shown(db), long_ago))
    return sum(media.remove(name, since=there[name]) for name in unused)


def photos_shown(db: Session) -> set[str]:
    """Return the photos of items, of what was ever ordered, and of the maker's own pages."""
    wishes = preferences(db)
    hashes = {
        *db.scalars(select(Photo.hash)),
        *db.scalars(select(OrderLine.photo_hash).distinct()),
        wishes.portrait_hash,
        wishes.workshop_hash,
    }
    return {photo_hash for photo_hash in hashes if photo_hash}


def _unused(there: dict[str, datetime], shown: set[str], long_ago: datetime) -> Iterator[str]:
    return (n for n, since in sorted(there.items()) if n not in shown and since < long_ago)
