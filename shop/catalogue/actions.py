"""What the owner does with the catalogue."""

from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.catalogue.errors import Lacking, NotReady, TooManyPhotos
from shop.catalogue.models import (
    Collection,
    CollectionProduct,
    CollectionText,
    Kind,
    Photo,
    PhotoText,
    PriceChange,
    Product,
    ProductText,
    Status,
    Variant,
)
from shop.catalogue.queries import collection_ids_of, member_ids
from shop.catalogue.search import keep_findable
from shop.catalogue.slugs import free_slug, slug_of

MOST_PHOTOS = 20  # on one product
Placed = TypeVar("Placed", Photo, Collection)


@dataclass(frozen=True)
class Words:
    """What is said of a product in one language."""

    name: str
    story: str = ""
    materials: str = ""
    size: str = ""
    care: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Details:
    """A product as the owner describes it; the amount is in minor units, None for no price yet.

    ``words`` are by language, the shop's own language first: the address is made from its name.
    Words without a name mean that the product is not described in that language.
    """

    words: Mapping[str, Words]
    kind: Kind
    price_amount: int | None
    weight_g: int
    thickness_mm: int
    height_mm: int | None = None  # to be found by; as it stands, where the others are as packed
    takes_personal_text: bool = False
    lead_time_days: int | None = None
    edition_size: int | None = None
    collection_ids: Group[int] = field(default_factory=tuple)


# --- products -------------------------------------------------------------------------------------


def create_product(
    db: Session, details: Details, photo_hashes: Sequence[str] = (), *, now: datetime
) -> Product:
    """Write a draft with one variant. TooManyPhotos if there are more than a page can show."""
    product = Product(
        slug=_free_slug(db, Product.slug, _name(details)),
        kind=details.kind,
        weight_g=details.weight_g,
        thickness_mm=details.thickness_mm,
        height_mm=details.height_mm,
        takes_personal_text=details.takes_personal_text,
        lead_time_days=details.lead_time_days,
        edition_size=details.edition_size,
        created_at=now,
        texts=_new_texts(details),
        variants=[],
        photos=[],
    )
    add_photos(product, photo_hashes)
    db.add(product)
    db.flush()  # the article number is made from the id, which the database gives
    product.variants.append(Variant(sku=f"P{product.id:04}", price_amount=details.price_amount))
    db.flush()  # the variant's id is needed to put pieces of it on the shelf
    _put_in_collections(db, product.id, details.collection_ids)
    return product


def edit_product(db: Session, product: Product, details: Details, *, now: datetime) -> None:
    """Describe *product* anew. What is on the shelf must stay complete, or NotReady.

    The address follows the name until the product has been on the shelf; then it stays, because
    others may link to it.
    """
    name_before = product.text(next(iter(details.words))).name
    if product.published_at is None and slug_of(_name(details)) != slug_of(name_before):
        product.slug = _free_slug(db, Product.slug, _name(details))
    product.kind = details.kind
    product.weight_g = details.weight_g
    product.thickness_mm = details.thickness_mm
    product.height_mm = details.height_mm
    product.takes_personal_text = details.takes_personal_text
    product.lead_time_days = details.lead_time_days
    product.edition_size = details.edition_size
    there = {text.locale: text for text in product.texts}
    for locale, words in details.words.items():
        if locale in there:
            _set(there[locale], asdict(words))
    product.texts = [text for text in product.texts if text.name] + [
        text for text in _new_texts(details) if text.locale not in there
    ]
    set_price(db, product, details.price_amount, now=now)
    _put_in_collections(db, product.id, details.collection_ids)
    keep_findable(db, [product.id])


def set_price(db: Session, product: Product, amount: int | None, *, now: datetime) -> None:
    """Set the price; on the shelf the change is written down, and there must be one."""
    variant = product.variants[0]
    variant.price_amount = amount
    if product.status == Status.PUBLISHED:
        _must_be_ready(product)
        _note_price(db, variant, now)


def publish(db: Session, product: Product, *, now: datetime) -> None:
    """Put *product* on the shelf, or NotReady. It keeps its place if it has been there before."""
    _must_be_ready(product)
    product.status = Status.PUBLISHED
    product.published_at = product.published_at or now
    _note_price(db, product.variants[0], now)
    keep_findable(db, [product.id])


def unpublish(db: Session, product: Product) -> None:
    """Take *product* off the shelf: its page is gone until it is published again."""
    product.status = Status.DRAFT
    keep_findable(db, [product.id])


def archive(db: Session, product: Product) -> None:
    """Put *product* away for good: it cannot be bought, but links to its page still work."""
    product.status = Status.ARCHIVED
    keep_findable(db, [product.id])


def restore(db: Session, product: Product) -> None:
    """Take an archived product out again, as a draft."""
    product.status = Status.DRAFT
    keep_findable(db, [product.id])


def duplicate(db: Session, product: Product, language: str, *, now: datetime) -> Product:
    """Write a draft that says and shows the same as *product*, and is in the same collections.

    *language* is the shop's own, in whose name the address is written.
    """
    texts = sorted(product.texts, key=lambda text: text.locale != language)
    details = Details(
        words={
            text.locale: Words(
                text.name, text.story, text.materials, text.size, text.care, text.warning
            )
            for text in texts
        },
        kind=Kind(product.kind),
        price_amount=product.variants[0].price_amount,
        weight_g=product.weight_g,
        thickness_mm=product.thickness_mm,
        height_mm=product.height_mm,
        takes_personal_text=product.takes_personal_text,
        lead_time_days=product.lead_time_days,
        edition_size=product.edition_size,
        collection_ids=collection_ids_of(db, product.id),
    )
    copy = create_product(db, details, [photo.hash for photo in product.photos], now=now)
    for photo, original in zip(copy.photos, product.photos, strict=True):
        describe_photo(
            photo, {text.locale: text.alt for text in original.texts}, in_scale=original.in_scale
        )
    return copy


def _must_be_ready(product: Product) -> None:
    lacking = []
    if not product.photos:
        lacking.append(Lacking.PHOTO)
    if product.variants[0].price_amount is None:
        lacking.append(Lacking.PRICE)
    if lacking:
        raise NotReady(lacking)


def _note_price(db: Session, variant: Variant, now: datetime) -> None:
    """Write down the price that buyers see from now on, if it is another than before."""
    before = db.scalar(
        select(PriceChange.amount)
        .where(PriceChange.variant_id == variant.id)
        .order_by(PriceChange.id.desc())
        .limit(1)
    )
    if variant.price_amount is not None and variant.price_amount != before:
        db.add(PriceChange(variant_id=variant.id, amount=variant.price_amount, at=now))


def _name(details: Details) -> str:
    return next(iter(details.words.values())).name


def _new_texts(details: Details) -> list[ProductText]:
    return [
        ProductText(locale=locale, **asdict(words))
        for locale, words in details.words.items()
        if words.name
    ]


# --- photos ---------------------------------------------------------------------------------------


def add_photos(product: Product, hashes: Sequence[str]) -> None:
    """Put photos behind those there are; one that is there already is not shown twice."""
    there = {photo.hash for photo in product.photos}
    new = [name for name in dict.fromkeys(hashes) if name not in there]
    if len(there) + len(new) > MOST_PHOTOS:
        raise TooManyPhotos(MOST_PHOTOS)
    first = 1 + max((photo.position for photo in product.photos), default=-1)
    for position, name in enumerate(new, start=first):
        product.photos.append(Photo(hash=name, position=position, texts=[]))


def remove_photo(product: Product, photo_id: int) -> None:
    """Take a photo away; NotReady if it is the last one of what is on the shelf."""
    product.photos = [photo for photo in product.photos if photo.id != photo_id]
    if product.status == Status.PUBLISHED:
        _must_be_ready(product)


def move_photo(product: Product, photo_id: int, step: int) -> None:
    """Move a photo *step* places towards the end (or the front, below zero); the ends hold."""
    product.photos = _moved(product.photos, photo_id, step)
    for position, photo in enumerate(product.photos):
        photo.position = position


def describe_photo(photo: Photo, alt: Mapping[str, str], *, in_scale: bool) -> None:
    """Say what *photo* shows, by language; in_scale says that it shows the true size."""
    photo.in_scale = in_scale
    there = {text.locale: text for text in photo.texts}
    for locale, words in alt.items():
        if locale in there:
            there[locale].alt = words
        elif words:
            photo.texts.append(PhotoText(locale=locale, alt=words))
    photo.texts = [text for text in photo.texts if text.alt]


# --- collections ----------------------------------------------------------------------------------


def create_collection(
    db: Session, names: Mapping[str, str], texts: Mapping[str, str]
) -> Collection:
    """Write a collection with its name and its text by language, the shop's own first."""
    last = db.scalar(select(func.max(Collection.position)))
    collection = Collection(
        slug=_free_slug(db, Collection.slug, next(iter(names.values()))),
        position=0 if last is None else last + 1,
        texts=[
            CollectionText(locale=locale, name=name, text=texts.get(locale, ""))
            for locale, name in names.items()
        ],
    )
    db.add(collection)
    db.flush()  # the database gives the collection its id
    return collection


def edit_collection(
    db: Session, collection: Collection, names: Mapping[str, str], texts: Mapping[str, str]
) -> None:
    """Name *collection* anew; its address stays, because others may link to it."""
    there = {text.locale: text for text in collection.texts}
    for locale, name in names.items():
        words = {"name": name, "text": texts.get(locale, "")}
        if locale in there:
            _set(there[locale], words)
        else:
            collection.texts.append(CollectionText(locale=locale, **words))
    keep_findable(db, member_ids(db, collection.id))


def move_collection(collections: Sequence[Collection], collection_id: int, step: int) -> None:
    """Move one of *collections*, which are all there are, *step* places down or up."""
    for position, collection in enumerate(_moved(collections, collection_id, step)):
        collection.position = position


def delete_collection(db: Session, collection: Collection) -> None:
    """Delete *collection*; the products in it stay."""
    members = member_ids(db, collection.id)
    db.execute(delete(CollectionProduct).where(CollectionProduct.collection_id == collection.id))
    db.delete(collection)
    keep_findable(db, members)


def set_members(db: Session, collection_id: int, product_ids: Group[int]) -> None:
    """Let exactly *product_ids* be in the collection."""
    there = member_ids(db, collection_id)
    db.execute(
        delete(CollectionProduct).where(
            CollectionProduct.collection_id == collection_id,
            CollectionProduct.product_id.in_(there - set(product_ids)),
        )
    )
    for product_id in sorted(set(product_ids) - there):
        db.add(CollectionProduct(collection_id=collection_id, product_id=product_id))
    keep_findable(db, there ^ set(product_ids))


def _put_in_collections(db: Session, product_id: int, collection_ids: Group[int]) -> None:
    there = collection_ids_of(db, product_id)
    db.execute(
        delete(CollectionProduct).where(
            CollectionProduct.product_id == product_id,
            CollectionProduct.collection_id.in_(there - set(collection_ids)),
        )
    )
    for collection_id in sorted(set(collection_ids) - there):
        db.add(CollectionProduct(collection_id=collection_id, product_id=product_id))


# --- shared ---------------------------------------------------------------------------------------


def _free_slug(db: Session, column: InstrumentedAttribute[str], name: str) -> str:
    similar = db.scalars(select(column).where(column.startswith(slug_of(name), autoescape=True)))
    return free_slug(name, set(similar))


def _set(row: object, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _moved(rows: Sequence[Placed], row_id: int, step: int) -> list[Placed]:
    order = list(rows)
    index = next((i for i, row in enumerate(order) if row.id == row_id), None)
    if index is not None:
        row = order.pop(index)
        order.insert(max(0, index + step), row)
    return order
