"""The owner's pages over HTTP: no script, no browser."""

import re
from html import unescape
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from shop.catalogue.actions import create_collection
from shop.catalogue.models import Photo, PriceChange, Product
from shop.catalogue.queries import collection_ids_of, member_ids, product_by_id
from shop.catalogue.uploads import ticket
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.owner.deeds import DEEDS
from shop.owner.queries import audit_trail
from shop.preferences.actions import set_preferences
from shop.stock.actions import reserve
from shop.stock.queries import movements, stock_levels
from tests.catalogue.pictures import HEIC, encoded, halves, phone_notes, png_header
from tests.support import Buyer, fields_of

FOX = encoded(halves(900, 700), exif=phone_notes(6))
OWL = encoded(halves(500, 500), "PNG")
Upload = tuple[str, tuple[str, bytes, str]]


def upload(body: bytes, name: str = "IMG_0001.jpg", kind: str = "image/jpeg") -> Upload:
    return ("photos", (name, body, kind))


def sell(owner: Buyer, *files: Upload, **fields: str) -> httpx2.Response:
    return owner.http.post("/admin/products/new", data=fields, files=list(files))


def change(owner: Buyer, product_id: int, *files: Upload, **fields: str) -> httpx2.Response:
    """Send the item's page as it stands, but for *fields*."""
    address = f"/admin/products/{product_id}"
    page = owner.http.get(address).text
    there = fields_of(page, "product")
    there |= {
        name: unescape(text.removeprefix("\n"))
        for name, text in re.findall(
            r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', page, re.DOTALL
        )
    }
    there.pop("photos")
    return owner.http.post(address, data=there | fields, files=list(files))


def the_product(sessions: Sessions) -> Product:
    with sessions.begin() as db:
        (product_id,) = db.scalars(select(Product.id))
        product = product_by_id(db, product_id)
        assert product is not None
        return product


def kept(page: str) -> list[str]:
    return re.findall(r'name="kept" value="([^"]+)" checked', page)


def made_files(shop: Config) -> list[str]:
    return sorted(path.name for path in shop.media.iterdir()) if shop.media.exists() else []


@pytest.fixture
def fox(owner: Buyer, sessions: Sessions) -> Product:
    answer = sell(owner, upload(FOX), name="Räven", price="245")
    assert answer.status_code == 303, answer.text
    return the_product(sessions)


@pytest.fixture(autouse=True)
def _english(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")


# --- three things and one tap ---------------------------------------------------------------------


def test_a_photo_a_name_and_a_price_are_on_sale_with_one_tap(
    owner: Buyer, buyer: Buyer, sessions: Sessions
) -> None:
    answer = sell(owner, upload(FOX), name="Räven Ragnar", price="245,50")
    product = the_product(sessions)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/admin/products/{product.id}?note=item-on-sale"
    assert (product.status, product.slug, product.kind) == ("published", "raven-ragnar", "unique")
    assert (product.weight_g, product.thickness_mm) == (20, 25)
    (variant,) = product.variants
    assert variant.price_amount == 24550
    with sessions.begin() as db:
        assert stock_levels(db, [variant.id])[variant.id].on_hand == 1
        assert db.scalars(select(PriceChange.amount)).all() == [24550]
    page = owner.follow(answer).text
    assert "/products/raven-ragnar</p>" in page  # the address to copy
    assert 'href="/products/raven-ragnar"' in page
    seen = buyer.get("/products/raven-ragnar")
    assert seen.status_code == 200
    assert 'id="add-to-cart"' in seen.text
    picture = buyer.get(f"/media/{product.photos[0].hash}/800.avif")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/avif")
    assert b"Hemligtelefon" not in picture.content


def test_the_form_asks_for_three_things_and_folds_the_rest_away(owner: Buyer) -> None:
    page = owner.http.get("/admin/products/new").text
    form = re.search(r'<form id="product".*?</form>', page, re.DOTALL)
    assert form is not None
    assert 'enctype="multipart/form-data"' in form[0]
    outside = re.sub(r"<details.*</details>", "", form[0], flags=re.DOTALL)
    assert re.findall(r'<input[^>]*name="([^"]+)"', outside) == ["photos", "name", "price"]
    assert re.search(
        r'<input[^>]*name="photos"[^>]*type="file"[^>]*accept="image/\*"[^>]*multiple', form[0]
    )
    assert '<details class="more">' in form[0]  # closed


def test_the_next_one_weighs_what_the_last_one_did(owner: Buyer, sessions: Sessions) -> None:
    sell(owner, upload(FOX), name="Älgen", price="385", weight_g="90", thickness_mm="28")
    sell(owner, upload(OWL), name="Ugglan", price="325")
    with sessions.begin() as db:
        facts = db.execute(select(Product.weight_g, Product.thickness_mm).order_by(Product.id))
        assert [tuple(row) for row in facts] == [(90, 28), (90, 28)]


def test_everything_else_can_be_said_too(owner: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        forest = create_collection(db, {"sv": "Skogen"}, {}).id
    fields = {
        "name": "Tomten",
        "price": "225",
        "kind": "batch",
        "quantity": "3",
        "edition_size": "12",
        "weight_g": "15",
        "thickness_mm": "24",
        "collections": str(forest),
        "sv-story": "Han bor i ladan.\r\n\r\nDär trivs han.",
        "sv-warning": "Inte för små barn.",
        "en-story": "He lives in the barn.",
    }
    assert sell(owner, upload(FOX), upload(OWL, "b.png"), **fields).status_code == 303
    product = the_product(sessions)
    assert (product.kind, product.edition_size, product.lead_time_days) == ("batch", 12, None)
    assert [(t.locale, t.name, t.story, t.warning) for t in product.texts] == [
        ("en", "Tomten", "He lives in the barn.", ""),
        ("sv", "Tomten", "Han bor i ladan.\n\nDär trivs han.", "Inte för små barn."),
    ]
    assert len(product.photos) == 2
    with sessions.begin() as db:
        variant_id = product.variants[0].id
        assert stock_levels(db, [variant_id])[variant_id].on_hand == 3
        assert collection_ids_of(db, product.id) == {forest}


def test_what_is_made_to_order_has_no_stock_but_a_lead_time(
    owner: Buyer, sessions: Sessions
) -> None:
    sell(owner, upload(FOX), name="Björnen", price="285", kind="made_to_order", quantity="7")
    product = the_product(sessions)
    assert (product.kind, product.lead_time_days) == ("made_to_order", 14)
    with sessions.begin() as db:
        assert stock_levels(db, [product.variants[0].id]) == {}


def test_a_draft_needs_only_a_name_and_nobody_sees_it(
    owner: Buyer, buyer: Buyer, sessions: Sessions
) -> None:
    assert sell(owner, upload(b"", ""), name="Haren", price="", draft="1").status_code == 303
    product = the_product(sessions)
    assert (product.status, product.variants[0].price_amount) == ("draft", None)
    assert buyer.get("/products/haren").status_code == 404
    assert "Haren" in owner.http.get("/admin/products?show=drafts").text
    assert "Haren" not in owner.http.get("/admin/products").text


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_form_without_a_name_keeps_its_photos_and_all_that_was_typed(
    owner: Buyer, sessions: Sessions, shop: Config
) -> None:
    typed = {"name": "", "price": "245", "sv-story": "En <b>räv</b> & en till", "weight_g": "33"}
    answer = sell(owner, upload(FOX), upload(OWL, "b.png"), **typed)
    assert answer.status_code == 422
    assert 'value="245"' in answer.text
    assert "En &lt;b&gt;räv&lt;/b&gt; &amp; en till" in answer.text
    assert 'value="33"' in answer.text
    tickets = kept(answer.text)
    assert len(tickets) == 2
    for one in tickets:
        address = f"/media/{one.partition('.')[0]}/400.jpeg"
        assert address in answer.text
        assert owner.http.get(address).status_code == 200
    again = owner.http.post("/admin/products/new", data=typed | {"name": "Räven", "kept": tickets})
    assert again.status_code == 303
    hashes = [photo.hash for photo in the_product(sessions).photos]
    assert hashes == [one.partition(".")[0] for one in tickets]
    assert made_files(shop) == sorted(hashes)


def test_a_kept_photo_can_be_left_out(owner: Buyer, sessions: Sessions) -> None:
    first = sell(owner, upload(FOX), upload(OWL, "b.png"), name="", price="245")
    chosen = kept(first.text)[1]
    fields = {"name": "Räven", "price": "245", "kept": chosen}
    assert owner.http.post("/admin/products/new", data=fields).status_code == 303
    assert [p.hash for p in the_product(sessions).photos] == [chosen.partition(".")[0]]


def test_nobody_plants_a_photo_that_we_did_not_take_in(
    owner: Buyer, shop: Config, sessions: Sessions
) -> None:
    sell(owner, upload(FOX), name="", price="")
    (name,) = made_files(shop)
    unknown = "0123456789abcdef"
    signed_but_gone = ticket(Signer(shop.secret_keys), unknown)
    for forged in (name, f"{name}.", f"{name}.aaaaaaaaaa", "../../shop.db", signed_but_gone, "é.é"):
        fields = {"name": "Räven", "price": "245", "kept": forged}
        answer = owner.http.post("/admin/products/new", data=fields)
        assert answer.status_code == 422, forged
        assert kept(answer.text) == []
    with sessions.begin() as db:
        assert db.scalars(select(Photo)).all() == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"price": "245"}, "Give it a name."),
        ({"name": "Räven"}, "Set a price: without one it cannot be on sale."),
        ({"name": "Räven", "price": "0"}, "The price must be more than nothing."),
    ],
)
def test_what_is_missing_is_said_in_words(
    owner: Buyer, sessions: Sessions, fields: dict[str, str], sentence: str
) -> None:
    answer = sell(owner, upload(FOX), **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    with sessions.begin() as db:
        assert db.scalars(select(Product)).all() == []


def test_without_a_photo_it_cannot_be_on_sale(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.http.post("/admin/products/new", data={"name": "Räven", "price": "245"})
    assert answer.status_code == 422
    assert "Choose at least one photo" in answer.text
    with sessions.begin() as db:
        assert db.scalars(select(Product)).all() == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (png_header(20_000, 20_000), "64 megapixels"),
        (b"Hej mamma!", "This is not a photo."),
        (FOX[:2000], "The photo is damaged"),
        (encoded(halves(), "GIF"), "GIF"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "SVG"),
        (b"", "The file is empty."),
    ],
)
def test_a_file_that_is_no_photo_is_named_and_the_good_ones_are_kept(
    owner: Buyer, sessions: Sessions, shop: Config, body: bytes, sentence: str
) -> None:
    name = '"><script>alert(1)</script>.jpg'
    answer = sell(owner, upload(FOX), upload(body, name), name="Räven", price="245")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "<script>alert" not in answer.text
    assert len(kept(answer.text)) == len(made_files(shop)) == 1
    with sessions.begin() as db:
        assert db.scalars(select(Product)).all() == []


def test_a_heic_from_a_phone_can_be_sold_from(owner: Buyer, sessions: Sessions) -> None:
    picture = upload(HEIC, "IMG_2.HEIC", "image/heic")
    assert sell(owner, picture, name="Räven", price="245").status_code == 303
    assert len(the_product(sessions).photos) == 1


def test_an_upload_that_is_too_large_gets_a_page_of_ours(owner: Buyer, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(60 * 1024 * 1024)
    with large.open("rb") as file:
        answer = owner.http.post(
            "/admin/products/new",
            data={"name": "Räven", "price": "245"},
            files=[("photos", ("large.jpg", file, "image/jpeg"))],
        )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-request-id"] in answer.text


def test_a_photo_where_a_text_should_be_does_no_harm(owner: Buyer) -> None:
    files = [("name", ("a.jpg", FOX, "image/jpeg")), ("price", ("b.jpg", FOX, "image/jpeg"))]
    files += [("sv-story", ("c.jpg", FOX, "image/jpeg")), ("kept", ("d.jpg", FOX, "image/jpeg"))]
    answer = owner.http.post("/admin/products/new", data={"photos": "text"}, files=files)
    assert answer.status_code == 422


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "path",
    ["/admin/products/new", "/admin/products/1", "/admin/collections/new", "/admin/stock/1"],
)
def test_a_stranger_gets_nowhere(shop: Config, method: str, path: str) -> None:
    answer = httpx2.request(method, shop.base_url + path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/admin/sign-in")


# --- an item that there is ------------------------------------------------------------------------


def test_an_item_is_changed(owner: Buyer, fox: Product, sessions: Sessions) -> None:
    answer = change(
        owner,
        fox.id,
        upload(OWL, "b.png"),
        **{"name": "Räven Åke", "price": "199", "en-name": "Fox"},
    )
    assert answer.headers["location"] == f"/admin/products/{fox.id}?note=saved"
    product = the_product(sessions)
    assert [(t.locale, t.name) for t in product.texts] == [("en", "Fox"), ("sv", "Räven Åke")]
    assert (product.slug, product.variants[0].price_amount) == ("raven", 19900)
    assert len(product.photos) == 2
    with sessions.begin() as db:
        assert db.scalars(select(PriceChange.amount)).all() == [24500, 19900]


def test_a_change_with_a_mistake_keeps_what_was_typed_and_the_new_photo(
    owner: Buyer, fox: Product, sessions: Sessions
) -> None:
    alt = f"alt-sv-{fox.photos[0].id}"
    answer = change(
        owner, fox.id, upload(OWL, "b.png"), **{"name": "", "sv-care": "Torka av", alt: "En räv"}
    )
    assert answer.status_code == 422
    assert "Torka av" in answer.text
    assert 'value="En räv"' in answer.text
    assert len(kept(answer.text)) == 1
    assert the_product(sessions).text("sv").name == "Räven"


def test_stock_is_not_on_the_page_so_an_old_tab_cannot_bring_it_back(
    owner: Buyer, buyer: Buyer, fox: Product, sessions: Sessions
) -> None:
    variant_id = fox.variants[0].id
    buyer.buy(variant_id)
    change(owner, fox.id, name="Räven", quantity="1")
    with sessions.begin() as db:
        assert stock_levels(db, [variant_id])[variant_id].on_hand == 0


def test_photos_are_moved_described_and_removed_by_their_buttons(
    owner: Buyer, fox: Product, sessions: Sessions
) -> None:
    change(owner, fox.id, upload(OWL, "b.png"))
    first, second = (photo.id for photo in the_product(sessions).photos)
    answer = change(
        owner,
        fox.id,
        **{"then": f"up-{second}", f"alt-sv-{second}": "Ugglan", "in_scale": str(second)},
    )
    assert answer.headers["location"] == f"/admin/products/{fox.id}?note=saved#photos"
    shown = the_product(sessions).photos
    assert [(p.id, p.in_scale) for p in shown] == [(second, True), (first, False)]
    assert [(t.locale, t.alt) for t in shown[0].texts] == [("sv", "Ugglan")]
    assert change(owner, fox.id, then=f"remove-{second}").status_code == 303
    assert [photo.id for photo in the_product(sessions).photos] == [first]
    refused = change(owner, fox.id, then=f"remove-{first}")
    assert refused.status_code == 409
    assert "at least one photo" in refused.text
    assert [photo.id for photo in the_product(sessions).photos] == [first]


def test_a_form_that_does_not_speak_of_the_photos_leaves_them_as_they_are(
    owner: Buyer, fox: Product, sessions: Sessions
) -> None:
    photo_id = fox.photos[0].id
    change(owner, fox.id, **{f"alt-sv-{photo_id}": "En räv", "in_scale": str(photo_id)})
    owner.post(f"/admin/products/{fox.id}", name="Räven", price="245")
    (photo,) = the_product(sessions).photos
    assert (photo.alt("sv"), photo.in_scale) == ("En räv", True)


def test_an_item_goes_out_of_the_shop_and_comes_back(
    owner: Buyer, buyer: Buyer, fox: Product, sessions: Sessions
) -> None:
    assert change(owner, fox.id, then="unpublish").status_code == 303
    assert buyer.get("/products/raven").status_code == 404
    change(owner, fox.id, then="publish")
    assert buyer.get("/products/raven").status_code == 200
    change(owner, fox.id, then="archive")
    put_away = buyer.get("/products/raven")
    assert put_away.status_code == 200
    assert 'id="add-to-cart"' not in put_away.text
    assert "Räven" in owner.http.get("/admin/products?show=archived").text
    change(owner, fox.id, then="restore")
    assert the_product(sessions).status == "draft"


def test_what_goes_in_and_out_of_the_shop_is_in_the_trail(
    owner: Buyer, fox: Product, sessions: Sessions
) -> None:
    for verb in ("unpublish", "publish", "archive", "restore"):
        change(owner, fox.id, then=verb)
    with sessions.begin() as db:
        trail = [(row.action, row.subject, row.by) for row in audit_trail(db)]
    verbs = ["restore", "archive", "publish", "unpublish", "publish"]
    assert trail[:5] == [(f"item-{verb}", "raven", "owner") for verb in verbs]
    assert {f"item-{verb}" for verb in verbs} | {"collection-deleted"} <= DEEDS.keys()


def test_a_draft_without_a_price_cannot_be_published(owner: Buyer, sessions: Sessions) -> None:
    sell(owner, upload(FOX), name="Räven", draft="1")
    product = the_product(sessions)
    answer = change(owner, product.id, then="publish")
    assert answer.status_code == 422
    assert "Set a price" in answer.text
    assert the_product(sessions).status == "draft"


def test_one_tap_makes_a_copy(owner: Buyer, fox: Product, sessions: Sessions) -> None:
    answer = change(owner, fox.id, then="duplicate")
    with sessions.begin() as db:
        copy = product_by_id(db, fox.id + 1)
        assert copy is not None
        variant_id = copy.variants[0].id
        assert stock_levels(db, [variant_id])[variant_id].on_hand == 1
    assert answer.headers["location"] == f"/admin/products/{copy.id}?note=item-duplicate"
    assert (copy.status, copy.slug, len(copy.photos)) == ("draft", "raven-2", 1)


def test_what_it_is_cannot_change_while_somebody_is_paying(
    owner: Buyer, fox: Product, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        reserve(db, {fox.variants[0].id: 1})
    answer = change(owner, fox.id, kind="made_to_order", name="Ny räv")
    assert answer.status_code == 409
    assert "Somebody is paying for it right now" in answer.text
    assert 'value="Ny räv"' in answer.text
    assert the_product(sessions).kind == "unique"
    assert the_product(sessions).text("sv").name == "Räven"


@pytest.mark.parametrize("path", ["/admin/products/99", "/admin/products/x", "/admin/stock/99"])
def test_what_there_is_none_of_is_not_found(owner: Buyer, path: str) -> None:
    assert owner.http.get(path).status_code == 404
    assert owner.http.post(path, data={"counted": "1", "seen": "0"}).status_code == 404


# --- collections ----------------------------------------------------------------------------------


def test_collections_from_beginning_to_end(
    owner: Buyer, buyer: Buyer, fox: Product, sessions: Sessions
) -> None:
    nameless = owner.post("/admin/collections/new", **{"sv-name": "", "sv-text": "Djupt inne."})
    assert nameless.status_code == 422
    assert "Djupt inne." in nameless.text
    owner.post("/admin/collections/new", **{"sv-name": "Skogen", "members": str(fox.id)})
    owner.post("/admin/collections/new", **{"sv-name": "Havet", "en-name": "The sea"})
    with sessions.begin() as db:
        assert member_ids(db, 1) == {fox.id}
    page = owner.http.get("/admin/collections").text
    assert page.index("Skogen") < page.index("The sea")
    owner.post("/admin/collections/2/place", step="up")
    page = owner.http.get("/admin/collections").text
    assert page.index("The sea") < page.index("Skogen")
    owner.post("/admin/collections/1", **{"sv-name": "Storskogen", "en-name": "The forest"})
    assert "The forest" in buyer.get("/en/collections/skogen").text
    with sessions.begin() as db:
        assert member_ids(db, 1) == set()
    assert owner.post("/admin/collections/1/removal").status_code == 303
    assert buyer.get("/collections/skogen").status_code == 404
    assert buyer.get("/products/raven").status_code == 200


def test_an_archived_item_stays_in_its_collection(
    owner: Buyer, fox: Product, sessions: Sessions
) -> None:
    owner.post("/admin/collections/new", **{"sv-name": "Skogen", "members": str(fox.id)})
    change(owner, fox.id, then="archive")
    owner.post("/admin/collections/1", **{"sv-name": "Skogen"})
    with sessions.begin() as db:
        assert member_ids(db, 1) == {fox.id}


def test_a_photo_that_is_chosen_twice_is_shown_once(owner: Buyer, sessions: Sessions) -> None:
    sell(owner, upload(FOX), upload(FOX, "again.jpg"), name="Räven", price="245")
    assert len(the_product(sessions).photos) == 1


def test_counting_is_written_down(owner: Buyer, fox: Product, sessions: Sessions) -> None:
    with sessions.begin() as db:
        rows = [(row.delta, row.reason, row.by) for row in movements(db, fox.variants[0].id)]
    assert rows == [(1, "counted", "owner")]
