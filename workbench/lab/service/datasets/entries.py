"""A card as one entry of the catalog."""

from __future__ import annotations

from typing import Any

from workbench.documents import BudgetStatus, DatasetCard
from workbench.views.kinds import kind_of

MOST_FIELDS = 200


def entry(card: DatasetCard, budget: BudgetStatus | None = None) -> dict[str, Any]:
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
