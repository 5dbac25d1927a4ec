"""What stewards, and the operator on the domain's machine, do with populations; without HTTP."""

from __future__ import annotations

from typing import Literal

from workbench.budget import history
from workbench.budget.accountant import ORDERS
from workbench.budget.caps import Caps
from workbench.documents import (
    NewPopulation,
    Person,
    Population,
    PopulationChange,
    PopulationHistory,
    PopulationStatus,
    ProposedChange,
    WaitingChange,
    now,
)
from workbench.domain.access import log, people
from workbench.domain.datasets import files, headlines
from workbench.domain.heads import head
from workbench.domain.populations import (
    accounts,
    agreement,
    joining,
    opting_out,
    persons,
    registry,
)
from workbench.domain.store.home import Home
from workbench.errors import Conflict, NotFound


class PopulationKeeper:
    """One who looks after the populations of a domain.

    Guarantees: there is no such object for anybody else than the operator or an admitted steward,
    so none of its methods has to check who calls.

    Parameters
    ----------
    home
        The domain's.
    by
        A person, or `log.OPERATOR` on the domain's machine; who is named in the log.

    Raises
    ------
    NotAdmitted
        If the person is no steward.
    """

    def __init__(self, home: Home, by: Person | Literal["operator"]) -> None:
        self._by = by if by == log.OPERATOR else people.require(by, "steward")
        self._home = home

    def names(self) -> list[str]:
        """Return the names of all populations."""
        with self._home.store.read() as connection:
            return registry.names(connection)

    def status(self, name: str) -> PopulationStatus:
        """Return a population, its datasets, and what its members were charged at most.

        Raises
        ------
        NotFound
            If there is none of this name.
        """
        with self._home.store.read() as connection:
            return accounts.status(connection, name)

    def page(
        self, after: str | None = None, limit: int = 500
    ) -> tuple[list[PopulationStatus], str | None]:
        """Return at most `limit` populations by name, and where to go on."""
        with self._home.store.read() as connection:
            rest = [n for n in registry.names(connection) if after is None or n > after]
            found = accounts.statuses(connection, rest[:limit])
        return found, rest[limit - 1] if len(rest) > limit else None

    def history(self, name: str) -> PopulationHistory:
        """Return what was spent over time in each block."""
        with self._home.store.read() as connection:
            population = accounts.status(connection, name).population
            return history.by_block(connection, population=name, caps=accounts.caps_of(population))

    def narrower(self, population: Population) -> list[tuple[str, float]]:
        """Return datasets of a population whose terms say a lower total, with that total."""
        with self._home.store.read() as connection:
            names = set(accounts.members(connection, [population.name])[population.name])
            return [
                (headline.name, headline.caps.epsilon_total)
                for headline in headlines.headlines(connection)
                if headline.name in names and headline.caps.epsilon_total < population.epsilon_total
            ]

    def create(self, wanted: NewPopulation) -> Population:
        """Make a population before its first dataset.

        Raises
        ------
        Conflict
            If there is one of this name.
        """
        caps = Caps(wanted.epsilon_total, wanted.delta)
        made = Population.read(
            wanted.model_dump()
            | {"domain": self._home.folder.config.name, "published": now()}
            | {"order": ORDERS[caps.filter[0]]}
        )
        with head.changing(self._home) as connection:
            joining.create(connection, made, self._home.key)
            log.append(connection, "population", self._by, made.name, "made")
        return made

    def opt_out(self, name: str, label: str) -> list[str]:
        """Let a person of a population take part in nothing any more.

        Nothing starts any more on versions that hold the person, and their prepared data are
        removed. What was spent on the person stays.

        Parameters
        ----------
        name
            The population.
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
        with head.changing(self._home) as connection:
            population = accounts.status(connection, name).population
            if population.unit == "record":
                raise Conflict(
                    f"the unit of '{name}' is a single record, which has no label",
                    "Take the record out of the file and publish the dataset again.",
                )
            person = persons.of_label(self._home.seal.derive("persons"), label)
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
            log.append(connection, "population", self._by, name, "a person opted out")
            present = {h.dataset_version for h in headlines.headlines(connection)}
            files.remove_unknown(connection, self._home.folder)
        for version in holding:
            files.remove_prepared(self._home.folder, version.version)
        return sorted({v.dataset for v in holding if v.version in present})

    def propose(self, name: str, wanted: ProposedChange) -> PopulationChange:
        """Return a change of a population for two stewards to sign; changes nothing.

        Raises
        ------
        Conflict
            If it cannot be made.
        """
        with self._home.store.read() as connection:
            return agreement.propose(connection, self._home.folder.config.name, name, wanted)

    def waiting(self) -> list[WaitingChange]:
        """Return the changes that wait for a second steward, oldest first."""
        with self._home.store.read() as connection:
            return agreement.waiting(connection)
