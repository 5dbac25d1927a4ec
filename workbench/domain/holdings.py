"""What a domain holds and offers: datasets, their cards and snippets, their budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from workbench.budget import history
from workbench.budget.accountant import ORDERS
from workbench.budget.ledger import Caps
from workbench.catalog.croissant import croissant
from workbench.documents import (
    BudgetStatus,
    DatasetBudget,
    DatasetCard,
    Envelope,
    Person,
    Population,
    PopulationChange,
    PopulationStatus,
    PrivateKey,
    Spending,
    now,
)
from workbench.documents.envelope import payload_of
from workbench.documents.errors import Conflict, NotFound
from workbench.domain import cards, heads, log, merging, people, persons, populations, publishing
from workbench.domain.config import DomainFolder
from workbench.domain.seal import Seal
from workbench.domain.store import Store


class Holdings:
    """The datasets of one domain.

    Parameters
    ----------
    folder, store, key, seal
        The domain's folder, database, signing key and secret.
    """

    def __init__(self, folder: DomainFolder, store: Store, key: PrivateKey, seal: Seal) -> None:
        self.folder, self.store, self.key, self._seal = folder, store, key, seal

    def publish(self, name: str, approval: publishing.Wins = None) -> DatasetCard:
        """Publish a dataset from its folder, as the domain's operator; see `publishing.publish`."""
        with self._changing() as connection:
            before = cards.version(connection)
            card = publishing.publish(connection, self.folder, name, self.key, self._seal, approval)
            if cards.version(connection) != before:
                version = card.dataset_version.removeprefix("sha256:")[:12]
                log.append(connection, "publish", log.OPERATOR, name, f"version {version}")
        return card

    def reconcile(self) -> heads.Reconciled:
        """Let the database know what the newest ledger head knows; see `heads.reconcile`.

        Nothing is done where the database holds the head.
        """
        with self.store.write() as connection:
            return heads.reconcile(connection, self.folder, self.key)

    def create_population(self, **values: Any) -> Population:
        """Make a population before its first dataset, as the domain's operator.

        Takes the fields of `Population` that a steward chooses.
        """
        caps = Caps(values["epsilon_total"], values["delta"])
        made = Population.read(
            values
            | {"domain": self.folder.config.name, "published": now()}
            | {"order": ORDERS[caps.filter[0]]}
        )
        with self._changing() as connection:
            populations.create(connection, made, self.key)
            log.append(connection, "population", log.OPERATOR, made.name, "made")
        return made

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """Give a transaction that changes populations; it is in the newest head afterwards."""
        with self.store.write() as connection:
            heads.check(connection, self.folder, self.key)
            yield connection
        with self.store.read() as connection:
            heads.keep(connection, self.folder, self.key)

    def population_names(self) -> list[str]:
        """Return the names of all populations."""
        with self.store.read() as connection:
            return populations.names(connection)

    def population(self, name: str) -> PopulationStatus:
        """Return a population, its datasets, and what its members were charged at most."""
        with self.store.read() as connection:
            return populations.status(connection, name)

    def opt_out(self, name: str, label: str) -> list[str]:
        """Let a person of a population take part in nothing any more, as the domain's operator.

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
        with self._changing() as connection:
            population = populations.status(connection, name).population
            if population.unit == "record":
                raise Conflict(
                    f"the unit of '{name}' is a single record, which has no label",
                    "Take the record out of the file and publish the dataset again.",
                )
            person = persons.of_label(self._seal.derive("persons"), label)
            names = populations.group(connection, name)
            known = [v for n in names for v in persons.versions(connection, population=n)]
            holding = [version for version in known if version.holds(person)]
            if not any(person in version.persons for version in known):
                raise NotFound(
                    f"nobody in population '{name}' has this label",
                    "Give it as the unit column of the file has it.",
                )
            for other in names:
                persons.opt_out(connection, other, person)
            log.append(connection, "population", log.OPERATOR, name, "a person opted out")
            present = {h.dataset_version for h in cards.headlines(connection)}
        for version in holding:
            cards.remove_prepared(self.folder, version.version)
        return sorted({v.dataset for v in holding if v.version in present})

    def propose(
        self, name: str, *, epsilon_total: float | None = None, merge: str | None = None
    ) -> PopulationChange:
        """Return a change of a population for two stewards to sign; changes nothing."""
        with self.store.read() as connection:
            return merging.propose(connection, self.folder.config.name, name, epsilon_total, merge)

    def change_population(self, envelopes: Sequence[Envelope]) -> Population:
        """Change a population on two stewards' signed word; see `merging.change`."""
        with self._changing() as connection:
            return merging.change(connection, self.folder.config.name, self.key, envelopes)

    def cards_version(self) -> str:
        """Return a text that changes whenever any card is published."""
        with self.store.read() as connection:
            return cards.version(connection)

    def datasets(self, after: str | None = None, limit: int = 500) -> cards.CardPage:
        """Return the signed cards of datasets, by name."""
        with self.store.read() as connection:
            return cards.page(connection, after, limit)

    def budgets(
        self, after: str | None = None, limit: int = 500
    ) -> tuple[list[DatasetBudget], str | None]:
        """Return what of the datasets' budgets is spent and left, by name."""
        with self.store.read() as connection:
            page = cards.page(connection, after, limit)
            found = [cards.headline(text) for text in page.envelopes]
            statuses = populations.budgets(connection, found)
        budgets = [
            DatasetBudget(dataset=headline.name, **status.model_dump())
            for headline, status in zip(found, statuses, strict=True)
        ]
        return budgets, page.next

    def dataset(self, name: str) -> Envelope:
        """Return the signed card of one dataset."""
        with self.store.read() as connection:
            return cards.latest(connection, name)

    def _card(self, name: str) -> DatasetCard:
        return payload_of(self.dataset(name), DatasetCard)

    def snippet(self, name: str) -> tuple[bytes, str]:
        """Return a dataset's synthetic snippet and its format."""
        card = self._card(name)
        path = cards.snippet_path(self.folder, card.snippet.content)
        return path.read_bytes(), card.snippet.format

    def croissant(self, name: str) -> dict[str, Any]:
        """Return a dataset's card as Croissant JSON-LD."""
        content, _ = self.snippet(name)
        return croissant(self._card(name), content)

    def budget(self, name: str) -> BudgetStatus:
        """Return what of a dataset's budget is spent and left."""
        card = self._card(name)
        with self.store.read() as connection:
            return populations.budget(connection, card)

    def spending(self, person: Person, name: str) -> Spending:
        """Return a dataset's budget over time and by person; researchers see their own part."""
        card = self._card(name)
        only = None if person.role == "steward" else person.key_id
        with self.store.read() as connection:
            everyone = {known.key_id: known.name for known in people.everyone(connection)}
            account = populations.account(connection, card)
            return history.spending(connection, account=account, names=everyone, only=only)
