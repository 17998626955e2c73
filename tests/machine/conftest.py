import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shop.discounts.models import Discount
from shop.kit.db import write_engine, write_sessions
from shop.payments.models import Cursor
from shop.sandbox.stand_in.server import StandInServer
from tests.machine.books import breaches
from tests.machine.play import (
    CODE,
    MOST_USES,
    NO_ANSWER,
    OFF_AMOUNT,
    PRICES,
    START,
    Play,
)
from tests.machine.schedules import Outcome, Step
from tests.races import without
from tests.support import NOON, Shelf, open_shop


@pytest.fixture(scope="module")
def furnished(
    request: pytest.FixtureRequest,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return a database with a shop in it: one piece of one kind, three of another, and a code."""
    path = tmp_path_factory.mktemp("furnished") / "shop.db"
    shutil.copy(sqlite_template, path)
    sessions = write_sessions(f"sqlite:///{path}")
    with sessions.begin() as db:
        open_shop(db)
        db.add(Cursor(name="nightly", at=NOON))  # the night before, all was compared
        db.add(
            Discount(
                code=CODE, kind="amount", value=OFF_AMOUNT, most_uses=MOST_USES, created_at=NOON
            )
        )
    shelf = Shelf(sessions)
    for variant_id, name in (1, "raven"), (2, "moss"):
        made = shelf.add(name, START[variant_id], price_amount=PRICES[variant_id], thickness_mm=5)
        assert made == variant_id
    if getattr(request, "param", "") == "unchecked":
        without.drop_the_checks(sessions)
    sessions.engine.dispose()
    return path


class Faults(logging.Handler):
    """Hears of errors of our own that the reconciler has survived."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.heard.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return where the databases lie: in memory if that goes, for there is no power to fail."""
    memory = Path("/dev/shm")  # noqa: S108 - only a place that a folder of our own is made in
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as made:
        yield Path(made)


@pytest.fixture
def outcome(
    furnished: Path, stand_in: StandInServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Outcome]:
    """Yield a function that plays a schedule, and tells what is wrong at the end."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # or requests looks for one each time, for 5 %
    engine = write_engine(f"sqlite:///{folder / 'shop.db'}")
    log = logging.getLogger("shop.payments")

    def play_out(steps: Sequence[Step]) -> list[str]:
        engine.dispose()
        for left in folder.iterdir():
            left.unlink()
        shutil.copy(furnished, folder / "shop.db")
        faults = Faults()
        log.addHandler(faults)
        log.propagate = False
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("shop.payments.gateway.TIMEOUT", (3, NO_ANSWER))
                play = Play(stand_in, engine)
                for step in steps:
                    play.do(step)
            play.come_to_rest()
            return [*breaches(play), *faults.heard]
        except Exception as error:  # noqa: BLE001 - of the shop's: that is a finding
            return [f"{error!r}", *faults.heard]
        finally:
            log.propagate = True
            log.removeHandler(faults)

    yield play_out
    engine.dispose()
