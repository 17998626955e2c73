"""Count forms of every kind: what was counted of statements is forgotten within the hour anyway."""

import sqlalchemy as sa
from alembic import op

from shop.kit.db import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _drop("withdrawal_tries")
    _create("submissions")


def downgrade() -> None:
    _drop("submissions")
    _create("withdrawal_tries")


def _create(name: str) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(op.f(f"ix_{name}_at"), name, ["at"])
    op.create_index(f"ix_{name}_source_at", name, ["source", "at"])


def _drop(name: str) -> None:
    op.drop_index(f"ix_{name}_source_at", table_name=name)
    op.drop_index(op.f(f"ix_{name}_at"), table_name=name)
    op.drop_table(name)
