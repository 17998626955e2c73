import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from shop.sandbox.stand_in.server import StandInServer
from tests.audit.stage import Stage, served_stage


@pytest.fixture(scope="session")
def stage(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, stand_in_server: StandInServer
) -> Iterator[Stage]:
    with new_stage(tmp_path_factory.mktemp("stage"), sqlite_template, stand_in_server) as filled:
        yield filled


def new_stage(
    folder: Path, template: Path, stand_in: StandInServer
) -> AbstractContextManager[Stage]:
    shutil.copy(template, folder / "shop.db")
    stand_in.reset()
    return served_stage(folder / "shop.db", stand_in.url)
