"""Keep the books of money: refunds, disputes, the ledger; discounts; whose holds they are."""

import sqlalchemy as sa
from alembic import op

import shop.kit.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KNOWN = "status IN ('creating', 'open', 'processing', 'paid', 'expired', 'failed', 'review', 'late'"
LIVE = "status IN ('creating', 'open', 'processing')"
LIVE_OR_PAID = "status IN ('creating', 'open', 'processing', 'paid')"


def upgrade() -> None:
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.create_table(
        "discounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("minimum_amount", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("most_uses", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("created_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", shop.kit.db.UTCDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('percent', 'amount')", name=op.f("ck_discounts_kind_known")),
        sa.CheckConstraint(
            "value > 0 AND (kind <> 'percent' OR value <= 100)",
            name=op.f("ck_discounts_value_sane"),
        ),
        sa.CheckConstraint("minimum_amount >= 0", name=op.f("ck_discounts_minimum_not_negative")),
        sa.CheckConstraint(
            "most_uses IS NULL OR most_uses > 0", name=op.f("ck_discounts_most_uses_positive")
        ),
        sa.CheckConstraint(
            "uses >= 0 AND (most_uses IS NULL OR uses <= most_uses)",
            name=op.f("ck_discounts_uses_within"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discounts")),
        sa.UniqueConstraint("code", name=op.f("uq_discounts_code")),
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stripe_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("payment_intent_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("respond_by", shop.kit.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("opened_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("checked_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_disputes_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("stripe_id", name=op.f("uq_disputes_stripe_id")),
    )
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disputes_order_id"), ["order_id"], unique=False)

    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("found_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("settled_at", shop.kit.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_findings_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_findings_kind_subject")),
    )
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_findings_order_id"), ["order_id"], unique=False)

    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("available_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('charge', 'fee', 'refund', 'refund_failure', 'dispute', 'dispute_reversal', 'payout', 'payout_failure', 'other')",
            name=op.f("ck_ledger_entries_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_ledger_entries_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint(
            "transaction_id", "kind", name=op.f("uq_ledger_entries_transaction_id_kind")
        ),
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_entries_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_entries_order_id"), ["order_id"], unique=False)

    op.create_table(
        "redemptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("discount_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_redemptions_amount_positive")),
        sa.ForeignKeyConstraint(
            ["discount_id"], ["discounts.id"], name=op.f("fk_redemptions_discount_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_redemptions_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemptions")),
        sa.UniqueConstraint("order_id", name=op.f("uq_redemptions_order_id")),
    )
    with op.batch_alter_table("redemptions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_redemptions_discount_id"), ["discount_id"], unique=False
        )

    op.create_table(
        "refunds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stripe_id", sa.Text(), nullable=True),
        sa.Column("requested_at", shop.kit.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("checked_at", shop.kit.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "origin IN ('owner', 'auto', 'dashboard')", name=op.f("ck_refunds_origin_known")
        ),
        sa.CheckConstraint(
            "status IN ('requested', 'pending', 'succeeded', 'failed', 'canceled')",
            name=op.f("ck_refunds_status_known"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_positive")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["payment_attempts.id"], name=op.f("fk_refunds_attempt_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("stripe_id", name=op.f("uq_refunds_stripe_id")),
        sa.UniqueConstraint("token", name=op.f("uq_refunds_token")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refunds_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_refunds_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            "ix_refunds_status_requested_at", ["status", "requested_at"], unique=False
        )

    op.create_table(
        "refund_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("refund_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("order_line_id", sa.Integer(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("restocked", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(what = 'line') = (order_line_id IS NOT NULL)", name=op.f("ck_refund_lines_line_named")
        ),
        sa.CheckConstraint(
            "what IN ('line', 'postage', 'other')", name=op.f("ck_refund_lines_what_known")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_refund_lines_amount_not_negative")),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_refund_lines_quantity_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_refund_lines_order_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refunds.id"], name=op.f("fk_refund_lines_refund_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_lines")),
    )
    with op.batch_alter_table("refund_lines", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_refund_lines_order_line_id"), ["order_line_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_refund_lines_refund_id"), ["refund_id"], unique=False)

    with op.batch_alter_table("order_lines") as batch_op:
        batch_op.add_column(
            sa.Column("discount_amount", sa.Integer(), nullable=False, server_default="0")
        )
        batch_op.create_check_constraint(
            op.f("ck_order_lines_discount_within_line"),
            "discount_amount >= 0 AND discount_amount <= price_amount * quantity",
        )

    with op.batch_alter_table("orders") as batch_op:
        batch_op.add_column(
            sa.Column("disputed", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("placed_from", sa.Text(), nullable=False, server_default=sa.text("''"))
        )
        batch_op.add_column(
            sa.Column("discount_code", sa.Text(), nullable=False, server_default=sa.text("''"))
        )
        batch_op.create_check_constraint(
            op.f("ck_orders_discount_within_subtotal"),
            "discount_amount >= 0 AND discount_amount <= subtotal_amount",
        )

    op.drop_index("uq_payment_attempts_one_live_per_order", "payment_attempts")
    with op.batch_alter_table("payment_attempts") as batch_op:
        batch_op.add_column(sa.Column("coupon", sa.Text(), nullable=True))
        batch_op.drop_constraint(op.f("ck_payment_attempts_status_known"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_payment_attempts_status_known"), f"{KNOWN}, 'refunded')"
        )
    _attempt_index("live", LIVE)
    _attempt_index("paid", "status = 'paid'")


def _attempt_index(name: str, where: str) -> None:
    op.create_index(
        f"uq_payment_attempts_one_{name}_per_order",
        "payment_attempts",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def downgrade() -> None:
    # what went back is held for a person again: the older schema has no word for it
    op.execute("UPDATE payment_attempts SET status = 'late' WHERE status = 'refunded'")
    op.drop_index("uq_payment_attempts_one_paid_per_order", "payment_attempts")
    op.drop_index("uq_payment_attempts_one_live_per_order", "payment_attempts")
    with op.batch_alter_table("payment_attempts") as batch_op:
        batch_op.drop_column("coupon")
        batch_op.drop_constraint(op.f("ck_payment_attempts_status_known"), type_="check")
        batch_op.create_check_constraint(op.f("ck_payment_attempts_status_known"), f"{KNOWN})")
    _attempt_index("live", LIVE_OR_PAID)

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_orders_discount_within_subtotal"), type_="check")
        batch_op.drop_column("discount_code")
        batch_op.drop_column("placed_from")
        batch_op.drop_column("disputed")

    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_order_lines_discount_within_line"), type_="check")
        batch_op.drop_column("discount_amount")

    with op.batch_alter_table("refund_lines", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refund_lines_refund_id"))
        batch_op.drop_index(batch_op.f("ix_refund_lines_order_line_id"))

    op.drop_table("refund_lines")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index("ix_refunds_status_requested_at")
        batch_op.drop_index(batch_op.f("ix_refunds_order_id"))
        batch_op.drop_index(batch_op.f("ix_refunds_attempt_id"))

    op.drop_table("refunds")
    with op.batch_alter_table("redemptions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_redemptions_discount_id"))

    op.drop_table("redemptions")
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_entries_order_id"))
        batch_op.drop_index(batch_op.f("ix_ledger_entries_at"))

    op.drop_table("ledger_entries")
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_findings_order_id"))

    op.drop_table("findings")
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disputes_order_id"))

    op.drop_table("disputes")
    op.drop_table("discounts")
    op.drop_table("cursors")
