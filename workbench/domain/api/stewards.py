"""Routes for stewards: review, decide, admit."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workbench.documents import Document, Envelope, Person, PublicKey, RequestStatus
from workbench.domain import people
from workbench.domain.api.calls import Call, DigestPath, KeyPath, answer, body_of
from workbench.domain.review import Review
from workbench.domain.service import Domain


class PeopleList(Document):
    """Everybody who is or was admitted."""

    people: tuple[Person, ...]


class Admission(Document):
    """A key to admit; `role` is ``researcher`` or ``steward``."""

    public_key: str
    name: str
    role: str


def add_routes(router: APIRouter, domain: Domain, small: Any) -> None:
    """Add the routes of this area; `small` authenticates a call."""

    @router.get("/requests/{digest}/review", response_model=Review)
    def review(digest: DigestPath, call: Call = small) -> Response:
        """Return all facts for a decision; for stewards."""
        return answer(domain.review(call.person, digest))

    @router.post(
        "/requests/{digest}/decision",
        response_model=RequestStatus,
        openapi_extra=body_of("json"),
    )
    def decision(digest: DigestPath, call: Call = small) -> Response:
        """Record a steward's signed decision."""
        return answer(domain.decide(call.person, digest, Envelope.parse(call.body)))

    @router.get("/people", response_model=PeopleList)
    def everyone(call: Call = small) -> Response:
        """Return who is admitted; for stewards."""
        return answer(PeopleList(people=tuple(domain.people(call.person))))

    @router.post("/people", response_model=Person, openapi_extra=body_of("json"))
    def admit(call: Call = small) -> Response:
        """Admit a key; for stewards."""
        people.require(call.person, "steward")
        wanted = Admission.parse(call.body)
        key = PublicKey.from_text(wanted.public_key)
        return answer(domain.admit(key, wanted.name, wanted.role))

    @router.post("/people/{key_id}/revoke", response_model=Person)
    def revoke(key_id: KeyPath, call: Call = small) -> Response:
        """Take back an admission; for stewards."""
        people.require(call.person, "steward")
        return answer(domain.revoke(key_id))
