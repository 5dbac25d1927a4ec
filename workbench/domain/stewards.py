"""What a steward does at a domain, without HTTP: decide, admit, set policy, look back."""

from __future__ import annotations

from collections.abc import Callable

from workbench.documents import (
    Approval,
    DryRun,
    Envelope,
    LogEntry,
    Person,
    PolicyStatus,
    PopulationStatus,
    PublicKey,
    RequestStatus,
    State,
)
from workbench.domain.access import log, people
from workbench.domain.heads import head
from workbench.domain.population_keeper import PopulationKeeper
from workbench.domain.populations import agreement
from workbench.domain.requests import decisions, policy, statuses, stored
from workbench.domain.requests.review import Review, review
from workbench.domain.runs.lifecycle import Runs
from workbench.domain.store.home import Home


class Steward:
    """One steward at a domain.

    Guarantees: there is no such object for anybody who is not an admitted steward, so none of its
    methods has to check who calls.

    Parameters
    ----------
    home, runs
        The domain's.
    changed
        Called with a request's digest whenever it changed.
    person
        Who wants to act as a steward.

    Attributes
    ----------
    populations
        What this steward does with populations.

    Raises
    ------
    NotAdmitted
        If the person is no steward.
    """

    def __init__(
        self, home: Home, runs: Runs, changed: Callable[[str], None], person: Person
    ) -> None:
        self._person = people.require(person, "steward")
        self._home, self._runs, self._changed = home, runs, changed
        self.populations = PopulationKeeper(home, self._person)

    def review(self, digest: str) -> Review:
        """Return all facts for a decision."""
        with self._home.store.read() as connection:
            row = stored.get(connection, digest)
            return review(connection, self._home.folder, row, self._runs.rehearsals.of(row))

    def decide(self, digest: str, envelope: Envelope) -> RequestStatus:
        """Record a decision on a pending request, and launch what is approved.

        Raises
        ------
        InvalidSignature
            If the decision is not by this steward.
        Conflict
            If it is on another request, the request no longer waits, or this steward has approved
            it already.
        """
        with self._home.store.write() as connection:
            state = decisions.by_steward(connection, self._person, digest, envelope)
            row = stored.get(connection, digest)
        self._changed(digest)
        if state == State.APPROVED:
            self._runs.launch(row)
        elif state == State.DENIED:
            self._runs.rehearsals.end(digest)
        with self._home.store.read() as connection:
            row = stored.get(connection, digest)
            return statuses.status(connection, row, self._runs.progress(digest))

    def people(self) -> list[Person]:
        """Return everybody who is or was admitted."""
        with self._home.store.read() as connection:
            return people.everyone(connection)

    def admit(self, key: PublicKey, name: str, role: str) -> Person:
        """Admit a key; see `people.admit`."""
        with self._home.store.write() as connection:
            return people.admit(connection, self._person, key, name, role)

    def revoke(self, key_id: str) -> Person:
        """Take back an admission; see `people.revoke`."""
        with self._home.store.write() as connection:
            return people.revoke(connection, self._person, key_id)

    def agree(self, envelope: Envelope) -> PopulationStatus | None:
        """Take a population's change that this steward has signed; the second signature makes it.

        Returns
        -------
        PopulationStatus or None
            The population as it is then; None if a second steward's signature is missing.

        Raises
        ------
        InvalidSignature
            If another person signed it.
        Conflict
            If the change cannot be made any more, or this steward has signed it already.
        """
        domain, key = self._home.folder.config.name, self._home.key
        with head.changing(self._home) as connection:
            made = agreement.agree(connection, domain, key, self._person.key_id, envelope)
        return None if made is None else self.populations.status(made.name)

    def policy(self, name: str) -> PolicyStatus:
        """Return a dataset's policy and what it may be at most."""
        with self._home.store.read() as connection:
            return policy.status(connection, name)

    def dry_run(self, name: str, approval: Approval) -> DryRun:
        """Return what a policy would have done with past requests; changes nothing."""
        with self._home.store.read() as connection:
            return policy.dry_run(connection, name, approval)

    def set_policy(self, name: str, envelope: Envelope) -> PolicyStatus:
        """Publish a dataset's card anew with the approval that a steward signed."""
        with self._home.store.write() as connection:
            policy.change(connection, self._person, name, envelope, self._home.key)
            return policy.status(connection, name)

    def log(self, after: int | None = None, limit: int = 100) -> tuple[list[LogEntry], int | None]:
        """Return who did what when, newest first, in `limit` lines at most, and where to go on."""
        with self._home.store.read() as connection:
            return log.page(connection, after, limit)
