"""What stewards do at a domain, without HTTP: decide, admit, set policy, look back.

Each public method that takes a person checks that it is a steward.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.documents import (
    Approval,
    DryRun,
    Envelope,
    LogEntry,
    Person,
    PolicyStatus,
    PrivateKey,
    PublicKey,
    RequestStatus,
    State,
)
from workbench.domain.access import log, people
from workbench.domain.requests import decisions, policy, statuses, stored
from workbench.domain.requests.review import Review, review
from workbench.domain.runs.lifecycle import Runs
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.database import Store


class Stewardship:
    """The stewards' part of one domain.

    Parameters
    ----------
    folder, store, key, runs
        The domain's folder, database, signing key and runs.
    changed
        Called with a request's digest whenever it changed.
    """

    def __init__(
        self,
        folder: DomainFolder,
        store: Store,
        key: PrivateKey,
        runs: Runs,
        changed: Callable[[str], None],
    ) -> None:
        self._folder, self._store, self._key = folder, store, key
        self._runs, self._changed = runs, changed

    def review(self, person: Person, digest: str) -> Review:
        """Return all facts for a decision."""
        people.require(person, "steward")
        with self._store.read() as connection:
            row = stored.get(connection, digest)
            return review(connection, self._folder, row, self._runs.rehearsals.of(row))

    def decide(self, person: Person, digest: str, envelope: Envelope) -> RequestStatus:
        """Record a decision on a pending request, and launch what is approved.

        Raises
        ------
        InvalidSignature
            If the decision is not by this steward.
        Conflict
            If it is on another request, the request no longer waits, or this steward has approved
            it already.
        """
        people.require(person, "steward")
        with self._store.write() as connection:
            state = decisions.by_steward(connection, person, digest, envelope)
            row = stored.get(connection, digest)
        self._changed(digest)
        if state == State.APPROVED:
            self._runs.launch(row)
        elif state == State.DENIED:
            self._runs.rehearsals.end(digest)
        with self._store.read() as connection:
            row = stored.get(connection, digest)
            return statuses.status(connection, row, self._runs.progress(digest))

    def people(self, person: Person) -> list[Person]:
        """Return everybody who is or was admitted."""
        people.require(person, "steward")
        with self._store.read() as connection:
            return people.everyone(connection)

    def admit(self, person: Person, key: PublicKey, name: str, role: str) -> Person:
        """Admit a key."""
        return self.admitted(people.require(person, "steward"), key, name, role)

    def revoke(self, person: Person, key_id: str) -> Person:
        """Take back an admission."""
        return self.revoked(people.require(person, "steward"), key_id)

    def admitted(self, by: Person | str, key: PublicKey, name: str, role: str) -> Person:
        """Admit a key on the word of somebody whose right to do so was checked."""
        with self._store.write() as connection:
            person = people.admit(connection, key, name, role)
            log.append(connection, "admit", by, key.key_id, f"{role} {person.name}"[:500])
        return person

    def revoked(self, by: Person | str, key_id: str) -> Person:
        """Take back an admission on the word of somebody whose right to do so was checked."""
        with self._store.write() as connection:
            person = people.revoke(connection, key_id)
            log.append(connection, "revoke", by, key_id, f"{person.role} {person.name}"[:500])
        return person

    def policy(self, person: Person, name: str) -> PolicyStatus:
        """Return a dataset's policy and what it may be at most."""
        people.require(person, "steward")
        with self._store.read() as connection:
            return policy.status(connection, name)

    def dry_run(self, person: Person, name: str, approval: Approval) -> DryRun:
        """Return what a policy would have done with past requests; changes nothing."""
        people.require(person, "steward")
        with self._store.read() as connection:
            return policy.dry_run(connection, name, approval)

    def set_policy(self, person: Person, name: str, envelope: Envelope) -> PolicyStatus:
        """Publish a dataset's card anew with the approval that a steward signed."""
        people.require(person, "steward")
        with self._store.write() as connection:
            policy.change(connection, person, name, envelope, self._key)
            return policy.status(connection, name)

    def log(
        self, person: Person, after: int | None = None, limit: int = 100
    ) -> tuple[list[LogEntry], int | None]:
        """Return who did what when, newest first, and where to go on."""
        people.require(person, "steward")
        with self._store.read() as connection:
            return log.page(connection, after, limit)
