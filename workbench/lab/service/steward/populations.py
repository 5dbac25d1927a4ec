"""What a steward sees of populations and does about them; each domain decides whether one may."""

from __future__ import annotations

from typing import Any, TypedDict

from workbench.documents import (
    NewPopulation,
    PopulationStatus,
    ProposedChange,
    WaitingChange,
)
from workbench.errors import NotFound
from workbench.lab.service.service import Service, too_old
from workbench.space.client.client import DomainClient

API = 3
"""The domains' API that knows populations."""


class WaitingView(TypedDict):
    """A change that waits for a second steward.

    `digest` and `words` are of what is signed; `mine` says whether this person has signed it.
    """

    change: dict[str, Any]
    by: list[str]
    keys: list[str]
    digest: str
    words: str
    mine: bool


class PopulationsView(TypedDict):
    """The populations of a domain, each as `PopulationStatus`, and the changes that wait."""

    populations: list[dict[str, Any]]
    changes: list[WaitingView]


class Populations:
    """The populations of a service's domains.

    Parameters
    ----------
    service
        Connected with the steward's key.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def all(self, domain: str) -> PopulationsView:
        """Return a domain's populations, and the changes that wait for a second steward.

        Raises
        ------
        Conflict
            If the domain is older and does not know them.
        """
        client = self._client(domain)
        try:
            waiting, found = client.waiting_changes(), client.populations()
        except NotFound:
            raise too_old(domain) from None
        return {
            "populations": [one.model_dump(mode="json") for one in found],
            "changes": [_waiting(one, client.key.key_id) for one in waiting],
        }

    def history(self, domain: str, name: str) -> dict[str, Any]:
        """Return what was spent over time in each block of a population."""
        return self._client(domain).population_history(name).model_dump(mode="json")

    def create(self, domain: str, wanted: Any) -> dict[str, Any]:
        """Make a population before its first dataset.

        Parameters
        ----------
        domain
            Where.
        wanted
            The fields of `NewPopulation`. Nothing of it is trusted.
        """
        made = self._client(domain).create_population(NewPopulation.read(wanted))
        return made.model_dump(mode="json")

    def opt_out(self, domain: str, name: str, person: str) -> dict[str, Any]:
        """Take a person out of all that starts from now on.

        Returns
        -------
        dict
            Under ``datasets`` the names of those that have to be published again.
        """
        datasets = self._client(domain).opt_out(name, person)
        self._service.monitor.ask_soon()
        return {"datasets": datasets}

    def propose_change(self, domain: str, name: str, wanted: Any) -> dict[str, Any]:
        """Sign a change of a population; it needs the signatures of two stewards.

        Parameters
        ----------
        domain, name
            Which population.
        wanted
            The fields of `ProposedChange`. Nothing of it is trusted.

        Returns
        -------
        dict
            Under ``population`` what `agree` returns there.
        """
        made = self._client(domain).propose_change(name, ProposedChange.read(wanted))
        return self._agreed(made)

    def agree(self, domain: str, digest: str) -> dict[str, Any]:
        """Sign a change that waits for a second steward.

        Returns
        -------
        dict
            Under ``population`` the changed population, or None while a signature is missing.
        """
        return self._agreed(self._client(domain).agree(digest))

    def _agreed(self, made: PopulationStatus | None) -> dict[str, Any]:
        self._service.monitor.ask_soon()
        return {"population": None if made is None else made.model_dump(mode="json")}

    def _client(self, domain: str) -> DomainClient:
        return self._service.client(domain, api=API)


def _waiting(waiting: WaitingChange, key_id: str) -> WaitingView:
    change = waiting.change
    return {
        "change": change.model_dump(mode="json"),
        "by": list(waiting.by),
        "keys": list(waiting.keys),
        # Words and digest are of what would be signed, whatever else the domain says of it.
        "digest": change.digest,
        "words": change.words,
        "mine": key_id in waiting.keys,
    }
