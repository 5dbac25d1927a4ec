"""Deal out batches of whole privacy units, in chunks of one fixed size."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.documents.inputs import NoiseInput, noise_numbers
from workbench.engine.program.tiles import tile_of_units
from workbench.engine.sampling.noise import Stream
from workbench.engine.sums.contributions.rounding import float32_units
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records

_MEMORY = 1 << 30
_TENSOR = 8 << 20
"""How many bytes one tensor may have: about what the processor's caches hold for one core."""
_BEYOND = 1 + 1 / 8
"""How many times as large it may be, if even so many times the time is less than without."""
_CALL = 160_000
"""How many bytes of values an operator could have made in the time that calling it takes."""
_SMALL_SHARE = 1 / 40
"""Chunks that spend a smaller share of their time on calls need not be larger."""
_EXACT = 1.5
"""How much longer a unit takes if sums are float64."""
_FEW = 48
_TRIED = 65
_BYTES_PER_NOISE = 48
"""What drawing one normal number takes at its peak: its word and what is made from it."""


class UnitTable:
    """Records grouped by privacy unit, `records_per_unit` rows each, the missing ones filled.

    Parameters
    ----------
    records
        The records; of a unit with more than `records_per_unit` only the first ones count.
    inputs
        The columns that the graph reads and the noise that it takes, in its order.
    records_per_unit
        The published bound on records of one unit.
    noise
        Where the noise comes from: a stream of its own, so that what is drawn for a record's
        loss says nothing about the noise that covers the sums. Not needed if no input is noise.

    Raises
    ------
    ValueError
        If an input is noise and there is no stream.
    """

    def __init__(
        self,
        records: Records,
        inputs: tuple[str, ...],
        records_per_unit: int,
        noise: Stream | None = None,
    ) -> None:
        names, position = np.unique(records.units, return_inverse=True)
        self.units = len(names)
        self.records_per_unit = records_per_unit
        if noise is None and noise_numbers(inputs):
            raise ValueError("an input is noise, but there is no stream to draw it from")
        self._noise = noise
        self._inputs = tuple(
            NoiseInput.parse(name) or _with_filling(records.columns[name]) for name in inputs
        )
        # The row after the last one stands for "no record"; `chunks` masks it.
        self._none = len(records)
        self._rows = np.full((self.units, records_per_unit), self._none, dtype=np.int64)
        by_unit = np.argsort(position, kind="stable")
        unit = position[by_unit]
        first = np.searchsorted(unit, np.arange(self.units))
        place = np.arange(len(unit)) - first[unit]
        kept = place < records_per_unit
        self._rows[unit[kept], place[kept]] = by_unit[kept]

    def chunks(
        self, chosen: NDArray[np.int64], size: int
    ) -> Iterator[tuple[tuple[torch.Tensor, ...], torch.Tensor]]:
        """Yield the columns and the mask of present rows for each `size` units of `chosen`.

        Every chunk has exactly ``size * records_per_unit`` rows: the shapes that the operators
        see never depend on how many units were drawn. What is missing is filled with zeros. Noise
        is fresh for each row of each chunk.

        `chosen` is int64 of shape ``(n,)``, places of units. Columns are ``(rows, *shape)``,
        float32 or int64, the mask is bool, ``(rows,)``.
        """
        for start in range(0, len(chosen), size):
            rows = np.full((size, self.records_per_unit), self._none, dtype=np.int64)
            part = chosen[start : start + size]
            rows[: len(part)] = self._rows[part]
            index = torch.from_numpy(rows.reshape(-1))
            values = tuple(self._values(source, index) for source in self._inputs)
            yield values, index < self._none

    def _values(self, source: torch.Tensor | NoiseInput, rows: torch.Tensor) -> torch.Tensor:
        if isinstance(source, torch.Tensor):
            return source.index_select(0, rows)
        assert self._noise is not None
        drawn = self._noise.gaussian(len(rows) * source.numbers)
        return drawn.float().reshape(len(rows), *source.shape)


def _with_filling(column: NDArray[np.generic]) -> torch.Tensor:
    """Return a column with a row of zeros after it."""
    zeros = np.zeros((1, *column.shape[1:]), column.dtype)
    return torch.from_numpy(np.concatenate([column, zeros]))


def chunk_size(
    graph: RecordGraph,
    expected: float,
    records_per_unit: int,
    copied: Collection[int] = (),
    ranks: int = 1,
) -> int:
    """Return how many units to run at once, from public figures only.

    Parameters
    ----------
    graph
        Its `facts.activation_bytes` bounds the memory per record.
    expected
        The expected number of units per step, or round of a statistic.
    records_per_unit
        Rows per unit.
    copied
        The sizes of the parameters of which each unit may have a gradient of its own.
    ranks
        Among how many processes a step's chunks are dealt out.
    """
    room = _room(graph, records_per_unit, sum(copied), _MEMORY)
    most = min(preferred_size(graph, expected, records_per_unit, copied), room)
    return _cheapest(graph, expected / ranks, records_per_unit, most)


def preferred_size(
    graph: RecordGraph, expected: float, records_per_unit: int, copied: Collection[int] = ()
) -> int:
    """Return how many units would be run at once if memory was no matter.

    The rows are whole tiles (`workbench.engine.program.tiles`). Of these sizes, the one that takes
    the least time for a step on a number of units that is Poisson distributed: small chunks have
    much calling, large ones much filling.

    Parameters are those of `chunk_size`.
    """
    calls = [node for node in graph.graph.nodes if node.op == "call_function"]
    made = [node.meta["spec"] for node in calls if "spec" in node.meta]
    values = max((math.prod(n.shape) * n.dtype.itemsize for n in made), default=0)
    widest = max(records_per_unit * values, 4 * max(copied, default=0), 1)
    enough = max(_call(graph, records_per_unit) / _SMALL_SHARE, _FEW / records_per_unit)
    tile = tile_of_units(records_per_unit)
    most = max(int(min(enough, _TENSOR / widest)), tile)
    exact = _cheapest(graph, expected, records_per_unit, max(most // 2, tile))
    units = min(most, float32_units(largest_batch(expected)))
    if units < tile:
        return exact
    beyond = min(int(most * _BEYOND), float32_units(largest_batch(expected)))
    single = _cheapest(graph, expected, records_per_unit, units, beyond)
    costs = [_cost(graph, expected, records_per_unit, size) for size in (exact, single)]
    return exact if costs[0] * _EXACT < costs[1] else single


def within_memory(
    graph: RecordGraph, wanted: int, records_per_unit: int, copied: int, memory: int
) -> int:
    """Return `wanted` units, or as many as fit into `memory` bytes: whole tiles, at least one."""
    most = _room(graph, records_per_unit, copied, memory)
    step = tile_of_units(records_per_unit)
    up = -(-min(wanted, most) // step) * step
    return up if up <= most else max(most // step * step, step)


def _room(graph: RecordGraph, records_per_unit: int, copied: int, memory: int) -> int:
    """Return how many units fit into `memory` bytes."""
    activations = 4 * graph.facts.activation_bytes
    noise = _BYTES_PER_NOISE * noise_numbers(graph.inputs)
    return max(1, memory // (records_per_unit * (activations + 6 * copied + noise + 1)))


def _cheapest(
    graph: RecordGraph, expected: float, records_per_unit: int, most: int, beyond: int = 0
) -> int:
    """Return up to `most` units, or `beyond` if it is worth it, in whole tiles, at least one."""
    step = tile_of_units(records_per_unit)
    needed, room = -(-roomy(expected) // step), max(most, beyond) // step
    tried = (*range(1, _TRIED), *(-(-needed // parts) for parts in range(1, _TRIED)))
    sizes = [step * n for n in tried if n <= min(needed, room)] or [step]
    costs = [
        _cost(graph, expected, records_per_unit, size) * (_BEYOND if size > most else 1)
        for size in sizes
    ]
    best: int = sizes[costs.index(min(costs))]
    return best


def _cost(graph: RecordGraph, expected: float, records_per_unit: int, size: int) -> float:
    """Return how long a step takes in chunks of `size` units, in units' time."""
    return _chunks(expected, size) * (size + _call(graph, records_per_unit))


def _call(graph: RecordGraph, records_per_unit: int) -> float:
    """Return how long it takes to call all operators, in units' time."""
    operators = max(sum(graph.facts.operators.values()), 1)
    return _CALL * operators / max(records_per_unit * graph.facts.activation_bytes, 1)


def _chunks(expected: float, size: int) -> float:
    """Return into how many chunks of `size` a Poisson distributed number of units falls.

    By the normal approximation; the mean of a rounded up number is half a chunk more than the
    number where the distribution is wide.
    """
    deviation = math.sqrt(expected)
    if size < deviation:
        return expected / size + 0.5
    sure = max(0, math.floor((expected - 8 * deviation) / size))
    last = math.ceil((expected + 8 * deviation) / size)
    scale = deviation * math.sqrt(2)
    more = (math.erfc((k * size + 0.5 - expected) / scale) for k in range(sure, last))
    return sure + 0.5 * sum(more)


def roomy(expected: float) -> int:
    """Return how many units a step has in nearly all cases: 2 standard deviations more."""
    return math.ceil(expected + 2 * math.sqrt(expected))


def largest_batch(expected: float) -> int:
    """Return up to how many units of one step may be summed in float32.

    Parameters
    ----------
    expected
        The expected number of units per step; one step in a billion has more.
    """
    return math.ceil(expected + 6 * math.sqrt(expected)) + 1
