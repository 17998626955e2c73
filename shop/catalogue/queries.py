from collections.abc import Sequence

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


def _with_everything(query: Select[Product]) -> Select[Product]:
    return query.options(
        selectinload(Product.texts),
        selectinload(Product.variants),
        selectinload(Product.photos).selectinload(Photo.texts),
    )


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


def collections(db: Session) -> Sequence[Collection]:
    return db.scalars(
        select(Collection)
        .options(selectinload(Collection.texts))
        .order_by(Collection.position, Collection.id)
    ).all()


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
