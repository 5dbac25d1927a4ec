"""What a steward's panel shows: requests, facts of those that wait, budgets, populations."""

from __future__ import annotations

from typing import Any

from workbench.errors import WorkbenchError
from workbench.lab.service.service import Service
from workbench.lab.service.steward.population_overview import PopulationOverview
from workbench.lab.service.steward.steward import Steward
from workbench.lab.service.watching.domains import WatchedDomain

MOST_BUDGETS = 200

Moves = frozenset[tuple[str, str]]
"""The digest and state of each request: another set means that a request moved."""


class Overview:
    """What the domains said last, and the facts that a steward decides by.

    Facts are asked for once for each request that waits, and again when another request moved:
    that changes the budget, and what a request is compared with.

    Parameters
    ----------
    service
        Connected with the steward's key.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._steward = Steward(service)
        self.populations = PopulationOverview(service)
        self._facts: dict[str, dict[str, Any]] = {}
        self._moves: dict[str, Moves] = {}

    def review(self, domain: str, digest: str) -> None:
        """Ask for the facts of one request, and show them from now on."""
        self._facts = {**self._facts, digest: self._steward.facts(domain, digest)}

    def content(self) -> dict[str, Any]:
        """Return everything to show as JSON; ask the domains for what may have changed."""
        watched = self._service.watched()
        errors = {
            one["domain"]: f"{one['message']} {one['hint']}".strip()
            for one in self._service.problems()
        }
        for domain in watched:
            name = domain.client.name
            if name in errors:
                continue
            try:
                self._renew(domain)
            except WorkbenchError as error:
                errors[name] = f"{error.message} {error.hint}".strip()
        # What a domain said to a steward is not shown to who may be none any more.
        answered = [domain for domain in watched if domain.client.name not in errors]
        requests = [view for view in self._service.requests() if view["domain"] not in errors]
        known = {view["digest"] for view in requests}
        self._facts = {digest: facts for digest, facts in self._facts.items() if digest in known}
        return {
            "key_id": self._service.session()["key_id"],
            "domains": [
                {"name": domain.client.name, "error": errors.get(domain.client.name, "")}
                for domain in watched
            ],
            "requests": requests,
            "reviews": self._facts,
            **_budgets(answered),
            **self.populations.content(),
        }

    def _renew(self, domain: WatchedDomain) -> None:
        name, statuses = domain.client.name, domain.statuses()
        moves = frozenset((status.request_digest, str(status.state)) for status in statuses)
        self.populations.renew(name, moves)
        moved = self._moves.get(name) != moves
        for status in statuses:
            known = self._facts.get(status.request_digest)
            rehearsed = known is not None and known["rehearsal"]["state"] != "waiting"
            if status.state == "pending" and (moved or not rehearsed):
                self.review(name, status.request_digest)
        self._moves[name] = moves


def _budgets(watched: list[WatchedDomain]) -> dict[str, Any]:
    rows = [
        budget.model_dump(mode="json") | {"dataset": f"{domain.client.name}/{name}"}
        for domain in watched
        for name, budget in domain.budgets().items()
    ]
    # Used ones first where there are more than anybody looks through.
    shown = sorted(rows, key=lambda row: -row["runs"])[:MOST_BUDGETS]
    return {
        "budgets": sorted(shown, key=lambda row: str(row["dataset"])),
        "budgets_in_all": len(rows),
    }
