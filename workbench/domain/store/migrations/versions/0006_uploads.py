"""Who has sent which graph, and which large parts of graphs need not be sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables; a graph that is here was sent by the person who is named with it."""
    op.create_table(
        "graph_uploads",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("graph", sa.String(80), primary_key=True),
        sa.Column("uploaded", sa.String(40), nullable=False),
    )
    op.create_table(
        "graph_parts",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("graph", sa.String(80), nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO graph_uploads (key, graph, uploaded) "
        "SELECT uploaded_by, digest, uploaded FROM graphs"
    )


def downgrade() -> None:
    """Drop the tables: whoever needs a graph sends it again."""
    op.drop_table("graph_parts")
    op.drop_table("graph_uploads")
