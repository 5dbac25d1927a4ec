"""No way back: a domain whose database is older than its newest ledger head does not run.

A database that was restored from an old copy, or swapped for an empty one, has forgotten what was
spent, and on whom. The newest head lies beside the database, signed by the domain, and is written
before a run starts and whenever a population changes. A database that does not hold it is refused
until an operator has reconciled it. Then what the head says was spent, and the database does not
know, is charged; and the populations' caps, their members with their blocks, and who opted out are
taken up from the files that the head names. Without these files nothing is reconciled.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from sqlalchemy import Connection, make_url

from workbench.budget import balance, chain, ledger
from workbench.budget.accountant import Curve
from workbench.documents import Envelope, PrivateKey, State, now
from workbench.documents.ledger_head import (
    LedgerHead,
    LedgerPoint,
    LedgerState,
    PopulationHead,
    Spent,
)
from workbench.domain.access import log
from workbench.domain.populations import persons, registry
from workbench.domain.requests import stored
from workbench.domain.store.config import DomainFolder
from workbench.errors import (
    Conflict,
    InvalidConfiguration,
    LedgerBehind,
    WorkbenchError,
)

FILE = "ledger-head.json"
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


def path(folder: DomainFolder) -> Path:
    """Return the place of the newest head."""
    return folder.folder("ledger") / FILE


def point(connection: Connection) -> LedgerPoint:
    """Return where the database's ledger stands."""
    rows, hash_ = chain.head(connection)
    return LedgerPoint(rows=rows, hash=hash_)


def state(
    connection: Connection, before: LedgerState | None = None
) -> tuple[LedgerState, dict[str, bytes]]:
    """Return what the database's head stands for, and the files of members by their SHA-256.

    Parameters
    ----------
    connection
        The domain's database.
    before
        An earlier state, for which the files are there: they are not made again if no dataset
        version was added.
    """
    spent = [
        Spent(
            population=population,
            block=block,
            curve=tuple(float(c) if np.isfinite(c) else None for c in curve),
        )
        for (population, block), curve in sorted(balance.totals(connection).items())
    ]
    versions = persons.count(connection)
    known = {}
    if before is not None and before.versions == versions:
        known = {one.population.name: one.members for one in before.populations}
    gone = persons.everybody_gone(connection)
    groups = registry.groups(connection)
    files: dict[str, bytes] = {}
    found = []
    for population, datasets in registry.all_with_datasets(connection):
        name = population.name
        if name not in known:
            content = persons.told(connection, name)
            known[name] = None if content is None else hashlib.sha256(content).hexdigest()
            if content is not None:
                files[hashlib.sha256(content).hexdigest()] = content
        found.append(
            PopulationHead(
                population=population,
                datasets=datasets,
                opted_out=tuple(gone.get(name, ())),
                stopped=tuple(persons.stopped_unseen(connection, name, groups(name)))
                if gone
                else (),
                members=known[name],
            )
        )
    return LedgerState(spent=tuple(spent), populations=tuple(found), versions=versions), files


def keep(connection: Connection, folder: DomainFolder, key: PrivateKey) -> None:
    """Write the database's head beside it, on disk when this returns; never an older one.

    Raises
    ------
    LedgerBehind
        If the one that is there is newer.
    """
    with _alone(folder):
        newest = _check(connection, folder, key)
        _keep(connection, folder, key, newest)


def _keep(
    connection: Connection, folder: DomainFolder, key: PrivateKey, newest: LedgerHead | None
) -> None:
    """Write files, state and head, in this order; then remove what the head does not name."""
    at, lines = point(connection), log.head(connection)
    before = None if newest is None else _usable(folder, newest)
    present, files = state(connection, before)
    for digest, content in files.items():
        _write(folder, _members(digest), content)
    content = present.canonical()
    digest = hashlib.sha256(content).hexdigest()
    _write(folder, _state(digest), content)
    head = LedgerHead(
        domain=folder.config.name,
        point=at,
        log=LedgerPoint(rows=lines[0], hash=lines[1]),
        state=digest,
        time=now(),
    )
    _write(folder, FILE, Envelope.sign(head, key).canonical())
    named = {_members(one.members) for one in present.populations if one.members is not None}
    for old in folder.folder("ledger").glob("*-*.json"):
        if old.name not in {FILE, _state(digest), *named}:
            old.unlink(missing_ok=True)


def _members(digest: str) -> str:
    return f"members-{digest}.json"


def _state(digest: str) -> str:
    return f"state-{digest}.json"


def check(connection: Connection, folder: DomainFolder, key: PrivateKey) -> None:
    """Return None if the database holds the newest head that is known.

    Raises
    ------
    LedgerBehind
        If not: it is older than the head, or another one.
    InvalidConfiguration
        If the head cannot be read or is not this domain's.
    """
    with _alone(folder):
        _check(connection, folder, key)


def reconcile(
    connection: Connection, folder: DomainFolder, key: PrivateKey, lost: bool = False
) -> Reconciled | None:
    """Let the database know what the newest head knows; returns what it did not know.

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
    with _alone(folder):
        newest = _read(folder, key)
        if newest is None or _holds(connection, newest):
            return None
        if log.head(connection)[0] == 0 and not lost:
            raise Conflict(
                f"the database is empty, and no older copy: {make_url(folder.database_url)!r}",
                "Is this the one that was meant ('database' in domain.toml)? If no copy is left at "
                "all, 'workbench domain reconcile DIR --lost' goes on with the empty one: then "
                "admit all people again; requests, releases and the log are gone.",
            )
        said = _stated(folder, newest)
        denied = _deny_waiting(connection)
        known, _ = state(connection)
        missing = _missing(said, balance.totals(connection))
        for (population, block), curve in missing.items():
            blocks = (block,) if block else ()
            ledger.charge_missing(
                connection,
                population=population,
                blocks=blocks,
                head=newest.point.hash,
                curve=curve,
            )
        there = {one.population.name: one for one in known.populations}
        found = Reconciled(blocks=len(missing), denied=denied)
        for one in said.populations:
            mine = there.get(one.population.name)
            more = Reconciled(
                populations=registry.recall(connection, one.population, key),
                members=_recall_members(connection, folder, one, mine),
                opted_out=_recall_gone(connection, one),
            )
            found = Reconciled(
                found.blocks,
                found.populations + more.populations,
                found.members + more.members,
                found.opted_out + more.opted_out,
                denied,
            )
        log.append(connection, "reconcile", log.OPERATOR, f"{found.blocks} charged", str(found))
        _keep(connection, folder, key, None)
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


def _recall_members(
    connection: Connection,
    folder: DomainFolder,
    said: PopulationHead,
    known: PopulationHead | None,
) -> bool:
    told: list[str] = []
    new = said.members is not None and (known is None or known.members != said.members)
    if new and said.members is not None:
        told = persons.recall(connection, _file(folder, _members(said.members), said.members))
    # Of datasets from before there were populations nobody was told, but whose they are.
    there = set() if known is None else set(known.datasets)
    left = set(said.datasets) - there - set(told)
    persons.belong(connection, said.population.name, sorted(left))
    return bool(new or left)


def _recall_gone(connection: Connection, said: PopulationHead) -> int:
    for version in said.stopped:
        persons.stop(connection, said.population.name, version)
    return sum(
        persons.opt_out(connection, said.population.name, int(person, 16))
        for person in said.opted_out
    )


def _missing(
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


def _holds(connection: Connection, newest: LedgerHead) -> bool:
    lines = newest.log
    return chain.holds(connection, newest.point.hash) and log.holds(
        connection, lines.rows, lines.hash
    )


def _check(connection: Connection, folder: DomainFolder, key: PrivateKey) -> LedgerHead | None:
    newest = _read(folder, key)
    if newest is None or _holds(connection, newest):
        return newest
    rows, _ = chain.head(connection)
    lines, _ = log.head(connection)
    raise LedgerBehind(
        f"the database has a privacy ledger of {rows} rows and a log of {lines} lines, and does "
        f"not hold the newest ones that are known, of {newest.point.rows} rows and "
        f"{newest.log.rows} lines from {newest.time[:19]}: it is an older copy, or another "
        "database",
        "Bring the newest database back. If it is lost, 'workbench domain reconcile' charges what "
        "this one does not know of.",
    )


def _read(folder: DomainFolder, key: PrivateKey) -> LedgerHead | None:
    try:
        text = path(folder).read_bytes()
    except FileNotFoundError:
        return None
    try:
        head = Envelope.parse(text).open(LedgerHead, key.public)
    except WorkbenchError as error:
        raise InvalidConfiguration(
            f"the ledger's head {path(folder)} is not one that this domain signed: {error.message}",
            "Bring the file back from the newest copy of the folder.",
        ) from None
    if head.domain != folder.config.name:
        raise InvalidConfiguration(f"the ledger's head {path(folder)} is of '{head.domain}'")
    return head


def _stated(folder: DomainFolder, newest: LedgerHead) -> LedgerState:
    """Return what the head stands for."""
    content = _file(folder, _state(newest.state), newest.state)
    try:
        # Of the domain's own making, and as large as its populations are many.
        return LedgerState.model_validate_json(content)
    except ValidationError:
        raise InvalidConfiguration(
            f"{path(folder).parent / _state(newest.state)} is of another version of Workbench",
            "Reconcile with the version that wrote it.",
        ) from None


def _usable(folder: DomainFolder, newest: LedgerHead) -> LedgerState | None:
    """Return what the head stands for if its files are there; else they are made anew."""
    try:
        found = _stated(folder, newest)
    except InvalidConfiguration:
        return None
    place = path(folder).parent
    there = (
        one.members is None or (place / _members(one.members)).exists() for one in found.populations
    )
    return found if all(there) else None


def _file(folder: DomainFolder, name: str, digest: str) -> bytes:
    place = path(folder).parent / name
    try:
        content = place.read_bytes()
    except OSError as error:
        wrong = error.strerror or "cannot be read"
    else:
        if hashlib.sha256(content).hexdigest() == digest:
            return content
        wrong = "it was changed"
    raise InvalidConfiguration(
        f"the ledger's head names {place}, which is not there as it was: {wrong}",
        "Bring the file back from the newest copy of the folder. Without it nobody knows who is "
        "in which population.",
    )


def _write(folder: DomainFolder, name: str, content: bytes) -> None:
    place = path(folder).parent / name
    new = place.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(place)
    parent = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


@contextmanager
def _alone(folder: DomainFolder) -> Iterator[None]:
    """Keep other processes of this domain from the file: a command may run beside the server."""
    with (folder.folder("ledger") / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
