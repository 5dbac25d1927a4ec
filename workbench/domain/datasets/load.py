"""Load a data holder's file as its schema says, some rows at a time.

Values outside the public bounds are clamped and missing ones filled, and both are counted for the
steward. Anything else that does not fit stops the load: all of it is told with the place of the
first such value, never the value itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from workbench.catalog.files import DatasetSource
from workbench.catalog.reading import ColumnInFile, Reading
from workbench.catalog.tokenizers import TextTokens
from workbench.domain.datasets.attachments import attachments_of
from workbench.domain.datasets.columns import Fitter
from workbench.domain.datasets.faults import Faults
from workbench.domain.datasets.readers import LIMITS, DataLimits, batches
from workbench.domain.datasets.units import Units
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


def load(
    path: Path,
    columns: Sequence[ColumnInFile],
    reading: Reading | None = None,
    limits: DataLimits = LIMITS,
    tokenizers: Mapping[str, TextTokens] = MappingProxyType({}),
) -> LoadedData:
    """Load a data file.

    Parameters
    ----------
    path
        A ``.csv``, ``.tsv``, ``.parquet``, ``.arrow``, ``.feather`` or ``.npz`` file with at least
        these columns.
    columns
        What ``dataset.yaml`` says of them: types, bounds, categories, missing codes, headings.
    reading
        How the file is written.
    limits
        What is too large.
    tokenizers
        Those that columns name.

    Returns
    -------
    LoadedData
        float32 within bounds, int64 category codes; tensors of shape ``(n, *shape)``.

    Raises
    ------
    InvalidData
        If the file cannot be read or values do not fit; names file, columns and rows.
    TooLarge
        If it is over `limits`.
    """
    reading = reading or Reading()
    faults = Faults(path.name)
    wanted = [column for column in columns if column.role != "ignored"]
    unit = next((column for column in wanted if column.role == "unit"), None)
    usable = [column for column in wanted if column is not unit]
    get, files = tokenizers.get, partial(attachments_of, path.parent, limits, faults)
    fitters = {c.name: Fitter(c, reading, faults, get(c.tokenizer or ""), files(c)) for c in usable}
    published = [one.name for column in usable for one in column.published()]
    parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in published}
    hashes: list[NDArray[np.uint64]] = []
    units = None if unit is None else Units(unit, faults)
    clamped, filled = dict.fromkeys(fitters, 0), dict.fromkeys(fitters, 0)
    rows = 0
    for batch in batches(path, reading, wanted, limits):
        count = len(next(iter(batch.values())))
        if rows + count > limits.records:
            raise TooLarge(f"{path.name}: over {limits.records} records")
        hashes.append(np.zeros(count, dtype=np.uint64))
        for name, fitter in fitters.items():
            found = fitter.fit(batch[name], rows)
            for part, values in found.columns.items():
                parts[part].append(values)
            clamped[name] += found.clamped
            filled[name] += found.filled
            hashes[-1] += found.hashes
        if units is not None and unit is not None:
            units.add(batch[unit.name], rows)
        rows += count
    if not rows:
        raise InvalidData(f"{path.name}: has no records")
    faults.check()
    records = Records(
        {name: np.concatenate(found) for name, found in parts.items()},
        np.arange(rows, dtype=np.int64) if units is None else units.numbers,
    )
    persons = np.concatenate(hashes) if units is None else units.persons
    clamped, filled = ({n: c for n, c in one.items() if c} for one in (clamped, filled))
    return LoadedData(records, persons, clamped, filled)


def load_source(folder: Path, source: DatasetSource) -> LoadedData:
    """Load what a dataset's two files describe; `folder` holds the data. See `load`."""
    told = {c.tokenizer.name: c.tokenizer for c in source.data_schema.columns if c.tokenizer}
    tokens = {name: TextTokens(one, source.tokenizer_files.get(name)) for name, one in told.items()}
    return load(folder / source.data, source.columns, source.reading, tokenizers=tokens)
