"""Refuse to run a domain on a database that is older than its newest ledger head.

A database that was restored from an old copy, or swapped for an empty one, has forgotten what was
spent, and on whom. The newest head lies beside the database, signed by the domain, and is written
before a run starts and whenever a population changes. A database that does not hold it is refused
until an operator has reconciled it (`reconcile`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sqlalchemy import Connection

from workbench.budget import balance, chain
from workbench.documents import Envelope, PrivateKey, now
from workbench.documents.ledger_head import (
    LedgerHead,
    LedgerPoint,
    LedgerState,
    PopulationHead,
    Spent,
)
from workbench.domain.access import log
from workbench.domain.heads import files
from workbench.domain.populations import accounts, members_file, opting_out, persons, registry
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.home import Home
from workbench.errors import (
    LedgerBehind,
)


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
    gone = opting_out.everybody_gone(connection)
    groups = registry.groups(connection)
    made: dict[str, bytes] = {}
    found = []
    for population, datasets in accounts.all_with_datasets(connection):
        name = population.name
        if name not in known:
            content = members_file.written(connection, name)
            known[name] = None if content is None else hashlib.sha256(content).hexdigest()
            if content is not None:
                made[hashlib.sha256(content).hexdigest()] = content
        found.append(
            PopulationHead(
                population=population,
                datasets=datasets,
                opted_out=tuple(gone.get(name, ())),
                stopped=tuple(opting_out.stopped_unseen(connection, name, groups(name)))
                if gone
                else (),
                members=known[name],
            )
        )
    return LedgerState(spent=tuple(spent), populations=tuple(found), versions=versions), made


def keep(connection: Connection, folder: DomainFolder, key: PrivateKey) -> None:
    """Write the database's head beside it, on disk when this returns; never an older one.

    Raises
    ------
    LedgerBehind
        If the one that is there is newer.
    """
    with files.alone(folder):
        newest = _check(connection, folder, key)
        replace(connection, folder, key, newest)


def replace(
    connection: Connection, folder: DomainFolder, key: PrivateKey, newest: LedgerHead | None
) -> None:
    """Write the database's head, whatever was there before; only for whoever is alone here.

    Files, state and head are written in this order; then what the head does not name is removed.

    Parameters
    ----------
    connection, folder, key
        The domain's.
    newest
        The head that was there; its files are made anew if it is None.
    """
    at, lines = point(connection), log.head(connection)
    before = None if newest is None else files.usable(folder, newest)
    present, made = state(connection, before)
    for digest, content in made.items():
        files.write(folder, files.members_name(digest), content)
    content = present.canonical()
    digest = hashlib.sha256(content).hexdigest()
    files.write(folder, files.state_name(digest), content)
    head = LedgerHead(
        domain=folder.config.name,
        point=at,
        log=LedgerPoint(rows=lines[0], hash=lines[1]),
        state=digest,
        time=now(),
    )
    files.write(folder, files.FILE, Envelope.sign(head, key).canonical())
    named = {
        files.members_name(one.members) for one in present.populations if one.members is not None
    }
    for old in folder.folder("ledger").glob("*-*.json"):
        if old.name not in {files.FILE, files.state_name(digest), *named}:
            old.unlink(missing_ok=True)


@contextmanager
def changing(home: Home) -> Iterator[Connection]:
    """Give a transaction that changes populations; it is in the newest head afterwards.

    Raises
    ------
    LedgerBehind
        If the database does not hold the newest head; nothing is changed.
    """
    with home.store.write() as connection:
        check(connection, home.folder, home.key)
        yield connection
    with home.store.read() as connection:
        keep(connection, home.folder, home.key)


def check(connection: Connection, folder: DomainFolder, key: PrivateKey) -> None:
    """Check that the database holds the newest head that is known.

    Raises
    ------
    LedgerBehind
        If not: it is older than the head, or another one.
    InvalidConfiguration
        If the head cannot be read or is not this domain's.
    """
    with files.alone(folder):
        _check(connection, folder, key)


def holds(connection: Connection, newest: LedgerHead) -> bool:
    """Return whether the database holds a head: all rows of its ledger and all lines of its log."""
    lines = newest.log
    return chain.holds(connection, newest.point.hash) and log.holds(
        connection, lines.rows, lines.hash
    )


def _check(connection: Connection, folder: DomainFolder, key: PrivateKey) -> LedgerHead | None:
    newest = files.read(folder, key)
    if newest is None or holds(connection, newest):
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
