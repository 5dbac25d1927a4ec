"""Record decisions on requests, and check them again before a run.

Every decision is a signed document that is kept as it came. Where the terms ask for two stewards,
the first approval waits in `approvals` and the second one decides. Nothing that the database says
is trusted at launch: every approval is opened and counted anew, and one by somebody who is no
longer a steward here does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from workbench.budget import ledger
from workbench.documents import (
    DatasetCard,
    Decision,
    Envelope,
    Person,
    PrivateKey,
    PublicKey,
    Request,
    State,
    now,
)
from workbench.domain.access import log, people
from workbench.domain.requests import stored
from workbench.domain.requests.stored import StoredDocument, StoredRequest
from workbench.domain.requests.terms import Facts, check_terms, today
from workbench.domain.store.tables import approvals
from workbench.domain.store.tables import people as table
from workbench.errors import Conflict, InvalidSignature, NotAdmitted


def by_policy(connection: Connection, key: PrivateKey, digest: str, why: str) -> None:
    """Record that the policy approves a request; signed by the domain's key."""
    decision = Decision(
        request=digest, verdict="approve", reason=why, by="policy", key=key.key_id, decided=now()
    )
    _close(connection, digest, decision, Envelope.sign(decision, key), "policy")
    log.append(connection, "decide", "", digest, "approve by policy")


def by_steward(connection: Connection, person: Person, digest: str, envelope: Envelope) -> State:
    """Record a steward's decision on a pending request, and return the request's state after it.

    Raises
    ------
    InvalidSignature
        If the decision is not by this steward.
    Conflict
        If it is on another request, the request no longer waits, or this steward has approved it.
    """
    decision = envelope.open(Decision, PublicKey.from_text(person.public_key))
    if (decision.request, decision.key, decision.by) != (digest, person.key_id, "steward"):
        raise Conflict("the decision is on another request, or names another steward")
    request = stored.get(connection, digest)
    if request.state != State.PENDING:
        raise Conflict(f"the request is {request.state}; only a pending one can be decided")
    if decision.verdict == "deny":
        ledger.release_reservation(connection, request=digest)
        _close(connection, digest, decision, envelope, person.name)
        log.append(connection, "decide", person, digest, "deny")
        return State.DENIED
    given = approvers(connection, [digest]).get(digest, [])
    if any(approver.key_id == person.key_id for approver in given):
        raise Conflict(
            "you have approved this request; it needs the approval of another steward",
            "Ask a second steward to decide. If you have changed your mind, deny it.",
        )
    needed = request.card.terms.approval.approvals
    log.append(connection, "decide", person, digest, f"approve, {len(given) + 1} of {needed}")
    if len(given) + 1 >= needed:
        # What stays is what counted, so the evidence shows these also if somebody is revoked later.
        mine = approvals.c.request == digest
        others = approvals.c.key.not_in([approver.key_id for approver in given])
        connection.execute(delete(approvals).where(mine, others))
        _close(connection, digest, decision, envelope, person.name)
        return State.APPROVED
    text = envelope.canonical().decode()
    values = {"request": digest, "key": person.key_id, "envelope": text}
    connection.execute(insert(approvals).values(values))
    stored.touch(connection, digest)
    return State.PENDING


def _close(
    connection: Connection, digest: str, decision: Decision, envelope: Envelope, decider: str
) -> None:
    stored.move(
        connection,
        digest,
        State.APPROVED if decision.verdict == "approve" else State.DENIED,
        decision=envelope.canonical().decode(),
        decided_by=decision.by,
        decider=decider,
        reason=decision.reason,
    )


def approvers(connection: Connection, digests: Sequence[str]) -> dict[str, list[Person]]:
    """Return the stewards who approved requests that wait for a second approval, by request.

    People who are no longer stewards are left out.
    """
    query = select(approvals.c.request, table).join(table, table.c.key_id == approvals.c.key)
    query = query.where(approvals.c.request.in_(digests)).order_by(approvals.c.sequence)
    found: dict[str, list[Person]] = {}
    for row in connection.execute(query):
        values = dict(row._mapping)
        digest, person = values.pop("request"), Person(**values)
        if person.role == "steward" and person.revoked is None:
            found.setdefault(digest, []).append(person)
    return found


def earlier(connection: Connection, digest: str) -> list[StoredDocument[Decision]]:
    """Return the approvals before the one that decides, in their order."""
    query = select(approvals.c.envelope).where(approvals.c.request == digest)
    rows = connection.execute(query.order_by(approvals.c.sequence))
    return [StoredDocument(Decision, text) for text in rows.scalars()]


def check_at_launch(
    connection: Connection, domain_key: PublicKey, stored_request: StoredRequest
) -> None:
    """Check once more that a request may run: signatures, people and terms.

    People are taken as they are now. Terms are those of the card that is stored with the request,
    at today's date.

    Raises
    ------
    InvalidSignature
        If a document was changed.
    NotAdmitted
        If the researcher was revoked, or so many stewards that too few approvals are left.
    TermsRefused
        If a term does not hold any more.
    """
    request = stored_request.request
    if request.digest != stored_request.digest:
        raise InvalidSignature("the stored request was changed")
    researcher = people.require(people.find(connection, request.researcher), "researcher")
    key = PublicKey.from_text(researcher.public_key)
    stored_request.signed_request.envelope.open(Request, key)
    card = stored_request.signed_card.envelope.open(DatasetCard, domain_key)
    if card.digest != request.card:
        raise InvalidSignature("the stored card is not the one that the request names")
    last = stored_request.signed_decision
    if last.document.by == "policy":
        _approves(last.envelope.open(Decision, domain_key), request)
    else:
        needed = card.terms.approval.approvals
        given = {
            steward
            for approval in (*earlier(connection, request.digest), last)
            if (steward := _steward_of(connection, approval, request)) is not None
        }
        if len(given) < needed:
            raise NotAdmitted(
                f"{len(given)} of {needed} approvals count: a steward was revoked since",
                "Submit the request again with another repeat.",
            )
    # The cost was checked at intake and is reserved; that it still fits is the ledger's question.
    check_terms(Facts(request, card, epsilon=None, today=today()))


def _steward_of(
    connection: Connection, approval: StoredDocument[Decision], request: Request
) -> str | None:
    person = people.find(connection, approval.document.key)
    if person is None or person.role != "steward" or person.revoked is not None:
        return None
    decision = approval.envelope.open(Decision, PublicKey.from_text(person.public_key))
    _approves(decision, request)
    return person.key_id


def _approves(decision: Decision, request: Request) -> None:
    if (decision.request, decision.verdict) != (request.digest, "approve"):
        raise InvalidSignature("the stored decision does not approve this request")
