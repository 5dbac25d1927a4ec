"""One dataset in full: schema, terms in words, budget."""

from __future__ import annotations

from typing import TypedDict

from workbench.documents import BudgetStatus, Column, DatasetCard, Terms
from workbench.views.columns import values_in_words
from workbench.views.terms import terms_rows

MOST_COLUMNS = 1000
_MOST_SHARING = 20


class ColumnView(TypedDict):
    """A column of the schema; `values` says its public bounds or categories in words."""

    name: str
    kind: str
    role: str
    shape: list[int] | None
    values: str
    description: str


class TermsView(TypedDict):
    """The terms of use: their text, and rows of a name and plain words."""

    text: str
    rows: list[list[str]]


class BudgetView(TypedDict):
    """A privacy budget; what is not known now is None."""

    epsilon_total: float
    epsilon_spent: float | None
    epsilon_left: float | None
    delta: float
    runs: int | None
    uses_left: int | None


class CardView(TypedDict):
    """What a card says."""

    title: str
    description: str
    citation: str
    licence: str
    version: str
    published: str
    schema: list[ColumnView]
    terms: TermsView


def column_view(column: Column) -> ColumnView:
    """Return a column as JSON, its public values in words."""
    return {
        "name": column.name,
        "kind": column.kind,
        "role": column.role,
        "shape": list(column.shape) or None,
        "values": values_in_words(column),
        "description": column.description,
    }


def population_rows(card: DatasetCard, budget: BudgetStatus | None) -> list[list[str]]:
    """Return whose budget it is and who shares it, as rows of a name and plain words."""
    rows = [["population", f"{card.population_name}; its budget counts over all its datasets"]]
    schema = card.data_schema
    if schema.unit is not None:
        most = f"at most {schema.max_records_per_unit} records of one are used"
        rows.append(["protected", f"each {schema.privacy_unit}; {most}"])
    if budget is not None and budget.shared:
        rows.append(["shared with", ", ".join(budget.shared[:_MOST_SHARING])])
    if card.blocks:
        rows.append(["blocks", ", ".join(card.blocks[:_MOST_SHARING])])
    return rows


def budget_view(budget: BudgetStatus | None, terms: Terms) -> BudgetView:
    """Return the budget as JSON; what is not known now is null."""
    return {
        "epsilon_total": terms.epsilon_total if budget is None else budget.epsilon_total,
        "epsilon_spent": None if budget is None else budget.epsilon_spent,
        "epsilon_left": None if budget is None else budget.epsilon_left,
        "delta": terms.delta if budget is None else budget.delta,
        "runs": None if budget is None else budget.runs,
        "uses_left": None if budget is None else budget.uses_left,
    }


def card_view(card: DatasetCard, budget: BudgetStatus | None = None) -> CardView:
    """Return what the card says, and who shares its budget, as JSON."""
    rows = [*map(list, terms_rows(card.terms)), *population_rows(card, budget)]
    return {
        "title": card.title,
        "description": card.description,
        "citation": card.citation,
        "licence": card.licence,
        "version": card.dataset_version[7:19],
        "published": card.published,
        "schema": [column_view(column) for column in card.data_schema.columns[:MOST_COLUMNS]],
        "terms": {"text": card.terms.text, "rows": rows},
    }
