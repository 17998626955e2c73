"""Uploads for the tests: drawn here, small, and each of them wrong or right in one way."""

import struct
import zlib
from base64 import b64decode
from io import BytesIO
from typing import Any

from PIL import Image

RED, GREEN = (200, 30, 30), (40, 90, 70)
Bitmap = Image.Image

# A phone's HEIC of 320 x 240 pixels, red at the upper left, turned a quarter as it was held.
HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAaFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAABxQABAAAAAAAAAOAAAgAAAAACpQABAAAAAAAAAH4AAAA4aWlu"
    "ZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA"
    "4GlwcnAAAADAaXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAPPAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAPLoCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwA8oAoIDxZbqSSmubgIaDAgAAADAyAAAAMAIWIAAQAHRAHBcrBi"
    "QAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAAFAAAAA8AAAABBwaXhpAAAAAAMICAgAAAAJaXJvdAMA"
    "AAAYaXBtYQAAAAAAAAABAAEFgQIDBIUAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAWZtZGF0AAAA3CgBrwnI"
    "dl4HwCE5dV///Rjf//wjTyH7XLB0HMPLuNNZ4fr5Bj/+Cun34E0//7oFtanP/jk6n00c8AAcMKL3fdzfPiZYtd/p"
    "lFbXkf2bHd73t5ZEAi2JSFlfn+bj+KGgwMYAD6WKeBvjhudc5XiDR9CnJbNgbWbUOC32rBwcme/7x8qwESqw+qi2"
    "eQSFX7AlCNReuvAziOcrZKOsns9FJasMDFYjldZhrsoz9B3qDVKwABbABPTPgAA0QAFsAAADAAADAAVshwAAAwAA"
    "AwAAAwAAAwAAAwAAAwAABcQAAAAGRXhpZgAATU0AKgAAAAgAAwEPAAIAAAALAAAAMgESAAMAAAABAAYAAIglAAQA"
    "AAABAAAAPgAAAABUZXN0a2FtZXJhAAAAAgABAAIAAAACTgAAAAACAAUAAAADAAAAXAAAAAAAAAA8AAAAAQAAAAMA"
    "AAABAAAAAAAAAAE="
)


def halves(width: int = 320, height: int = 240) -> Bitmap:
    """Return a green picture whose upper left quarter is red."""
    picture = Image.new("RGB", (width, height), GREEN)
    picture.paste(RED, (0, 0, width // 2, height // 2))
    return picture


def phone_notes(orientation: int = 1) -> Image.Exif:
    """Return what a phone notes: how it was held, its make, and where it was."""
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010F] = "Hemligtelefon"
    where = notes.get_ifd(0x8825)
    where[1], where[2], where[3], where[4] = "N", (60.0, 3.0, 7.0), "E", (18.0, 35.0, 43.0)
    return notes


def encoded(picture: Bitmap, kind: str = "JPEG", **options: Any) -> bytes:
    body = BytesIO()
    picture.save(body, kind, **options)
    return body.getvalue()


def opened(body: bytes) -> Bitmap:
    return Image.open(BytesIO(body))


def png_header(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that says it has so many pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def close_to(colour: Any, expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(colour, expected, strict=True))
