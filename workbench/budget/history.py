"""A budget over time and by person, from the ledger; reading changes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from sqlalchemy import Connection

from workbench.budget import ledger
from workbench.budget.accountant import ORDERS, Curve, epsilon_of
from workbench.budget.ledger import SNIPPET, LedgerEntry
from workbench.documents import Share, Spending, SpendingPoint, Terms

MAX_POINTS = 1000


def spending(
    connection: Connection,
    *,
    dataset_version: str,
    terms: Terms,
    names: Mapping[str, str],
    only: str | None = None,
) -> Spending:
    """Return what was spent when and by whom.

    Every figure is the filter's, of all curves that counted at that moment: neither points nor
    shares are sums of single epsilons, so shares together are more than the whole.

    Parameters
    ----------
    connection, dataset_version, terms
        As for `ledger.status`.
    names
        People's names by key id.
    only
        A key id: points and shares are then of this person's runs alone.
    """
    rows = ledger.entries(connection, dataset_version=dataset_version)
    mine = [row for row in rows if only in (None, row.researcher)]
    return Spending(
        budget=ledger.status(connection, dataset_version=dataset_version, terms=terms),
        points=_points(mine, terms, names),
        researchers=_shares(mine, terms, names),
    )


def _name(researcher: str, names: Mapping[str, str]) -> str:
    return "the snippet" if researcher == SNIPPET else names.get(researcher, "")


def _epsilon(curve: Curve, terms: Terms) -> float:
    if not curve.any():
        return 0.0
    spent = epsilon_of(curve, terms.delta)
    return spent if math.isfinite(spent) else terms.epsilon_total


def _points(
    rows: list[LedgerEntry], terms: Terms, names: Mapping[str, str]
) -> tuple[SpendingPoint, ...]:
    points: list[SpendingPoint] = []
    held: dict[str, Curve] = {}
    total = _total(held)
    for position, row in enumerate(rows):
        if row.event == "reserve":
            held[row.request] = row.curve
            total = total + row.curve
        elif row.event == "void":
            held.pop(row.request, None)
            # Summed anew: taking a float away does not give back what was there before it.
            total = _total(held)
        if position >= len(rows) - MAX_POINTS:
            points.append(
                SpendingPoint(
                    time=row.time,
                    epsilon_spent=_epsilon(total, terms),
                    researcher=_name(row.researcher, names),
                    request=row.request,
                    event=row.event,
                )
            )
    return tuple(points)


def _total(held: Mapping[str, Curve]) -> Curve:
    total = np.zeros(len(ORDERS))
    for curve in held.values():
        total = total + curve
    return total


def _shares(rows: list[LedgerEntry], terms: Terms, names: Mapping[str, str]) -> tuple[Share, ...]:
    of: dict[str, dict[str, Curve]] = {}
    for row in rows:
        held = of.setdefault(row.researcher, {})
        if row.event == "reserve":
            held[row.request] = row.curve
        elif row.event == "void":
            held.pop(row.request, None)
    shares = [
        Share(
            name=_name(researcher, names),
            key_id="" if researcher == SNIPPET else researcher,
            epsilon_spent=_epsilon(_total(held), terms),
            runs=0 if researcher == SNIPPET else len(held),
            cap=None if researcher == SNIPPET else terms.epsilon_per_researcher,
        )
        for researcher, held in of.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.epsilon_spent, share.name)))
