"""The picture that is shown where a product's page is shared: its photo and its name.

It tells no price and no stock: who shows it keeps it, and both change.
"""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

from shop.kit.media import MediaFolder
from shop.kit.static import FOLDER
from shop.listings.storefront import SHARE_SIZE, Poster

if TYPE_CHECKING:
    from PIL.Image import Image as Bitmap
    from PIL.ImageFont import FreeTypeFont

PAPER, INK, MUTED, FOREST = (251, 246, 238), (43, 38, 34), (107, 93, 79), (47, 90, 72)
WIDTH, HEIGHT = SHARE_SIZE
MARGIN = 56
ROOM = WIDTH - HEIGHT - 2 * MARGIN  # for words, beside the square photo
NAME_SIZES = (84, 76, 68, 60, 52, 46)
MOST_LINES = 4
LEADING = 1.12
SHOP_SIZE = 30
NAME_FACE, SHOP_FACE = "fraunces-soft600.woff2", "figtree-latin-wght-normal.woff2"
NOT_IN_ANY_FACE = "\U0010fffd"
QUALITY = 84

one_at_a_time = Lock()  # a face is for one thread

Wrapped = tuple["FreeTypeFont", list[str]]


def draw_share_picture(media: MediaFolder, poster: Poster) -> bytes | None:
    """Return the picture as JPEG, drawn once and kept beside its photo; None without the photo."""
    name = f"share-{poster.key}.jpeg"
    with one_at_a_time:
        return media.drawn(poster.photo_hash, name, lambda photo: _drawn(photo, poster))


def _drawn(photo: bytes, poster: Poster) -> bytes:
    from PIL import Image, ImageDraw, ImageOps

    picture = Image.new("RGB", SHARE_SIZE, PAPER)
    square = Image.open(BytesIO(photo)).convert("RGB")
    picture.paste(ImageOps.fit(square, (HEIGHT, HEIGHT), Image.Resampling.LANCZOS), (0, 0))
    draw, left = ImageDraw.Draw(picture), HEIGHT + MARGIN
    _stitches(picture)
    face, lines = _fitted(poster.name)
    step = int(face.size * LEADING)
    top = (HEIGHT - step * len(lines)) // 2 - SHOP_SIZE
    for number, line in enumerate(lines):
        draw.text((left, top + number * step), line, font=face, fill=INK)
    small, words = _wrapped(poster.shop_name, SHOP_SIZE, SHOP_FACE)
    for number, line in enumerate(words[:2]):
        at = top + step * len(lines) + SHOP_SIZE + int(number * SHOP_SIZE * 1.3)
        draw.text((left, at), line, font=small, fill=MUTED)
    body = BytesIO()
    picture.save(body, "JPEG", quality=QUALITY, progressive=True, optimize=True)
    return body.getvalue()


def _stitches(picture: "Bitmap") -> None:
    """Whip the lower hem down with small stitches, as at the foot of every page."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    for x in range(HEIGHT + MARGIN, WIDTH - MARGIN, 26):
        draw.line([(x, HEIGHT - 44), (x + 7, HEIGHT - 58)], fill=FOREST, width=3)


def _fitted(name: str) -> Wrapped:
    """Return the name in lines, as large as it fits; a very long one is cut."""
    for size in NAME_SIZES:
        face, lines = _wrapped(name, size, NAME_FACE)
        if len(lines) <= MOST_LINES and all(face.getlength(line) <= ROOM for line in lines):
            return face, lines
    face, lines = _wrapped(name, NAME_SIZES[-1], NAME_FACE)
    return face, [_cut(face, line) for line in lines[:MOST_LINES]]


def _wrapped(text: str, size: int, file: str) -> Wrapped:
    face = _face(file, size)
    lines: list[str] = []
    for word in "".join(filter(_drawable(file), text)).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= ROOM:
            lines[-1] = longer
        else:
            lines.append(word)
    return face, lines


def _cut(face: "FreeTypeFont", line: str) -> str:
    while line and face.getlength(line) > ROOM:
        line = line.removesuffix("…")[:-1] + "…" if len(line) > 1 else ""
    return line


@cache
def _face(file: str, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(FOLDER / "fonts" / file, size)


@cache
def _drawable(file: str) -> Callable[[str], bool]:
    """Return what says whether a face has a letter: an empty box is worse than none."""
    face = _face(file, NAME_SIZES[-1])
    box = bytes(face.getmask(NOT_IN_ANY_FACE))
    return lambda letter: letter.isspace() or bytes(face.getmask(letter)) != box
