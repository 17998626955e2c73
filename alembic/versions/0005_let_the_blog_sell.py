"""Let the blog sell: who came from which post, which post mentions what, what an order came from."""

import sqlalchemy as sa
from alembic import op

from shop.kit.db import UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visit_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("carts", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "visits >= 0 AND carts >= 0", name=op.f("ck_visit_counts_counts_not_negative")
        ),
        sa.PrimaryKeyConstraint("day", "source", "product_id", name=op.f("pk_visit_counts")),
    )
    op.create_table(
        "blog_posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("found_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blog_posts")),
        sa.UniqueConstraint("url", name=op.f("uq_blog_posts_url")),
    )
    op.create_table(
        "mentions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("found_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["blog_posts.id"], name=op.f("fk_mentions_post_id")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_mentions_product_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mentions")),
        sa.UniqueConstraint("post_id", "product_id", name=op.f("uq_mentions_post_id_product_id")),
    )
    op.create_index(op.f("ix_mentions_post_id"), "mentions", ["post_id"])
    op.create_index(op.f("ix_mentions_product_id"), "mentions", ["product_id"])
    op.create_table(
        "pings",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_pings")),
    )
    op.create_index(op.f("ix_pings_due_at"), "pings", ["due_at"])
    op.add_column(
        "orders", sa.Column("source", sa.Text(), server_default=sa.text("''"), nullable=False)
    )


def downgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.drop_column("source")
    for table in ("pings", "mentions", "blog_posts", "visit_counts"):
        op.drop_table(table)
