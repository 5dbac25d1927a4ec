"""What was spent on any version of a dataset is spent for its population, for good."""

import base64
import hashlib
import json

import rfc8785
import sqlalchemy as sa
from alembic import op

from workbench.budget.tables import protect

revision = "0005"
down_revision = "0004"

_SQLITE = ("ledger_no_update", "ledger_no_delete", "ledger_no_replace")
_POSTGRESQL = (
    "DROP TRIGGER ledger_append_only ON ledger",
    "DROP TRIGGER ledger_no_truncate ON ledger",
    "DROP FUNCTION ledger_append_only()",
)
_START = "0" * 64


def upgrade() -> None:
    """Give each row of the ledger its dataset, its population and its place in the chain."""
    op.create_table(
        "populations",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(80), nullable=False, unique=True),
        sa.Column("name", sa.String(64), nullable=False, index=True),
        sa.Column("envelope", sa.Text, nullable=False),
    )
    op.create_table(
        "population_changes",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("change", sa.String(80), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("envelope", sa.Text, nullable=False),
        sa.UniqueConstraint("change", "key"),
    )
    op.create_table(
        "members",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("population", sa.String(64), nullable=False, index=True),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("dataset_version", sa.String(80), nullable=False, unique=True),
        sa.Column("persons", sa.LargeBinary, nullable=False),
        sa.Column("blocks", sa.LargeBinary, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("read", sa.Text, nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
    )
    op.create_table(
        "opted_out",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("population", sa.String(64), nullable=False),
        sa.Column("person", sa.LargeBinary, nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
    )
    op.create_index("opted_out_by_population", "opted_out", ["population"])
    op.add_column("cards", sa.Column("population", sa.String(64), index=True))
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    for name in _SQLITE if sqlite else ():
        bind.exec_driver_sql(f"DROP TRIGGER {name}")
    for statement in () if sqlite else _POSTGRESQL:
        bind.exec_driver_sql(statement)
    for column in (
        sa.Column("population", sa.String(64)),
        sa.Column("blocks", sa.Text),
        sa.Column("dataset", sa.String(64)),
        sa.Column("hash", sa.String(64)),
    ):
        op.add_column("ledger", column)
    _fill(bind)
    with op.batch_alter_table("ledger") as table:
        for name in ("population", "blocks", "dataset", "hash"):
            table.alter_column(name, nullable=False)
        table.create_unique_constraint("ledger_hash", ["hash"])
        table.create_index("ix_ledger_population", ["population"])
    protect(bind)


def _fill(bind: sa.Connection) -> None:
    datasets = {}
    for row in bind.execute(sa.text("SELECT dataset, envelope FROM cards")):
        card = json.loads(base64.b64decode(json.loads(row.envelope)["payload"]))
        datasets[card["dataset_version"]] = row.dataset
    update = sa.text(
        "UPDATE ledger SET population = :dataset, blocks = '[]', dataset = :dataset, hash = :hash "
        "WHERE sequence = :sequence"
    )
    previous = _START
    for row in bind.execute(sa.text("SELECT * FROM ledger ORDER BY sequence")).all():
        # A version without a card counts in every population: nobody's total is forgotten.
        dataset = datasets.get(row.dataset_version, "")
        content = {
            "population": dataset,
            "blocks": [],
            "dataset": dataset,
            "dataset_version": row.dataset_version,
            "request": row.request,
            "researcher": row.researcher,
            "event": row.event,
            "time": row.time,
            "curve": json.dumps([float(value) for value in json.loads(row.curve)]),
            "previous": previous,
        }
        previous = hashlib.sha256(rfc8785.dumps(content)).hexdigest()
        values = {"dataset": dataset, "hash": previous, "sequence": row.sequence}
        bind.execute(update, values)


def downgrade() -> None:
    """Refuse: it would forget what was spent."""
    raise RuntimeError("the ledger cannot be taken back")
