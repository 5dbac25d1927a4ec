"""Let a database that is older than the newest ledger head know again what the head knows.

What the head says was spent, and the database does not know, is charged; and the populations' caps,
their members with their blocks, and who opted out are taken up from the files that the head names.
Without these files nothing is reconciled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, make_url

from workbench.budget import balance, ledger
from workbench.budget.accountant import Curve
from workbench.documents import PrivateKey, State
from workbench.documents.ledger_head import (
    LedgerState,
    PopulationHead,
)
from workbench.domain.access import log
from workbench.domain.heads import files, head
from workbench.domain.populations import members_file, opting_out, registry
from workbench.domain.requests import stored
from workbench.domain.store.config import DomainFolder
from workbench.errors import (
    Conflict,
)

_LOST = (
    "The domain lost its newest database, and nobody knows whether this has run since. Ask again."
)


@dataclass(frozen=True)
class Reconciled:
    """What a database did not know: blocks that were charged, caps, members and opt-outs.

    `denied` is how many requests waited in it: nobody knows what became of them since.
    """

    blocks: int = 0
    populations: int = 0
    members: int = 0
    opted_out: int = 0
    denied: int = 0

    def __str__(self) -> str:
        return (
            f"{self.blocks} blocks charged; taken up: the caps of {self.populations} populations, "
            f"the members of {self.members}, {self.opted_out} who opted out; {self.denied} "
            "requests that waited were denied"
        )


def reconcile(
    connection: Connection, folder: DomainFolder, key: PrivateKey, lost: bool = False
) -> Reconciled | None:
    """Let the database know what the newest head knows; return what it did not know.

    What waits in it is denied and given back: it may have run since, and what the head says was
    spent must not be taken for a reservation that can still be given back or run.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    folder, key
        The domain's.
    lost
        Whether an empty database is meant to be one: people, requests and log are gone for good.

    Raises
    ------
    InvalidConfiguration
        If a file that the head names is missing or was changed; nothing is reconciled.
    Conflict
        If the database is empty and nobody said that it should be.

    Returns
    -------
    Reconciled or None
        None if the database holds the head.
    """
    with files.alone(folder):
        newest = files.read(folder, key)
        if newest is None or head.holds(connection, newest):
            return None
        if log.head(connection)[0] == 0 and not lost:
            raise Conflict(
                f"the database is empty, and no older copy: {make_url(folder.database_url)!r}",
                "Is this the one that was meant ('database' in domain.toml)? If no copy is left at "
                "all, 'workbench domain reconcile DIR --lost' goes on with the empty one: then "
                "admit all people again; requests, releases and the log are gone.",
            )
        said = files.stated(folder, newest)
        denied = _deny_waiting(connection)
        known, _ = head.state(connection)
        blocks = _charge_missing(connection, said, newest.point.hash)
        there = {one.population.name: one for one in known.populations}
        populations = members = opted_out = 0
        for one in said.populations:
            populations += registry.recall(connection, one.population, key)
            members += _recall_members(connection, folder, one, there.get(one.population.name))
            opted_out += _recall_gone(connection, one)
        found = Reconciled(blocks, populations, members, opted_out, denied)
        log.append(connection, "reconcile", log.OPERATOR, f"{found.blocks} charged", str(found))
        head.replace(connection, folder, key, None)
        return found


def _deny_waiting(connection: Connection) -> int:
    rows = [
        row
        for state in (State.PENDING, State.APPROVED)
        for row in stored.listed(connection, state=state, limit=None)
    ]
    for row in rows:
        ledger.release_reservation(connection, request=row.digest)
        stored.deny(connection, row.digest, _LOST)
        log.append(connection, "decide", log.OPERATOR, row.digest, "deny: reconciled")
    return len(rows)


def _charge_missing(connection: Connection, said: LedgerState, hash_: str) -> int:
    """Charge what the head with this hash says and the ledger lacks; return in how many blocks."""
    missing = missing_of(said, balance.totals(connection))
    for (population, block), curve in missing.items():
        blocks = (block,) if block else ()
        ledger.charge_missing(
            connection, population=population, blocks=blocks, head=hash_, curve=curve
        )
    return len(missing)


def _recall_members(
    connection: Connection,
    folder: DomainFolder,
    said: PopulationHead,
    known: PopulationHead | None,
) -> bool:
    told: list[str] = []
    new = said.members is not None and (known is None or known.members != said.members)
    if new and said.members is not None:
        told = members_file.take_up(
            connection, files.content_of(folder, files.members_name(said.members), said.members)
        )
    # Of datasets from before there were populations nobody was told, but whose they are.
    there = set() if known is None else set(known.datasets)
    left = set(said.datasets) - there - set(told)
    members_file.belong(connection, said.population.name, sorted(left))
    return bool(new or left)


def _recall_gone(connection: Connection, said: PopulationHead) -> int:
    for version in said.stopped:
        opting_out.stop(connection, said.population.name, version)
    return sum(
        opting_out.opt_out(connection, said.population.name, int(person, 16))
        for person in said.opted_out
    )


def missing_of(
    said: LedgerState, known: dict[tuple[str, str], Curve]
) -> dict[tuple[str, str], Curve]:
    """Return what has to be charged so that each block has at least what the head says."""
    wanted_of = {
        (one.population, one.block): np.array(
            [np.inf if c is None else c for c in one.curve], dtype=np.float64
        )
        for one in said.spent
    }
    found: dict[tuple[str, str], Curve] = {}

    def lacks(there: Curve, wanted: Curve) -> Curve:
        # Infinity less infinity is nothing.
        return np.where(np.isinf(there), 0.0, np.maximum(wanted - there, 0.0))

    for population in {name for name, _ in wanted_of}:
        none = np.zeros_like(next(iter(wanted_of.values())))
        everywhere = lacks(known.get((population, ""), none), wanted_of.get((population, ""), none))
        if everywhere.any():
            found[population, ""] = everywhere
        for (name, block), wanted in wanted_of.items():
            if name == population and block:
                base = known.get((name, block), known.get((name, ""), none))
                left = lacks(base + everywhere, wanted)
                if left.any():
                    found[name, block] = left
    return found
