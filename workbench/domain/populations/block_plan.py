"""Show which blocks a table would have, to a steward who may divide a population.

Nothing is published and nothing kept. The figures are exact counts of private data: they are for
whoever may read the table, and for nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.budget.accountant import calibrate, filter_budget, run_curve
from workbench.documents import Plan
from workbench.errors import InvalidData, UnknownColumn


@dataclass(frozen=True)
class Block:
    """One block: `people` who appeared first in it, and `again`, those of them who came back."""

    name: str
    people: int
    records: int
    again: int


@dataclass(frozen=True)
class BlockPlan:
    """The blocks of a table in their order, and how often a register could run on them.

    `runs` is how many runs of one size fit in a block. If each run reads the newest `window`
    blocks, each block is read for `window` blocks' time, so there are `runs_each` between two new
    ones. Without blocks there are `runs` in all, for everybody and for good.
    """

    blocks: tuple[Block, ...]
    epsilon_run: float
    runs: int
    window: int

    @property
    def runs_each(self) -> int:
        """The number of runs that there may be between two new blocks."""
        return self.runs // self.window

    @property
    def came_back(self) -> int:
        """The number of people who appear in more than one block."""
        return sum(block.again for block in self.blocks)


def plan(
    path: Path,
    column: str,
    unit: str,
    *,
    epsilon_total: float,
    delta: float,
    epsilon_run: float,
    window: int,
    order: Sequence[str] = (),
) -> BlockPlan:
    """Return the blocks that a table would have.

    Parameters
    ----------
    path
        A ``.csv`` or ``.parquet`` file.
    column, unit
        The block's column, and the one that names the person.
    epsilon_total, delta, epsilon_run, window
        The population's total, what one run costs, and how many of the newest blocks it reads.
    order
        The blocks in their order; as text otherwise.

    Raises
    ------
    InvalidData, UnknownColumn
        If the file or a column is not there.
    """
    frame = _read(path)
    for name in (column, unit):
        if name not in frame.columns:
            there = ", ".join(map(str, frame.columns[:50]))
            raise UnknownColumn(f"{path.name} has no column '{name}'", f"There are: {there}")
    labels = frame[column].astype(str)
    names = list(order) or sorted(labels.unique())
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise InvalidData(f"{path.name}: column '{column}' has '{unknown[0]}', which is no block")
    position = labels.map({name: at for at, name in enumerate(names)})
    person = frame[unit].astype(str).str.strip()
    first = position.groupby(person).min()
    more = position.groupby(person).nunique() > 1
    blocks = tuple(
        Block(
            name,
            int((first == at).sum()),
            int((position == at).sum()),
            int(((first == at) & more).sum()),
        )
        for at, name in enumerate(names)
    )
    return BlockPlan(blocks, epsilon_run, _fitting(epsilon_total, delta, epsilon_run), window)


def _fitting(total: float, delta: float, epsilon_run: float) -> int:
    """Return how many equal runs, with noise on every record at each step, fit in a total."""
    noise, metrics = calibrate(
        epsilon=epsilon_run, delta=delta, sample_rate=1.0, steps=1, metrics=0
    )
    example = Plan(
        learning_rate=0.1,
        steps=1,
        sample_rate=1.0,
        max_grad_norm=1.0,
        noise_multiplier=noise,
        metrics_noise_multiplier=metrics,
    )
    order, budget = filter_budget(total, delta)
    return max(int(budget / run_curve(example, 0)[order]), int(epsilon_run <= total))


def _read(path: Path) -> pd.DataFrame:
    if path.suffix not in (".csv", ".parquet"):
        raise InvalidData(f"{path.name}: expected a .csv or .parquet file")
    try:
        if path.suffix == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        else:
            frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        # The parser's own message quotes the row.
        raise InvalidData(f"{path.name}: cannot be read ({type(error).__name__})") from None
    if frame.empty:
        raise InvalidData(f"{path.name}: has no records")
    return frame
