"""What may be told about requests: their rows in words, for those who may see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from workbench.documents import Decision, Envelope, Progress, Request, RequestStatus, State
from workbench.documents.envelope import unverified
from workbench.domain.requests import decisions
from workbench.domain.store.tables import people


def status(connection: Connection, row: Any, progress: Progress | None = None) -> RequestStatus:
    """Return what may be told about a row."""
    return statuses(connection, [row], lambda digest: progress)[0]


def statuses(
    connection: Connection, rows: Sequence[Any], progress: Callable[[str], Progress | None]
) -> list[RequestStatus]:
    """Return what may be told about rows, with as many queries for many as for one."""
    keys = {row.researcher for row in rows}
    names = {
        person.key_id: person.name
        for person in connection.execute(
            select(people.c.key_id, people.c.name).where(people.c.key_id.in_(keys))
        )
    }
    given = decisions.approvers(connection, [row.digest for row in rows])
    needed: dict[str, int] = {}
    return [
        _status(row, names.get(row.researcher, ""), given.get(row.digest, []), needed, progress)
        for row in rows
    ]


def _status(
    row: Any,
    researcher: str,
    given: list[Any],
    needed: dict[str, int],
    progress: Callable[[str], Progress | None],
) -> RequestStatus:
    names = [person.name for person in given]
    keys = [person.key_id for person in given]
    by_steward = row.decided_by == "steward"
    if by_steward and row.state != State.DENIED:
        names.append(row.decider)
        keys.append(unverified(Envelope.parse(row.decision), Decision).key)
    if row.card not in needed:
        needed[row.card] = decisions.needed_by(row.card)
    return RequestStatus(
        request_digest=row.digest,
        request=unverified(Envelope.parse(row.envelope), Request),
        state=State(row.state),
        researcher=researcher,
        submitted=row.submitted,
        updated=row.updated,
        decided_by=row.decided_by,
        decider=row.decider,
        reason=row.reason,
        failure=row.failure,
        progress=progress(row.digest),
        charged=row.charged,
        approvals=tuple(names),
        approval_keys=tuple(keys),
        approvals_needed=0 if row.decided_by == "policy" else needed[row.card],
    )
