"""The first tables."""

import sqlalchemy as sa
from alembic import op

from workbench.budget.tables import protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "people",
        sa.Column("key_id", sa.String(64), primary_key=True),
        sa.Column("public_key", sa.String(100), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("admitted", sa.String(40), nullable=False),
        sa.Column("revoked", sa.String(40)),
    )
    op.create_table(
        "cards",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(80), nullable=False, unique=True),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("envelope", sa.Text, nullable=False),
    )
    op.create_table(
        "graphs",
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("uploaded_by", sa.String(64), nullable=False),
        sa.Column("uploaded", sa.String(40), nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(80), nullable=False, unique=True),
        sa.Column("envelope", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("researcher", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("function", sa.String(128), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("submitted", sa.String(40), nullable=False),
        sa.Column("updated", sa.String(40), nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("decided_by", sa.String(20)),
        sa.Column("decider", sa.String(500), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("failure", sa.String(40)),
        sa.Column("charged", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("seed", sa.LargeBinary),
        sa.Column("release", sa.Text),
        sa.Column("attestation", sa.Text),
    )
    op.create_index("requests_by_state", "requests", ["state"])
    op.create_index("requests_by_researcher", "requests", ["researcher"])
    op.create_table(
        "tokens",
        sa.Column("jti", sa.String(64), primary_key=True),
        sa.Column("expires", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "ledger",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dataset_version", sa.String(80), nullable=False, index=True),
        sa.Column("request", sa.String(80), nullable=False),
        sa.Column("researcher", sa.String(64), nullable=False),
        sa.Column("event", sa.String(10), nullable=False),
        sa.Column("curve", sa.Text, nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
        sa.UniqueConstraint("request", "event"),
    )
    protect(op.get_bind())


def downgrade() -> None:
    """Refuse: it would forget what was spent."""
    raise RuntimeError("the ledger cannot be taken back")
