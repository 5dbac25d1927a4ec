"""Make the status of requests, for those who may see them, from what the database has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from workbench.documents import Person, RequestStatus, RunProgress, State
from workbench.domain.requests import decisions
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.store.tables import people


def status(
    connection: Connection, request: StoredRequest, progress: RunProgress | None = None
) -> RequestStatus:
    """Return the status of one request."""
    return statuses(connection, [request], lambda digest: progress)[0]


def statuses(
    connection: Connection,
    requests: Sequence[StoredRequest],
    progress: Callable[[str], RunProgress | None],
) -> list[RequestStatus]:
    """Return the status of each request, with as many queries for many as for one."""
    keys = {request.researcher for request in requests}
    names = {
        person.key_id: person.name
        for person in connection.execute(
            select(people.c.key_id, people.c.name).where(people.c.key_id.in_(keys))
        )
    }
    given = decisions.approvers(connection, [request.digest for request in requests])
    needed: dict[str, int] = {}
    for request in requests:
        # Many requests have the same card; it is large, so it is read once.
        if request.signed_card.text not in needed:
            needed[request.signed_card.text] = request.card.terms.approval.approvals
    return [
        _status(
            request,
            names.get(request.researcher, ""),
            given.get(request.digest, []),
            needed[request.signed_card.text],
            progress(request.digest),
        )
        for request in requests
    ]


def _status(
    request: StoredRequest,
    researcher: str,
    given: list[Person],
    needed: int,
    progress: RunProgress | None,
) -> RequestStatus:
    names = [person.name for person in given]
    keys = [person.key_id for person in given]
    by_steward = request.decided_by == "steward"
    if by_steward and request.state != State.DENIED:
        names.append(request.decider)
        keys.append(request.decision.key)
    return RequestStatus(
        request_digest=request.digest,
        request=request.request,
        state=request.state,
        researcher=researcher,
        submitted=request.submitted,
        updated=request.updated,
        decided_by=request.decided_by,
        decider=request.decider,
        reason=request.reason,
        failure=request.failure,
        progress=progress,
        charged=request.charged,
        approvals=tuple(names),
        approval_keys=tuple(keys),
        approvals_needed=0 if request.decided_by == "policy" else needed,
    )
