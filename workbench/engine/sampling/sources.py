"""Read the units of records, or of chunks of them, in chunks of one fixed size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import Stream
from workbench.engine.sums.bounded import MOST_UNITS
from workbench.errors import InvalidData
from workbench.records import Records

Source = Records | Iterable[Records | UnitTable]
"""Records in memory, or chunks of them; with several rounds the chunks are read once in each."""
Chunk = tuple[tuple[torch.Tensor, ...], torch.Tensor]
"""Columns ``(rows, *shape)``, float32 or int64, and which rows are there: bool, ``(rows,)``."""


class Reader:
    """Gives the units of a source in chunks of one fixed size, as often as there are rounds."""

    def __init__(
        self,
        source: Source,
        inputs: tuple[str, ...],
        records_per_unit: int,
        size: int,
        *,
        repeated: bool,
        sampled: bool,
    ) -> None:
        if repeated and isinstance(source, Iterator):
            raise InvalidData("the records can be read once, but there are several rounds")
        self._inputs, self._size, self._sampled = inputs, size, sampled
        self._records_per_unit = records_per_unit
        self._source: Iterable[Records | UnitTable] = (
            source if not isinstance(source, Records) else [self._table(source)]
        )

    def _table(self, records: Records) -> Records | UnitTable:
        if self._records_per_unit == 1 and _increasing(records.units) and not self._sampled:
            return records
        return UnitTable(records, self._inputs, self._records_per_unit)

    def chunks(self, sample_rate: float, sampling: Stream) -> Iterator[Chunk]:
        """Yield the columns and the mask of present rows of one round.

        Raises
        ------
        InvalidData
            If chunks are not in the order of their units, or there are too many units.
        """
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
            if isinstance(table, UnitTable):
                chosen = np.flatnonzero(sampling.bernoulli(sample_rate, count))
                yield from table.chunks(chosen, self._size)
            else:
                yield from _slices(table, self._inputs, self._size)


def _increasing(units: NDArray[np.int64]) -> bool:
    """Return whether each number is above the one before."""
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
