"""What a steward sees of requests, budgets and people, and does about them.

Each domain decides whether the caller is one of its stewards.
"""

from __future__ import annotations

from typing import Any

from workbench.documents import Approval, Document
from workbench.errors import Conflict, InvalidDocument
from workbench.lab.service.service import Service
from workbench.lab.service.shapes import OneRequest

MOST_LOG = 500
API = 2
"""The domains' API that knows spending over time, policies and the log."""
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

    def facts(self, domain: str, digest: str) -> dict[str, Any]:
        """Return all facts for a decision."""
        return self._service.client(domain).review(digest)

    def review(self, domain: str, digest: str) -> dict[str, Any]:
        """Return all facts for a decision, and the request."""
        found = self.facts(domain, digest)
        status = self._service.client(domain).status(digest)
        return found | self._service.changed(domain, status, ask=False)

    def decide(self, domain: str, digest: str, verdict: str, reason: str) -> OneRequest:
        """Sign a decision and send it.

        Raises
        ------
        InvalidDocument
            If the verdict is unknown, or a denial has no reason.
        """
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
        """Admit a key.

        Raises
        ------
        InvalidDocument
            If the role is unknown, or the name is empty.
        """
        if role not in _ROLES:
            raise InvalidDocument(f"role: expected {' or '.join(_ROLES)}")
        if not name.strip():
            raise InvalidDocument("name: a person needs one", "Stewards will know them by it.")
        found = self._service.client(domain).admit(public_key.strip(), name.strip(), role)
        return _json(found)

    def revoke(self, domain: str, key_id: str) -> dict[str, Any]:
        """Take back an admission.

        Raises
        ------
        Conflict
            If it is the steward's own.
        """
        client = self._service.client(domain)
        if key_id == client.key.key_id:
            raise Conflict(
                "this is your own admission: you could not take that back",
                "Ask another steward, or the domain's operator.",
            )
        return _json(client.revoke(key_id))

    def spending(self, domain: str, name: str) -> dict[str, Any]:
        """Return what was spent of a dataset's budget, when, and by whom."""
        return _json(self._service.client(domain, api=API).spending(name))

    def policy(self, domain: str, name: str) -> dict[str, Any]:
        """Return which requests for a dataset are approved without a steward."""
        return _json(self._service.client(domain, api=API).policy(name))

    def dry_run(self, domain: str, name: str, approval: Any) -> dict[str, Any]:
        """Return which earlier requests another policy would have approved."""
        wanted = Approval.read(approval)
        return _json(self._service.client(domain, api=API).policy_dry_run(name, wanted))

    def set_policy(self, domain: str, name: str, approval: Any) -> dict[str, Any]:
        """Sign a change of the policy and send it."""
        wanted = Approval.read(approval)
        found = _json(self._service.client(domain, api=API).set_policy(name, wanted))
        self._service.monitor.ask_soon()
        return found

    def log(self, domain: str, after: int | None, limit: int) -> dict[str, Any]:
        """Return who did what at a domain, newest first, in `limit` lines, and where to go on."""
        entries, cursor = self._service.client(domain, api=API).log(after, limit)
        return {"entries": [_json(entry) for entry in entries], "next": cursor}
