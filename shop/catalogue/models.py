from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import (
    CheckConstraint,
    Connection,
    ForeignKey,
    Index,
    UniqueConstraint,
    event,
    false,
    text,
)
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship

from shop.catalogue.words import sort_key
from shop.kit.db import Base, CodePoints, one_of, reference
from shop.kit.public_version import read_by_buyers


class Kind(StrEnum):
    UNIQUE = "unique"  # one piece; once sold it stays on show as sold
    BATCH = "batch"  # counted pieces, optionally a numbered edition
    MADE_TO_ORDER = "made_to_order"  # no stock, a lead time


class Status(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


@read_by_buyers
class Product(Base):
    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint(one_of("kind", list(Kind)), name="kind_known"),
        CheckConstraint(one_of("status", list(Status)), name="status_known"),
        CheckConstraint("weight_g > 0", name="weight_positive"),
        CheckConstraint("thickness_mm > 0", name="thickness_positive"),
        CheckConstraint("lead_time_days >= 0", name="lead_time_not_negative"),
        CheckConstraint("edition_size > 0", name="edition_positive"),
        CheckConstraint("height_mm > 0", name="height_positive"),
        Index(None, "status", "published_at", "id"),  # the list, the newest first
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(default=Status.DRAFT)
    weight_g: Mapped[int]
    thickness_mm: Mapped[int]
    # to be found by size; what is read stands in the texts
    height_mm: Mapped[int | None]
    lead_time_days: Mapped[int | None]
    edition_size: Mapped[int | None]
    # the buyer may have a few words put on it
    takes_personal_text: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]

    texts: Mapped[list["ProductText"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="ProductText.locale"
    )
    variants: Mapped[list["Variant"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="Variant.position"
    )
    photos: Mapped[list["Photo"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="Photo.position"
    )

    def text(self, locale: str) -> "ProductText":
        """Return the texts in *locale*, or in the language that there is."""
        return in_locale(self.texts, locale)


@read_by_buyers
class ProductText(Base):
    __tablename__ = "product_texts"
    __table_args__ = (Index(None, "sort_key", "product_id"),)

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True)
    locale: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    story: Mapped[str] = mapped_column(default="")
    materials: Mapped[str] = mapped_column(default="")
    size: Mapped[str] = mapped_column(default="")
    care: Mapped[str] = mapped_column(default="")
    warning: Mapped[str] = mapped_column(default="")
    sort_key: Mapped[str] = mapped_column(CodePoints, server_default=text("''"))  # of the name


@event.listens_for(ProductText, "before_insert")
@event.listens_for(ProductText, "before_update")
def _sorted_by_its_name(
    _mapper: Mapper[ProductText], _connection: Connection, text: ProductText
) -> None:
    text.sort_key = sort_key(text.name, text.locale)


@read_by_buyers
class Variant(Base):
    """What is bought. Every product has at least one."""

    __tablename__ = "variants"
    __table_args__ = (
        CheckConstraint("price_amount > 0", name="price_positive"),
        Index(None, "price_amount", "product_id"),  # the list, by price
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = reference("products.id")
    position: Mapped[int] = mapped_column(default=0)
    sku: Mapped[str] = mapped_column(unique=True)
    options: Mapped[str] = mapped_column(default="")
    price_amount: Mapped[int | None]


class PriceChange(Base):
    """Every price there ever was, so that a reduction can be shown against the lowest of thirty
    days. Only ever added to.
    """

    __tablename__ = "price_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    variant_id: Mapped[int] = reference("variants.id")
    amount: Mapped[int]
    at: Mapped[datetime]


@read_by_buyers
class Photo(Base):
    __tablename__ = "photos"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = reference("products.id")
    position: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str]  # the first 16 hexadecimal digits of the upload's SHA-256
    in_scale: Mapped[bool] = mapped_column(default=False)

    texts: Mapped[list["PhotoText"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="PhotoText.locale"
    )

    def alt(self, locale: str) -> str:
        return in_locale(self.texts, locale).alt if self.texts else ""


@read_by_buyers
class PhotoText(Base):
    __tablename__ = "photo_texts"

    photo_id: Mapped[int] = mapped_column(ForeignKey("photos.id"), primary_key=True)
    locale: Mapped[str] = mapped_column(primary_key=True)
    alt: Mapped[str]


@read_by_buyers
class Collection(Base):
    __tablename__ = "collections"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    position: Mapped[int] = mapped_column(default=0)

    texts: Mapped[list["CollectionText"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="CollectionText.locale"
    )

    def text(self, locale: str) -> "CollectionText":
        return in_locale(self.texts, locale)


@read_by_buyers
class CollectionText(Base):
    __tablename__ = "collection_texts"

    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"), primary_key=True)
    locale: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    text: Mapped[str] = mapped_column(default="")


@read_by_buyers
class CollectionProduct(Base):
    __tablename__ = "collection_products"
    __table_args__ = (UniqueConstraint("collection_id", "product_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = reference("collections.id")
    product_id: Mapped[int] = reference("products.id")


class SearchEntry(Base):
    """A word by which a published product is found, or the stem of one, by language."""

    __tablename__ = "search_entries"
    __table_args__ = (Index(None, "product_id", "term"), {"sqlite_with_rowid": False})

    term: Mapped[str] = mapped_column(CodePoints, primary_key=True)
    locale: Mapped[str] = mapped_column(primary_key=True)
    weight: Mapped[int] = mapped_column(primary_key=True)  # where it stands: the most in the name
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True)


class SearchSpelling(Base):
    """A word with letters left out, by which it is found though it was misspelt."""

    __tablename__ = "search_spellings"
    __table_args__ = {"sqlite_with_rowid": False}

    spelling: Mapped[str] = mapped_column(CodePoints, primary_key=True)
    word: Mapped[str] = mapped_column(CodePoints, primary_key=True, index=True)


Text = TypeVar("Text", ProductText, PhotoText, CollectionText)


def in_locale(texts: Iterable[Text], locale: str) -> Text:
    """Return the text in *locale*, else the first there is: a doll with one language is shown."""
    by_locale = {text.locale: text for text in texts}
    return by_locale.get(locale) or next(iter(by_locale.values()))
