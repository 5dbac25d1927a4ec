"""Keep the requests of a domain in its database, and move them from state to state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Connection, Row, func, insert, select, update

from workbench.documents import (
    DatasetCard,
    Decision,
    Document,
    Envelope,
    Failure,
    Release,
    Request,
    State,
    Statement,
    now,
)
from workbench.documents.base import short
from workbench.documents.envelope import unverified
from workbench.domain.store.tables import requests
from workbench.errors import Conflict, InvalidDocument, NotFound

D = TypeVar("D", bound=Document)

_MOVES: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.APPROVED, State.DENIED, State.CANCELLED}),
    State.APPROVED: frozenset({State.RUNNING, State.CANCELLED, State.DENIED, State.FAILED}),
    State.RUNNING: frozenset({State.RUNNING, State.RELEASED, State.FAILED, State.CANCELLED}),
}


@dataclass(frozen=True)
class StoredDocument(Generic[D]):
    """A signed document in the database, read when it is first asked for.

    It was opened with its signer's key, or signed here, before it was stored; so `document` does
    not check the signature again. Where the database itself is not trusted, open `envelope`.

    Attributes
    ----------
    kind
        The class of the document.
    text
        The envelope's JSON as it is stored; empty if there is none (yet).
    """

    kind: type[D]
    text: str

    @cached_property
    def envelope(self) -> Envelope:
        """The envelope.

        Raises
        ------
        InvalidDocument
            If there is none, or what is stored is none.
        """
        if not self.text:
            raise InvalidDocument(f"{self.kind.__name__}: none is stored for this request")
        return Envelope.parse(self.text)

    @cached_property
    def document(self) -> D:
        """The document; its signature was checked before it was stored, and is not checked here."""
        return unverified(self.envelope, self.kind)


@dataclass(frozen=True)
class StoredRequest:
    """A request as it stood in the database, with the documents that belong to it.

    Attributes
    ----------
    sequence
        Its place among all requests of this domain, by the time of submission.
    seed
        The sealed seed of its noise; None until it was launched.
    attempts
        How many times a run of it was begun.
    charged
        Whether its cost is spent.
    signed_request, signed_card, signed_decision, signed_release, signed_attestation
        The signed documents; the last three have no text until they are made.
    """

    sequence: int
    digest: str
    researcher: str
    dataset: str
    function: str
    state: State
    submitted: str
    updated: str
    decided_by: Literal["steward", "policy"] | None
    decider: str
    reason: str
    failure: Failure | None
    charged: bool
    attempts: int
    seed: bytes | None
    signed_request: StoredDocument[Request]
    signed_card: StoredDocument[DatasetCard]
    signed_decision: StoredDocument[Decision]
    signed_release: StoredDocument[Release]
    signed_attestation: StoredDocument[Statement]

    @property
    def request(self) -> Request:
        """What was asked; see `StoredDocument` on its signature."""
        return self.signed_request.document

    @property
    def card(self) -> DatasetCard:
        """The card that the request names, with the terms of that time."""
        return self.signed_card.document

    @property
    def decision(self) -> Decision:
        """The decision that approved or denied it; `InvalidDocument` if there is none."""
        return self.signed_decision.document


def _stored(row: Row[Any]) -> StoredRequest:
    return StoredRequest(
        sequence=row.sequence,
        digest=row.digest,
        researcher=row.researcher,
        dataset=row.dataset,
        function=row.function,
        state=State(row.state),
        submitted=row.submitted,
        updated=row.updated,
        decided_by=row.decided_by,
        decider=row.decider,
        reason=row.reason,
        failure=row.failure,
        charged=row.charged,
        attempts=row.attempts,
        seed=row.seed,
        signed_request=StoredDocument(Request, row.envelope),
        signed_card=StoredDocument(DatasetCard, row.card),
        signed_decision=StoredDocument(Decision, row.decision or ""),
        signed_release=StoredDocument(Release, row.release or ""),
        signed_attestation=StoredDocument(Statement, row.attestation or ""),
    )


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


def find(connection: Connection, digest: str) -> StoredRequest | None:
    """Return a request, or None."""
    row = connection.execute(select(requests).where(requests.c.digest == digest)).first()
    return None if row is None else _stored(row)


def get(connection: Connection, digest: str) -> StoredRequest:
    """Return a request.

    Raises
    ------
    NotFound
        If there is none.
    """
    found = find(connection, digest)
    if found is None:
        raise NotFound(f"there is no request {short(digest)} here")
    return found


def move(connection: Connection, digest: str, to: State, **values: Any) -> None:
    """Bring a request into another state, with other columns changed in the same step.

    Raises
    ------
    Conflict
        If it is not in a state from which that can follow.
    """
    state = get(connection, digest).state
    if to not in _MOVES.get(state, frozenset()):
        raise Conflict(f"the request is {state}; it cannot become {to}")
    statement = update(requests).where(requests.c.digest == digest)
    connection.execute(statement.values(state=to, updated=now(), **values))


def deny(connection: Connection, digest: str, reason: str) -> None:
    """Deny a request in the name of the domain itself, even if somebody approved it."""
    move(connection, digest, State.DENIED, reason=reason, decided_by=None, decider="")


def touch(connection: Connection, digest: str) -> None:
    """Note the time of a change of a request that leaves its state as it is."""
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
) -> list[StoredRequest]:
    """Return at most `limit` requests, newest first.

    `after` is the `sequence` of the last one already seen.
    """
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
    return [_stored(row) for row in connection.execute(query)]


def not_ended(connection: Connection, dataset: str) -> list[StoredRequest]:
    """Return the requests on a dataset, in all its versions, that may still start or run."""
    return [
        request
        for state in _MOVES
        for request in listed(connection, state=state, dataset=dataset, limit=None)
    ]


def count(
    connection: Connection,
    *,
    researcher: str,
    state: State | None = None,
    since: str | None = None,
) -> int:
    """Return how many requests of one researcher there are, by state or time of submission."""
    query = select(func.count()).select_from(requests).where(requests.c.researcher == researcher)
    if state is not None:
        query = query.where(requests.c.state == state)
    if since is not None:
        query = query.where(requests.c.submitted >= since)
    return connection.execute(query).scalar_one()


def last_approved(connection: Connection, request: StoredRequest) -> StoredRequest | None:
    """Return the newest approved request of the same function and researcher before this one."""
    query = (
        select(requests)
        .where(requests.c.researcher == request.researcher, requests.c.function == request.function)
        .where(requests.c.sequence < request.sequence, requests.c.decision.is_not(None))
        .where(requests.c.state != State.DENIED)
        .order_by(requests.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _stored(row)
