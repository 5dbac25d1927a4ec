"""The rows of the privacy ledger: read, added at the end, and checked for what was left out.

Each row names, by its hash, all rows before it. So the newest hash stands for the whole ledger.
Rows are never changed or removed (`tables.protect`). Whether a run fits is said in `ledger` alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import rfc8785
from sqlalchemy import Connection, RowMapping, func, insert, select

from workbench.budget.accountant import ORDERS, Curve
from workbench.budget.tables import ledger
from workbench.documents import now
from workbench.errors import VerificationFailed

Event = Literal["reserve", "charge", "void"]
SNIPPET = "snippet"
"""The researcher of rows that a snippet made from counts has cost."""
RECONCILED = "reconciled"
"""The researcher of rows for what a lost database knew of."""
START = "0" * 64
"""The hash that the first row follows."""
EVERYWHERE = ""
"""The population of rows whose dataset nobody knows any more: they count in every population."""


@dataclass(frozen=True)
class LedgerEntry:
    """One row; `sequence`, `time` and `hash` are set when it is added.

    `blocks` are those of the population that the run reads; none named are all of them.
    """

    population: str
    blocks: tuple[str, ...]
    dataset: str
    dataset_version: str
    request: str
    researcher: str
    event: Event
    curve: Curve
    sequence: int = 0
    time: str = ""
    hash: str = ""

    def hashed(self, previous: str) -> str:
        """Return the hash of this row after the one whose hash is `previous`."""
        content = {
            "population": self.population,
            "blocks": list(self.blocks),
            "dataset": self.dataset,
            "dataset_version": self.dataset_version,
            "request": self.request,
            "researcher": self.researcher,
            "event": self.event,
            "time": self.time,
            # As text, since a curve may be infinite.
            "curve": _text(self.curve),
            "previous": previous,
        }
        return hashlib.sha256(rfc8785.dumps(content)).hexdigest()

    def reads(self, block: str) -> bool:
        """Return whether the run reads this block."""
        return not self.blocks or block in self.blocks


def _text(curve: Curve) -> str:
    return json.dumps([float(value) for value in curve])


@lru_cache(maxsize=10_000)
def _curve(text: str) -> Curve:
    """Return the curve that a row holds as text; equal plans have equal ones."""
    curve = np.asarray(json.loads(text), dtype=np.float64)
    curve.flags.writeable = False
    return curve


def _entry(row: RowMapping) -> LedgerEntry:
    values = dict(row)
    values["blocks"] = tuple(json.loads(values["blocks"]))
    values["curve"] = _curve(values["curve"])
    return LedgerEntry(**values)


def append(connection: Connection, entry: LedgerEntry) -> None:
    """Add a row at the end, as of now; in a transaction that no other writer can enter."""
    entry = replace(entry, time=now())
    connection.execute(
        insert(ledger).values(
            population=entry.population,
            blocks=json.dumps(list(entry.blocks)),
            dataset=entry.dataset,
            dataset_version=entry.dataset_version,
            request=entry.request,
            researcher=entry.researcher,
            event=entry.event,
            curve=_text(entry.curve),
            time=entry.time,
            hash=entry.hashed(_newest(connection)),
        )
    )


def entries(connection: Connection, *, population: str) -> list[LedgerEntry]:
    """Return all rows that count in a population, oldest first."""
    names = [population, EVERYWHERE]
    rows = connection.execute(
        select(ledger).where(ledger.c.population.in_(names)).order_by(ledger.c.sequence)
    )
    return [_entry(row) for row in rows.mappings()]


def counting(connection: Connection, populations: Sequence[str] | None = None) -> list[LedgerEntry]:
    """Return the reservations that count, of some populations or of all, oldest first.

    What was given back is left out by the database: of that there may be any number.
    """
    void = select(ledger.c.request).where(ledger.c.event == "void")
    query = select(ledger).where(ledger.c.event == "reserve", ledger.c.request.not_in(void))
    if populations is not None:
        query = query.where(ledger.c.population.in_([*populations, EVERYWHERE]))
    rows = connection.execute(query.order_by(ledger.c.sequence))
    return [_entry(row) for row in rows.mappings()]


def events(connection: Connection, request: str) -> set[str]:
    """Return which rows a request has: ``reserve``, ``charge``, ``void``."""
    return set(
        connection.execute(select(ledger.c.event).where(ledger.c.request == request)).scalars()
    )


def reservation(connection: Connection, request: str) -> LedgerEntry | None:
    """Return the reservation of a request, given back or not; None if it has none."""
    query = select(ledger).where(ledger.c.request == request, ledger.c.event == "reserve")
    found = connection.execute(query).mappings().first()
    return None if found is None else _entry(found)


def charged(connection: Connection) -> set[str]:
    """Return all requests that were charged."""
    return set(
        connection.execute(select(ledger.c.request).where(ledger.c.event == "charge")).scalars()
    )


def count(connection: Connection) -> int:
    """Return how many rows the ledger has."""
    return int(connection.execute(select(func.count()).select_from(ledger)).scalar_one())


def head(connection: Connection) -> tuple[int, str]:
    """Return how many rows the ledger has, and the hash of the newest."""
    return count(connection), _newest(connection)


def _newest(connection: Connection) -> str:
    newest = select(ledger.c.hash).order_by(ledger.c.sequence.desc()).limit(1)
    found = connection.execute(newest).scalar()
    return START if found is None else str(found)


def holds(connection: Connection, hash_: str) -> bool:
    """Return whether a row has this hash, and so whether the ledger holds all rows up to it."""
    if hash_ == START:
        return True
    found = select(ledger.c.sequence).where(ledger.c.hash == hash_)
    return connection.execute(found).first() is not None


def check(connection: Connection) -> int:
    """Check that each row follows the one before it; return how many there are.

    Raises
    ------
    VerificationFailed
        If a row was changed or left out.
    """
    previous = START
    number = 0
    for row in connection.execute(select(ledger).order_by(ledger.c.sequence)).mappings():
        entry = _entry(row)
        number += 1
        if entry.hash != entry.hashed(previous):
            raise VerificationFailed(f"the ledger does not hold together at row {number}")
        previous = entry.hash
    return number


def total(rows: Sequence[LedgerEntry]) -> Curve:
    """Return the sum of what rows cost."""
    found = np.zeros(len(ORDERS))
    for row in rows:
        found = found + row.curve
    return found


def read_together(rows: Sequence[LedgerEntry], blocks: tuple[str, ...]) -> list[str]:
    """Return the blocks in each of which a run that reads `blocks` has to fit.

    A block that no row names has the rows that read everything, and so has the one called "".
    """
    if blocks:
        return list(blocks)
    return sorted({"", *(block for row in rows for block in row.blocks)})
