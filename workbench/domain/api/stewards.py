"""Routes for stewards: review, decide, admit, set policy, look back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from workbench.documents import (
    Document,
    DryRun,
    Envelope,
    LogEntry,
    Person,
    PolicyQuestion,
    PolicyStatus,
    PublicKey,
    RequestStatus,
    Spending,
)
from workbench.domain.access import people
from workbench.domain.api.calls import (
    MOST_SEQUENCE,
    Call,
    DigestPath,
    KeyPath,
    NamePath,
    answer,
    body_of,
)
from workbench.domain.requests.review import Review
from workbench.domain.service import Domain


class PeopleList(Document):
    """Everybody who is or was admitted."""

    people: tuple[Person, ...]


class LogPage(Document):
    """Lines of the log, newest first; `next` is the `after` of the following page."""

    entries: tuple[LogEntry, ...]
    next: int | None


class Admission(Document):
    """A key to admit; `role` is ``researcher`` or ``steward``."""

    public_key: str
    name: str
    role: str


def add_routes(router: APIRouter, domain: Domain, small: Any, heavy: Any) -> None:
    """Add the routes of this area; `small` and `heavy` authenticate calls of one kind."""

    @router.get("/requests/{digest}/review", response_model=Review)
    def review(digest: DigestPath, call: Call = small) -> Response:
        """Return all facts for a decision; for stewards."""
        return answer(domain.stewards.review(call.person, digest))

    @router.post(
        "/requests/{digest}/decision",
        response_model=RequestStatus,
        openapi_extra=body_of("json"),
    )
    def decision(digest: DigestPath, call: Call = small) -> Response:
        """Record a steward's signed decision."""
        return answer(domain.stewards.decide(call.person, digest, Envelope.parse(call.body)))

    @router.get("/people", response_model=PeopleList)
    def everyone(call: Call = small) -> Response:
        """Return who is admitted; for stewards."""
        return answer(PeopleList(people=tuple(domain.stewards.people(call.person))))

    @router.post("/people", response_model=Person, openapi_extra=body_of("json"))
    def admit(call: Call = small) -> Response:
        """Admit a key; for stewards."""
        people.require(call.person, "steward")
        wanted = Admission.parse(call.body)
        key = PublicKey.from_text(wanted.public_key)
        return answer(domain.stewards.admit(call.person, key, wanted.name, wanted.role))

    @router.post("/people/{key_id}/revoke", response_model=Person)
    def revoke(key_id: KeyPath, call: Call = small) -> Response:
        """Take back an admission; for stewards."""
        return answer(domain.stewards.revoke(call.person, key_id))

    @router.get("/datasets/{name}/policy", response_model=PolicyStatus)
    def policy(name: NamePath, call: Call = small) -> Response:
        """Return a dataset's policy and what it may be at most; for stewards."""
        return answer(domain.stewards.policy(call.person, name))

    @router.post(
        "/datasets/{name}/policy/dry-run", response_model=DryRun, openapi_extra=body_of("json")
    )
    def dry_run(name: NamePath, call: Call = heavy) -> Response:
        """Return what a policy would have done with past requests; for stewards."""
        people.require(call.person, "steward")
        question = PolicyQuestion.parse(call.body)
        return answer(domain.stewards.dry_run(call.person, name, question.approval))

    @router.put(
        "/datasets/{name}/policy", response_model=PolicyStatus, openapi_extra=body_of("json")
    )
    def set_policy(name: NamePath, call: Call = small) -> Response:
        """Publish a card with the approval that a steward signed; for stewards."""
        people.require(call.person, "steward")
        return answer(domain.stewards.set_policy(call.person, name, Envelope.parse(call.body)))

    @router.get("/datasets/{name}/spending", response_model=Spending)
    def spending(name: NamePath, call: Call = small) -> Response:
        """Return a budget over time and by person; a researcher sees their own part."""
        return answer(domain.spending(call.person, name))

    @router.get("/log", response_model=LogPage)
    def log(
        after: Annotated[int | None, Query(ge=0, le=MOST_SEQUENCE)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        call: Call = small,
    ) -> Response:
        """Return who did what when, newest first; for stewards."""
        entries, cursor = domain.stewards.log(call.person, after, limit)
        return answer(LogPage(entries=tuple(entries), next=cursor))
