"""The privacy ledger: append-only, and the only place that says whether a run fits.

*Reserve* before launch, *charge* when the run starts, *void* a reservation that never started.
What touched data stays charged. Admission is a Renyi filter at one order that the terms fix before
the first run (`accountant.filter_budget`): a run is admitted if the curves' sum at that order stays
within the budget there. So the total holds although runs and their costs are chosen in reaction to
earlier releases (Feldman and Zrnic 2021, arXiv:2008.11193). Choosing the best order afterwards
would show a little more left and is not covered by that theorem; `status` shows it for planning.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from sqlalchemy import Connection, func, insert, select

from workbench.budget.accountant import (
    ORDERS,
    Curve,
    checked,
    epsilon_of,
    filter_budget,
    pure_curve,
)
from workbench.budget.tables import ledger
from workbench.documents import BudgetStatus, Terms, now
from workbench.documents.errors import BudgetExhausted, Conflict, TermsRefused

SNIPPET = "snippet"


class Caps(Protocol):
    """What of the `Terms` a budget's status needs."""

    @property
    def epsilon_total(self) -> float:
        """The guarantee over everything."""

    @property
    def delta(self) -> float:
        """The delta of that guarantee."""

    @property
    def uses(self) -> int | None:
        """How many runs there may be."""


@dataclass(frozen=True)
class LedgerEntry:
    """One row."""

    sequence: int
    dataset_version: str
    request: str
    researcher: str
    event: Literal["reserve", "charge", "void"]
    curve: Curve
    time: str


def entries(connection: Connection, *, dataset_version: str) -> list[LedgerEntry]:
    """Return all rows for a dataset version, oldest first."""
    return _entries(connection, [dataset_version])


def _entries(connection: Connection, versions: Sequence[str]) -> list[LedgerEntry]:
    rows = connection.execute(
        select(ledger).where(ledger.c.dataset_version.in_(versions)).order_by(ledger.c.sequence)
    )
    return [
        LedgerEntry(
            row.sequence,
            row.dataset_version,
            row.request,
            row.researcher,
            row.event,
            np.asarray(json.loads(row.curve), dtype=np.float64),
            row.time,
        )
        for row in rows
    ]


def _counting(rows: list[LedgerEntry]) -> list[LedgerEntry]:
    void = {row.request for row in rows if row.event == "void"}
    return [row for row in rows if row.event == "reserve" and row.request not in void]


def _sum(rows: list[LedgerEntry]) -> Curve:
    total = np.zeros(len(ORDERS))
    for row in rows:
        total = total + row.curve
    return total


def _append(
    connection: Connection, version: str, request: str, researcher: str, event: str, curve: Curve
) -> None:
    connection.execute(
        insert(ledger).values(
            dataset_version=version,
            request=request,
            researcher=researcher,
            event=event,
            curve=json.dumps([float(value) for value in curve]),
            time=now(),
        )
    )


def _reserved(connection: Connection, request: str) -> set[str]:
    return set(
        connection.execute(select(ledger.c.event).where(ledger.c.request == request)).scalars()
    )


def reserve(
    connection: Connection,
    *,
    dataset_version: str,
    request: str,
    researcher: str,
    curve: Curve,
    terms: Terms,
) -> None:
    """Set aside the cost of a run, or refuse it; a request that is reserved stays so, once.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    dataset_version, request, researcher
        Digest, digest, key id.
    curve
        What the run costs, as `accountant.run_curve` gives it.
    terms
        The caps: total, per researcher, number of uses.

    Raises
    ------
    BudgetExhausted
        If the run does not fit; nothing is written.
    TermsRefused
        If the curve is malformed.
    Conflict
        If the reservation was voided before.
    """
    events = _reserved(connection, request)
    if "void" in events:
        raise Conflict("the request's reservation was given back; it cannot run any more")
    if "reserve" in events:
        return
    if not np.isfinite(checked(curve)).any() or not curve.any():
        raise TermsRefused("the cost of the plan cannot be computed")
    rows = _counting(entries(connection, dataset_version=dataset_version))
    _refuse_above(rows, curve, terms.epsilon_total, terms.delta, "of the dataset's budget")
    if terms.epsilon_per_researcher is not None:
        mine = [row for row in rows if row.researcher == researcher]
        _refuse_above(
            mine, curve, terms.epsilon_per_researcher, terms.delta, "of your share of the budget"
        )
    used = sum(row.researcher != SNIPPET for row in rows)
    if terms.uses is not None and used >= terms.uses:
        raise BudgetExhausted(f"all {terms.uses} uses of the dataset are taken")
    _append(connection, dataset_version, request, researcher, "reserve", curve)


def _refuse_above(
    rows: list[LedgerEntry], curve: Curve, total: float, delta: float, what: str
) -> None:
    spent = _sum(rows)
    order, budget = filter_budget(total, delta)
    after = epsilon_of(spent + curve, delta)
    # The very first run reacts to no release, so it may take its own best order. If it is over the
    # budget at the fixed order, nothing is ever admitted after it.
    first_alone = not rows and after <= total
    if not (first_alone or float(spent[order] + curve[order]) <= budget):
        left = max(0.0, total - epsilon_of(spent, delta))
        raise BudgetExhausted(
            f"the run would bring the total to epsilon {after:.3g}; {left:.3g} of {total:g} "
            f"{what} is left",
            "Ask for a smaller epsilon, or ask the steward to raise the total.",
        )


def charge(connection: Connection, *, request: str) -> None:
    """Turn a reservation into a charge, for good; charging again changes nothing.

    Raises
    ------
    Conflict
        If there is no reservation, or it was voided.
    """
    events = _reserved(connection, request)
    if "charge" in events:
        return
    if "reserve" not in events or "void" in events:
        raise Conflict("the request has no reservation to charge")
    _follow(connection, request, "charge")


def release_reservation(connection: Connection, *, request: str) -> None:
    """Give a reservation back; only before it was charged.

    Raises
    ------
    Conflict
        If the run was charged: what touched data stays charged.
    """
    events = _reserved(connection, request)
    if "charge" in events:
        raise Conflict("the request was charged; a charge is never given back")
    if "reserve" in events and "void" not in events:
        _follow(connection, request, "void")


def _follow(connection: Connection, request: str, event: str) -> None:
    row = connection.execute(
        select(ledger).where(ledger.c.request == request, ledger.c.event == "reserve")
    ).one()
    curve = np.asarray(json.loads(row.curve))
    _append(connection, row.dataset_version, request, row.researcher, event, curve)


def charge_snippet(
    connection: Connection, *, dataset_version: str, epsilon: float, terms: Terms
) -> None:
    """Charge a snippet made from DP counts, once per dataset version.

    Raises
    ------
    BudgetExhausted
        If it does not fit.
    """
    request = f"{SNIPPET}:{dataset_version}"
    reserve(
        connection,
        dataset_version=dataset_version,
        request=request,
        researcher=SNIPPET,
        curve=pure_curve(epsilon),
        terms=terms,
    )
    charge(connection, request=request)


def status(connection: Connection, *, dataset_version: str, terms: Caps) -> BudgetStatus:
    """Return what is spent and left; reading changes nothing."""
    return statuses(connection, {dataset_version: terms})[dataset_version]


def statuses(connection: Connection, terms: Mapping[str, Caps]) -> dict[str, BudgetStatus]:
    """Return what is spent and left of many dataset versions, with one query.

    `terms` are the terms by dataset version.
    """
    rows: dict[str, list[LedgerEntry]] = {version: [] for version in terms}
    for entry in _entries(connection, list(terms)):
        rows[entry.dataset_version].append(entry)
    return {version: _status(version, rows[version], caps) for version, caps in terms.items()}


def _status(version: str, rows: list[LedgerEntry], terms: Caps) -> BudgetStatus:
    counting = _counting(rows)
    spent = epsilon_of(_sum(counting), terms.delta) if counting else 0.0
    spent = spent if math.isfinite(spent) else terms.epsilon_total
    runs = sum(row.researcher != SNIPPET for row in counting)
    return BudgetStatus(
        dataset_version=version,
        epsilon_total=terms.epsilon_total,
        epsilon_spent=spent,
        epsilon_left=max(0.0, terms.epsilon_total - spent),
        delta=terms.delta,
        runs=runs,
        uses_left=None if terms.uses is None else max(0, terms.uses - runs),
    )


def count(connection: Connection) -> int:
    """Return how many rows the ledger has."""
    return int(connection.execute(select(func.count()).select_from(ledger)).scalar_one())
