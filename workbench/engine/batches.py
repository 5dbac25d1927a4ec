"""Batches of whole privacy units in chunks of one fixed size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.documents.inputs import NoiseInput, noise_numbers
from workbench.engine.contributions import float32_units
from workbench.engine.noise import Stream
from workbench.engine.records import Records
from workbench.graphs.record_graph import RecordGraph

_MEMORY = 512 << 20
_NEAR = 512 << 10
_ROWS = 32
_TILE = 32
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
            NoiseInput.parse(name) or torch.from_numpy(np.ascontiguousarray(records.columns[name]))
            for name in inputs
        )
        # Row -1 stands for "no record"; `chunks` masks it.
        self._rows = np.full((self.units, records_per_unit), -1, dtype=np.int64)
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
        see never depend on how many units were drawn. Noise is fresh for each row of each chunk.
        """
        for start in range(0, len(chosen), size):
            rows = np.full((size, self.records_per_unit), -1, dtype=np.int64)
            part = chosen[start : start + size]
            rows[: len(part)] = self._rows[part]
            index = torch.from_numpy(rows.reshape(-1))
            present = index >= 0
            safe = index.clamp_min(0)
            yield tuple(self._values(source, safe) for source in self._inputs), present

    def _values(self, source: torch.Tensor | NoiseInput, rows: torch.Tensor) -> torch.Tensor:
        if isinstance(source, torch.Tensor):
            return source.index_select(0, rows)
        assert self._noise is not None
        drawn = self._noise.gaussian(len(rows) * source.numbers)
        return drawn.float().reshape(len(rows), *source.shape)


def chunk_size(
    graph: RecordGraph, expected: float, records_per_unit: int, copied: int = 0, ranks: int = 1
) -> int:
    """Return how many units to run at once, from public figures only.

    Parameters
    ----------
    graph
        Its `facts.activation_bytes` bounds the memory per record.
    expected
        The expected number of units per round.
    records_per_unit
        Rows per unit.
    copied
        For how many parameters each unit may have a gradient of its own.
    ranks
        Among how many processes a round's chunks are dealt out.
    """
    wanted = min(preferred_size(graph, expected, records_per_unit), roomy(expected / ranks))
    return within_memory(graph, wanted, records_per_unit, copied, _MEMORY)


def within_memory(
    graph: RecordGraph, wanted: int, records_per_unit: int, copied: int, memory: int
) -> int:
    """Return `wanted` units, in whole tiles of 32 rows, or as many as fit into `memory` bytes."""
    activations = 4 * graph.facts.activation_bytes
    noise = _BYTES_PER_NOISE * noise_numbers(graph.inputs)
    most = max(1, memory // (records_per_unit * (activations + 6 * copied + noise + 1)))
    step = _tile(records_per_unit)
    up = -(-min(wanted, most) // step) * step
    return up if up <= most else most // step * step or most


def preferred_size(graph: RecordGraph, expected: float, records_per_unit: int) -> int:
    """Return how many units would be run at once if memory was no matter.

    The rows are a multiple of 32: processors work on 8 or 16 numbers at once and take the rest of
    an array by other instructions, which round differently, so a record's last bits would tell
    whether it is among the last of a chunk. Beyond 32 rows a chunk only grows as long as an
    operator's values stay near the processor and the sum may be taken in float32.

    Parameters are those of `chunk_size`.
    """
    step = _tile(records_per_unit)
    operators = max(sum(graph.facts.operators.values()), 1)
    near = _NEAR * operators // max(records_per_unit * graph.facts.activation_bytes, 1)
    most = max(min(near, float32_units(largest_batch(expected))), _ROWS // records_per_unit)
    return max(1, -(-min(roomy(expected), most // step * step or most) // step)) * step


def roomy(expected: float) -> int:
    """Return how many units a round has in nearly all cases: 2 standard deviations more."""
    return math.ceil(expected + 2 * math.sqrt(expected))


def _tile(records_per_unit: int) -> int:
    return _TILE // math.gcd(_TILE, records_per_unit)


def largest_batch(expected: float) -> int:
    """Return up to how many units of one round may be summed in float32.

    Parameters
    ----------
    expected
        The expected number of units per round; one round in a billion has more.
    """
    return math.ceil(expected + 6 * math.sqrt(expected)) + 1
