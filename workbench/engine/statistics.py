"""Noisy sums of a bounded vector per record, in one round or in rounds that follow each other.

    for round in rounds:  s = sum_units clip(f(record; state), C) + noise;  state = update(state, s)

`f` and `update` are graphs of the researcher. Only `f` sees records; the update computes with what
is released anyway. Rounds, shapes, chunk sizes and the noise follow from the plan and published
figures. The noisy sum is rounded to the grid of the exact one (`workbench.engine.bounded`), so no
digit below the grid tells what the sum was before the noise (Mironov 2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.documents.errors import InvalidData
from workbench.documents.request import StatisticPlan
from workbench.engine.batches import UnitTable, roomy, within_memory
from workbench.engine.bounded import MOST_UNITS, BoundedSum
from workbench.engine.noise import SealedRandom, Stream
from workbench.engine.records import Records
from workbench.engine.runner import Runner
from workbench.graphs.record_graph import RecordGraph

Source = Records | Iterable[Records]
"""Records in memory, or chunks of them; with several rounds the chunks are read once in each."""

Progress = Callable[[int, int], None]
Chunk = tuple[tuple[torch.Tensor, ...], torch.Tensor]
_CHUNK_BYTES = 64 << 20
# Matrix products compute the last few rows of a chunk in another way than the others. With whole
# blocks (and MKL_CBWR set, as the domain's worker has it) a record's vector does not depend
# on its row, so a unit that is not there moves the others without changing them.
_BLOCK = 16


@dataclass(frozen=True)
class StatisticResult:
    """What is released.

    Attributes
    ----------
    sums
        The noisy sum of every round, float64, shape ``(rounds, d)``.
    state
        The state after the last round, float32, by name; empty without one.
    """

    sums: torch.Tensor
    state: dict[str, torch.Tensor]


def noisy_sums(
    graph: RecordGraph,
    plan: StatisticPlan,
    source: Source,
    *,
    record_count: int,
    max_records_per_unit: int,
    seed: bytes,
    update: RecordGraph | None = None,
    progress: Progress | None = None,
    threads: int = 1,
) -> StatisticResult:
    """Compute the noisy sums of a plan.

    Parameters
    ----------
    graph
        The record graph with `inputs` named; it gives one vector.
    plan
        Rounds, sampling, bound and noise.
    source
        The records. Chunks must be in the order of their units, and no unit may have records in
        two chunks.
    record_count
        The published number of privacy units; sets the size of chunks.
    max_records_per_unit
        The published bound on records of one unit; of more the first ones count.
    seed
        32 secret bytes, used for no other request. Equal arguments and seed give equal results.
    update
        Makes the next state from the noisy sum.
    progress
        Called with (rounds done, all rounds) after every round.
    threads
        How many threads torch may use.

    Raises
    ------
    InvalidData
        If chunks are not in the order of their units, or there are over 2**27 units.
    """
    torch.set_num_threads(threads)
    random = SealedRandom(seed)
    sampling, noise = random.stream("statistic sampling"), random.stream("statistic noise")
    bounded = BoundedSum(graph, plan.max_norm, max_records_per_unit)
    expected = max(1.0, plan.sample_rate * record_count)
    wanted = roomy(expected)
    size = within_memory(graph, wanted, max_records_per_unit, 4 * bounded.length, _CHUNK_BYTES)
    size = _BLOCK * math.ceil(size / _BLOCK)
    reader = _Reader(source, graph.inputs, max_records_per_unit, size, repeated=plan.rounds > 1)
    state = dict(graph.parameters)
    released = np.zeros((plan.rounds, bounded.length))
    for position in range(plan.rounds):
        total = torch.zeros(bounded.length, dtype=torch.float64)
        for columns, present in reader.chunks(plan.sample_rate, sampling):
            total += bounded(state, columns, present)
        scale = plan.noise_multiplier * plan.max_norm / bounded.grid
        noisy = (total + noise.gaussian(bounded.length).mul_(scale).round_()).numpy()
        released[position] = noisy * bounded.grid
        if update is not None:
            state = _updated(update, graph, state, released[position])
        if progress is not None:
            progress(position + 1, plan.rounds)
    return StatisticResult(torch.from_numpy(released), state)


@torch.no_grad()
def _updated(
    update: RecordGraph,
    graph: RecordGraph,
    state: dict[str, torch.Tensor],
    noisy: NDArray[np.float64],
) -> dict[str, torch.Tensor]:
    inputs = (torch.from_numpy(noisy.copy()), *(state[name] for name in graph.state))
    fixed = {**update.parameters, **update.constants}
    values = [
        inputs[int(name)] if kind == "input" else fixed[str(name)]
        for kind, name in update.bindings.values()
    ]
    found = Runner(update.graph).run(*values)
    return {name: value.clone() for name, value in zip(graph.state, found, strict=True)}


class _Reader:
    """Gives the units of a source in chunks of one fixed size, as often as there are rounds."""

    def __init__(
        self,
        source: Source,
        inputs: tuple[str, ...],
        records_per_unit: int,
        size: int,
        *,
        repeated: bool,
    ) -> None:
        if repeated and isinstance(source, Iterator):
            raise InvalidData("the records can be read once, but there are several rounds")
        self._inputs, self._size = inputs, size
        self._records_per_unit = records_per_unit
        self._source: Iterable[Records | UnitTable] = (
            source if not isinstance(source, Records) else [self._table(source)]
        )

    def _table(self, records: Records) -> Records | UnitTable:
        if self._records_per_unit == 1 and _increasing(records.units):
            return records
        return UnitTable(records, self._inputs, self._records_per_unit)

    def chunks(self, sample_rate: float, sampling: Stream) -> Iterator[Chunk]:
        """Yield the columns and the mask of present rows of one round."""
        last, units = -math.inf, 0
        for part in self._source:
            if isinstance(part, Records) and len(part):
                if part.units.min() <= last:
                    raise InvalidData("the chunks of records are not in the order of their units")
                last = float(part.units.max())
            table = self._table(part) if isinstance(part, Records) else part
            count = table.units if isinstance(table, UnitTable) else len(table)
            units += count
            if units > MOST_UNITS:
                raise InvalidData(f"there are over {MOST_UNITS} privacy units")
            if sample_rate < 1.0 or isinstance(table, UnitTable):
                if isinstance(table, Records):
                    table = UnitTable(table, self._inputs, 1)
                chosen = np.flatnonzero(sampling.bernoulli(sample_rate, count))
                yield from table.chunks(chosen, self._size)
            else:
                yield from _slices(table, self._inputs, self._size)


def _increasing(units: NDArray[np.int64]) -> bool:
    return bool((units[1:] > units[:-1]).all())


def _slices(records: Records, inputs: tuple[str, ...], size: int) -> Iterator[Chunk]:
    """Yield records that are each a unit in chunks of `size`, without copying but the last."""
    columns = [records.columns[name] for name in inputs]
    everyone = torch.ones(size, dtype=torch.bool)
    for start in range(0, len(records), size):
        parts = [column[start : start + size] for column in columns]
        missing = size - len(parts[0])
        if missing:
            parts = [
                np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
                for part in parts
            ]
            everyone = torch.arange(size) < size - missing
        yield tuple(torch.from_numpy(part) for part in parts), everyone
