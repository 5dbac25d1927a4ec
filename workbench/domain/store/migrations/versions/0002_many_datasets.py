"""An index that finds the present card of each of many datasets."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Index cards by dataset and sequence."""
    op.create_index("cards_by_dataset", "cards", ["dataset", "sequence"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("cards_by_dataset", "cards")
