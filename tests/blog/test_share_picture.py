"""The picture that stands for a doll where its page is shared."""

import re
from html import unescape
from itertools import pairwise

import pytest
from sqlalchemy import update

from shop.blog.share_picture import ROOM, _fitted
from shop.catalogue.models import Photo, Product, ProductText
from shop.catalogue.photos import make_picture
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.media import MediaFolder
from shop.listings.storefront import Poster
from shop.preferences.actions import set_preferences
from tests.catalogue.pictures import GREEN, RED, close_to, encoded, halves, opened
from tests.support import Buyer, Shelf

PHOTO = "0123456789abcdef"
PAPER = (251, 246, 238)


@pytest.fixture
def media(config: Config) -> MediaFolder:
    folder = MediaFolder(config.media)
    folder.put(PHOTO, make_picture(encoded(halves(1200, 1200))).files)
    return folder


def pictures(buyer: Buyer, path: str = "/products/raven") -> list[dict[str, str]]:
    """Return the pictures that the page tells of, in their order."""
    page = buyer.get(path).text
    told = [
        (name, unescape(content))
        for name, content in re.findall(
            r'<meta property="(og:image(?::\w+)?)" content="([^"]+)">', page
        )
    ]
    starts = [place for place, (name, _) in enumerate(told) if name == "og:image"]
    return [dict(told[start:end]) for start, end in pairwise([*starts, len(told)])]


def share_picture_of(buyer: Buyer, shop: Config, path: str = "/products/raven") -> str:
    return pictures(buyer, path)[0]["og:image"].removeprefix(shop.base_url)


def test_a_page_tells_of_it_before_the_photo(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    shelf.add("raven", names={"sv": "Räven", "en": "The Fox"})
    first, second = pictures(buyer)
    assert re.fullmatch(
        rf"{shop.base_url}/products/raven/share/[0-9a-f]{{16}}\.jpeg", first.pop("og:image")
    )
    shared = {"og:image:type": "image/jpeg", "og:image:alt": "Räven"}
    assert first == {"og:image:width": "1200", "og:image:height": "630"} | shared
    assert (
        second
        == {
            "og:image": f"{shop.base_url}/media/{PHOTO}/1200.jpeg",
            "og:image:width": "1200",
            "og:image:height": "1200",
        }
        | shared
    )


def test_it_shows_photo_and_name(
    shop: Config, buyer: Buyer, shelf: Shelf, media: MediaFolder
) -> None:
    shelf.add("raven")
    answer = buyer.get(share_picture_of(buyer, shop))
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert len(answer.content) < 200_000
    picture = opened(answer.content)
    assert picture.size == (1200, 630)
    assert close_to(picture.getpixel((100, 100)), RED)
    assert close_to(picture.getpixel((500, 500)), GREEN)
    assert close_to(picture.getpixel((1190, 10)), PAPER)
    name = picture.crop((686, 200, 1144, 400)).convert("L").histogram()
    assert sum(name[:100]) > 500  # ink


def test_it_is_drawn_once(shop: Config, buyer: Buyer, shelf: Shelf, media: MediaFolder) -> None:
    shelf.add("raven")
    address = share_picture_of(buyer, shop)
    before = buyer.get(address).content
    (media.folder / PHOTO / "1200.jpeg").unlink()
    assert buyer.get(address).content == before


def test_another_name_photo_or_shop_is_another_picture_and_the_old_address_leads_there(
    shop: Config, buyer: Buyer, shelf: Shelf, media: MediaFolder, sessions: Sessions
) -> None:
    shelf.add("raven")
    seen = [share_picture_of(buyer, shop)]
    assert seen[0] != share_picture_of(buyer, shop, "/en/products/raven")
    with sessions.begin() as db:
        db.execute(update(ProductText).values(name="Räven Rut"))
    seen.append(share_picture_of(buyer, shop))
    with sessions.begin() as db:
        set_preferences(db, shop_name="Andra butiken")
    media.put("feed" * 4, make_picture(encoded(halves(900, 900))).files)
    with sessions.begin() as db:
        db.execute(update(Photo).values(hash="feed" * 4))
    seen.append(share_picture_of(buyer, shop))
    assert len(set(seen)) == 3
    newest = buyer.get(seen[2])
    assert newest.status_code == 200
    for old in seen[:2]:
        answer = buyer.get(old)
        assert answer.status_code == 302
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["location"] == f"{shop.base_url}{seen[2]}"


def test_price_and_stock_are_not_in_it(
    shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    before = share_picture_of(buyer, shop)
    with sessions.begin() as db:
        db.execute(update(Product).values(status="archived"))
    assert share_picture_of(buyer, shop) == before


def test_what_has_none_says_so(
    shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("raven")
    shelf.add("secret", status="draft")
    assert buyer.get(share_picture_of(buyer, shop)).status_code == 404  # no file of its photo
    for path in ("/products/nobody/share/x.jpeg", "/products/secret/share/x.jpeg"):
        assert buyer.get(path).status_code == 404
    with sessions.begin() as db:
        db.query(Photo).delete()
    assert buyer.get("/products/raven/share/x.jpeg").status_code == 404
    assert pictures(buyer) == []


@pytest.mark.parametrize(
    ("name", "lines", "size"),
    [
        ("Räven", ["Räven"], 84),
        ("Räven Ragnar", ["Räven", "Ragnar"], 84),
        ("Tre små grisar 🐷 日本 på väg", ["Tre små", "grisar på", "väg"], 84),
        ("", [], 84),
        ("W" * 60, ["W" * 8 + "…"], 46),
    ],
)
def test_a_name_is_as_large_as_it_fits(name: str, lines: list[str], size: int) -> None:
    face, fitted = _fitted(name)
    assert (fitted, face.size) == (lines, size)
    assert all(face.getlength(line) <= ROOM for line in fitted)


def test_a_very_long_name_is_cut(shop: Config, buyer: Buyer, shelf: Shelf) -> None:
    face, lines = _fitted("Den lilla räven som gick så långt hemifrån att hon glömde vägen " * 3)
    assert len(lines) == 4
    assert face.size == 46


def test_its_key_says_what_it_shows() -> None:
    one = Poster(PHOTO, "Räven", "Butiken")
    assert re.fullmatch("[0-9a-f]{16}", one.key)
    assert (
        len(
            {
                one.key,
                Poster(PHOTO, "RävenB", "utiken").key,
                Poster("f" * 16, "Räven", "Butiken").key,
            }
        )
        == 3
    )
