"""The domain's tables. The ledger's table is its own: `workbench.budget.tables`."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

people = Table(
    "people",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("public_key", String(100), nullable=False),
    Column("name", String(500), nullable=False),
    Column("role", String(20), nullable=False),
    Column("admitted", String(40), nullable=False),
    Column("revoked", String(40)),
)

cards = Table(
    "cards",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(80), nullable=False, unique=True),
    Column("dataset", String(64), nullable=False),
    Column("envelope", Text, nullable=False),
    # What terms.yaml said on approval when the card was made from it; for cards by a policy change
    # that of the card before. None for cards from before there was a policy to change.
    Column("file_approval", Text),
    # None for cards from before there were populations: the dataset's own name.
    Column("population", String(64), index=True),
    Index("cards_by_dataset", "dataset", "sequence"),
)

populations = Table(
    "populations",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(80), nullable=False, unique=True),
    Column("name", String(64), nullable=False, index=True),
    Column("envelope", Text, nullable=False),
)

# Two stewards' signed words on what became another population, as they came.
population_changes = Table(
    "population_changes",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("change", String(80), nullable=False),
    Column("key", String(64), nullable=False),
    Column("envelope", Text, nullable=False),
    UniqueConstraint("change", "key"),
)

members = Table(
    "members",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("population", String(64), nullable=False, index=True),
    Column("dataset", String(64), nullable=False),
    Column("dataset_version", String(80), nullable=False, unique=True),
    # Big-endian, sorted: 8 bytes for each person, and 2 for the position of the block in `labels`.
    Column("persons", LargeBinary, nullable=False),
    Column("blocks", LargeBinary, nullable=False),
    Column("labels", Text, nullable=False),
    # The blocks whose persons the version's records are about; none are all.
    Column("read", Text, nullable=False),
    Column("time", String(40), nullable=False),
)

opted_out = Table(
    "opted_out",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("population", String(64), nullable=False),
    Column("person", LargeBinary, nullable=False),
    Column("time", String(40), nullable=False),
    Index("opted_out_by_population", "population"),
)

graphs = Table(
    "graphs",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("facts", Text, nullable=False),
    Column("uploaded_by", String(64), nullable=False),
    Column("uploaded", String(40), nullable=False),
)

# Whose graphs they are: of everybody who sent all their bytes, whoever was the first.
graph_uploads = Table(
    "graph_uploads",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("graph", String(80), primary_key=True),
    Column("uploaded", String(40), nullable=False),
)

# Large parts of the graphs that a person has sent, which this person need not send again.
graph_parts = Table(
    "graph_parts",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("digest", String(80), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("graph", String(80), nullable=False),
    Column("start", Integer, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(80), nullable=False, unique=True),
    Column("envelope", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("researcher", String(64), nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("function", String(128), nullable=False),
    Column("state", String(20), nullable=False),
    Column("submitted", String(40), nullable=False),
    Column("updated", String(40), nullable=False),
    Column("decision", Text),
    Column("decided_by", String(20)),
    Column("decider", String(500), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("failure", String(40)),
    Column("charged", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("seed", LargeBinary),
    Column("release", Text),
    Column("attestation", Text),
    Index("requests_by_state", "state"),
    Index("requests_by_researcher", "researcher"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("request", String(80), nullable=False),
    Column("key", String(64), nullable=False),
    Column("envelope", Text, nullable=False),
    # Nobody approves twice.
    UniqueConstraint("request", "key"),
)

policy_changes = Table(
    "policy_changes",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("dataset", String(64), nullable=False),
    Column("card", String(80), nullable=False, unique=True),
    Column("envelope", Text, nullable=False),
)

log = Table(
    "log",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("time", String(40), nullable=False),
    Column("event", String(10), nullable=False),
    Column("who", String(500), nullable=False),
    Column("key", String(64), nullable=False),
    Column("subject", String(100), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("request", String(80), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("evaluation", Text, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("expires", Integer, nullable=False, index=True),
)
