"""A budget over time, by person and by block, from the ledger; reading changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sqlalchemy import Connection

from workbench.budget import balance, chain
from workbench.budget.accountant import ORDERS, Curve, epsilon_of
from workbench.budget.balance import shown
from workbench.budget.caps import Account, Caps
from workbench.budget.chain import RECONCILED, SNIPPET, LedgerEntry, read_together
from workbench.documents import (
    BlockHistory,
    BlockPoint,
    PopulationHistory,
    Share,
    Spending,
    SpendingPoint,
)

MAX_POINTS = 1000
MOST_BLOCKS = 8


def spending(
    connection: Connection,
    *,
    account: Account,
    names: Mapping[str, str],
    only: str | None = None,
) -> Spending:
    """Return what was spent when and by whom.

    Every figure is the filter's, of all curves that counted at that moment: neither points nor
    shares are sums of single epsilons, so shares together are more than the whole.

    Parameters
    ----------
    connection, account
        As for `balance.status`. What is shown is the population's, in the blocks that the dataset
        reads.
    names
        People's names by key id.
    only
        A key id: points and shares are then of this person's runs alone.
    """
    rows = chain.entries(connection, population=account.population)
    mine = [row for row in rows if only in (None, row.researcher)]
    return Spending(
        budget=balance.status(connection, account=account),
        points=_points(mine, account, names),
        researchers=_shares(mine, account, names),
    )


def by_block(connection: Connection, *, population: str, caps: Caps) -> PopulationHistory:
    """Return what a member of each block had been charged at most, over time.

    Parameters
    ----------
    connection, population, caps
        The domain's database, and a population with its caps.

    Returns
    -------
    PopulationHistory
        Of the `MOST_BLOCKS` blocks that spent most, at most `MAX_POINTS` points each.
    """
    rows = chain.entries(connection, population=population)
    most = sorted(
        balance.blocks(connection, {population: caps})[population],
        key=lambda block: (-block.epsilon_spent, block.block),
    )[:MOST_BLOCKS]
    return PopulationHistory(
        blocks=tuple(
            BlockHistory(block=one.block, points=_block_points(rows, one.block, caps))
            for one in most
        )
    )


def _block_points(rows: list[LedgerEntry], block: str, caps: Caps) -> tuple[BlockPoint, ...]:
    held: dict[str, Curve] = {}
    total = np.zeros(len(ORDERS))
    points = []
    for row in (row for row in rows if row.reads(block)):
        if row.event == "charge":
            continue
        if row.event == "reserve":
            held[row.request] = row.curve
            total = total + row.curve
        else:
            held.pop(row.request, None)
            # Summed anew: taking a float away does not give back what was there before it.
            total = sum(held.values(), np.zeros(len(ORDERS)))
        points.append((row.time, total))
    return tuple(
        BlockPoint(time=time, epsilon_spent=shown(epsilon_of(curve, caps.delta), caps))
        for time, curve in points[-MAX_POINTS:]
    )


def _name(researcher: str, names: Mapping[str, str]) -> str:
    own = {SNIPPET: "the snippet", RECONCILED: "what a lost database knew of"}
    return own.get(researcher) or names.get(researcher, "")


def _points(
    rows: list[LedgerEntry], account: Account, names: Mapping[str, str]
) -> tuple[SpendingPoint, ...]:
    points: list[SpendingPoint] = []
    held: dict[str, LedgerEntry] = {}
    blocks = read_together(rows, account.blocks)
    totals = _totals(held, blocks)
    for position, row in enumerate(rows):
        if row.event == "reserve":
            held[row.request] = row
            for block in blocks:
                if row.reads(block):
                    totals[block] = totals[block] + row.curve
        elif row.event == "void":
            held.pop(row.request, None)
            # Summed anew: taking a float away does not give back what was there before it.
            totals = _totals(held, blocks)
        if position >= len(rows) - MAX_POINTS:
            points.append(
                SpendingPoint(
                    time=row.time,
                    epsilon_spent=_most(totals, account),
                    researcher=_name(row.researcher, names),
                    request=row.request,
                    event=row.event,
                )
            )
    return tuple(points)


def _totals(held: Mapping[str, LedgerEntry], blocks: list[str]) -> dict[str, Curve]:
    totals = {block: np.zeros(len(ORDERS)) for block in blocks}
    for row in held.values():
        for block in blocks:
            if row.reads(block):
                totals[block] = totals[block] + row.curve
    return totals


def _most(totals: Mapping[str, Curve], account: Account) -> float:
    spent = max(epsilon_of(curve, account.whole.delta) for curve in totals.values())
    return shown(spent, account.whole)


def _shares(
    rows: list[LedgerEntry], account: Account, names: Mapping[str, str]
) -> tuple[Share, ...]:
    of: dict[str, dict[str, LedgerEntry]] = {}
    for row in rows:
        held = of.setdefault(row.researcher, {})
        if row.event == "reserve":
            held[row.request] = row
        elif row.event == "void":
            held.pop(row.request, None)
    cap = account.whole.epsilon_per_researcher
    if cap is None and all(row.dataset == account.dataset for row in rows):
        cap = account.own.epsilon_per_researcher
    shares = [
        Share(
            name=_name(researcher, names),
            key_id="" if researcher in (SNIPPET, RECONCILED) else researcher,
            epsilon_spent=_most(
                _totals(held, read_together(list(held.values()), account.blocks)), account
            ),
            runs=0 if researcher == SNIPPET else len(held),
            cap=None if researcher == SNIPPET else cap,
        )
        for researcher, held in of.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.epsilon_spent, share.name)))
