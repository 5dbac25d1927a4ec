"""Batches of whole privacy units in chunks of one fixed size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.records import Records
from workbench.graphs.record_graph import RecordGraph

_MEMORY = 512 << 20


class UnitTable:
    """Records grouped by privacy unit, `records_per_unit` rows each, the missing ones filled.

    Parameters
    ----------
    records
        The records; of a unit with more than `records_per_unit` only the first ones count.
    inputs
        The columns that the graph reads, in its order.
    records_per_unit
        The published bound on records of one unit.
    """

    def __init__(self, records: Records, inputs: tuple[str, ...], records_per_unit: int) -> None:
        names, position = np.unique(records.units, return_inverse=True)
        self.units = len(names)
        self.records_per_unit = records_per_unit
        self.columns = tuple(
            torch.from_numpy(np.ascontiguousarray(records.columns[name])) for name in inputs
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
        see never depend on how many units were drawn.
        """
        for start in range(0, len(chosen), size):
            rows = np.full((size, self.records_per_unit), -1, dtype=np.int64)
            part = chosen[start : start + size]
            rows[: len(part)] = self._rows[part]
            index = torch.from_numpy(rows.reshape(-1))
            present = index >= 0
            safe = index.clamp_min(0)
            yield tuple(column[safe] for column in self.columns), present


def chunk_size(
    graph: RecordGraph,
    expected: float,
    records_per_unit: int,
    copied: int,
    memory: int = _MEMORY,
) -> int:
    """Return how many units to run at once, from public figures only.

    Parameters
    ----------
    graph
        Its `facts.activation_bytes` bounds the memory per record.
    expected
        The expected number of units per round; the size leaves room for 2.5 standard deviations.
    records_per_unit
        Rows per unit.
    copied
        How many numbers are copied for each record: the parameters without a rule.
    memory
        Bytes that a chunk may take.
    """
    wanted = math.ceil(expected + 2.5 * math.sqrt(expected))
    per_unit = records_per_unit * (4 * graph.facts.activation_bytes + 12 * copied + 1)
    return max(1, min(wanted, memory // per_unit))
