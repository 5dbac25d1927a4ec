"""What is spent and left of budgets, summed from the ledger; reading changes nothing.

Figures are for planning: whether a run fits is said in `ledger` alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from workbench.budget.accountant import Curve, epsilon_of
from workbench.budget.caps import Account, Caps
from workbench.budget.chain import (
    EVERYWHERE,
    RECONCILED,
    SNIPPET,
    LedgerEntry,
    counting,
    read_together,
    total,
)
from workbench.documents import BlockStatus, BudgetStatus


def status(connection: Connection, *, account: Account) -> BudgetStatus:
    """Return what is spent and left of an account."""
    return statuses(connection, [account])[0]


def statuses(connection: Connection, accounts: Sequence[Account]) -> list[BudgetStatus]:
    """Return what is spent and left of many accounts, with one query."""
    rows = _by_population(connection, [account.population for account in accounts])
    return [_status(account, rows[account.population]) for account in accounts]


def _by_population(connection: Connection, names: Sequence[str]) -> dict[str, list[LedgerEntry]]:
    """Return what counts in populations, with one query."""
    rows: dict[str, list[LedgerEntry]] = {name: [] for name in names}
    everywhere: list[LedgerEntry] = []
    for entry in counting(connection, list(rows)):
        (everywhere if entry.population == EVERYWHERE else rows[entry.population]).append(entry)
    return {name: [*found, *everywhere] for name, found in rows.items()}


def _status(account: Account, rows: list[LedgerEntry]) -> BudgetStatus:
    own = [row for row in rows if row.dataset in (account.dataset, EVERYWHERE)]
    whole, uses = account.whole, []
    most, block = _most(rows, account.blocks, whole)
    mine, _ = _most(own, account.blocks, account.own)
    for caps, used in ((whole, rows), (account.own, own)):
        taken = sum(row.researcher != SNIPPET for row in used)
        uses += [] if caps.uses is None else [max(0, caps.uses - taken)]
    return BudgetStatus(
        dataset_version=account.version,
        population=account.population,
        epsilon_total=whole.epsilon_total,
        epsilon_spent=most,
        epsilon_left=max(0.0, min(whole.epsilon_total - most, account.own.epsilon_total - mine)),
        delta=whole.delta,
        runs=_runs(own),
        uses_left=min(uses, default=None),
        block=block,
        cap=None if account.own.epsilon_total == whole.epsilon_total else account.own.epsilon_total,
    )


def _runs(rows: Sequence[LedgerEntry]) -> int:
    return sum(row.researcher not in (SNIPPET, RECONCILED) for row in rows)


def _most(rows: Sequence[LedgerEntry], of_blocks: tuple[str, ...], caps: Caps) -> tuple[float, str]:
    """Return the epsilon of the block that spent most, and the block."""
    found = {
        block: epsilon_of(total([row for row in rows if row.reads(block)]), caps.delta)
        for block in read_together(rows, of_blocks)
    }
    block = max(found, key=lambda name: found[name])
    return shown(found[block], caps), block


def shown(epsilon: float, caps: Caps) -> float:
    """Return an epsilon as it is shown: where it is infinite, the total."""
    return epsilon if math.isfinite(epsilon) else caps.epsilon_total


def blocks(connection: Connection, of: Mapping[str, Caps]) -> dict[str, list[BlockStatus]]:
    """Return what is spent and left in each block of populations that a run has named.

    The one called "" are those that no run has named.

    Parameters
    ----------
    connection
        The domain's database.
    of
        The caps of populations, by name.
    """
    rows = _by_population(connection, list(of))
    return {name: _blocks(rows[name], caps) for name, caps in of.items()}


def _blocks(counted: Sequence[LedgerEntry], caps: Caps) -> list[BlockStatus]:
    found = []
    for block in read_together(counted, ()):
        rows = [row for row in counted if row.reads(block)]
        spent = shown(epsilon_of(total(rows), caps.delta), caps)
        left = max(0.0, caps.epsilon_total - spent)
        found.append(
            BlockStatus(block=block, epsilon_spent=spent, epsilon_left=left, runs=_runs(rows))
        )
    return found


def totals(connection: Connection) -> dict[tuple[str, str], Curve]:
    """Return the sum of what counts, by population and block that a row has named.

    The block called "" is what each block of the population has, one that no row has named too.
    """
    rows: dict[str, list[LedgerEntry]] = {}
    for entry in counting(connection):
        rows.setdefault(entry.population, []).append(entry)
    found = {}
    for population, counted in rows.items():
        for block in read_together(counted, ()):
            found[population, block] = total([row for row in counted if row.reads(block)])
    return found
