"""The noised evaluations that were shown while a run went on."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "evaluations",
        sa.Column("request", sa.String(80), primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("evaluation", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refuse: what was shown must be known, or it could be shown in another form."""
    raise RuntimeError("what was shown cannot be forgotten")
