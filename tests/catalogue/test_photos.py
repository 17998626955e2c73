import hashlib
import os
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from shop.catalogue.errors import NotAPhoto, PhotoTooLarge, WrongFile
from shop.catalogue.photos import MOST_BYTES, make_picture, store_picture
from shop.kit.media import MediaFolder
from tests.catalogue.pictures import (
    GREEN,
    HEIC,
    RED,
    close_to,
    encoded,
    halves,
    opened,
    phone_notes,
    png_header,
)

FILES = {f"{size}.{kind}" for size in (400, 800, 1200) for kind in ("avif", "jpeg")}


def test_a_photo_becomes_six_square_files_none_larger_than_its_name() -> None:
    picture = make_picture(encoded(halves(2000, 1500)))
    assert set(picture.files) == FILES
    for name, body in picture.files.items():
        size, _dot, kind = name.partition(".")
        assert opened(body).size == (int(size), int(size))
        assert opened(body).format == kind.upper()


def test_the_name_is_made_from_the_upload() -> None:
    upload = encoded(halves())
    assert make_picture(upload).hash == hashlib.sha256(upload).hexdigest()[:16]


def test_a_small_original_is_never_blown_up() -> None:
    files = make_picture(encoded(halves(600, 500))).files
    sizes = {name: opened(body).size[0] for name, body in files.items()}
    assert sizes == {
        "400.avif": 400,
        "400.jpeg": 400,
        "800.avif": 500,
        "800.jpeg": 500,
        "1200.avif": 500,
        "1200.jpeg": 500,
    }


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_however_the_phone_was_held(orientation: int) -> None:
    corners = {
        1: (0, 0),
        2: (1, 0),
        3: (1, 1),
        4: (0, 1),
        5: (0, 0),
        6: (1, 0),
        7: (1, 1),
        8: (0, 1),
    }
    upload = encoded(halves(400, 400), exif=phone_notes(orientation), quality=95)
    drawn = opened(make_picture(upload).files["400.jpeg"])
    for corner in ((0, 0), (1, 0), (0, 1), (1, 1)):
        pixel = drawn.getpixel((100 + 200 * corner[0], 100 + 200 * corner[1]))
        assert close_to(pixel, RED if corner == corners[orientation] else GREEN), corner


def test_nothing_is_left_of_where_and_with_what_it_was_taken() -> None:
    upload = encoded(halves(), exif=phone_notes(6), comment=b"hemma hos oss")
    assert b"Hemligtelefon" in upload  # the control: it was there
    for name, body in make_picture(upload).files.items():
        assert b"Hemligtelefon" not in body
        assert b"Exif" not in body
        assert b"hemma" not in body
        assert dict(opened(body).getexif()) == {}, name


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_other_kinds_of_photo_are_taken(kind: str) -> None:
    files = make_picture(encoded(halves(500, 500), kind)).files
    drawn = opened(files["400.jpeg"])
    assert close_to(drawn.getpixel((100, 100)), RED)
    assert close_to(drawn.getpixel((300, 300)), GREEN)


def test_a_heic_from_a_phone_is_taken_upright() -> None:
    files = make_picture(HEIC).files
    drawn = opened(files["800.jpeg"])
    assert drawn.size == (240, 240)
    assert close_to(drawn.getpixel((200, 40)), RED, 20)  # turned a quarter to the right
    assert close_to(drawn.getpixel((40, 40)), GREEN, 20)
    assert b"Testkamera" in HEIC
    assert all(b"Testkamera" not in body for body in files.values())


def test_what_is_transparent_shows_the_paper() -> None:
    glass = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    glass.paste((200, 30, 30, 255), (0, 0, 200, 400))
    drawn = opened(make_picture(encoded(glass, "PNG")).files["400.jpeg"])
    assert close_to(drawn.getpixel((300, 200)), (251, 246, 238), 3)
    assert close_to(drawn.getpixel((100, 200)), RED)


@pytest.mark.parametrize(
    ("picture", "kind", "expected"),
    [
        (Image.new("CMYK", (300, 300), (0, 0, 0, 255)), "JPEG", (0, 0, 0)),
        (Image.new("L", (300, 300), 128), "JPEG", (128, 128, 128)),
        (Image.new("I;16", (300, 300), 128 * 257), "PNG", (128, 128, 128)),
        (Image.new("1", (300, 300), 1), "PNG", (255, 255, 255)),
        (Image.new("RGB", (300, 300), (10, 200, 30)).quantize(4), "PNG", (10, 200, 30)),
        (Image.new("LA", (300, 300), (80, 255)), "PNG", (80, 80, 80)),
    ],
    ids=["cmyk", "grey", "grey-16-bit", "black-and-white", "palette", "grey-alpha"],
)
def test_every_colour_mode_keeps_its_colour(
    picture: Image.Image, kind: str, expected: tuple[int, int, int]
) -> None:
    drawn = opened(make_picture(encoded(picture, kind)).files["400.jpeg"])
    assert drawn.mode == "RGB"
    assert close_to(drawn.getpixel((150, 150)), expected, 8)


def test_colours_follow_the_photos_own_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    broken = encoded(halves(), icc_profile=profile.tobytes())  # of another kind of colour
    assert close_to(opened(make_picture(broken).files["400.jpeg"]).getpixel((60, 60)), RED)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    good = encoded(halves(), icc_profile=srgb)
    files = make_picture(good).files
    assert close_to(opened(files["400.jpeg"]).getpixel((60, 60)), RED)
    assert all("icc_profile" not in opened(body).info for body in files.values())


def test_the_middle_size_is_small_enough_for_a_bad_line_whatever_is_on_it() -> None:
    noise = Image.frombytes("RGB", (1200, 1200), os.urandom(1200 * 1200 * 3))
    assert len(make_picture(encoded(noise, "PNG")).files["800.avif"]) <= 40_000


def test_a_photo_with_more_pixels_than_we_decode_is_refused_from_its_header() -> None:
    bomb = png_header(20_000, 20_000)
    assert len(bomb) < 100
    with pytest.raises(PhotoTooLarge):
        make_picture(bomb)  # looked at any further, it would be a broken one


@pytest.mark.parametrize(("side", "refused"), [(8000, False), (8001, True)])
def test_the_bound_is_64_megapixels(side: int, refused: bool) -> None:
    with pytest.raises(PhotoTooLarge if refused else NotAPhoto):
        make_picture(png_header(side, side))  # 8000 is let through, and is empty inside


def test_a_file_of_too_many_bytes_is_not_even_looked_at() -> None:
    with pytest.raises(PhotoTooLarge):
        make_picture(encoded(halves()) + bytes(MOST_BYTES))


def peak() -> int:
    """Return the most memory in use since the last call, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for the peak")
@pytest.mark.parametrize(
    ("upload", "bound"),
    [
        # a JPEG is decoded at a part of its size; a PNG has to be decoded whole, but only once
        (encoded(Image.new("RGB", (6000, 6000), RED)), 40_000_000),
        (encoded(Image.new("RGBA", (6000, 6000), RED), "PNG"), 1.25 * 6000 * 6000 * 4),
    ],
    ids=["jpeg", "png"],
)
def test_a_large_photo_needs_little_memory_beside_its_own(upload: bytes, bound: float) -> None:
    make_picture(encoded(halves()))  # what the libraries take for themselves
    peak()
    before = peak()
    make_picture(upload)
    assert peak() - before < bound


@pytest.mark.parametrize(
    ("upload", "reason"),
    [
        (b"", WrongFile.EMPTY),
        (b"Hej, det h\xc3\xa4r \xc3\xa4r ett brev.\n" * 50, WrongFile.UNKNOWN),
        (b"<html><script>alert(1)</script></html>", WrongFile.UNKNOWN),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', WrongFile.SVG),
        (b'<svg onload="alert(1)"/>', WrongFile.SVG),
        (encoded(halves(), "GIF"), WrongFile.GIF),
        (encoded(halves(), "TIFF"), WrongFile.UNKNOWN),
        (encoded(halves(2000, 1500))[:3000], WrongFile.BROKEN),
        (encoded(halves(), "PNG")[:-200], WrongFile.BROKEN),
        (encoded(halves(), "WEBP")[:60], WrongFile.BROKEN),
        (HEIC[:500], WrongFile.BROKEN),
        (b"\xff\xd8\xff\xe0" + b"\0" * 400, WrongFile.BROKEN),
    ],
)
def test_what_is_no_photo_is_refused_with_its_reason(upload: bytes, reason: WrongFile) -> None:
    with pytest.raises(NotAPhoto) as refused:
        make_picture(upload)
    assert refused.value.reason is reason


def test_of_what_moves_the_first_picture_is_taken() -> None:
    still, moved = halves(400, 400), Image.new("RGB", (400, 400), GREEN)
    upload = encoded(still, "WEBP", save_all=True, append_images=[moved], duration=50)
    assert close_to(opened(make_picture(upload).files["400.jpeg"]).getpixel((100, 100)), RED)


def test_a_photo_is_kept_under_its_name_and_made_once(tmp_path: Path) -> None:
    media = MediaFolder(tmp_path / "media")
    name = store_picture(media, encoded(halves()))
    kept = media.path(f"{name}/800.avif")
    assert kept is not None
    written = kept.stat().st_mtime_ns
    assert store_picture(media, encoded(halves())) == name
    assert kept.stat().st_mtime_ns == written
    assert {path.name for path in kept.parent.iterdir()} == FILES
    with pytest.raises(NotAPhoto):
        store_picture(media, b"no photo")
    assert [path.name for path in media.folder.iterdir()] == [name]
