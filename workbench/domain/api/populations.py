"""Routes for stewards alone on populations: look, make, change, and let a person opt out."""

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
from workbench.domain.api.calls import NamePath, StewardCall, answer, body_of
from workbench.domain.api.catalog import After, Limit


class OptedOut(Document):
    """The datasets that have to be published anew without the person."""

    datasets: Annotated[tuple[Name, ...], type_tuple]


def add_routes(router: APIRouter, small: Any, heavy: Any) -> None:
    """Add the routes of this area; `small` and `heavy` authenticate stewards' calls."""

    @router.get("/populations", response_model=PopulationPage)
    def populations(after: After = None, limit: Limit = 500, call: StewardCall = heavy) -> Response:
        """Return populations with their budgets by block, by name; for stewards."""
        found, cursor = call.steward.populations.page(after, limit)
        return answer(PopulationPage(populations=tuple(found), next=cursor))

    @router.post("/populations", response_model=PopulationStatus, openapi_extra=body_of("json"))
    def create(call: StewardCall = small) -> Response:
        """Make a population before its first dataset; for stewards."""
        made = call.steward.populations.create(NewPopulation.parse(call.body))
        return answer(call.steward.populations.status(made.name))

    @router.get("/populations/{name}/history", response_model=PopulationHistory)
    def history(name: NamePath, call: StewardCall = heavy) -> Response:
        """Return what was spent over time by block; for stewards."""
        return answer(call.steward.populations.history(name))

    @router.post(
        "/populations/{name}/opt-out", response_model=OptedOut, openapi_extra=body_of("json")
    )
    def opt_out(name: NamePath, call: StewardCall = heavy) -> Response:
        """Let a person take part in nothing any more; for stewards."""
        label = OptOut.parse(call.body).person
        return answer(OptedOut(datasets=tuple(call.steward.populations.opt_out(name, label))))

    @router.post(
        "/populations/{name}/proposal",
        response_model=PopulationChange,
        openapi_extra=body_of("json"),
    )
    def proposal(name: NamePath, call: StewardCall = small) -> Response:
        """Return a change for two stewards to sign; for stewards. It changes nothing."""
        return answer(call.steward.populations.propose(name, ProposedChange.parse(call.body)))

    @router.get("/population-changes", response_model=WaitingChanges)
    def waiting(call: StewardCall = small) -> Response:
        """Return the changes that wait for a second steward; for stewards."""
        return answer(WaitingChanges(changes=tuple(call.steward.populations.waiting())))

    @router.post("/population-changes", response_model=Agreed, openapi_extra=body_of("json"))
    def agree(call: StewardCall = small) -> Response:
        """Take a change that a steward has signed; the second signature makes it."""
        made = call.steward.agree(Envelope.parse(call.body))
        return answer(Agreed(population=made))
