import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import update

from shop.config import Config
from shop.discounts.actions import add_discount
from shop.kit.db import write_sessions
from shop.sandbox.stand_in.server import StandInServer
from shop.shipping.models import ShippingRate
from tests.discounts.tools import new_discount
from tests.sums.baskets import COUNTED, KINDS
from tests.sums.counter import FIRST, Counter
from tests.sums.looking import CODE
from tests.support import Shelf, open_shop

PIECES = 1_000_000  # of each kind that is counted: nothing sells out


@pytest.fixture
def counter(sqlite_template: Path, stand_in: StandInServer, tmp_path: Path) -> Iterator[Counter]:
    """Return a shop with twenty kinds of goods; in memory if that goes: no power can fail."""
    memory = Path("/dev/shm")  # noqa: S108 - only a place that a folder of our own is made in
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as made:
        folder = Path(made)
        shutil.copy(sqlite_template, folder / "shop.db")
        url = f"sqlite:///{folder / 'shop.db'}"
        _furnish(url)
        config = Config(
            env="demo",
            data=folder,
            base_url="http://127.0.0.1:1",
            secret_keys=("a secret key of the tests, long enough",),
            database_url=url,
            media=folder / "media",
            stripe_secret_key="sk_test_of_the_tests",
            stripe_webhook_secrets=(),
            stripe_api_base=stand_in.url,
            smtp_url="",
            trusted_proxies=(),
            worker=False,
        )
        opened = Counter(config, stand_in)
        yield opened
        opened.close()


def _furnish(url: str) -> None:
    sessions = write_sessions(url)
    with sessions.begin() as db:
        open_shop(db)
        add_discount(db, new_discount(code=CODE))
        # a letter takes as much as a parcel, so that every basket has the choice
        db.execute(update(ShippingRate).where(ShippingRate.max_g > 100).values(max_g=2_000))
    shelf = Shelf(sessions)
    for kind in range(KINDS):
        letter = chr(ord("A") + kind)
        made = shelf.add(
            f"doll-{letter.lower()}",
            PIECES,
            kind="batch" if kind < COUNTED else "made_to_order",
            lead_time_days=None if kind < COUNTED else 14,
            weight_g=1,
            thickness_mm=20,
            names={"sv": f"Docka {letter}", "en": f"Doll {letter}"},
        )
        assert made == FIRST + kind
    sessions.engine.dispose()
