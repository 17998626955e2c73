"""From an upload's bytes to the pictures that are shown.

Nothing of the upload itself is ever served: what is kept is drawn anew from its pixels, upright,
in sRGB, square, in three sizes and two formats, without a word about where or with what it was
taken. All of this happens before any transaction: it takes about half a second.
"""

import hashlib
import warnings
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING

from shop.catalogue.errors import NotAPhoto, PhotoTooLarge, WrongFile
from shop.kit.media import MediaFolder

if TYPE_CHECKING:
    from PIL.Image import Image as Bitmap

SIZES = (400, 800, 1200)  # pixels of a side; a smaller original is never blown up
NAMES = tuple(f"{size}.{kind}" for size in SIZES for kind in ("avif", "jpeg"))
MOST_BYTES = 40 * 1024 * 1024
MOST_PIXELS = 64_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
PAPER = (251, 246, 238)  # what shines through a transparent picture: the page's own colour

AVIF_SPEED = 8  # as small as 6 to within a percent, in a third of the time
AVIF_QUALITIES = (62, 54, 46, 38, 30, 22, 14, 6, 0)
LARGEST_AVIF_800 = 40_000  # bytes: a product page has to arrive on a bad line
JPEG_QUALITY = 82
STRIP = 64  # rows of the smaller picture that are made at a time
LARGEST_PROFILE = 4 * 1024 * 1024  # bytes; printers' profiles are below three


@dataclass(frozen=True)
class Picture:
    """A finished picture: its name in the media folder, and ``800.avif`` -> bytes."""

    hash: str
    files: dict[str, bytes]


def store_picture(media: MediaFolder, upload: bytes) -> str:
    """Make the sizes of *upload*, keep them in *media* and return the picture's hash.

    Raises NotAPhoto or PhotoTooLarge. What is there already is not made again.
    """
    name = picture_hash(upload)
    if not media.use(name):
        media.put(name, make_picture(upload).files)
    return name


def picture_hash(upload: bytes) -> str:
    """Return the first 16 hexadecimal digits of the upload's SHA-256."""
    return hashlib.sha256(upload).hexdigest()[:16]


def make_picture(upload: bytes) -> Picture:
    """Draw *upload* in every size and format; NotAPhoto or PhotoTooLarge if that cannot be."""
    if len(upload) > MOST_BYTES:
        raise PhotoTooLarge
    bitmap = _decoded(upload)
    quality, middle = _avif_that_fits(_at_most(bitmap, SIZES[1]))
    files = {}
    for size in SIZES:
        small = _at_most(bitmap, size)
        files[f"{size}.avif"] = middle if size == SIZES[1] else _avif(small, quality)
        files[f"{size}.jpeg"] = _jpeg(small)
    return Picture(picture_hash(upload), files)


# --- in ------------------------------------------------------------------------------------------


@cache
def _pillow() -> ModuleType:
    """Return Pillow's Image module with our limits; imported late, for it is heavy."""
    import pi_heif
    from PIL import Image

    pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    return Image


def _decoded(upload: bytes) -> "Bitmap":
    """Return the picture in *upload*: RGB, upright, square, no larger than the largest size."""
    image_module = _pillow()
    try:
        with image_module.open(BytesIO(upload), formats=FORMATS) as opened:
            return _upright(opened)
    except PhotoTooLarge:
        raise
    except (image_module.DecompressionBombWarning, image_module.DecompressionBombError):
        raise PhotoTooLarge from None
    except image_module.UnidentifiedImageError:
        raise NotAPhoto(_what_it_is(upload)) from None
    except Exception as error:  # decoders raise whatever they stumble over in a broken file
        raise NotAPhoto(WrongFile.BROKEN) from error


def _what_it_is(upload: bytes) -> WrongFile:
    start = upload[:512].lstrip().lower()
    if not upload:
        return WrongFile.EMPTY
    if start.startswith(b"gif8"):
        return WrongFile.GIF
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return WrongFile.SVG
    broken = start.startswith((b"\xff\xd8\xff", b"\x89png\r\n", b"riff")) or (
        start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"avif")
    )
    return WrongFile.BROKEN if broken else WrongFile.UNKNOWN


def _upright(opened: "Bitmap") -> "Bitmap":
    from PIL import ImageOps

    if opened.width * opened.height > MOST_PIXELS:  # the header alone has been read
        raise PhotoTooLarge
    # A JPEG can be decoded at a half, a quarter or an eighth: a large one costs no more memory.
    opened.draft(None, (SIZES[-1], SIZES[-1]))
    opened.load()
    small = _squared(_coarse(opened))
    return _on_paper(_in_srgb(ImageOps.exif_transpose(small)))


def _coarse(image: "Bitmap") -> "Bitmap":
    """Return *image* at about twice the size needed, in bands that can be scaled.

    It is brought down strip by strip, so that no second picture of full size is ever in memory.
    """
    factor = min(image.size) // (2 * SIZES[-1])
    if factor <= 1:
        return _in_bands(image)
    width, height = image.size
    strips = [
        _in_bands(image.crop((0, top, width, min(top + STRIP * factor, height)))).reduce(factor)
        for top in range(0, height, STRIP * factor)
    ]
    whole: Bitmap = _pillow().new(
        strips[0].mode, (strips[0].width, sum(strip.height for strip in strips))
    )
    for i, strip in enumerate(strips):
        whole.paste(strip, (0, i * STRIP))
    whole.info = image.info
    return whole


def _in_bands(image: "Bitmap") -> "Bitmap":
    """Return *image* in a mode that can be scaled: grey, RGB, RGBA or CMYK, eight bits each."""
    if image.mode.startswith("I"):  # sixteen bits of grey
        return image.convert("I").point(lambda value: value * (1 / 257) + 0).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _squared(image: "Bitmap") -> "Bitmap":
    """Return the middle of *image*, as large a square as there is, no larger than needed."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    size = min(side, SIZES[-1])
    box = (left, top, left + side, top + side)
    return image.resize((size, size), _pillow().Resampling.LANCZOS, box=box)


def _in_srgb(image: "Bitmap") -> "Bitmap":
    """Return *image* with the colours that its own profile means; a broken profile means none."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile") or b""
    if 0 < len(profile) <= LARGEST_PROFILE:
        try:
            mode = "RGBA" if image.mode == "RGBA" else "RGB"
            source, srgb = (
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
            )
            changed = ImageCms.profileToProfile(image, source, srgb, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return image
        if changed is not None:
            return changed
    return image


def _on_paper(image: "Bitmap") -> "Bitmap":
    """Return the bare pixels in RGB: a new picture, which knows nothing of the old one's notes."""
    paper: Bitmap = _pillow().new("RGB", image.size, PAPER)
    if image.mode == "RGBA":
        paper.paste(image, mask=image.getchannel("A"))
    else:
        paper.paste(image.convert("RGB"))
    return paper


# --- out -----------------------------------------------------------------------------------------


def _at_most(image: "Bitmap", longest: int) -> "Bitmap":
    small = image.copy()
    small.thumbnail((longest, longest), _pillow().Resampling.LANCZOS)
    return small


def _avif_that_fits(image: "Bitmap") -> tuple[int, bytes]:
    """Return the best quality at which *image* is small enough, and what it then is."""
    for quality in AVIF_QUALITIES:
        body = _avif(image, quality)
        if len(body) <= LARGEST_AVIF_800:
            return quality, body
    # Noise in every pixel: not even the lowest quality is small. Softened, it is.
    from PIL import ImageFilter

    return _avif_that_fits(image.filter(ImageFilter.GaussianBlur(2)))


def _avif(image: "Bitmap", quality: int) -> bytes:
    body = BytesIO()
    image.save(body, "AVIF", quality=quality, speed=AVIF_SPEED)
    return body.getvalue()


def _jpeg(image: "Bitmap") -> bytes:
    body = BytesIO()
    image.save(body, "JPEG", quality=JPEG_QUALITY, progressive=True, optimize=True)
    return body.getvalue()
