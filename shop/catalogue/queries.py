from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from shop.catalogue.models import (
    Collection,
    CollectionProduct,
    Photo,
    Product,
    Status,
    Variant,
)

PER_PAGE = 24


@dataclass(frozen=True)
class ProductPage:
    """One page of a list, and where it stands among the others; pages count from 1."""

    products: Sequence[Product]
    page: int
    pages: int


def _with_everything(query: Select[Product]) -> Select[Product]:
    return query.options(
        selectinload(Product.texts),
        selectinload(Product.variants),
        selectinload(Product.photos).selectinload(Photo.texts),
    )


def published(db: Session, page: int = 1, collection_id: int | None = None) -> ProductPage:
    """Return the products on the shelf, newest first."""
    query = select(Product).where(Product.status == Status.PUBLISHED)
    if collection_id is not None:
        members = select(CollectionProduct.product_id).where(
            CollectionProduct.collection_id == collection_id
        )
        query = query.where(Product.id.in_(members))
    total = db.scalar(select(func.count()).select_from(query.subquery())) or 0
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(page, 1), pages)
    rows = (
        _with_everything(query)
        .order_by(Product.published_at.desc(), Product.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return ProductPage(db.scalars(rows).all(), page, pages)


def product_by_slug(db: Session, slug: str) -> Product | None:
    return db.scalar(_with_everything(select(Product).where(Product.slug == slug)))


def products_of_variants(db: Session, variant_ids: Sequence[int]) -> dict[int, Product]:
    """Return the product of each variant, by the variant's id; unknown ids are left out."""
    owners = select(Variant.product_id).where(Variant.id.in_(variant_ids))
    products = db.scalars(_with_everything(select(Product).where(Product.id.in_(owners))))
    wanted = set(variant_ids)
    return {
        variant.id: product
        for product in products
        for variant in product.variants
        if variant.id in wanted
    }


def anything_published(db: Session) -> bool:
    return (
        db.scalar(select(Product.id).where(Product.status == Status.PUBLISHED).limit(1)) is not None
    )


def all_products(db: Session) -> Sequence[Product]:
    """Return every product for the owner, newest first."""
    return db.scalars(
        _with_everything(select(Product)).order_by(Product.created_at.desc(), Product.id.desc())
    ).all()


def collections(db: Session) -> Sequence[Collection]:
    return db.scalars(
        select(Collection)
        .options(selectinload(Collection.texts))
        .order_by(Collection.position, Collection.id)
    ).all()


def collection_by_slug(db: Session, slug: str) -> Collection | None:
    return db.scalar(
        select(Collection).options(selectinload(Collection.texts)).where(Collection.slug == slug)
    )


def collection_ids_of(db: Session, product_id: int) -> set[int]:
    return set(
        db.scalars(
            select(CollectionProduct.collection_id).where(
                CollectionProduct.product_id == product_id
            )
        )
    )


# --- the owner's ----------------------------------------------------------------------------------


def product_by_id(db: Session, product_id: int) -> Product | None:
    return db.scalar(_with_everything(select(Product).where(Product.id == product_id)))


def products_in(db: Session, status: Status) -> Sequence[Product]:
    """Return every product in *status*, the newest first."""
    return db.scalars(
        _with_everything(select(Product))
        .where(Product.status == status)
        .order_by(Product.created_at.desc(), Product.id.desc())
    ).all()


def count_by_status(db: Session) -> dict[Status, int]:
    rows = db.execute(select(Product.status, func.count()).group_by(Product.status))
    there = {Status(status): n for status, n in rows}
    return {status: there.get(status, 0) for status in Status}


def last_described(db: Session) -> Product | None:
    """Return the product made last: the next one probably weighs the same."""
    return db.scalar(
        select(Product).order_by(Product.created_at.desc(), Product.id.desc()).limit(1)
    )


def collection_by_id(db: Session, collection_id: int) -> Collection | None:
    return db.scalar(
        select(Collection)
        .options(selectinload(Collection.texts))
        .where(Collection.id == collection_id)
    )


def member_ids(db: Session, collection_id: int) -> set[int]:
    return set(
        db.scalars(
            select(CollectionProduct.product_id).where(
                CollectionProduct.collection_id == collection_id
            )
        )
    )


def product_ids(db: Session) -> set[int]:
    return set(db.scalars(select(Product.id)))


def collection_sizes(db: Session) -> dict[int, int]:
    """Return how many products are in each collection; an empty one is left out."""
    rows = db.execute(
        select(CollectionProduct.collection_id, func.count()).group_by(
            CollectionProduct.collection_id
        )
    )
    return dict(rows.all())
