"""Load a data holder's file as its schema says, some rows at a time.

Values outside the public bounds are clamped and missing ones filled, and both are counted for the
steward. Anything else that does not fit stops the load: all of it is told with the place of the
first such value, never the value itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from workbench.domain.datasets.readers import LIMITS, Batch, DataLimits, batches
from workbench.domain.datasets.sources import parts_of
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
        A file of any ending that `readers.batches` reads, with at least these columns.
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
    loading = _Loading(path.parent, columns, reading, limits, tokenizers)
    loading.read(path.name, batches(path, reading, loading.wanted, limits))
    return loading.loaded()


def load_source(folder: Path, source: DatasetSource, limits: DataLimits = LIMITS) -> LoadedData:
    """Load what a dataset's two files describe; `folder` holds the data. See `load`.

    Of several files the records stand in the order of the files' names.

    Raises
    ------
    InvalidData, TooLarge
        As `load`.
    """
    told = {c.tokenizer.name: c.tokenizer for c in source.data_schema.columns if c.tokenizer}
    tokens = {name: TextTokens(one, source.tokenizer_files.get(name)) for name, one in told.items()}
    loading = _Loading(folder, source.columns, source.reading, limits, tokens)
    for name, found in parts_of(folder, source.data, source.reading, loading.wanted, limits):
        loading.read(name, found)
    return loading.loaded()


class _Loading:
    """Puts the records of one or several files together."""

    def __init__(
        self,
        folder: Path,
        columns: Sequence[ColumnInFile],
        reading: Reading,
        limits: DataLimits,
        tokenizers: Mapping[str, TextTokens],
    ) -> None:
        self._limits, self._faults = limits, Faults()
        self.wanted = [column for column in columns if column.role != "ignored"]
        self._unit = next((column for column in self.wanted if column.role == "unit"), None)
        usable = [column for column in self.wanted if column is not self._unit]
        get, files = tokenizers.get, partial(attachments_of, folder, limits, self._faults)
        self._fitters = {
            c.name: Fitter(c, reading, self._faults, get(c.tokenizer or ""), files(c))
            for c in usable
        }
        published = [one.name for column in usable for one in column.published()]
        self._parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in published}
        self._hashes: list[NDArray[np.uint64]] = []
        self._units = None if self._unit is None else Units(self._unit, self._faults)
        self._clamped = dict.fromkeys(self._fitters, 0)
        self._filled = dict.fromkeys(self._fitters, 0)
        self._rows = 0

    def read(self, name: str, found: Iterable[Batch]) -> None:
        """Add the records of a file."""
        self._faults.file, before = name, 0
        for batch in found:
            count = len(next(iter(batch.values())))
            self._rows += count
            if self._rows > self._limits.records:
                raise TooLarge(f"{name}: over {self._limits.records} records")
            self._add(batch, before, count)
            before += count
        if not before:
            raise InvalidData(f"{name}: has no records")

    def _add(self, batch: Batch, before: int, count: int) -> None:
        self._hashes.append(np.zeros(count, dtype=np.uint64))
        for name, fitter in self._fitters.items():
            found = fitter.fit(batch[name], before)
            for part, values in found.columns.items():
                self._parts[part].append(values)
            self._clamped[name] += found.clamped
            self._filled[name] += found.filled
            self._hashes[-1] += found.hashes
        if self._units is not None and self._unit is not None:
            self._units.add(batch[self._unit.name], before)

    def loaded(self) -> LoadedData:
        """Return all records, if nothing was wrong."""
        self._faults.check()
        units = self._units
        records = Records(
            {name: np.concatenate(self._parts.pop(name)) for name in list(self._parts)},
            np.arange(self._rows, dtype=np.int64) if units is None else units.numbers,
        )
        persons = np.concatenate(self._hashes) if units is None else units.persons
        changed = ({n: c for n, c in one.items() if c} for one in (self._clamped, self._filled))
        return LoadedData(records, persons, *changed)
