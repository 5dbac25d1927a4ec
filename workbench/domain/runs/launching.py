"""Check an approved request once more, charge its cost, and mark it as running, in one step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from workbench.budget import ledger
from workbench.documents import DatasetCard, Request, State
from workbench.domain.access import log
from workbench.domain.datasets import files
from workbench.domain.heads import head
from workbench.domain.populations import accounts, opting_out, registry
from workbench.domain.requests import decisions, stored
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.store.home import Home
from workbench.errors import Conflict, WorkbenchError

MAX_ATTEMPTS = 3
"""How often a run is begun, if its worker dies each time."""


@dataclass(frozen=True)
class Launched:
    """A request that is charged and may run now.

    Attributes
    ----------
    request, card
        What runs, on what.
    seed
        The sealed seed: that of the first launch, also when a run is begun again.
    """

    request: Request
    card: DatasetCard
    seed: bytes


def launch(connection: Connection, home: Home, digest: str) -> Launched | None:
    """Begin a run, in one transaction; None if it may not run, or not any more.

    A request whose documents, people, data or budget do not allow it any more is denied, and its
    reservation given back. The charge is made once, at the first launch.

    Raises
    ------
    LedgerBehind
        If the database has forgotten what was spent.
    """
    row = stored.get(connection, digest)
    if row.state not in (State.APPROVED, State.RUNNING):
        return None
    if row.attempts >= MAX_ATTEMPTS:
        stored.move(connection, digest, State.FAILED, failure="worker-died")
        log.append(connection, "fail", "", digest, "worker-died")
        return None
    card = row.card
    stopped = opting_out.stopped(connection, card.population_name, card.dataset_version)
    if stopped and row.state == State.RUNNING:
        stored.move(connection, digest, State.FAILED, failure="internal")
        log.append(connection, "fail", "", digest, "a person opted out")
        return None
    if row.state == State.APPROVED:
        try:
            _check(connection, home, row, stopped)
        except WorkbenchError as error:
            ledger.release_reservation(connection, request=digest)
            stored.deny(connection, digest, error.message)
            log.append(connection, "decide", "", digest, "deny at launch")
            return None
    head.check(connection, home.folder, home.key)
    ledger.charge(connection, request=digest)
    seed = row.seed or home.seal.new_seed(digest)
    attempt = row.attempts + 1
    stored.move(connection, digest, State.RUNNING, charged=True, seed=seed, attempts=attempt)
    log.append(connection, "launch", "", digest, f"attempt {attempt}")
    return Launched(row.request, card, seed)


def _check(connection: Connection, home: Home, row: StoredRequest, stopped: bool) -> None:
    if stopped:
        raise Conflict(
            "somebody in these data does not take part any more; load the dataset again, once it "
            "was published anew"
        )
    decisions.check_at_launch(connection, home.key.public, row)
    files.require_prepared(home.folder, row.card)
    ledger.require_room(
        connection,
        request=row.digest,
        merges=partial(registry.merges, connection),
        caps=accounts.account(connection, row.card).whole,
    )
