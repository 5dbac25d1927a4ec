"""Routes for stewards alone: review, decide, admit, set policy, look back."""

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
)
from workbench.domain.api.calls import (
    MOST_SEQUENCE,
    DigestPath,
    KeyPath,
    NamePath,
    StewardCall,
    answer,
    body_of,
)
from workbench.domain.requests.review import Review


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


def add_routes(router: APIRouter, small: Any, heavy: Any) -> None:
    """Add the routes of this area; `small` and `heavy` authenticate stewards' calls."""

    @router.get("/requests/{digest}/review", response_model=Review)
    def review(digest: DigestPath, call: StewardCall = small) -> Response:
        """Return all facts for a decision; for stewards."""
        return answer(call.steward.review(digest))

    @router.post(
        "/requests/{digest}/decision",
        response_model=RequestStatus,
        openapi_extra=body_of("json"),
    )
    def decision(digest: DigestPath, call: StewardCall = small) -> Response:
        """Record a steward's signed decision."""
        return answer(call.steward.decide(digest, Envelope.parse(call.body)))

    @router.get("/people", response_model=PeopleList)
    def everyone(call: StewardCall = small) -> Response:
        """Return who is admitted; for stewards."""
        return answer(PeopleList(people=tuple(call.steward.people())))

    @router.post("/people", response_model=Person, openapi_extra=body_of("json"))
    def admit(call: StewardCall = small) -> Response:
        """Admit a key; for stewards."""
        wanted = Admission.parse(call.body)
        key = PublicKey.from_text(wanted.public_key)
        return answer(call.steward.admit(key, wanted.name, wanted.role))

    @router.post("/people/{key_id}/revoke", response_model=Person)
    def revoke(key_id: KeyPath, call: StewardCall = small) -> Response:
        """Take back an admission; for stewards."""
        return answer(call.steward.revoke(key_id))

    @router.get("/datasets/{name}/policy", response_model=PolicyStatus)
    def policy(name: NamePath, call: StewardCall = small) -> Response:
        """Return a dataset's policy and what it may be at most; for stewards."""
        return answer(call.steward.policy(name))

    @router.post(
        "/datasets/{name}/policy/dry-run", response_model=DryRun, openapi_extra=body_of("json")
    )
    def dry_run(name: NamePath, call: StewardCall = heavy) -> Response:
        """Return what a policy would have done with past requests; for stewards."""
        question = PolicyQuestion.parse(call.body)
        return answer(call.steward.dry_run(name, question.approval))

    @router.put(
        "/datasets/{name}/policy", response_model=PolicyStatus, openapi_extra=body_of("json")
    )
    def set_policy(name: NamePath, call: StewardCall = small) -> Response:
        """Publish a card with the approval that a steward signed; for stewards."""
        return answer(call.steward.set_policy(name, Envelope.parse(call.body)))

    @router.get("/log", response_model=LogPage)
    def log(
        after: Annotated[int | None, Query(ge=0, le=MOST_SEQUENCE)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        call: StewardCall = small,
    ) -> Response:
        """Return who did what when, newest first; for stewards."""
        entries, cursor = call.steward.log(after, limit)
        return answer(LogPage(entries=tuple(entries), next=cursor))
