"""What an operator and stewards do with populations, without HTTP.

Whoever changes something is named first: `log.OPERATOR` on the domain's machine, or a person, who
has to be a steward.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from workbench.budget import history
from workbench.budget.accountant import ORDERS
from workbench.budget.caps import Caps
from workbench.documents import (
    Envelope,
    NewPopulation,
    Person,
    Population,
    PopulationChange,
    PopulationHistory,
    PopulationStatus,
    PrivateKey,
    ProposedChange,
    WaitingChange,
    now,
)
from workbench.domain.access import log, people
from workbench.domain.datasets import files, headlines
from workbench.domain.heads import head
from workbench.domain.populations import accounts, agreement, joining, opting_out, persons, registry
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.database import Store
from workbench.domain.store.seal import Seal
from workbench.errors import Conflict, LedgerBehind, NotFound


class PopulationService:
    """The populations of one domain.

    Parameters
    ----------
    folder, store, key, seal
        The domain's folder, database, signing key and secret.
    """

    def __init__(self, folder: DomainFolder, store: Store, key: PrivateKey, seal: Seal) -> None:
        self._folder, self._store, self._key, self._seal = folder, store, key, seal

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Give a transaction that changes populations; it is in the newest head afterwards."""
        with self._store.write() as connection:
            head.check(connection, self._folder, self._key)
            yield connection
        with self._store.read() as connection:
            head.keep(connection, self._folder, self._key)

    def names(self) -> list[str]:
        """Return the names of all populations."""
        with self._store.read() as connection:
            return registry.names(connection)

    def status(self, name: str) -> PopulationStatus:
        """Return a population, its datasets, and what its members were charged at most.

        Raises
        ------
        NotFound
            If there is none of this name.
        """
        with self._store.read() as connection:
            return accounts.status(connection, name)

    def page(
        self, by: Person, after: str | None = None, limit: int = 500
    ) -> tuple[list[PopulationStatus], str | None]:
        """Return populations by name, and where to go on; for stewards."""
        people.require(by, "steward")
        with self._store.read() as connection:
            rest = [n for n in registry.names(connection) if after is None or n > after]
            found = accounts.statuses(connection, rest[:limit])
        return found, rest[limit - 1] if len(rest) > limit else None

    def history(self, by: Person, name: str) -> PopulationHistory:
        """Return what was spent over time in each block; for stewards."""
        people.require(by, "steward")
        with self._store.read() as connection:
            population = accounts.status(connection, name).population
            return history.by_block(connection, population=name, caps=accounts.caps_of(population))

    def behind(self) -> str:
        """Return why the database cannot be believed; empty if it holds the newest ledger head."""
        try:
            with self._store.read() as connection:
                head.check(connection, self._folder, self._key)
        except LedgerBehind as error:
            return error.message
        return ""

    def narrower(self, population: Population) -> list[tuple[str, float]]:
        """Return datasets of a population whose terms say a lower total, with that total."""
        with self._store.read() as connection:
            names = set(accounts.members(connection, [population.name])[population.name])
            return [
                (headline.name, headline.caps.epsilon_total)
                for headline in headlines.headlines(connection)
                if headline.name in names and headline.caps.epsilon_total < population.epsilon_total
            ]

    def create(self, by: Person | str, wanted: NewPopulation) -> Population:
        """Make a population before its first dataset.

        Raises
        ------
        Conflict
            If there is one of this name.
        """
        _check(by)
        caps = Caps(wanted.epsilon_total, wanted.delta)
        made = Population.read(
            wanted.model_dump()
            | {"domain": self._folder.config.name, "published": now()}
            | {"order": ORDERS[caps.filter[0]]}
        )
        with self.changing() as connection:
            joining.create(connection, made, self._key)
            log.append(connection, "population", by, made.name, "made")
        return made

    def opt_out(self, by: Person | str, name: str, label: str) -> list[str]:
        """Let a person of a population take part in nothing any more.

        Nothing starts any more on versions that hold the person, and their prepared data are
        removed. What was spent on the person stays.

        Parameters
        ----------
        by, name
            Who says so, and the population.
        label
            What the unit column of the files says.

        Returns
        -------
        list of str
            The datasets that have to be published anew.

        Raises
        ------
        NotFound
            If there is no such population, or nobody with this label in it.
        Conflict
            If single records are its unit: they have no label.
        """
        _check(by)
        with self.changing() as connection:
            population = accounts.status(connection, name).population
            if population.unit == "record":
                raise Conflict(
                    f"the unit of '{name}' is a single record, which has no label",
                    "Take the record out of the file and publish the dataset again.",
                )
            person = persons.of_label(self._seal.derive("persons"), label)
            names = registry.group(connection, name)
            known = [v for n in names for v in persons.versions(connection, population=n)]
            holding = [version for version in known if version.holds(person)]
            if not any(person in version.persons for version in known):
                raise NotFound(
                    f"nobody in population '{name}' has this label",
                    "Give it as the unit column of the file has it.",
                )
            for other in names:
                opting_out.opt_out(connection, other, person)
            log.append(connection, "population", by, name, "a person opted out")
            present = {h.dataset_version for h in headlines.headlines(connection)}
            files.remove_unknown(connection, self._folder)
        for version in holding:
            files.remove_prepared(self._folder, version.version)
        return sorted({v.dataset for v in holding if v.version in present})

    def propose(self, by: Person | str, name: str, wanted: ProposedChange) -> PopulationChange:
        """Return a change of a population for two stewards to sign; changes nothing.

        Raises
        ------
        Conflict
            If it cannot be made.
        """
        _check(by)
        with self._store.read() as connection:
            return agreement.propose(connection, self._folder.config.name, name, wanted)

    def change(self, envelopes: Sequence[Envelope]) -> Population:
        """Change a population on two stewards' signed word; see `agreement.change`."""
        with self.changing() as connection:
            return agreement.change(connection, self._folder.config.name, self._key, envelopes)

    def agree(self, by: Person, envelope: Envelope) -> PopulationStatus | None:
        """Take a steward's signed word on a change, and make the change if it is the second.

        Returns
        -------
        PopulationStatus or None
            The population as it is then; None if a second steward's word is missing.

        Raises
        ------
        InvalidSignature
            If another person signed it.
        Conflict
            If the change cannot be made any more, or this steward has signed it already.
        """
        people.require(by, "steward")
        with self.changing() as connection:
            made = agreement.agree(
                connection, self._folder.config.name, self._key, by.key_id, envelope
            )
        return None if made is None else self.status(made.name)

    def waiting(self, by: Person | str) -> list[WaitingChange]:
        """Return the changes that wait for a second steward, oldest first."""
        _check(by)
        with self._store.read() as connection:
            return agreement.waiting(connection)


def _check(by: Person | str) -> None:
    if by != log.OPERATOR:
        people.require(by if isinstance(by, Person) else None, "steward")
