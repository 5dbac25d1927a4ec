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
    Spending,
)
from workbench.domain.access import people
from workbench.domain.datasets import cards, files, headlines
from workbench.domain.populations import accounts
from workbench.domain.store.home import Home
from workbench.errors import NotFound


class Holdings:
    """The datasets of one domain; everybody who is admitted may see them.

    Parameters
    ----------
    home
        The domain's.
    """

    def __init__(self, home: Home) -> None:
        self._folder, self._store = home.folder, home.store

    def cards_version(self) -> str:
        """Return a text that changes whenever any card is published."""
        with self._store.read() as connection:
            return cards.version(connection)

    def datasets(self, after: str | None = None, limit: int = 500) -> cards.CardPage:
        """Return the signed cards of at most `limit` datasets, by name."""
        with self._store.read() as connection:
            return cards.page(connection, after, limit)

    def budgets(
        self, after: str | None = None, limit: int = 500
    ) -> tuple[list[DatasetBudget], str | None]:
        """Return what of the budgets of at most `limit` datasets is spent and left, by name."""
        with self._store.read() as connection:
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
        with self._store.read() as connection:
            return cards.latest(connection, name)

    def _card(self, name: str) -> DatasetCard:
        with self._store.read() as connection:
            return cards.present(connection, name)

    def snippet(self, name: str) -> tuple[bytes, str]:
        """Return a dataset's synthetic snippet and its format."""
        card = self._card(name)
        path = files.snippet_path(self._folder, card.snippet.content)
        return path.read_bytes(), card.snippet.format

    def tokenizer(self, name: str, column: str) -> bytes:
        """Return the tokenizer's file of a text column.

        Raises
        ------
        NotFound
            If it has none.
        """
        known = {c.name: c.tokenizer for c in self._card(name).data_schema.columns}
        told = known.get(column)
        if told is None or told.content is None:
            raise NotFound(f"column '{column}' of '{name}' has no tokenizer with a file")
        return files.tokenizer_path(self._folder, told.content).read_bytes()

    def croissant(self, name: str) -> dict[str, Any]:
        """Return a dataset's card as Croissant JSON-LD."""
        content, _ = self.snippet(name)
        return croissant(self._card(name), content)

    def budget(self, name: str) -> BudgetStatus:
        """Return what of a dataset's budget is spent and left."""
        card = self._card(name)
        with self._store.read() as connection:
            return accounts.budget(connection, card)

    def spending(self, person: Person, name: str) -> Spending:
        """Return a dataset's budget over time and by person; researchers see their own part."""
        card = self._card(name)
        only = None if people.admitted(person).role == "steward" else person.key_id
        with self._store.read() as connection:
            everyone = {known.key_id: known.name for known in people.everyone(connection)}
            account = accounts.account(connection, card)
            return history.spending(connection, account=account, names=everyone, only=only)
