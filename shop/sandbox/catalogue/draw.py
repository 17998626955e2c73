"""Draw the demo catalogue's pictures: `python -m shop.sandbox.catalogue.draw [part of a name …]`.

A tool for whoever changes a doll. It needs playwright and Chromium (the system's, or else
playwright's own), whose SVG filters come closest to what the drawings mean. Pictures are drawn
at up to twice their size and scaled down; the quality gives way until the file is small enough.
"""

import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from shop.sandbox.catalogue.photos import Photo, photos

FOLDER = Path(__file__).parent / "photos"
_QUALITIES = range(82, 50, -4)
_PATIENCE_MS = 240_000
_MOST_BYTES = 170_000
_PAGE = "<style>body{margin:0}svg{display:block}</style>"


def screenshots(wanted: list[Photo], *, share: float = 1) -> Iterator[tuple[Photo, bytes]]:
    """Each picture as PNG; a smaller *share* of its size is enough for a quick look."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for photo in wanted:
            page = browser.new_page(
                viewport={"width": photo.width, "height": photo.height},
                device_scale_factor=photo.zoom * share,
            )
            page.set_content(_PAGE + photo.svg())
            yield photo, page.screenshot(timeout=_PATIENCE_MS)
            page.close()
        browser.close()


def webp(png: bytes, width: int, height: int) -> bytes:
    """The picture at its final size, as good as the limit on bytes allows."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as shot:
        picture = shot.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    data = b""
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=6)
        data = out.getvalue()
        if len(data) <= _MOST_BYTES:
            break
    return data


def main(parts: list[str]) -> None:
    wanted = [p for p in photos() if not parts or any(part in p.name for part in parts)]
    FOLDER.mkdir(exist_ok=True)
    for photo, png in screenshots(wanted):
        data = webp(png, photo.width, photo.height)
        (FOLDER / f"{photo.name}.webp").write_bytes(data)
        sys.stdout.write(f"{photo.name} {len(data) // 1000} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
