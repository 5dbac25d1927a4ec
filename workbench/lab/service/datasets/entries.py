"""A card as one entry of the catalog."""

from __future__ import annotations

from typing import Literal, TypedDict

from workbench.documents import BudgetStatus, DatasetCard
from workbench.views.kinds import kind_of

MOST_FIELDS = 200


class Entry(TypedDict):
    """A dataset in the list; what the domain did not say of its budget is None."""

    path: str
    domain: str
    name: str
    title: str
    purposes: list[str]
    fields: list[str]
    records: int
    unit: str
    kind: str
    epsilon_total: float
    epsilon_spent: float | None
    epsilon_left: float | None
    epsilon_per_run: float
    delta: float
    approval: Literal["steward", "policy"]
    approvals: int
    expires: str | None


def entry(card: DatasetCard, budget: BudgetStatus | None = None) -> Entry:
    """Return a card as an entry of the catalog.

    Parameters
    ----------
    card
        Signature checked.
    budget
        Its privacy budget, if it is known.
    """
    terms = card.terms
    return {
        "path": card.path,
        "domain": card.domain,
        "name": card.name,
        "title": card.title,
        "purposes": list(terms.purposes),
        "fields": [column.name for column in card.data_schema.usable[:MOST_FIELDS]],
        "records": card.record_count,
        "unit": card.data_schema.privacy_unit,
        "kind": kind_of(card.data_schema),
        "epsilon_total": terms.epsilon_total if budget is None else budget.epsilon_total,
        "epsilon_spent": None if budget is None else budget.epsilon_spent,
        "epsilon_left": None if budget is None else budget.epsilon_left,
        "epsilon_per_run": terms.epsilon_per_run,
        "delta": terms.delta,
        "approval": terms.approval.mode,
        "approvals": terms.approval.approvals,
        "expires": terms.expires,
    }
