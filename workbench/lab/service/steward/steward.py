"""What a steward sees and does; the domain decides whether one may."""

from __future__ import annotations

from typing import Any

from workbench.documents import (
    Approval,
    Document,
    NewPopulation,
    PopulationStatus,
    ProposedChange,
)
from workbench.errors import Conflict, InvalidDocument
from workbench.lab.service.service import Service
from workbench.space.client.client import DomainClient

MOST_LOG = 500
_VERDICTS = ("approve", "deny")
_ROLES = ("researcher", "steward")


def _json(document: Document) -> dict[str, Any]:
    return document.model_dump(mode="json", by_alias=True)


class Steward:
    """A steward's part of a service.

    Parameters
    ----------
    service
        Connected with the steward's key.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def review(self, domain: str, digest: str) -> dict[str, Any]:
        """Return all facts for a decision, and the request."""
        client = self._service.client(domain)
        found = client.review(digest)
        return found | self._service.changed(domain, client.status(digest), ask=False)

    def decide(self, domain: str, digest: str, verdict: str, reason: str) -> dict[str, Any]:
        """Sign a decision and send it."""
        if verdict not in _VERDICTS:
            raise InvalidDocument(f"verdict: expected {' or '.join(_VERDICTS)}")
        if verdict == "deny" and not reason.strip():
            raise InvalidDocument("reason: a denial needs one", "The researcher will read it.")
        status = self._service.client(domain).decide(digest, verdict, reason)
        return self._service.changed(domain, status)

    def people(self, domain: str) -> dict[str, Any]:
        """Return everybody who is or was admitted."""
        found = self._service.client(domain).people()
        return {"people": [_json(person) for person in found]}

    def admit(self, domain: str, public_key: str, name: str, role: str) -> dict[str, Any]:
        """Admit a key."""
        if role not in _ROLES:
            raise InvalidDocument(f"role: expected {' or '.join(_ROLES)}")
        if not name.strip():
            raise InvalidDocument("name: a person needs one", "Stewards will know them by it.")
        found = self._service.client(domain).admit(public_key.strip(), name.strip(), role)
        return _json(found)

    def revoke(self, domain: str, key_id: str) -> dict[str, Any]:
        """Take back an admission."""
        client = self._service.client(domain)
        if key_id == client.key.key_id:
            raise Conflict(
                "this is your own admission: you could not take that back",
                "Ask another steward, or the domain's operator.",
            )
        return _json(client.revoke(key_id))

    def spending(self, domain: str, name: str) -> dict[str, Any]:
        """Return what was spent of a dataset's budget, when, and by whom."""
        return _json(self._client(domain).spending(name))

    def policy(self, domain: str, name: str) -> dict[str, Any]:
        """Return which requests for a dataset are approved without a steward."""
        return _json(self._client(domain).policy(name))

    def dry_run(self, domain: str, name: str, approval: Any) -> dict[str, Any]:
        """Return which earlier requests another policy would have approved."""
        wanted = Approval.read(approval)
        return _json(self._client(domain).policy_dry_run(name, wanted))

    def set_policy(self, domain: str, name: str, approval: Any) -> dict[str, Any]:
        """Sign a change of the policy and send it."""
        wanted = Approval.read(approval)
        found = _json(self._client(domain).set_policy(name, wanted))
        self._service.monitor.ask_soon()
        return found

    def log(self, domain: str, after: int | None, limit: int) -> dict[str, Any]:
        """Return who did what at a domain, newest first, and where to go on."""
        entries, cursor = self._client(domain).log(after, limit)
        return {"entries": [_json(entry) for entry in entries], "next": cursor}

    def populations(self, domain: str) -> dict[str, Any]:
        """Return a domain's populations, and the changes that wait for a second steward."""
        client = self._client(domain)
        changes = [
            _json(one)
            | {
                "digest": one.change.digest,
                "words": one.change.words,
                "mine": client.key.key_id in one.keys,
            }
            for one in client.waiting_changes()
        ]
        return {"populations": [_json(one) for one in client.populations()], "changes": changes}

    def population_history(self, domain: str, name: str) -> dict[str, Any]:
        """Return what was spent over time in a population's blocks."""
        return _json(self._client(domain).population_history(name))

    def create_population(self, domain: str, wanted: Any) -> dict[str, Any]:
        """Make a population before its first dataset."""
        return _json(self._client(domain).create_population(NewPopulation.read(wanted)))

    def opt_out(self, domain: str, name: str, person: str) -> dict[str, Any]:
        """Let a person take part in nothing any more."""
        datasets = self._client(domain).opt_out(name, person)
        self._service.monitor.ask_soon()
        return {"datasets": datasets}

    def propose_change(self, domain: str, name: str, wanted: Any) -> dict[str, Any]:
        """Sign a change of a population; it takes the word of two stewards."""
        made = self._client(domain).propose_change(name, ProposedChange.read(wanted))
        return self._agreed(made)

    def agree(self, domain: str, digest: str) -> dict[str, Any]:
        """Sign a change that waits for a second steward."""
        return self._agreed(self._client(domain).agree(digest))

    def _agreed(self, made: PopulationStatus | None) -> dict[str, Any]:
        self._service.monitor.ask_soon()
        return {"population": None if made is None else _json(made)}

    def _client(self, domain: str) -> DomainClient:
        """Return a client of a domain whose API has what is asked for.

        Raises
        ------
        Conflict
            If the domain is older.
        """
        state = self._service.domain(domain).state
        if state.api is not None and state.api < 2:
            raise Conflict(
                f"domain '{domain}' is older than this workbench and does not offer this",
                "Ask its operator to update it.",
            )
        return self._service.client(domain)
