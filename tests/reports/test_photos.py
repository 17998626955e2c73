"""The photos that are shown lie whole on the disk, and what nobody shows is gone after a day."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from shop.catalogue.photos import NAMES
from shop.kit.db import Sessions
from shop.kit.media import MediaFolder
from shop.preferences.actions import set_preferences
from shop.reports.photos import check_photos, remove_unused_photos
from tests.support import NOON, Shelf, on_both_databases

OF_AN_ITEM = "0123456789abcdef"  # as on the tests' shelf
OF_THE_MAKER, OF_AN_ORDER, OF_NOTHING = "a" * 16, "b" * 16, "c" * 16
UNFINISHED = f".{OF_NOTHING}.4711"
LONG_AGO = NOON - timedelta(days=9)
FILES = dict.fromkeys(NAMES, b"a picture")


@pytest.fixture
def media(tmp_path: Path, shelf: Shelf, sessions: Sessions) -> MediaFolder:
    """Return the folder of a shop with a photo of each kind, and a few things beside it."""
    shelf.add()
    with sessions.begin() as db:
        set_preferences(db, portrait_hash=OF_THE_MAKER)
        db.execute(text(ORDER))
        db.execute(text(LINE), {"photo_hash": OF_AN_ORDER})
    media = MediaFolder(tmp_path / "media")
    for photo_hash in (OF_AN_ITEM, OF_THE_MAKER, OF_AN_ORDER, OF_NOTHING):
        media.put(photo_hash, FILES)
    (media.folder / UNFINISHED).mkdir()
    (media.folder / "lost+found").mkdir()
    for path in media.folder.iterdir():
        _lies_there(path, hours=21)
    return media


def _lies_there(path: Path, *, hours: int) -> None:
    since = (NOON - timedelta(hours=hours)).timestamp()
    os.utime(path, (since, since))


ORDER = """
INSERT INTO orders (id, number, status, locale, cart_id, placed_at, email, name, address,
                    postal_code, city, country, phone, shipping_method, dispatch_by, currency,
                    subtotal_amount, discount_amount, shipping_amount, shipping_vat_amount,
                    vat_amount, total_amount)
VALUES (1, 1001, 'expired', 'sv', 'x', '2026-11-23 11:00:00', 'a@example.se', 'Anna Ek', '', '',
        '', 'SE', '', 'letter', '2026-11-25', 'SEK', 24500, 0, 0, 0, 4900, 24500)
"""
LINE = """
INSERT INTO order_lines (order_id, variant_id, quantity, from_stock, name, sku, photo_hash,
                         currency, price_amount, vat_rate_bp, vat_amount)
VALUES (1, 1, 1, (1 = 1), 'Raven', 'SKU', :photo_hash, 'SEK', 24500, 2500, 4900)
"""


def found(sessions: Sessions, media: MediaFolder) -> list[list[dict[str, str]]]:
    with sessions.begin() as db:
        return [[dict(row) for row in f.rows] for f in check_photos(db, media, now=NOON)]


@on_both_databases
def test_whole_photos_and_fresh_uploads_are_as_they_should_be(
    sessions: Sessions, media: MediaFolder
) -> None:
    assert found(sessions, media) == [[], []]


@on_both_databases
def test_a_photo_that_is_not_whole_is_named_with_what_it_lacks(
    sessions: Sessions, media: MediaFolder
) -> None:
    (media.folder / OF_AN_ITEM / "400.avif").unlink()
    (media.folder / OF_THE_MAKER / "1200.jpeg").write_bytes(b"")
    (media.folder / OF_AN_ORDER).rename(media.folder / "elsewhere")
    assert found(sessions, media)[0] == [
        {"photo": OF_AN_ITEM, "missing": "400.avif"},
        {"photo": OF_THE_MAKER, "missing": "1200.jpeg"},
        {"photo": OF_AN_ORDER, "missing": " ".join(NAMES)},
    ]


def test_a_shop_that_has_lost_its_folder_says_so(sessions: Sessions, media: MediaFolder) -> None:
    media.folder.rename(media.folder.with_name("elsewhere"))
    missing, unused = found(sessions, media)
    assert [row["photo"] for row in missing] == [OF_AN_ITEM, OF_THE_MAKER, OF_AN_ORDER]
    assert unused == []


def test_what_nobody_shows_is_named_after_a_day(sessions: Sessions, media: MediaFolder) -> None:
    for path in media.folder.iterdir():
        _lies_there(path, hours=25)
    assert found(sessions, media) == [[], [{"photo": UNFINISHED}, {"photo": OF_NOTHING}]]


@on_both_databases
def test_what_nobody_shows_is_removed_after_a_day(
    sessions: Sessions, reads: Sessions, media: MediaFolder
) -> None:
    before = {path.name for path in media.folder.iterdir()}
    assert remove_unused_photos(reads, media, lambda: NOON, started=LONG_AGO) == 0
    assert {path.name for path in media.folder.iterdir()} == before
    for path in media.folder.iterdir():
        _lies_there(path, hours=23)
    assert remove_unused_photos(reads, media, lambda: NOON, started=LONG_AGO) == 2
    assert {path.name for path in media.folder.iterdir()} == before - {OF_NOTHING, UNFINISHED}
    assert found(sessions, media) == [[], []]


def test_on_its_first_day_the_worker_removes_nothing(reads: Sessions, media: MediaFolder) -> None:
    _lies_there(media.folder / OF_NOTHING, hours=480)
    started = NOON - timedelta(hours=21)
    assert remove_unused_photos(reads, media, lambda: NOON, started=started) == 0
    assert media.missing(OF_NOTHING, NAMES) == []


def test_an_old_upload_that_is_used_after_all_is_not_taken_away(media: MediaFolder) -> None:
    """Its form was open for two days, and comes in while the shop tidies up."""
    _lies_there(media.folder / OF_NOTHING, hours=48)
    old = media.kept()[OF_NOTHING]
    assert media.use(OF_NOTHING)
    assert not media.remove(OF_NOTHING, since=old)
    assert media.missing(OF_NOTHING, NAMES) == []


def test_the_same_photo_uploaded_again_counts_as_new(media: MediaFolder) -> None:
    _lies_there(media.folder / OF_NOTHING, hours=48)
    old = media.kept()[OF_NOTHING]
    media.put(OF_NOTHING, FILES)
    assert not media.remove(OF_NOTHING, since=old)
    assert not media.use("d" * 16)
