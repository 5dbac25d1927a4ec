"""Read the columns of a sheet of an Excel workbook, some rows at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from workbench.catalog.reading import ColumnInFile, Reading
from workbench.domain.datasets.tables.headings import places
from workbench.errors import InvalidData, MissingPackage, TooLarge, WorkbenchError

_ROWS = 1 << 14


def batches(
    path: Path, reading: Reading, wanted: Sequence[ColumnInFile], most_bytes: int
) -> Iterator[dict[str, Any]]:
    """Yield the wanted columns of a sheet, some rows at a time.

    Parameters
    ----------
    path
        An ``.xlsx`` file; its first row has the headings.
    reading
        Names the sheet; the first one if it names none.
    wanted
        The columns.
    most_bytes
        How large it may be unpacked.

    Returns
    -------
    iterator of dict
        Column name to its cells: objects of shape ``(n,)``, None where a cell is empty.

    Raises
    ------
    InvalidData
        If it cannot be read, or a column is missing.
    TooLarge
        If it is larger unpacked; nothing is unpacked then.
    MissingPackage
        If openpyxl is not installed.
    """
    rows = _rows(path, reading, most_bytes)
    found = places(path.name, _headings(next(rows, ())), wanted)
    # Below a table Excel often keeps empty rows.
    filled = (row for row in rows if any(cell is not None for cell in row))
    while block := list(islice(filled, _ROWS)):
        yield {name: _column(block, place) for name, place in found.items()}


def headings_of(path: Path, reading: Reading, most_bytes: int) -> list[str]:
    """Return the headings of a sheet; see `batches`."""
    return _headings(next(_rows(path, reading, most_bytes), ()))


def _rows(path: Path, reading: Reading, most_bytes: int) -> Iterator[tuple[Any, ...]]:
    try:
        import openpyxl
    except ImportError:
        raise MissingPackage(
            f"{path.name}: Excel files need the package 'openpyxl'",
            "pip install 'dataspace-workbench[excel]', or save it as CSV.",
        ) from None
    try:
        with zipfile.ZipFile(path) as archive:
            # Said by the file itself, so that a bomb is refused before it is inflated.
            if sum(info.file_size for info in archive.infolist()) > most_bytes:
                raise TooLarge(f"{path.name}: over {most_bytes} bytes unpacked")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        if reading.sheet and reading.sheet not in book.sheetnames:
            raise InvalidData(
                f"{path.name}: it has no sheet '{reading.sheet}'",
                f"Its sheets are: {', '.join(book.sheetnames[:20])}.",
            )
        sheet = book[reading.sheet or book.sheetnames[0]]
        yield from sheet.iter_rows(values_only=True)
        book.close()
    except WorkbenchError:
        raise
    except Exception as error:
        # openpyxl answers broken files with errors of many kinds; each means the same here.
        raise InvalidData(f"{path.name}: not Excel (.xlsx): {type(error).__name__}") from None


def _headings(row: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in row]


def _column(rows: list[tuple[Any, ...]], place: int) -> np.ndarray[Any, Any]:
    found = np.empty(len(rows), dtype=object)
    found[:] = [row[place] if place < len(row) else None for row in rows]
    return found
