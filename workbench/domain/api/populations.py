"""Routes for stewards on populations: look, make, change, and let a person opt out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response

from workbench.documents import (
    Agreed,
    Document,
    Envelope,
    NewPopulation,
    OptOut,
    PopulationChange,
    PopulationHistory,
    PopulationPage,
    PopulationStatus,
    ProposedChange,
    WaitingChanges,
)
from workbench.documents.base import Name, type_tuple
from workbench.domain.access import people
from workbench.domain.api.calls import Call, NamePath, answer, body_of
from workbench.domain.api.catalog import After, Limit
from workbench.domain.service import Domain


class OptedOut(Document):
    """The datasets that have to be published anew without the person."""

    datasets: Annotated[tuple[Name, ...], type_tuple]


def add_routes(router: APIRouter, domain: Domain, small: Any, heavy: Any) -> None:
    """Add the routes of this area; `small` and `heavy` authenticate calls of one kind."""
    service = domain.populations

    @router.get("/populations", response_model=PopulationPage)
    def populations(after: After = None, limit: Limit = 500, call: Call = heavy) -> Response:
        """Return populations with their budgets by block, by name; for stewards."""
        found, cursor = service.page(call.person, after, limit)
        return answer(PopulationPage(populations=tuple(found), next=cursor))

    @router.post("/populations", response_model=PopulationStatus, openapi_extra=body_of("json"))
    def create(call: Call = small) -> Response:
        """Make a population before its first dataset; for stewards."""
        people.require(call.person, "steward")
        made = service.create(call.person, NewPopulation.parse(call.body))
        return answer(service.status(made.name))

    @router.get("/populations/{name}/history", response_model=PopulationHistory)
    def history(name: NamePath, call: Call = heavy) -> Response:
        """Return what was spent over time by block; for stewards."""
        return answer(service.history(call.person, name))

    @router.post(
        "/populations/{name}/opt-out", response_model=OptedOut, openapi_extra=body_of("json")
    )
    def opt_out(name: NamePath, call: Call = heavy) -> Response:
        """Let a person take part in nothing any more; for stewards."""
        people.require(call.person, "steward")
        label = OptOut.parse(call.body).person
        return answer(OptedOut(datasets=tuple(service.opt_out(call.person, name, label))))

    @router.post(
        "/populations/{name}/proposal",
        response_model=PopulationChange,
        openapi_extra=body_of("json"),
    )
    def proposal(name: NamePath, call: Call = small) -> Response:
        """Return a change for two stewards to sign; for stewards. It changes nothing."""
        people.require(call.person, "steward")
        return answer(service.propose(call.person, name, ProposedChange.parse(call.body)))

    @router.get("/population-changes", response_model=WaitingChanges)
    def waiting(call: Call = small) -> Response:
        """Return the changes that wait for a second steward; for stewards."""
        return answer(WaitingChanges(changes=tuple(service.waiting(call.person))))

    @router.post("/population-changes", response_model=Agreed, openapi_extra=body_of("json"))
    def agree(call: Call = small) -> Response:
        """Take a steward's signed word on a change; the second one makes it."""
        people.require(call.person, "steward")
        made = service.agree(call.person, Envelope.parse(call.body))
        return answer(Agreed(population=made))
