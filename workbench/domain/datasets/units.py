"""Tell the units of records by their labels, and records by their values: as 64-bit hashes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.documents import Schema


def persons_of(labels: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the number of each record's unit, uint64 ``(n,)``, by the unit column's labels.

    Labels are of any dtype; equal texts are one unit.
    """
    # As text, so that a file with numbers and one with text name the same person alike.
    found, names = pd.factorize(np.array([label_of(value) for value in labels], dtype=object))
    return np.array([person_of(name) for name in names], dtype=np.uint64)[found]


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


def unit_numbers(schema: Schema, raw: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return the number of each record's unit within one file, int64 ``(n,)``; see `Records`."""
    if schema.unit is None:
        return np.arange(len(next(iter(raw.values()))), dtype=np.int64)
    # By its own label alone, so that no unit's number depends on another unit being there.
    # The same label as that of the person: who is charged once is one unit.
    labels = [label_of(value).encode() for value in raw[schema.unit.name]]
    digests = [hashlib.sha256(label).digest()[:8] for label in labels]
    return np.array([int.from_bytes(d, "big", signed=True) for d in digests], dtype=np.int64)


def label_of(value: Any) -> str:
    """Return a label as text; whole numbers without a point, as files with gaps read them."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value).strip()
