"""Figures, kept in files, so that the page can be written anew without measuring anew."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks import load
from tests.benchmarks.load import Load
from tests.benchmarks.machine import description

FOLDER = Path(__file__).parents[2] / "var/bench"
Figures = dict[str, Any]


def folder() -> Path:
    """Return where figures are: those of a short look lie apart."""
    return FOLDER / "quick" if load.quick else FOLDER


def keep(part: str, name: str, figure: Any) -> None:
    """Write down one figure of a part at once: what is measured is not lost with the rest."""
    kept = read(part)
    kept.setdefault("figures", {})[name] = asdict(figure) if isinstance(figure, Load) else figure
    _file(part).write_text(json.dumps(kept, indent=1, ensure_ascii=False))


def begin(part: str) -> None:
    """Forget what was measured of a part before."""
    folder().mkdir(parents=True, exist_ok=True)
    kept = {"at": time.strftime("%Y-%m-%d"), "machine": description(), "figures": {}}
    _file(part).write_text(json.dumps(kept, indent=1, ensure_ascii=False))


def read(part: str) -> dict[str, Any]:
    if not _file(part).exists():
        return {}
    kept: dict[str, Any] = json.loads(_file(part).read_text())
    return kept


def figures(part: str) -> Figures:
    found: Figures = read(part).get("figures", {})
    return found


def _file(part: str) -> Path:
    return folder() / f"{part}.json"
