"""No way back: a domain whose database is older than its newest ledger head does not run.

A database that was restored from an old copy, or swapped for an empty one, has forgotten what was
spent. The newest head lies beside the database, signed by the domain, and is written before a run
starts. A database that does not hold it is refused until an operator has reconciled it: what the
head says was spent, and the database does not know, is charged.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from workbench.budget import ledger
from workbench.budget.accountant import Curve
from workbench.documents import Envelope, PrivateKey, now
from workbench.documents.errors import InvalidConfiguration, LedgerBehind, WorkbenchError
from workbench.documents.ledger_head import LedgerHead, LedgerPoint, Spent
from workbench.domain.config import DomainFolder

FILE = "ledger-head.json"


def path(folder: DomainFolder) -> Path:
    """Return the place of the newest head."""
    return folder.folder("ledger") / FILE


def of(connection: Connection, domain: str) -> LedgerHead:
    """Return the head that the database has."""
    rows, hash_ = ledger.head(connection)
    spent = [
        Spent(
            population=population,
            block=block,
            curve=tuple(float(c) if np.isfinite(c) else None for c in curve),
        )
        for (population, block), curve in sorted(ledger.everything(connection).items())
    ]
    point = LedgerPoint(rows=rows, hash=hash_)
    return LedgerHead(domain=domain, point=point, spent=tuple(spent), time=now())


def keep(connection: Connection, folder: DomainFolder, key: PrivateKey) -> None:
    """Write the database's head beside it, on disk when this returns; never an older one.

    Raises
    ------
    LedgerBehind
        If the one that is there is newer.
    """
    with _alone(folder):
        _check(connection, folder, key)
        _write(folder, Envelope.sign(of(connection, folder.config.name), key))


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


def reconcile(connection: Connection, folder: DomainFolder, key: PrivateKey) -> int:
    """Charge what the newest head knows and the database does not; returns how many rows.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    folder, key
        The domain's.
    """
    with _alone(folder):
        newest = _read(folder, key)
        if newest is None or ledger.holds(connection, newest.point.hash):
            return 0
        missing = _missing(newest, ledger.everything(connection))
        for (population, block), curve in missing.items():
            blocks = (block,) if block else ()
            ledger.charge_missing(
                connection, population=population, blocks=blocks, head=newest.point.hash,
                curve=curve,
            )  # fmt: skip
        _write(folder, Envelope.sign(of(connection, folder.config.name), key))
        return len(missing)


def _missing(
    newest: LedgerHead, known: dict[tuple[str, str], Curve]
) -> dict[tuple[str, str], Curve]:
    """Return what has to be charged so that each block has at least what the head says."""
    said = {
        (one.population, one.block): np.array(
            [np.inf if c is None else c for c in one.curve], dtype=np.float64
        )
        for one in newest.spent
    }
    found: dict[tuple[str, str], Curve] = {}

    def lacks(there: Curve, wanted: Curve) -> Curve:
        # Infinity less infinity is nothing.
        return np.where(np.isinf(there), 0.0, np.maximum(wanted - there, 0.0))

    for population in {name for name, _ in said}:
        none = np.zeros_like(next(iter(said.values())))
        everywhere = lacks(known.get((population, ""), none), said.get((population, ""), none))
        if everywhere.any():
            found[population, ""] = everywhere
        for (name, block), wanted in said.items():
            if name == population and block:
                base = known.get((name, block), known.get((name, ""), none))
                left = lacks(base + everywhere, wanted)
                if left.any():
                    found[name, block] = left
    return found


def _check(connection: Connection, folder: DomainFolder, key: PrivateKey) -> None:
    newest = _read(folder, key)
    if newest is None or ledger.holds(connection, newest.point.hash):
        return
    rows, _ = ledger.head(connection)
    raise LedgerBehind(
        f"the database has a privacy ledger of {rows} rows and does not hold the newest one that "
        f"is known, of {newest.point.rows} rows from {newest.time[:19]}: it is an older copy, or "
        "another database",
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


def _write(folder: DomainFolder, envelope: Envelope) -> None:
    place = path(folder)
    new = place.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(envelope.canonical())
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
