from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalogue.actions import (
    MOST_PHOTOS,
    Details,
    Words,
    add_photos,
    archive,
    create_collection,
    create_product,
    delete_collection,
    describe_photo,
    duplicate,
    edit_collection,
    edit_product,
    move_collection,
    move_photo,
    publish,
    remove_photo,
    restore,
    set_members,
    set_price,
    unpublish,
)
from shop.catalogue.errors import Lacking, NotReady, TooManyPhotos
from shop.catalogue.models import Collection, Kind, PriceChange, Product, ProductText, Status
from shop.catalogue.queries import (
    collection_ids_of,
    collection_sizes,
    collections,
    member_ids,
    product_by_id,
)
from shop.kit.db import Sessions
from shop.stock.actions import follow_kind, reserve
from shop.stock.errors import MoreThanOne, PromisedAlready
from shop.stock.queries import movements, stock_levels
from tests.support import on_both_databases

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
FOX = Details(
    words={"sv": Words("Räven", story="Listig."), "en": Words("The fox")},
    kind=Kind.UNIQUE,
    price_amount=24500,
    weight_g=20,
    thickness_mm=25,
)
ONE, TWO, THREE = "1" * 16, "2" * 16, "3" * 16


def made(db: Session, details: Details = FOX, hashes: tuple[str, ...] = (ONE,)) -> Product:
    product = create_product(db, details, hashes, now=NOW)
    follow_kind(db, product, pieces=1, by="owner", now=NOW)
    return product


def read(db: Session, product_id: int) -> Product:
    product = product_by_id(db, product_id)
    assert product is not None
    return product


def prices(db: Session) -> list[tuple[int, datetime]]:
    rows = db.execute(select(PriceChange.amount, PriceChange.at).order_by(PriceChange.id))
    return [(amount, at) for amount, at in rows]


@on_both_databases
def test_a_new_product_is_a_draft_with_one_variant(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product_id = made(db).id
    with sessions.begin() as db:
        product = read(db, product_id)
        assert (product.status, product.slug, product.published_at) == ("draft", "raven", None)
        assert [(text.locale, text.name, text.story) for text in product.texts] == [
            ("en", "The fox", ""),
            ("sv", "Räven", "Listig."),
        ]
        (variant,) = product.variants
        assert (variant.sku, variant.price_amount) == (f"P{product_id:04}", 24500)
        assert [photo.hash for photo in product.photos] == [ONE]
        assert prices(db) == []  # nobody has seen it


def test_two_of_a_name_have_addresses_of_their_own(sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert [made(db).slug for _ in range(3)] == ["raven", "raven-2", "raven-3"]


def test_the_address_follows_the_name_until_it_has_been_in_the_shop(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = made(db)
        renamed = replace(FOX, words={"sv": Words("Räven Åke")})
        edit_product(db, product, renamed, now=NOW)
        assert product.slug == "raven-ake"
        publish(db, product, now=NOW)
        edit_product(db, product, FOX, now=NOW)
        assert product.slug == "raven-ake"


def test_a_language_can_be_added_and_taken_away(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product_id = made(db).id
        product = read(db, product_id)
        without = replace(FOX, words={"sv": Words("Räven"), "en": Words("")})
        edit_product(db, product, without, now=NOW)
    with sessions.begin() as db:
        product = read(db, product_id)
        assert [(text.locale, text.name) for text in product.texts] == [("sv", "Räven")]
        edit_product(db, product, FOX, now=NOW)
    with sessions.begin() as db:
        texts = read(db, product_id).texts
        assert [(text.locale, text.name) for text in texts] == [("en", "The fox"), ("sv", "Räven")]


@pytest.mark.parametrize(
    ("hashes", "price", "lacking"),
    [
        ((), None, (Lacking.PHOTO, Lacking.PRICE)),
        ((ONE,), None, (Lacking.PRICE,)),
        ((), 24500, (Lacking.PHOTO,)),
    ],
)
def test_only_what_has_a_photo_and_a_price_can_be_on_sale(
    sessions: Sessions, hashes: tuple[str, ...], price: int | None, lacking: tuple[Lacking, ...]
) -> None:
    with sessions.begin() as db:
        product = made(db, replace(FOX, price_amount=price), hashes)
        with pytest.raises(NotReady) as refused:
            publish(db, product, now=NOW)
        assert refused.value.lacking == lacking
        assert product.status == Status.DRAFT


def test_what_is_on_sale_keeps_its_last_photo_and_its_price(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = made(db)
        publish(db, product, now=NOW)
        with pytest.raises(NotReady):
            remove_photo(product, product.photos[0].id)
    with sessions.begin() as db:
        product = made(db)
        publish(db, product, now=NOW)
        with pytest.raises(NotReady):
            edit_product(db, product, replace(FOX, price_amount=None), now=NOW)


def test_the_life_of_a_product(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = made(db)
        publish(db, product, now=NOW)
        assert (product.status, product.published_at) == ("published", NOW)
        unpublish(db, product)
        assert product.status == "draft"
        publish(db, product, now=LATER)
        assert product.published_at == NOW  # it keeps its place among the newest
        archive(db, product)
        assert product.status == "archived"
        restore(db, product)
        assert product.status == "draft"


@on_both_databases
def test_every_price_that_buyers_saw_is_written_down_once(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = made(db)
        set_price(db, product, 30000, now=NOW)  # a draft: nobody sees it
        publish(db, product, now=NOW)
        set_price(db, product, 30000, now=LATER)  # the same
        set_price(db, product, 24500, now=LATER)
        unpublish(db, product)
        set_price(db, product, 19900, now=LATER)
        publish(db, product, now=LATER + timedelta(days=1))
    with sessions.begin() as db:
        assert prices(db) == [
            (30000, NOW),
            (24500, LATER),
            (19900, LATER + timedelta(days=1)),
        ]


def test_a_copy_is_a_draft_that_says_and_shows_the_same(sessions: Sessions) -> None:
    with sessions.begin() as db:
        forest = create_collection(db, {"sv": "Skogen"}, {})
        details = replace(FOX, collection_ids=[forest.id])
        product_id = made(db, details, (ONE, TWO)).id
        product = read(db, product_id)
        describe_photo(product.photos[1], {"sv": "I handen", "en": ""}, in_scale=True)
        publish(db, product, now=NOW)
        copy_id = duplicate(db, product, "sv", now=LATER).id
    with sessions.begin() as db:
        copy = read(db, copy_id)
        assert (copy.status, copy.slug, copy.published_at) == ("draft", "raven-2", None)
        assert copy.variants[0].sku == f"P{copy_id:04}"
        assert copy.text("sv").story == "Listig."
        assert [(p.hash, p.in_scale, p.alt("sv")) for p in copy.photos] == [
            (ONE, False, ""),
            (TWO, True, "I handen"),
        ]
        assert collection_ids_of(db, copy_id) == {forest.id}
        assert len(prices(db)) == 1  # the original's


def test_photos_are_put_in_order_described_and_taken_away(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product_id = made(db, FOX, (ONE, TWO)).id
        product = read(db, product_id)
        add_photos(product, [TWO, THREE, THREE])
    with sessions.begin() as db:
        product = read(db, product_id)
        assert [photo.hash for photo in product.photos] == [ONE, TWO, THREE]
        first, second, third = (photo.id for photo in product.photos)
        move_photo(product, third, -1)
        move_photo(product, first, -1)  # the first stays the first
        describe_photo(product.photos[0], {"sv": "Räven", "en": "The fox"}, in_scale=False)
    with sessions.begin() as db:
        product = read(db, product_id)
        assert [photo.hash for photo in product.photos] == [ONE, THREE, TWO]
        assert [text.alt for text in product.photos[0].texts] == ["The fox", "Räven"]
        describe_photo(product.photos[0], {"sv": "Ugglan", "en": ""}, in_scale=True)
        remove_photo(product, second)
    with sessions.begin() as db:
        product = read(db, product_id)
        assert [photo.hash for photo in product.photos] == [ONE, THREE]
        assert [(t.locale, t.alt) for t in product.photos[0].texts] == [("sv", "Ugglan")]
        assert product.photos[0].in_scale


def test_a_product_has_no_more_photos_than_a_page_can_show(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = made(db, FOX, tuple(f"{i:016}" for i in range(MOST_PHOTOS)))
        with pytest.raises(TooManyPhotos):
            add_photos(product, [ONE])


def test_collections_are_made_named_ordered_filled_and_deleted(sessions: Sessions) -> None:
    with sessions.begin() as db:
        fox, owl = made(db).id, made(db).id
        forest = create_collection(db, {"sv": "Skogen", "en": "The forest"}, {"sv": "Djupt inne."})
        sea = create_collection(db, {"sv": "Havet"}, {})
        again = create_collection(db, {"sv": "Skogen"}, {})
        assert [forest.slug, sea.slug, again.slug] == ["skogen", "havet", "skogen-2"]
        set_members(db, forest.id, [fox, owl])
        set_members(db, forest.id, [owl])
        set_members(db, sea.id, [fox])
    with sessions.begin() as db:
        move_collection(collections(db), sea.id, -1)
        edit_collection(db, collections(db)[1], {"sv": "Skog", "en": "Forest"}, {})
    with sessions.begin() as db:
        assert [one.id for one in collections(db)] == [sea.id, forest.id, again.id]
        named = db.get_one(Collection, forest.id)
        assert [(text.name, text.text) for text in collections(db)[1].texts] == [
            ("Forest", ""),
            ("Skog", ""),
        ]
        assert named.slug == "skogen"
        assert member_ids(db, forest.id) == {owl}
        assert collection_sizes(db) == {forest.id: 1, sea.id: 1}
        delete_collection(db, named)
    with sessions.begin() as db:
        assert [one.id for one in collections(db)] == [sea.id, again.id]
        assert db.get(Product, owl) is not None
        assert db.scalars(select(ProductText).where(ProductText.product_id == owl)).all()


@on_both_databases
def test_what_is_made_to_order_is_no_longer_counted(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = made(db)
        variant_id = product.variants[0].id
        edit_product(db, product, replace(FOX, kind=Kind.MADE_TO_ORDER), now=NOW)
        follow_kind(db, product, by="owner", now=NOW)
    with sessions.begin() as db:
        assert stock_levels(db, [variant_id]) == {}
        assert [row.delta for row in movements(db, variant_id)] == [-1, 1]
        product = read(db, product.id)
        edit_product(db, product, FOX, now=NOW)
        follow_kind(db, product, by="owner", now=NOW)
        assert stock_levels(db, [variant_id])[variant_id].on_hand == 0


def test_what_somebody_is_paying_for_stays_what_it_is(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = made(db)
        reserve(db, {product.variants[0].id: 1})
        edit_product(db, product, replace(FOX, kind=Kind.MADE_TO_ORDER), now=NOW)
        with pytest.raises(PromisedAlready):
            follow_kind(db, product, by="owner", now=NOW)


def test_one_of_its_kind_lies_on_the_shelf_once(sessions: Sessions) -> None:
    with sessions.begin() as db:
        product = create_product(db, replace(FOX, kind=Kind.BATCH), [ONE], now=NOW)
        follow_kind(db, product, pieces=3, by="owner", now=NOW)
        edit_product(db, product, FOX, now=NOW)
        with pytest.raises(MoreThanOne) as refused:
            follow_kind(db, product, by="owner", now=NOW)
        assert refused.value.on_hand == 3
