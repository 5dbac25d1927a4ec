"""Load a data holder's file as its schema says: CSV, Parquet or NPZ.

Values outside the public bounds are clamped and missing ones filled, and both are counted for the
steward. Anything else that does not fit stops the load with the place of the first such value,
never the value itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Schema
from workbench.domain.datasets.columns import fitted
from workbench.domain.datasets.readers import LIMITS, DataLimits, read_csv, read_npz, read_parquet
from workbench.domain.datasets.units import persons_of, unit_numbers
from workbench.errors import InvalidData, TooLarge
from workbench.records import Records


@dataclass(frozen=True)
class LoadedData:
    """Records that fit their schema, and what had to be changed, by column.

    `persons` has one number for each record, uint64: the same for records of one unit, in whichever
    file they are. Where records are the unit it follows from their values as they were read.
    """

    records: Records
    persons: NDArray[np.uint64]
    clamped: dict[str, int]
    filled: dict[str, int]


def load(path: Path, schema: Schema, limits: DataLimits = LIMITS) -> LoadedData:
    """Load a data file.

    Parameters
    ----------
    path
        A ``.csv``, ``.parquet`` or ``.npz`` file with at least the schema's columns.
    schema
        Types, bounds, categories, missing codes.
    limits
        What is too large.

    Returns
    -------
    LoadedData
        float32 within bounds, int64 category codes; tensors of shape ``(n, *shape)``.

    Raises
    ------
    InvalidData
        If the file cannot be read or a value does not fit; names file, column and row.
    TooLarge
        If it is over `limits`.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidData(f"{path.name}: cannot be read ({error.strerror})") from None
    if size > limits.file_bytes:
        raise TooLarge(f"{path.name}: {size} bytes; at most {limits.file_bytes}")
    readers = {".csv": read_csv, ".parquet": read_parquet, ".npz": read_npz}
    if path.suffix not in readers:
        raise InvalidData(f"{path.name}: expected a .csv, .parquet or .npz file")
    wanted = [c for c in schema.columns if c.role != "ignored"]
    raw = readers[path.suffix](path, wanted, limits)
    counts = {len(values) for values in raw.values()}
    if len(counts) != 1 or counts == {0}:
        raise InvalidData(f"{path.name}: has no records, or columns of different length")
    if counts.pop() > limits.records:
        raise TooLarge(f"{path.name}: over {limits.records} records")
    columns: dict[str, NDArray[np.generic]] = {}
    rows = np.zeros(len(next(iter(raw.values()))), dtype=np.uint64)
    clamped: dict[str, int] = {}
    filled: dict[str, int] = {}
    for column in schema.usable:
        found = fitted(path.name, column, raw[column.name])
        columns[column.name] = found.values
        rows += found.hashes
        if found.clamped:
            clamped[column.name] = found.clamped
        if found.filled:
            filled[column.name] = found.filled
    records = Records(columns, unit_numbers(schema, raw))
    persons = rows if schema.unit is None else persons_of(raw[schema.unit.name])
    return LoadedData(records, persons, clamped, filled)
