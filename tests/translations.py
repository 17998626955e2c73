"""Collect the msgids from code and templates, and bring every .po file up to date with them."""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "shop/translations"
METHODS = [
    ("shop/sandbox/**", "ignore"),
    ("shop/**.py", "python"),
    ("templates/**.html", "jinja2"),
    ("templates/**.txt", "jinja2"),
]
OPTIONS = {
    "templates/**.html": {"trimmed": "true", "extensions": "jinja2.ext.do", "silent": "false"},
    "templates/**.txt": {"trimmed": "true", "extensions": "jinja2.ext.do", "silent": "false"},
}
KEYWORDS = DEFAULT_KEYWORDS | {
    "lazy": None,
    "lazy_gettext": None,
    "Invariant": (2,),  # its rule
}


def collected() -> Catalog:
    """Return every message of the shop with the places it stands in."""
    catalog = Catalog(project="shop", charset="utf-8", fuzzy=False)
    found = extract_from_dir(
        str(ROOT), METHODS, OPTIONS, keywords=KEYWORDS, directory_filter=_is_ours
    )
    for filename, _, message, _, context in sorted(found, key=lambda row: (row[0], row[1])):
        catalog.add(message, locations=[(filename, None)], context=context)  # type: ignore[list-item]
    return catalog


def _is_ours(folder: str | Path) -> bool:
    path = Path(folder).resolve()
    return path == ROOT or path.relative_to(ROOT).parts[0] in {"shop", "templates"}


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def update(path: Path) -> None:
    catalog = read(path) if path.exists() else Catalog(locale=path.stem)
    catalog.update(collected(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    with path.open("wb") as file:
        write_po(file, catalog, sort_output=True, ignore_obsolete=True, width=100)


if __name__ == "__main__":
    for po in sorted(FOLDER.glob("*.po")):
        update(po)
