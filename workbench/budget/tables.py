"""The ledger's table, and the triggers that make it append-only."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

ledger = Table(
    "ledger",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    # Empty in rows of a dataset version that nobody knows any more: they count everywhere.
    Column("population", String(64), nullable=False, index=True),
    # JSON: the blocks of the population that a run reads; none named are all of them.
    Column("blocks", Text, nullable=False, default="[]"),
    Column("dataset", String(64), nullable=False),
    Column("dataset_version", String(80), nullable=False),
    Column("request", String(80), nullable=False),
    Column("researcher", String(64), nullable=False),
    Column("event", String(10), nullable=False),
    Column("curve", Text, nullable=False),
    Column("time", String(40), nullable=False),
    # Over this row and the hash of the one before it (`chain.check`).
    Column("hash", String(64), nullable=False, unique=True),
    # One event of a kind per request: nothing can be charged twice.
    UniqueConstraint("request", "event"),
)

_SQLITE = """
CREATE TRIGGER ledger_no_{name} BEFORE {verb} ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
# REPLACE deletes the row in its way without firing the trigger on DELETE.
_SQLITE_REPLACE = """
CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger
WHEN EXISTS (
    SELECT 1 FROM ledger
    WHERE sequence = NEW.sequence OR (request = NEW.request AND event = NEW.event)
)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
_POSTGRESQL = (
    """
    CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$
    """,
    """
    CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_append_only()
    """,
    """
    CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()
    """,
)


def create(connection: Connection) -> None:
    """Create the table and its triggers on SQLite or PostgreSQL."""
    metadata.create_all(connection)
    protect(connection)


def protect(connection: Connection) -> None:
    """Create the triggers."""
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(_SQLITE.format(name=verb.lower(), verb=verb))
        connection.exec_driver_sql(_SQLITE_REPLACE)
    else:
        for statement in _POSTGRESQL:
            connection.exec_driver_sql(statement)
