"""Datasets as a researcher sees them: card, schema, terms, snippet; never a private record."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.documents import BudgetStatus, DatasetCard, Schema, Terms
from workbench.errors import WorkbenchError
from workbench.records import Records
from workbench.space.client.client import DomainClient
from workbench.space.dataset_statistics import DatasetStatistics
from workbench.views.html import page, rows_table

if TYPE_CHECKING:
    import pandas as pd


class Dataset(DatasetStatistics):
    """One dataset of one domain.

    Parameters
    ----------
    card
        Its card, signature checked.
    client
        The domain.
    """

    def __init__(self, card: DatasetCard, client: DomainClient) -> None:
        self.card = card
        self.client = client

    @property
    def schema(self) -> SchemaView:
        """The columns with their public bounds and categories."""
        return SchemaView(self.card.data_schema)

    @property
    def terms(self) -> TermsView:
        """The terms of use."""
        return TermsView(self.card.terms)

    @property
    def budget(self) -> BudgetStatus:
        """The privacy budget now; reading it costs nothing."""
        return self.client.budget(self.card.name)

    @cached_property
    def snippet_records(self) -> Records:
        """The synthetic snippet as records, for rehearsals."""
        from workbench.catalog.snippets import decode

        content = self.client.snippet(self.card)
        return Records.each_its_own(decode(content, self.card.data_schema))

    def snippet(self, rows: int = 20) -> pd.DataFrame:
        """Return the first `rows` synthetic records as a DataFrame.

        Its ``attrs["workbench"]`` say how it was made: the level and what it cost.
        """
        from workbench.catalog.frame import to_frame

        columns = {name: v[:rows] for name, v in self.snippet_records.columns.items()}
        frame = to_frame(columns, self.card.data_schema)
        made = self.card.snippet
        source = "the schema alone" if made.level == 0 else f"noised counts, epsilon {made.epsilon}"
        frame.attrs["workbench"] = f"synthetic, level {made.level}: made from {source}"
        return frame

    def __repr__(self) -> str:
        card = self.card
        return f"Dataset({card.path}: {card.title}, about {card.record_count} {_units(card)})"

    def _repr_html_(self) -> str:
        card = self.card
        facts = [
            ("records", f"about {card.record_count} {_units(card)}"),
            ("columns", str(len(card.data_schema.usable))),
            ("snippet", f"synthetic, level {card.snippet.level}, epsilon {card.snippet.epsilon:g}"),
            ("population", card.population_name),
            ("version", card.dataset_version[7:19]),
            ("licence", card.licence),
            ("citation", card.citation),
        ]
        return page(f"{card.path}: {card.title}", card.description, rows_table((), facts))


def _units(card: DatasetCard) -> str:
    return (
        "records"
        if card.data_schema.privacy_unit == "record"
        else (f"{card.data_schema.privacy_unit}s")
    )


class SchemaView:
    """A schema that prints as a table; `document` is the signed form."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def _rows(self) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for column in self.document.columns:
            values = (
                ", ".join(str(value) for value in column.categories[:12])
                if column.kind == "category"
                else ""
                if column.lower is None
                else f"{column.lower:g} to {column.upper:g}"
            )
            shape = "×".join(map(str, column.shape)) if column.shape else ""
            kind = f"{column.kind} {shape}".strip()
            found.append((column.name, kind, column.role, values, column.description))
        return found

    def __repr__(self) -> str:
        return "\n".join("  ".join(part for part in row if part) for row in self._rows())

    def _repr_html_(self) -> str:
        header = ("column", "kind", "role", "public bounds or categories", "description")
        return page("Schema", "", rows_table(header, self._rows()))


class TermsView:
    """Terms of use in words; `document` is the signed form."""

    def __init__(self, document: Terms) -> None:
        self.document = document

    def _rows(self) -> list[tuple[str, str]]:
        terms = self.document
        approval = terms.approval
        decided = (
            "a steward decides each request"
            if approval.mode == "steward"
            else f"a policy approves up to epsilon {approval.epsilon:g} for "
            f"{', '.join(approval.purposes)}; a steward decides the rest"
        )
        return [
            ("purposes", ", ".join(terms.purposes)),
            ("epsilon in all", f"{terms.epsilon_total:g} at delta {terms.delta:g}"),
            ("epsilon per run", f"at most {terms.epsilon_per_run:g}"),
            ("outputs", ", ".join(terms.outputs)),
            ("uses", "no limit" if terms.uses is None else str(terms.uses)),
            ("expires", terms.expires or "never"),
            ("approval", decided),
        ]

    def __repr__(self) -> str:
        lines = [self.document.text.strip(), *(f"{k}: {v}" for k, v in self._rows())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return page("Terms of use", self.document.text, rows_table((), self._rows()))


class Catalog:
    """Cards as a table, and the domains that could not be asked, with why."""

    def __init__(self, cards: list[DatasetCard], problems: dict[str, WorkbenchError]) -> None:
        self.cards = cards
        self.problems = problems

    def __iter__(self) -> Iterator[DatasetCard]:
        return iter(self.cards)

    def __len__(self) -> int:
        return len(self.cards)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                card.path,
                card.title,
                f"about {card.record_count}",
                str(len(card.data_schema.usable)),
                f"{card.terms.epsilon_per_run:g} / {card.terms.epsilon_total:g}",
                "policy" if card.terms.approval.mode == "policy" else "steward",
                ", ".join(card.terms.purposes),
            )
            for card in self.cards
        ]

    _HEADER = (
        "dataset",
        "title",
        "records",
        "columns",
        "ε per run / in all",
        "approval",
        "purposes",
    )

    def __repr__(self) -> str:
        lines = ["  ".join(row) for row in (self._HEADER, *self._rows())]
        return "\n".join([*lines, *(error.message for error in self.problems.values())])

    def _repr_html_(self) -> str:
        notes = [error.message for error in self.problems.values()]
        return page("Data space", "", rows_table(self._HEADER, self._rows()), notes)
