"""The head of a domain's privacy ledger: how far it is, what was spent, and on whom."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workbench.documents.base import Digest, Document, Line, Name, Timestamp, type_tuple
from workbench.documents.population import Population

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LedgerPoint(Document):
    """How many rows a ledger had, and the hash of the newest, which stands for all of them."""

    rows: Annotated[int, Field(ge=0)]
    hash: Hash


class Spent(Document):
    """What counts in one block of a population: the sum of its runs' curves, by Renyi order.

    The block called "" is what every block has, those that are still to come included. An order at
    which a run has no bound has none here: None.
    """

    population: Annotated[str, Field(max_length=64)]
    block: Line
    curve: Annotated[tuple[float | None, ...], type_tuple]


class PopulationHead(Document):
    """A population as it was: its caps, its datasets, and its members by keyed hashes.

    `opted_out` are those who take part in nothing any more. `stopped` are the dataset versions that
    might hold one of them, where nobody can tell: nothing runs on them. `members` is the SHA-256 of
    the file beside the head that says who is in which dataset and block; none if nobody is known.
    """

    population: Population
    datasets: Annotated[tuple[Name, ...], type_tuple]
    opted_out: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], ...], type_tuple
    ] = ()
    stopped: Annotated[
        tuple[Digest, ...], type_tuple, Field(exclude_if=lambda value: not value)
    ] = ()
    members: Hash | None = None


class LedgerState(Document):
    """What a ledger's head stands for, in a file beside it: a domain has many blocks.

    `versions` is how many dataset versions the members of `populations` follow from.
    """

    format: Literal["workbench/ledger-state/v1"] = "workbench/ledger-state/v1"
    spent: Annotated[tuple[Spent, ...], type_tuple]
    populations: Annotated[tuple[PopulationHead, ...], type_tuple] = ()
    versions: Annotated[int, Field(ge=0)] = 0


class LedgerHead(Document):
    """A ledger's head, signed by its domain: a database that does not hold it is older.

    It is on disk before a run starts, and its `point` is in every release. `log` is the audit
    log's point: what it tells, such as that a person opted out, is known to whoever holds it.
    `state` is the SHA-256 of the `LedgerState` beside it.
    """

    payload_type: ClassVar[str] = "application/vnd.workbench.ledgerhead+json"

    format: Literal["workbench/ledger-head/v1"] = "workbench/ledger-head/v1"
    domain: Name
    point: LedgerPoint
    log: LedgerPoint
    state: Hash
    time: Timestamp
