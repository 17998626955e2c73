"""Photos a few fingers wide: drawn once, and light whatever is on them."""

from pathlib import Path

import pytest

from shop.catalogue.photos import make_picture
from shop.catalogue.small_photos import MOST_BYTES
from shop.config import Config
from shop.kit.media import MediaFolder
from tests.catalogue.pictures import encoded, halves, opened
from tests.support import Buyer

PHOTO = "0123456789abcdef"


@pytest.fixture
def media(config: Config) -> MediaFolder:
    folder = MediaFolder(config.media)
    folder.put(PHOTO, make_picture(encoded(halves(1200, 1200))).files)
    return folder


@pytest.mark.parametrize("size", sorted(MOST_BYTES))
def test_a_photo_is_drawn_small_once(
    buyer: Buyer, media: MediaFolder, config: Config, size: int
) -> None:
    address = f"/small-photos/{PHOTO}-{size}.avif"
    answer = buyer.get(address)
    assert answer.headers["content-type"] == "image/avif"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert opened(answer.content).size == (size, size)
    (config.media / PHOTO / "1200.jpeg").unlink()
    assert buyer.get(address).content == answer.content
    kept = [path.name for path in (config.media / PHOTO).iterdir() if "small" in path.name]
    assert kept == [f"small-{size}.avif"]


@pytest.mark.parametrize("size", sorted(MOST_BYTES))
def test_even_noise_has_its_share_and_no_more(buyer: Buyer, config: Config, size: int) -> None:
    from PIL import Image

    noise = Image.effect_noise((1200, 1200), 160).convert("RGB")
    files = {"1200.jpeg": encoded(noise)}
    MediaFolder(config.media).put("feed" * 4, files)
    answer = buyer.get(f"/small-photos/{'feed' * 4}-{size}.avif")
    assert 500 < len(answer.content) <= MOST_BYTES[size]


@pytest.mark.parametrize(
    "name",
    [
        f"{PHOTO}-401.avif",
        f"{PHOTO}-1200.avif",
        f"{PHOTO}-0400.avif",
        f"{PHOTO.upper()}-400.avif",
        "ffffffffffffffff-400.avif",
        "..-400.avif",
        "-400.avif",
    ],
)
def test_no_other_picture_is_drawn(buyer: Buyer, media: MediaFolder, name: str) -> None:
    assert buyer.get(f"/small-photos/{name}").status_code == 404
    assert media.kept().keys() == {PHOTO}


def test_a_full_disk_keeps_no_picture_and_shows_it_all_the_same(
    buyer: Buyer, media: MediaFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_of_it(path: Path, body: bytes) -> None:
        path.write_bytes(body[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shop.kit.media._write", half_of_it)
    before = {path.name for path in (config.media / PHOTO).iterdir()}
    answer = buyer.get(f"/small-photos/{PHOTO}-400.avif")
    assert opened(answer.content).size == (400, 400)
    assert {path.name for path in (config.media / PHOTO).iterdir()} == before
