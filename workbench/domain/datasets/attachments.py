"""Turn a column of file names into tensors, some files at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.catalog.attached import AttachedFiles
from workbench.catalog.reading import ColumnInFile
from workbench.documents import Column
from workbench.domain.datasets.faults import Faults
from workbench.domain.datasets.media.decoding import decoded
from workbench.domain.datasets.media.wanted import Wanted
from workbench.domain.datasets.readers import DataLimits
from workbench.errors import InvalidData, TooLarge

_AT_ONCE = 32 << 20
"""Bytes of tensors that are fitted together; they are copied some times on their way."""


@dataclass(frozen=True)
class Tensors:
    """Tensors of some rows.

    Attributes
    ----------
    read
        float64, of shape ``(n, *shape)``: as decoded and resized, before window and bounds; NaN
        behind the end of a signal.
    values
        float64, of the same shape: what bounds are put on.
    missing
        bool, of shape ``(n,)``.
    """

    read: NDArray[np.float64]
    values: NDArray[np.float64]
    missing: NDArray[np.bool_]


def attachments_of(
    folder: Path, limits: DataLimits, faults: Faults, column: ColumnInFile
) -> Attachments | None:
    """Return what reads the files that a column names, or None if it names none."""
    if column.files is None:
        return None
    return Attachments(column, column.files, column.published()[0], folder, limits, faults)


class Attachments:
    """Reads the files of one column.

    Parameters
    ----------
    column, files
        What ``dataset.yaml`` says of it.
    published
        What is published of it.
    folder
        Holds the data file.
    limits
        What is too large.
    faults
        Gets what cannot be read.
    """

    def __init__(
        self,
        column: ColumnInFile,
        files: AttachedFiles,
        published: Column,
        folder: Path,
        limits: DataLimits,
        faults: Faults,
    ) -> None:
        self._name, self._window, self._faults = column.name, files.window, faults
        self._most, self._rows = limits.memory_bytes, 0
        self._root = folder / files.folder
        if not self._root.is_dir():
            raise InvalidData(
                f"column '{column.name}': there is no folder '{files.folder}' beside the data",
                "Name the folder that holds its files (files: {folder: …}).",
            )
        lower, upper = float(published.lower or 0), float(published.upper or 0)
        fill = published.fill
        self._padding = (lower + upper) / 2 if fill is None else float(fill)
        self._wanted = Wanted(
            shape=published.shape,
            channels=files.channels,
            rate=files.rate or 1.0,
            unit=published.unit,
            most_bytes=min(limits.file_bytes, limits.memory_bytes // 8),
            most_values=limits.memory_bytes // 32,
        )

    def tensors(
        self, names: list[str], missing: NDArray[np.bool_], before: int
    ) -> Iterator[Tensors]:
        """Yield the tensors of some rows, in order; what cannot be read is noted, and is 0.

        Parameters
        ----------
        names
            The files' paths below the folder, one for each row.
        missing
            Which rows have no file, bool ``(n,)``.
        before
            How many rows come before them.

        Raises
        ------
        TooLarge
            If all tensors together are over the limits.
        """
        self._rows += len(names)
        size = math.prod(self._wanted.shape)
        if self._rows * size * 4 > self._most:
            raise TooLarge(
                f"column '{self._name}': the tensors of its files are over {self._most} bytes",
                "Choose a smaller shape, or fewer records.",
            )
        step = max(1, _AT_ONCE // (size * 8))
        for start in range(0, len(names), step):
            part = slice(start, start + step)
            yield self._some(names[part], missing[part], before + start)

    def _some(self, names: list[str], missing: NDArray[np.bool_], before: int) -> Tensors:
        read = np.zeros((len(names), *self._wanted.shape))
        wrong: dict[tuple[str, str], list[int]] = {}
        for row in np.flatnonzero(np.logical_not(missing)):
            try:
                read[row] = decoded(self._root, names[row], self._wanted)
            except InvalidData as error:
                wrong.setdefault((error.message, error.hint), []).append(int(row))
        for (what, hint), rows in wrong.items():
            self._faults.note(self._name, what, np.isin(np.arange(len(names)), rows), before, hint)
        values = read
        if self._window is not None:
            lowest = self._window.center - self._window.width / 2
            values = np.clip((read - lowest) / self._window.width, 0.0, 1.0)
        values = np.where(np.isnan(values), self._padding, values)
        return Tensors(read, values, missing)
