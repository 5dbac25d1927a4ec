"""Records as columns: the one form in which data reaches the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Records:
    """Records as numpy columns, each with the privacy unit that it belongs to.

    Parameters
    ----------
    columns
        Column name to array; the first axis is the record. float32 for numbers and tensors,
        int64 for categories.
    units
        Shape ``(n,)``, int64: for each record the index of its privacy unit. Where the unit is
        the record, ``arange(n)``.
    """

    columns: dict[str, NDArray[np.generic]]
    units: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name, values in self.columns.items():
            if len(values) != len(self.units):
                raise ValueError(f"column '{name}' has {len(values)} rows, not {len(self.units)}")

    def __len__(self) -> int:
        return len(self.units)

    @classmethod
    def each_its_own(cls, columns: dict[str, NDArray[np.generic]]) -> Records:
        """Return records that are each their own privacy unit.

        `columns` have the shapes and dtypes of the attribute.
        """
        count = len(next(iter(columns.values())))
        return cls(columns, np.arange(count, dtype=np.int64))

    def select(self, index: NDArray[np.generic]) -> Records:
        """Return the records at `index`: a mask, bool ``(n,)``, or positions, int64 ``(m,)``."""
        return Records({k: v[index] for k, v in self.columns.items()}, self.units[index])

    @property
    def unit_count(self) -> int:
        """The number of distinct privacy units."""
        return len(np.unique(self.units))


def join(parts: Sequence[Records], names: Sequence[str]) -> Records:
    """Return the records of all parts, with the columns `names` only."""
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in names}
    return Records(columns, np.concatenate([part.units for part in parts]))
