"""Photos a few fingers wide: in baskets, beside a photo, and on the cards in posts of a blog, which
have many readers, some of them on a bad line.

What a card shows weighs 25 kB in all. Each of these fits in its share of that, whatever is on it.
"""

import re
from io import BytesIO

from shop.kit.media import MediaFolder

# pixels of a side, and the bytes that it may have: alone on a card, one of three, one beside
MOST_BYTES = {400: 12_000, 300: 6_000, 160: 2_800}
QUALITIES = (58, 48, 38, 28, 18, 8, 0)
SPEED = 8
PHOTO = re.compile(r"[0-9a-f]{16}")


def draw_small(media: MediaFolder, photo_hash: str, size: str) -> bytes | None:
    """Return the photo in that size as AVIF; None if there is no such photo or size."""
    if not PHOTO.fullmatch(photo_hash) or size not in map(str, MOST_BYTES):
        return None
    side = int(size)
    return media.drawn(photo_hash, f"small-{side}.avif", lambda photo: _small(photo, side))


def _small(photo: bytes, side: int) -> bytes:
    from PIL import Image, ImageFilter

    opened = Image.open(BytesIO(photo))
    opened.draft("RGB", (side, side))
    image: Image.Image = opened.convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    while True:
        for quality in QUALITIES:
            body = BytesIO()
            image.save(body, "AVIF", quality=quality, speed=SPEED)
            if body.tell() <= MOST_BYTES[side]:
                return body.getvalue()
        # noise in every pixel: softened, it is small
        image = image.filter(ImageFilter.GaussianBlur(2))
