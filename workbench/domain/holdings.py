"""What a domain holds and offers: datasets, their cards and snippets, their budgets."""

from __future__ import annotations

from typing import Any

from workbench.budget import history
from workbench.catalog.croissant import croissant
from workbench.documents import (
    BudgetStatus,
    DatasetBudget,
    DatasetCard,
    Envelope,
    Person,
    PrivateKey,
    Spending,
)
from workbench.documents.envelope import unverified
from workbench.domain.access import log, people
from workbench.domain.datasets import cards, files, headlines
from workbench.domain.heads.reconcile import Reconciled, reconcile
from workbench.domain.population_service import PopulationService
from workbench.domain.populations import accounts
from workbench.domain.publishing import publish
from workbench.domain.publishing.approval import Wins
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.database import Store
from workbench.domain.store.seal import Seal


class Holdings:
    """The datasets of one domain.

    Parameters
    ----------
    folder, store, key, seal
        The domain's folder, database, signing key and secret.
    """

    def __init__(self, folder: DomainFolder, store: Store, key: PrivateKey, seal: Seal) -> None:
        self.folder, self.store, self.key, self._seal = folder, store, key, seal
        self.populations = PopulationService(folder, store, key, seal)

    def publish(self, name: str, approval: Wins = None) -> DatasetCard:
        """Publish a dataset from its folder, as the domain's operator; see `publishing.publish`."""
        with self.populations.changing() as connection:
            before = cards.version(connection)
            card = publish.publish(connection, self.folder, name, self.key, self._seal, approval)
            if cards.version(connection) != before:
                version = card.dataset_version.removeprefix("sha256:")[:12]
                log.append(connection, "publish", log.OPERATOR, name, f"version {version}")
        return card

    def reconcile(self, lost: bool = False) -> Reconciled | None:
        """Let the database know what the newest ledger head knows; see `heads.reconcile`.

        Nothing is done, and None returned, where the database holds the head.
        """
        with self.store.write() as connection:
            return reconcile(connection, self.folder, self.key, lost)

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
            found = [headlines.headline(text) for text in page.envelopes]
            statuses = accounts.budgets(connection, found)
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
        return unverified(self.dataset(name), DatasetCard)

    def snippet(self, name: str) -> tuple[bytes, str]:
        """Return a dataset's synthetic snippet and its format."""
        card = self._card(name)
        path = files.snippet_path(self.folder, card.snippet.content)
        return path.read_bytes(), card.snippet.format

    def croissant(self, name: str) -> dict[str, Any]:
        """Return a dataset's card as Croissant JSON-LD."""
        content, _ = self.snippet(name)
        return croissant(self._card(name), content)

    def budget(self, name: str) -> BudgetStatus:
        """Return what of a dataset's budget is spent and left."""
        card = self._card(name)
        with self.store.read() as connection:
            return accounts.budget(connection, card)

    def spending(self, person: Person, name: str) -> Spending:
        """Return a dataset's budget over time and by person; researchers see their own part."""
        card = self._card(name)
        only = None if person.role == "steward" else person.key_id
        with self.store.read() as connection:
            everyone = {known.key_id: known.name for known in people.everyone(connection)}
            account = accounts.account(connection, card)
            return history.spending(connection, account=account, names=everyone, only=only)
