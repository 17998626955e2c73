"""Pictures on disk: written whole or not at all, under names made from their content."""

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

NAME = re.compile(r"[0-9a-f]{16}/(400|800|1200)\.(avif|jpeg)")
LARGEST = "1200.jpeg"
OURS = re.compile(r"[0-9a-f]{16}|\.[0-9a-f]{16}\..*")  # a photo, or one that is not finished


@dataclass(frozen=True)
class MediaFolder:
    folder: Path

    def path(self, name: str) -> Path | None:
        """Return the file of *name*, ``<hash>/<size>.<format>``; None if there is none."""
        if not NAME.fullmatch(name):
            return None
        path = self.folder / name
        return path if path.is_file() else None

    def has(self, photo_hash: str) -> bool:
        return (self.folder / photo_hash).is_dir()

    def use(self, photo_hash: str) -> bool:
        """Say whether the photo is there; if so, it counts as put there just now."""
        with suppress(FileNotFoundError):
            os.utime(self.folder / photo_hash)
            return True
        return False

    def missing(self, photo_hash: str, names: Iterable[str]) -> list[str]:
        """Return those of *names* that the photo has not, or that are empty."""
        return [name for name in names if not _size(self.folder / photo_hash / name)]

    def drawn(self, photo_hash: str, name: str, draw: Callable[[bytes], bytes]) -> bytes | None:
        """Return what *draw* makes of a photo, kept beside it as *name* since the first time; None
        if there is no such photo. What a full disk does not keep is shown all the same.
        """
        folder = self.folder / photo_hash
        with suppress(FileNotFoundError):
            return (folder / name).read_bytes()
        try:
            photo = (folder / LARGEST).read_bytes()
        except FileNotFoundError:
            return None
        body = draw(photo)
        unfinished = folder / f".{name}.{os.getpid()}.{threading.get_ident()}"
        with suppress(OSError):
            _write(unfinished, body)
            unfinished.rename(folder / name)
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        return body

    def kept(self) -> dict[str, datetime]:
        """Return every photo that lies in the folder, finished or not, and since when."""
        with suppress(FileNotFoundError):
            ours = filter(OURS.fullmatch, [path.name for path in self.folder.iterdir()])
            return {name: since for name in ours if (since := self._since(name))}
        return {}

    def _since(self, name: str) -> datetime | None:
        with suppress(FileNotFoundError):  # it was just renamed
            return datetime.fromtimestamp((self.folder / name).stat().st_mtime, UTC)
        return None

    def remove(self, name: str, *, since: datetime) -> bool:
        """Remove what lies there since *since*, unless somebody has used it after that."""
        if self._since(name) != since:
            return False
        going = self.folder / f".{name.lstrip('.')}.gone"
        (self.folder / name).rename(going)  # nobody ever sees the half of it
        shutil.rmtree(going)
        return True

    def put(self, photo_hash: str, files: dict[str, bytes]) -> None:
        """Keep *files* (``800.avif``: its bytes) of one photo: all of them, or none."""
        if self.use(photo_hash):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{photo_hash}.{os.getpid()}"
        unfinished.mkdir(exist_ok=True)
        for name, body in files.items():
            _write(unfinished / name, body)
        _sync(unfinished)
        try:
            unfinished.rename(self.folder / photo_hash)
        except OSError:  # another process was first with the same picture
            if not self.has(photo_hash):
                raise
            return
        _sync(self.folder)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _write(path: Path, body: bytes) -> None:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Wait until the names in *folder* are on the disk, as their contents are."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
