"""Tell the units of records by their labels, and records by their values: as 64-bit hashes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.documents.schema import ColumnFacts
from workbench.domain.datasets.faults import Faults


class Units:
    """The units of records, by the labels of their unit column, some rows at a time.

    Parameters
    ----------
    column
        The unit column.
    faults
        Gets the rows without a label.
    """

    def __init__(self, column: ColumnFacts, faults: Faults) -> None:
        self._column, self._faults = column, faults
        self._missing = {str(code).strip() for code in column.missing} | {""}
        self._found: list[NDArray[np.uint64]] = []

    def add(self, labels: Any, before: int) -> None:
        """Add the labels of some rows, of any type; `before` rows come before them."""
        values = labels if isinstance(labels, np.ndarray) else labels.to_pylist()
        # As text, so that a file with numbers and one with text name the same person alike.
        texts = np.array([_label_or_none(value) for value in values], dtype=object)
        empty = np.array([text is None or text in self._missing for text in texts], dtype=bool)
        self._faults.note(
            self._column.name,
            f"no {self._column.name}: whose record it is cannot be told",
            empty,
            before,
            "Give each record the label of its person, or leave the record out.",
        )
        places, names = pd.factorize(np.where(empty, "", texts))
        self._found.append(np.array([person_of(n) for n in names], dtype=np.uint64)[places])

    @property
    def persons(self) -> NDArray[np.uint64]:
        """The number of each record's unit, uint64 ``(n,)``, the same in every file."""
        return np.concatenate(self._found)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each record's unit within one file, int64 ``(n,)``; see `Records`.

        By its own label alone, so that no unit's number depends on another unit being there; and
        the same label as that of the person: who is charged once is one unit.
        """
        return self.persons.view(np.int64)


def _label_or_none(value: Any) -> str | None:
    missing = value is None or (isinstance(value, float | np.floating) and np.isnan(value))
    return None if missing else label_of(value)


def person_of(label: str) -> int:
    """Return the number of the unit with this label: 64 bits of SHA-256, the same in every file."""
    return int.from_bytes(hashlib.sha256(label.strip().encode()).digest()[:8], "big")


def row_hashes(name: str, values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a hash of one column's value in each row; a row's is the sum over its columns.

    Parameters
    ----------
    name
        The column's.
    values
        Of shape ``(n, ...)``.

    Returns
    -------
    ndarray
        uint64, of shape ``(n,)``.
    """
    entries = pd.util.hash_array(np.ascontiguousarray(values).reshape(-1)).reshape(len(values), -1)
    # Odd numbers that differ by place, so that entries that change places are told.
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") | 1
    places = pd.util.hash_array(np.arange(entries.shape[1], dtype=np.uint64) + np.uint64(seed))
    found: NDArray[np.uint64] = (entries * (places | np.uint64(1))).sum(1, dtype=np.uint64)
    return found


def label_of(value: Any) -> str:
    """Return a label as text; whole numbers without a point, as files with gaps read them."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value).strip()
