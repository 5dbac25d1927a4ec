"""A dataset's card in words: its schema, its terms, and a catalog of several."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.documents import DatasetCard, Schema, Terms
from workbench.errors import WorkbenchError
from workbench.views.columns import values_in_words
from workbench.views.page import Page, Shown
from workbench.views.tables import Table
from workbench.views.terms import terms_rows


def records_words(card: DatasetCard) -> str:
    """Return the published number of records in words, such as ``about 569 patients``."""
    unit = card.data_schema.privacy_unit
    return f"about {card.record_count} {'records' if unit == 'record' else f'{unit}s'}"


class SchemaView(Shown):
    """A schema that prints as a table; `document` is the signed form."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def _rows(self) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for column in self.document.columns:
            values = values_in_words(column)
            shape = "×".join(map(str, column.shape)) if column.shape else ""
            kind = f"{column.kind} {shape}".strip()
            found.append((column.name, kind, column.role, values, column.description))
        return found

    def _page(self) -> Page:
        columns = ("column", "kind", "role", "public bounds or categories", "description")
        return Page("Schema", "", Table(columns, self._rows()))


class TermsView(Shown):
    """Terms of use in words; `document` is the signed form."""

    def __init__(self, document: Terms) -> None:
        self.document = document

    def _page(self) -> Page:
        return Page("Terms of use", self.document.text, Table((), terms_rows(self.document)))


class Catalog(Shown):
    """The cards of all domains as a table, and why some domains gave none."""

    def __init__(self, cards: list[DatasetCard], problems: dict[str, WorkbenchError]) -> None:
        self.cards = cards
        self.problems = problems

    def __iter__(self) -> Iterator[DatasetCard]:
        return iter(self.cards)

    def __len__(self) -> int:
        return len(self.cards)

    @property
    def table(self) -> Table:
        """One row for each dataset."""
        columns = (
            "dataset",
            "title",
            "records",
            "columns",
            "ε per run",
            "ε in all",
            "approval",
            "purposes",
        )
        rows = [
            (
                card.path,
                card.title,
                f"about {card.record_count}",
                str(len(card.data_schema.usable)),
                f"{card.terms.epsilon_per_run:g}",
                f"{card.terms.epsilon_total:g}",
                card.terms.approval.mode,
                ", ".join(card.terms.purposes),
            )
            for card in self.cards
        ]
        return Table(columns, rows)

    def _page(self) -> Page:
        notes = [error.message for error in self.problems.values()]
        return Page("Data space", "", self.table, notes)
