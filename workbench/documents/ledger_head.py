"""The head of a domain's privacy ledger: how far it is, and what was spent until there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.documents.base import Document, Line, Name, Timestamp, type_tuple

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


class LedgerHead(Document):
    """A ledger's head, signed by its domain: a database that does not hold it is older.

    It is on disk before a run starts, and its `point` is in every release.
    """

    format: Literal["workbench/ledger-head/v1"] = "workbench/ledger-head/v1"
    domain: Name
    point: LedgerPoint
    spent: Annotated[tuple[Spent, ...], type_tuple]
    time: Timestamp
