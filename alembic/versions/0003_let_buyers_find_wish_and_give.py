"""Let buyers find, wish and give: sizes, words put on a thing, gifts, alerts, commissions; and let
kept pages know when they are old.
"""

import sqlalchemy as sa
from alembic import op

import shop.kit.db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")


def upgrade() -> None:
    public_version = op.create_table(
        "public_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_version")),
    )
    op.bulk_insert(public_version, [{"id": 1, "number": 1}])
    op.create_table(
        "commissions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("asked_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("answered_at", shop.kit.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_commissions_product_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commissions")),
    )
    op.create_index(op.f("ix_commissions_product_id"), "commissions", ["product_id"])
    op.create_table(
        "stock_alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("variant_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("asked_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("told_at", shop.kit.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["variants.id"], name=op.f("fk_stock_alerts_variant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_alerts")),
        sa.UniqueConstraint("variant_id", "email", name=op.f("uq_stock_alerts_variant_id_email")),
    )
    op.create_index(op.f("ix_stock_alerts_variant_id"), "stock_alerts", ["variant_id"])
    with op.batch_alter_table("order_lines") as order_lines:
        order_lines.add_column(
            sa.Column("personal_text", sa.Text(), server_default=EMPTY, nullable=False)
        )
    with op.batch_alter_table("orders") as orders:
        orders.add_column(sa.Column("buyer_name", sa.Text(), server_default=EMPTY, nullable=False))
        orders.add_column(sa.Column("gift_note", sa.Text(), server_default=EMPTY, nullable=False))
        orders.add_column(sa.Column("arrives_by", sa.Date(), nullable=True))
    with op.batch_alter_table("products") as products:
        products.add_column(sa.Column("height_mm", sa.Integer(), nullable=True))
        products.add_column(
            sa.Column(
                "takes_personal_text", sa.Boolean(), server_default=sa.false(), nullable=False
            )
        )
        products.create_check_constraint(op.f("ck_products_height_positive"), "height_mm > 0")


def downgrade() -> None:
    with op.batch_alter_table("products") as products:
        products.drop_constraint(op.f("ck_products_height_positive"), type_="check")
        products.drop_column("takes_personal_text")
        products.drop_column("height_mm")
    with op.batch_alter_table("orders") as orders:
        orders.drop_column("arrives_by")
        orders.drop_column("gift_note")
        orders.drop_column("buyer_name")
    with op.batch_alter_table("order_lines") as order_lines:
        order_lines.drop_column("personal_text")
    op.drop_table("stock_alerts")
    op.drop_table("commissions")
    op.drop_table("public_version")
