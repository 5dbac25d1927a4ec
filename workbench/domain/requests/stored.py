"""The requests of a domain in its database, and the only moves between their states."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from workbench.documents import Envelope, Request, State, now
from workbench.domain.store.tables import requests
from workbench.errors import Conflict, NotFound

_MOVES: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.APPROVED, State.DENIED, State.CANCELLED}),
    State.APPROVED: frozenset({State.RUNNING, State.CANCELLED, State.DENIED, State.FAILED}),
    State.RUNNING: frozenset({State.RUNNING, State.RELEASED, State.FAILED, State.CANCELLED}),
}


def add(connection: Connection, envelope: Envelope, request: Request, card: Envelope) -> None:
    """Store a new request in state ``pending``."""
    time = now()
    connection.execute(
        insert(requests).values(
            digest=request.digest,
            envelope=envelope.canonical().decode(),
            card=card.canonical().decode(),
            researcher=request.researcher,
            dataset=request.dataset,
            function=request.function,
            state=State.PENDING,
            submitted=time,
            updated=time,
        )
    )


def find(connection: Connection, digest: str) -> Any | None:
    """Return the row of a request, or None."""
    return connection.execute(select(requests).where(requests.c.digest == digest)).first()


def get(connection: Connection, digest: str) -> Any:
    """Return the row of a request.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = find(connection, digest)
    if row is None:
        raise NotFound(f"there is no request {digest[:19]} here")
    return row


def move(connection: Connection, digest: str, to: State, **values: Any) -> None:
    """Bring a request into another state, with other columns changed in the same step.

    Raises
    ------
    Conflict
        If it is not in a state from which that can follow.
    """
    state = State(get(connection, digest).state)
    if to not in _MOVES.get(state, frozenset()):
        raise Conflict(f"the request is {state}; it cannot become {to}")
    statement = update(requests).where(requests.c.digest == digest)
    connection.execute(statement.values(state=to, updated=now(), **values))


def deny(connection: Connection, digest: str, reason: str) -> None:
    """Close a request that the domain itself refuses, whoever approved it."""
    move(connection, digest, State.DENIED, reason=reason, decided_by=None, decider="")


def touch(connection: Connection, digest: str) -> None:
    """Note that something about a request changed, but not its state."""
    statement = update(requests).where(requests.c.digest == digest)
    connection.execute(statement.values(updated=now()))


def listed(
    connection: Connection,
    *,
    researcher: str | None = None,
    state: State | None = None,
    dataset: str | None = None,
    limit: int | None = 100,
    after: int | None = None,
) -> list[Any]:
    """Return rows, newest first; `after` is the `sequence` of the last one already seen."""
    query = select(requests).order_by(requests.c.sequence.desc()).limit(limit)
    for column, value in (
        (requests.c.researcher, researcher),
        (requests.c.state, state),
        (requests.c.dataset, dataset),
    ):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(requests.c.sequence < after)
    return list(connection.execute(query))


def count(
    connection: Connection,
    *,
    researcher: str,
    state: State | None = None,
    since: str | None = None,
) -> int:
    """Return how many requests of one researcher there are, in a state or submitted since then."""
    query = select(func.count()).select_from(requests).where(requests.c.researcher == researcher)
    if state is not None:
        query = query.where(requests.c.state == state)
    if since is not None:
        query = query.where(requests.c.submitted >= since)
    return connection.execute(query).scalar_one()


def last_approved(connection: Connection, row: Any) -> Any | None:
    """Return the newest request of the same function and researcher that was approved before."""
    query = (
        select(requests)
        .where(requests.c.researcher == row.researcher, requests.c.function == row.function)
        .where(requests.c.sequence < row.sequence, requests.c.decision.is_not(None))
        .where(requests.c.state != State.DENIED)
        .order_by(requests.c.sequence.desc())
        .limit(1)
    )
    return connection.execute(query).first()
