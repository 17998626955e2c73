"""Let everything be found: the words of what is on the shelf, and the orders of its list."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from shop.catalogue.search import index_everything
from shop.catalogue.words import sort_key
from shop.kit.db import CodePoints

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_entries",
        sa.Column("term", CodePoints, nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_search_entries_product_id")
        ),
        sa.PrimaryKeyConstraint(
            "term", "locale", "weight", "product_id", name=op.f("pk_search_entries")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_search_entries_product_id_term"), "search_entries", ["product_id", "term"]
    )
    op.create_table(
        "search_spellings",
        sa.Column("spelling", CodePoints, nullable=False),
        sa.Column("word", CodePoints, nullable=False),
        sa.PrimaryKeyConstraint("spelling", "word", name=op.f("pk_search_spellings")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_search_spellings_word"), "search_spellings", ["word"])
    op.add_column(
        "product_texts",
        sa.Column("sort_key", CodePoints, server_default=sa.text("''"), nullable=False),
    )
    op.create_index(
        op.f("ix_product_texts_sort_key_product_id"), "product_texts", ["sort_key", "product_id"]
    )
    op.create_index(
        op.f("ix_variants_price_amount_product_id"), "variants", ["price_amount", "product_id"]
    )
    op.drop_index(op.f("ix_products_published_at"), table_name="products")
    op.create_index(
        op.f("ix_products_status_published_at_id"), "products", ["status", "published_at", "id"]
    )
    _fill()


def _fill() -> None:
    """Index what there is. A later revision that changes the tables read here takes this over."""
    db = Session(op.get_bind())
    texts = sa.table(
        "product_texts", *(sa.column(name) for name in ("product_id", "locale", "name", "sort_key"))
    )
    for row in db.execute(sa.select(texts.c.product_id, texts.c.locale, texts.c.name)).all():
        db.execute(
            sa.update(texts)
            .where(texts.c.product_id == row.product_id, texts.c.locale == row.locale)
            .values(sort_key=sort_key(row.name, row.locale))
        )
    index_everything(db)
    db.flush()  # the transaction is the migration's, and so is its end


def downgrade() -> None:
    op.drop_index(op.f("ix_products_status_published_at_id"), table_name="products")
    op.create_index(op.f("ix_products_published_at"), "products", ["published_at"])
    op.drop_index(op.f("ix_variants_price_amount_product_id"), table_name="variants")
    op.drop_index(op.f("ix_product_texts_sort_key_product_id"), table_name="product_texts")
    with op.batch_alter_table("product_texts") as product_texts:
        product_texts.drop_column("sort_key")
    op.drop_table("search_spellings")
    op.drop_table("search_entries")
