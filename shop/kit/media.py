"""Pictures on disk: written whole or not at all, under names made from their content."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[0-9a-f]{16}/(400|800|1200)\.(avif|jpeg)")


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

    def put(self, photo_hash: str, files: dict[str, bytes]) -> None:
        """Keep *files* (``800.avif``: its bytes) of one photo: all of them, or none."""
        if self.has(photo_hash):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{photo_hash}.{os.getpid()}"
        unfinished.mkdir(exist_ok=True)
        for name, body in files.items():
            with (unfinished / name).open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        try:
            unfinished.rename(self.folder / photo_hash)
        except OSError:  # another process was first with the same picture
            if not self.has(photo_hash):
                raise
            return
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
