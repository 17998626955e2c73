"""Static files under names that carry their content's hash, so that they can be kept for ever."""

import hashlib
import mimetypes
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from shop.kit.compression import MADE_ONCE, WORTH_IT

mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("text/javascript", ".js")
FOLDER = Path(__file__).parents[2] / "static"
IMPORT = re.compile(rb"""@import "/static/([^"]+)";\n""")
REFERENCE = re.compile(rb"""url\((["']?)/static/([^"')]+)\1\)""")


@dataclass(frozen=True)
class StaticFile:
    body: bytes
    media_type: str

    @cached_property
    def smaller(self) -> dict[str, bytes]:
        """The body in each encoding, made once; empty for what is small or has no air in it."""
        if not self.media_type.startswith(("text/", "image/svg")) or len(self.body) < WORTH_IT:
            return {}
        return {encoding: make(self.body) for encoding, make in MADE_ONCE.items()}


@dataclass
class StaticFiles:
    """Every file below *folder*, in memory. ``css/app.css`` is served as ``css/app.<hash>.css``,
    and a stylesheet's own ``url(/static/…)`` names follow. What it imports stands in it: a browser
    fetches one file.
    """

    folder: Path
    _names: dict[str, str] = field(default_factory=dict)
    _served: dict[str, StaticFile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        # what stylesheets point at comes first, so that their names are known
        for path in sorted(files, key=lambda path: path.suffix == ".css"):
            self._add(path)

    def _add(self, path: Path) -> None:
        name = path.relative_to(self.folder).as_posix()
        body = path.read_bytes()
        if path.suffix == ".css":
            body = IMPORT.sub(lambda found: (self.folder / found[1].decode()).read_bytes(), body)
            body = REFERENCE.sub(
                lambda found: b'url("' + self.url(found[2].decode()).encode() + b'")', body
            )
        digest = hashlib.sha256(body).hexdigest()[:12]
        hashed = f"{name.removesuffix(path.suffix)}.{digest}{path.suffix}"
        self._names[name] = hashed
        self._served[hashed] = StaticFile(
            body, mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        )

    def url(self, name: str) -> str:
        """Return the address of *name*, such as ``css/app.css``; KeyError if there is none."""
        return f"/static/{self._names[name]}"

    def get(self, hashed: str) -> StaticFile | None:
        return self._served.get(hashed)
